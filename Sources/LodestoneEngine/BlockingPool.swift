// SPDX-License-Identifier: Apache-2.0
import DequeModule
import Dispatch
import Synchronization

/// Runs work that blocks or computes for long on a bounded number of threads of its own, first
/// come, first served.
///
/// Swift's cooperative pool and Dispatch's concurrent queues share one set of threads, as many as
/// there are processors: long searches there would hold up every task of the process, the one that
/// waits for SIGTERM included. A serial queue has a thread of its own whenever it has work, as long as
/// there are threads: all serial queues of a process have 255. The pool therefore leaves enough of
/// them for what must never wait for a search: the writer, the event loops, the compaction.
///
/// Threading: every method may be called from any thread.
package final class BlockingPool: Sendable {
    private struct State {
        var idle: [DispatchQueue]
        var waiting: Deque<@Sendable () -> Void> = []
    }

    private let state: Mutex<State>

    /// The most threads of a pool.
    package static let maxWidth = 160

    /// Creates a pool of `width` threads, 1 to `maxWidth`; they exist only while there is work.
    package init(label: String, width: Int) {
        let queues = (0..<min(max(1, width), Self.maxWidth)).map {
            DispatchQueue(label: "\(label).\($0)")
        }
        state = Mutex(State(idle: queues))
    }

    /// Runs `work` once a thread is free.
    package func async(_ work: @escaping @Sendable () -> Void) {
        let queue: DispatchQueue? = state.withLock { state in
            if let queue = state.idle.popLast() { return queue }
            state.waiting.append(work)
            return nil
        }
        guard let queue else { return }
        queue.async {
            work()
            while let next = self.next(on: queue) { next() }
        }
    }

    private func next(on queue: DispatchQueue) -> (@Sendable () -> Void)? {
        state.withLock { state in
            if let work = state.waiting.popFirst() { return work }
            state.idle.append(queue)
            return nil
        }
    }
}
