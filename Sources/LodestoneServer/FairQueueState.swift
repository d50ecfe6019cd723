// SPDX-License-Identifier: Apache-2.0
import DequeModule
import Dispatch
import LodestoneCore

/// The state of a `FairQueue`: the queues of connections, and the running jobs.
///
/// Times are nanoseconds. The choice of the next job compares all waiting connections: a
/// microsecond for a thousand.
///
/// Threading: guarded by the mutex of its queue.
struct FairQueueState {
    /// The waiting jobs of one connection, and the number of its running jobs.
    final class ConnectionQueue {
        let id: FairQueue.QueueID
        var waiting: Deque<FairQueue.Job> = []
        var runningCount = 0
        /// The time served to the connection, on the virtual clock of all connections.
        var served: Int64
        /// The usual processor time of a job; `nil` before the first job has ended.
        var usualTime: Int64?
        /// The epoch of the fair queue in which `served` was counted.
        ///
        /// In a later epoch, `served` starts over at `virtualTime`.
        var epoch: UInt64
        /// Whether the connection is closed, and gets no more jobs.
        var isClosed = false
        /// The order among equal `served`: the value of `waitCount` when the connection last became
        /// ready.
        var waitOrder: UInt64 = 0

        init(id: FairQueue.QueueID, served: Int64, epoch: UInt64) {
            self.id = id
            self.served = served
            self.epoch = epoch
        }

        /// Whether the connection has no job here.
        var isIdle: Bool { waiting.isEmpty && runningCount == 0 }

        /// Whether the connection's jobs are expected to end within `time`.
        func isQuick(_ time: Duration) -> Bool { (usualTime ?? 0) <= time.nanoseconds }
    }

    /// A job that runs.
    struct Running: Sendable {
        let job: FairQueue.Job
        fileprivate let queue: FairQueue.QueueID
        fileprivate let start: ContinuousClock.Instant
        /// The time charged to the connection when the job began.
        fileprivate let charge: Int64
        fileprivate let number: UInt64
    }

    /// The divisor of the moving average of usual times: the last job weighs one part in this many.
    private static let weightOfLast: Int64 = 4
    /// The most queues that are kept.
    ///
    /// This is more than the most connections, so beyond it some queues are of closed connections.
    private static let maxQueues = 1 << 16

    /// The queues of all connections that have had a job here.
    ///
    /// An empty queue is kept, because its next job needs the usual time.
    private(set) var queues: [FairQueue.QueueID: ConnectionQueue] = [:]
    /// The queues with a waiting job.
    private(set) var ready: [ConnectionQueue] = []
    private(set) var running: [Running] = []
    private(set) var waitingCount = 0
    /// The idle threads: serial queues, each with a thread while it has work.
    var idleThreads: [DispatchQueue]
    /// Whether the timer for jobs that reach `longJobTime` is set.
    var isTimerSet = false
    /// The largest `served` at which a job began.
    ///
    /// A connection that becomes ready has at least this `served`.
    private var virtualTime: Int64 = 0
    private var usualTimeOfAll: Int64 = 0
    private var epoch: UInt64 = 0
    private var waitCount: UInt64 = 0
    private var starts: UInt64 = 0

    init(threads: [DispatchQueue]) {
        idleThreads = threads
    }

    /// Adds a job at the end of its queue.
    mutating func add(_ job: FairQueue.Job, to id: FairQueue.QueueID) {
        let queue = queues[id] ?? ConnectionQueue(id: id, served: virtualTime, epoch: epoch)
        queues[id] = queue
        if queue.epoch != epoch {
            queue.epoch = epoch
            queue.served = virtualTime
        }
        if queue.waiting.isEmpty {
            queue.served = max(queue.served, virtualTime)
            makeReady(queue)
        }
        queue.waiting.append(job)
        waitingCount += 1
    }

    /// Removes the job with `context` from its queue; false when it isn't there.
    mutating func remove(_ context: CallContext, of id: FairQueue.QueueID) -> Bool {
        guard let queue = queues[id],
            let index = queue.waiting.firstIndex(where: { $0.context === context })
        else { return false }
        queue.waiting.remove(at: index)
        waitingCount -= 1
        if queue.waiting.isEmpty { ready.removeAll { $0 === queue } }
        forgetIfClosed(queue)
        return true
    }

    /// Removes the first job of the connection with the least `served` among those that `mayRun`.
    mutating func take(
        _ now: ContinuousClock.Instant,
        _ mayRun: (ConnectionQueue) -> Bool
    ) -> Running? {
        var best: Int?
        for (index, queue) in ready.enumerated() where mayRun(queue) {
            guard let found = best else {
                best = index
                continue
            }
            let other = ready[found]
            if (queue.served, queue.waitOrder) < (other.served, other.waitOrder) { best = index }
        }
        guard let best else { return nil }
        let queue = ready[best]
        guard let job = queue.waiting.popFirst() else { return nil }
        waitingCount -= 1
        ready.swapAt(best, ready.count - 1)
        ready.removeLast()
        virtualTime = max(virtualTime, queue.served)
        // The job's time is not known yet, so the connection is charged its usual time; `end`
        // corrects it.
        let charge = queue.usualTime ?? usualTimeOfAll
        queue.served += charge
        queue.runningCount += 1
        if !queue.waiting.isEmpty { makeReady(queue) }
        starts += 1
        let started = Running(job: job, queue: queue.id, start: now, charge: charge, number: starts)
        running.append(started)
        return started
    }

    /// Charges a connection for the actual time of a job that has ended.
    mutating func end(
        _ ended: Running,
        _ now: ContinuousClock.Instant,
        processorTime: Int64
    ) {
        running.removeAll { $0.number == ended.number }
        guard let queue = queues[ended.queue] else { return }
        let time = max(0, ended.start.duration(to: now).nanoseconds)
        queue.served += time - ended.charge
        queue.runningCount -= 1
        note(processorTime, of: queue)
        usualTimeOfAll += (time - usualTimeOfAll) / Self.weightOfLast
        forgetIfClosed(queue)
        if running.isEmpty && ready.isEmpty {
            // All connections start over together, so none is at a disadvantage.
            epoch += 1
            virtualTime = 0
        }
        if queues.count > Self.maxQueues { queues = queues.filter { !$0.value.isIdle } }
    }

    /// Records the time of a connection's job that ran outside of the queue.
    mutating func note(_ time: Int64, of id: FairQueue.QueueID) {
        let queue = queues[id] ?? ConnectionQueue(id: id, served: virtualTime, epoch: epoch)
        queues[id] = queue
        note(time, of: queue)
    }

    private func note(_ time: Int64, of queue: ConnectionQueue) {
        let before = queue.usualTime ?? time
        queue.usualTime = before + (time - before) / Self.weightOfLast
    }

    /// Deletes the queue of a connection, at once or when the last of its jobs has ended.
    mutating func forget(_ id: FairQueue.QueueID) {
        guard let queue = queues[id] else { return }
        queue.isClosed = true
        forgetIfClosed(queue)
    }

    /// The number of jobs that have run for `longJobTime`.
    func longCount(_ now: ContinuousClock.Instant, _ longJobTime: Duration) -> Int {
        running.count { $0.start.duration(to: now) >= longJobTime }
    }

    /// The time at which the next running job will have run for `longJobTime`.
    func nextLong(after now: ContinuousClock.Instant, _ longJobTime: Duration)
        -> ContinuousClock.Instant?
    {
        running.lazy.map { $0.start.advanced(by: longJobTime) }.filter { $0 > now }.min()
    }

    /// The wait of a job that is added to `queue` now: for all jobs, and for those of other
    /// connections.
    ///
    /// Before the new job begins, fair queueing gives each other connection at most the time that
    /// this connection needs for its jobs, the new one included.
    func expectedWait(of queue: ConnectionQueue?, width: Int) -> (all: Duration, others: Duration) {
        let usual = queue?.usualTime ?? usualTimeOfAll
        let own = usual * Int64((queue?.waiting.count ?? 0) + (queue?.runningCount ?? 0))
        var others: Int64 = 0
        for other in ready where other !== queue {
            let backlog = (other.usualTime ?? usualTimeOfAll) * Int64(other.waiting.count)
            others += min(backlog, own + usual)
        }
        let threads = Int64(max(1, width))
        return (.nanoseconds((own + others) / threads), .nanoseconds(others / threads))
    }

    private mutating func makeReady(_ queue: ConnectionQueue) {
        waitCount += 1
        queue.waitOrder = waitCount
        ready.append(queue)
    }

    private mutating func forgetIfClosed(_ queue: ConnectionQueue) {
        if queue.isClosed, queue.isIdle { queues[queue.id] = nil }
    }
}
