// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Runs blocking work on its own thread instead of the cooperative pool, as part of the same test.
package func offPool<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await Task(executorPreference: ThreadExecutor()) { try body() }.value
}

/// Runs each piece of a task on a new thread.
private final class ThreadExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
