// SPDX-License-Identifier: Apache-2.0
import LodestoneTransport

/// An executor that runs tasks on the loop of a client.
final class LoopExecutor: TaskExecutor {
    private let loop: EventLoop

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
