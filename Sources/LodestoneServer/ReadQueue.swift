// SPDX-License-Identifier: Apache-2.0
import DequeModule
import LodestoneCore
import LodestoneEngine
import Synchronization

/// Runs reads on a bounded number of threads, first come, first served, and refuses new ones when
/// those before them wait too long.
///
/// Threading: every method may be called from any thread.
final class ReadQueue: Sendable {
    /// A read that waits for its turn.
    struct Job: Sendable {
        /// Of the call; also names the job.
        let context: CallContext
        /// Does the work and replies.
        let run: @Sendable () -> Void
    }

    private struct Waiting: Sendable {
        let job: Job
        let since: ContinuousClock.Instant
    }

    private struct State {
        var waiting: Deque<Waiting> = []
        var workers = 0
    }

    private let state = Mutex(State())
    private let pool: BlockingPool
    private let width: Int
    private let maxWaiting: Int
    private let patience: Int
    private let maxWait: Duration

    /// - Parameters:
    ///   - width: Reads that run at once.
    ///   - maxWaiting: Reads that wait at most.
    ///   - patience: Reads that may wait however long: as many as one connection has in flight, so
    ///     that a client alone, which keeps to its limit, is never refused.
    ///   - maxWait: With more than that waiting, how long the oldest may have waited.
    init(width: Int, maxWaiting: Int, patience: Int, maxWait: Duration) {
        self.width = width
        pool = BlockingPool(label: "lodestone.reads", width: width)
        self.maxWaiting = maxWaiting
        self.patience = patience
        self.maxWait = maxWait
    }

    /// Reads that wait for a worker.
    var waitingCount: Int { state.withLock { $0.waiting.count } }
    /// Workers at work.
    var workerCount: Int { state.withLock { $0.workers } }

    /// Whether nothing runs or waits.
    var isIdle: Bool { state.withLock { $0.workers == 0 && $0.waiting.isEmpty } }

    /// Runs `job` once a worker is free.
    ///
    /// - Throws: `OVERLOADED`, with the time after which another try makes sense.
    func submit(_ job: Job) throws(LodestoneError) {
        let now = ContinuousClock.now
        let (refusedAfter, startsWorker): (Duration?, Bool) = state.withLock { state in
            if let oldest = state.waiting.first {
                let waited = oldest.since.duration(to: now)
                let count = state.waiting.count
                guard count < maxWaiting, count < patience || waited <= maxWait else {
                    return (waited, false)
                }
            }
            state.waiting.append(Waiting(job: job, since: now))
            guard state.workers < width else { return (nil, false) }
            state.workers += 1
            return (nil, true)
        }
        if let refusedAfter { throw .overloaded(waited: refusedAfter) }
        if startsWorker { pool.async { self.work() } }
    }

    /// Takes the job with `context` out of the queue.
    ///
    /// False when it has begun or was never there.
    func remove(_ context: CallContext) -> Bool {
        state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.job.context === context })
            else { return false }
            state.waiting.remove(at: index)
            return true
        }
    }

    private func work() {
        while let job = next() { job.run() }
    }

    private func next() -> Job? {
        state.withLock { state in
            if let waiting = state.waiting.popFirst() { return waiting.job }
            state.workers -= 1
            return nil
        }
    }
}
