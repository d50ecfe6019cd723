// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Synchronization

/// Work whose result all callers share that wait when it begins.
///
/// So any number of callers cause one run at a time, and every caller gets a result of a run that
/// began after its call.
///
/// Threading: any thread.
final class SharedWork<Result: Sendable>: Sendable {
    private struct State {
        var isRunning = false
        var waiting: [@Sendable (Result) -> Void] = []
    }

    private let queue: DispatchQueue
    private let state = Mutex(State())
    private let work: @Sendable () -> Result

    /// - Parameters:
    ///   - label: The name of the queue, for debuggers.
    ///   - work: The work, which may block.
    init(label: String, _ work: @escaping @Sendable () -> Result) {
        queue = DispatchQueue(label: label)
        self.work = work
    }

    /// Calls `done` with a result, on the queue of the work.
    func run(_ done: @escaping @Sendable (Result) -> Void) {
        let mustStart = state.withLock { state in
            state.waiting.append(done)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { queue.async { self.runAll() } }
    }

    private func runAll() {
        while let waiting = next() {
            let result = work()
            for done in waiting { done(result) }
        }
    }

    /// The callers that wait now; `nil` when there are none.
    private func next() -> [@Sendable (Result) -> Void]? {
        state.withLock { state in
            let waiting = state.waiting
            state.waiting = []
            state.isRunning = !waiting.isEmpty
            return waiting.isEmpty ? nil : waiting
        }
    }
}
