// SPDX-License-Identifier: Apache-2.0
import DequeModule
import Dispatch
import Synchronization

/// A pool with a bounded number of threads for work that blocks or computes for long, in order of
/// arrival.
///
/// Swift's cooperative pool and Dispatch's concurrent queues share one thread per processor. Long
/// searches there would delay every task of the process, even the task that waits for SIGTERM. The
/// pool uses serial queues: each has a thread while it has work. All serial queues of a process
/// have at most 255 threads. So the pool leaves threads for work that must not wait for a search:
/// the writer, the event loops, compactions.
///
/// Threading: every method may be called from any thread.
package final class BlockingPool: Sendable {
    private struct Entry {
        let work: @Sendable () -> Void
        /// Ends the entry at its deadline, if it still waits.
        let end: (@Sendable () -> Void)?
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var idle: [DispatchQueue]
        var waiting: Deque<Entry> = []
        /// The time of the next scheduled check for expired entries.
        var nextLook: ContinuousClock.Instant?
    }

    private let state: Mutex<State>
    /// The queue that ends expired entries, even while all threads are busy.
    private let clock: DispatchQueue

    /// The most threads of a pool.
    package static let maxWidth = 160

    /// Creates a pool of `width` threads, 1 to `maxWidth`; they exist only while there is work.
    package init(label: String, width: Int) {
        let queues = (0..<min(max(1, width), Self.maxWidth)).map {
            DispatchQueue(label: "\(label).\($0)")
        }
        state = Mutex(State(idle: queues))
        clock = DispatchQueue(label: "\(label).clock")
    }

    /// Runs `work` once a thread is free.
    ///
    /// - Parameters:
    ///   - deadline: The time after which `work` need not run.
    ///   - end: Called soon after the deadline, instead of `work`, if `work` still waits.
    ///   - work: The work.
    package func async(
        until deadline: ContinuousClock.Instant? = nil,
        orElse end: (@Sendable () -> Void)? = nil,
        _ work: @escaping @Sendable () -> Void
    ) {
        let queue: DispatchQueue? = state.withLock { state in
            if let queue = state.idle.popLast() { return queue }
            state.waiting.append(Entry(work: work, end: end, deadline: deadline ?? .farFuture))
            if let deadline { look(at: deadline, &state) }
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
            if let entry = state.waiting.popFirst() { return entry.work }
            state.idle.append(queue)
            return nil
        }
    }

    /// Schedules a check at `deadline`, unless one is scheduled for an earlier time.
    private func look(at deadline: ContinuousClock.Instant, _ state: inout State) {
        if let next = state.nextLook, next <= deadline { return }
        state.nextLook = deadline
        let delay = ContinuousClock.now.duration(to: deadline)
        // The deadline of an entry without one is years ahead.
        let milliseconds = Int(min(max(delay, .zero), .seconds(86_400)) / .milliseconds(1)) + 1
        clock.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [weak self] in
            self?.endThoseOver()
        }
    }

    private func endThoseOver() {
        let over = state.withLock { state in
            let now = ContinuousClock.now
            // Another check is scheduled for an earlier deadline, or has already run.
            guard let next = state.nextLook, next <= now else { return [Entry]() }
            state.nextLook = nil
            var over: [Entry] = []
            state.waiting.removeAll { entry in
                if entry.deadline > now { return false }
                over.append(entry)
                return true
            }
            let first = state.waiting.lazy.map(\.deadline).min()
            if let first, first != .farFuture { look(at: first, &state) }
            return over
        }
        for entry in over { entry.end?() }
    }
}

extension ContinuousClock.Instant {
    fileprivate static let farFuture = Self.now.advanced(by: .seconds(1_000 * 365 * 86_400))
}
