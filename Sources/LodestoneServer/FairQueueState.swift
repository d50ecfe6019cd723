// SPDX-License-Identifier: Apache-2.0
import DequeModule
import LodestoneCore

/// The lanes of a `FairQueue`, and what runs.
///
/// Times are nanoseconds. Finding the next lane looks at each lane that waits: a microsecond for a
/// thousand.
///
/// Threading: guarded by the mutex of its queue.
struct FairQueueState {
    /// What one connection has waiting and running.
    final class Lane {
        let id: FairQueue.LaneID
        var waiting: Deque<FairQueue.Job> = []
        var runningCount = 0
        /// The time that it has had, on the clock that all lanes share.
        var served: Int64
        /// The processor time that a job usually takes; `nil` before the first has ended.
        var usualTime: Int64?
        /// The value of the queue's `epoch` for which `served` holds; in a later epoch it begins
        /// again.
        var epoch: UInt64
        /// Whether nothing more will come.
        var isClosed = false
        /// When it began to wait, as a count of all such beginnings.
        var arrival: UInt64 = 0

        init(id: FairQueue.LaneID, served: Int64, epoch: UInt64) {
            self.id = id
            self.served = served
            self.epoch = epoch
        }

        /// Whether it has nothing here.
        var isIdle: Bool { waiting.isEmpty && runningCount == 0 }

        /// Whether its jobs are expected to be over within `time`.
        func isQuick(_ time: Duration) -> Bool { (usualTime ?? 0) <= time.nanoseconds }
    }

    /// A job under way.
    struct Running: Sendable {
        let job: FairQueue.Job
        fileprivate let lane: FairQueue.LaneID
        fileprivate let start: ContinuousClock.Instant
        /// What its lane was charged when it began.
        fileprivate let charge: Int64
        fileprivate let number: UInt64
    }

    /// The divisor in the moving average of usual times: the last job counts one part in so many.
    private static let weightOfLast: Int64 = 4
    /// The most lanes that are kept.
    ///
    /// More lanes than there may be connections come from connections that were closed.
    private static let mostLanes = 1 << 16

    /// The lanes of all connections that have had a job here.
    ///
    /// A lane is kept because the usual time of its jobs is worth knowing when the next one comes.
    private(set) var lanes: [FairQueue.LaneID: Lane] = [:]
    /// The lanes with a job that waits.
    private(set) var ready: [Lane] = []
    private(set) var running: [Running] = []
    private(set) var waitingCount = 0
    /// Whether a timer will look for old jobs.
    var isTimerSet = false
    /// The least `served` with which a lane begins: that of the lane that was served last.
    private var virtualTime: Int64 = 0
    private var usualTimeOfAll: Int64 = 0
    private var epoch: UInt64 = 0
    private var arrivals: UInt64 = 0
    private var starts: UInt64 = 0

    /// Adds a job at the end of its lane.
    mutating func add(_ job: FairQueue.Job, to id: FairQueue.LaneID) {
        let lane = lanes[id] ?? Lane(id: id, served: virtualTime, epoch: epoch)
        lanes[id] = lane
        if lane.epoch != epoch {
            lane.epoch = epoch
            lane.served = virtualTime
        }
        if lane.waiting.isEmpty {
            lane.served = max(lane.served, virtualTime)
            makeReady(lane)
        }
        lane.waiting.append(job)
        waitingCount += 1
    }

    /// Takes the job with `context` out of its lane; false when it isn't there.
    mutating func remove(_ context: CallContext, of id: FairQueue.LaneID) -> Bool {
        guard let lane = lanes[id],
            let index = lane.waiting.firstIndex(where: { $0.context === context })
        else { return false }
        lane.waiting.remove(at: index)
        waitingCount -= 1
        if lane.waiting.isEmpty { ready.removeAll { $0 === lane } }
        forgetIfClosed(lane)
        return true
    }

    /// Takes the first job of the lane that has had the least time, of those that `mayRun`.
    mutating func take(_ now: ContinuousClock.Instant, _ mayRun: (Lane) -> Bool) -> Running? {
        var best: Int?
        for (index, lane) in ready.enumerated() where mayRun(lane) {
            guard let found = best else {
                best = index
                continue
            }
            let other = ready[found]
            if (lane.served, lane.arrival) < (other.served, other.arrival) { best = index }
        }
        guard let best else { return nil }
        let lane = ready[best]
        guard let job = lane.waiting.popFirst() else { return nil }
        waitingCount -= 1
        ready.swapAt(best, ready.count - 1)
        ready.removeLast()
        virtualTime = max(virtualTime, lane.served)
        // What it will take is not known yet: the usual, put right at its end.
        let charge = lane.usualTime ?? usualTimeOfAll
        lane.served += charge
        lane.runningCount += 1
        if !lane.waiting.isEmpty { makeReady(lane) }
        starts += 1
        let started = Running(job: job, lane: lane.id, start: now, charge: charge, number: starts)
        running.append(started)
        return started
    }

    /// Charges the lane of a job that has ended with the time that it took.
    mutating func end(
        _ ended: Running,
        _ now: ContinuousClock.Instant,
        processorTime: Int64
    ) {
        running.removeAll { $0.number == ended.number }
        guard let lane = lanes[ended.lane] else { return }
        let time = max(0, ended.start.duration(to: now).nanoseconds)
        lane.served += time - ended.charge
        lane.runningCount -= 1
        note(processorTime, of: lane)
        usualTimeOfAll += (time - usualTimeOfAll) / Self.weightOfLast
        forgetIfClosed(lane)
        if running.isEmpty && ready.isEmpty {
            // Nobody is at a disadvantage when all begin again.
            epoch += 1
            virtualTime = 0
        }
        if lanes.count > Self.mostLanes { lanes = lanes.filter { !$0.value.isIdle } }
    }

    /// Notes how long a job of a lane took that was done elsewhere.
    mutating func note(_ time: Int64, of id: FairQueue.LaneID) {
        let lane = lanes[id] ?? Lane(id: id, served: virtualTime, epoch: epoch)
        lanes[id] = lane
        note(time, of: lane)
    }

    private func note(_ time: Int64, of lane: Lane) {
        let before = lane.usualTime ?? time
        lane.usualTime = before + (time - before) / Self.weightOfLast
    }

    /// Forgets a lane, at once or when the last of its jobs has ended.
    mutating func forget(_ id: FairQueue.LaneID) {
        guard let lane = lanes[id] else { return }
        lane.isClosed = true
        forgetIfClosed(lane)
    }

    /// Jobs that have run for `youngTime`.
    func oldCount(_ now: ContinuousClock.Instant, _ youngTime: Duration) -> Int {
        running.count { $0.start.duration(to: now) >= youngTime }
    }

    /// When the next job that runs will have done so for `youngTime`.
    func nextOld(after now: ContinuousClock.Instant, _ youngTime: Duration)
        -> ContinuousClock.Instant?
    {
        running.lazy.map { $0.start.advanced(by: youngTime) }.filter { $0 > now }.min()
    }

    /// How long a job that is added to `lane` now would wait: for all jobs, and for those of other
    /// lanes.
    ///
    /// By fair turns, no other lane gets more time before the new job than `lane` itself does.
    func expectedWait(of lane: Lane?, width: Int) -> (all: Duration, others: Duration) {
        let usual = lane?.usualTime ?? usualTimeOfAll
        let own = usual * Int64((lane?.waiting.count ?? 0) + (lane?.runningCount ?? 0))
        var others: Int64 = 0
        for other in ready where other !== lane {
            let backlog = (other.usualTime ?? usualTimeOfAll) * Int64(other.waiting.count)
            others += min(backlog, own + usual)
        }
        let threads = Int64(max(1, width))
        return (.nanoseconds((own + others) / threads), .nanoseconds(others / threads))
    }

    private mutating func makeReady(_ lane: Lane) {
        arrivals += 1
        lane.arrival = arrivals
        ready.append(lane)
    }

    private mutating func forgetIfClosed(_ lane: Lane) {
        if lane.isClosed, lane.isIdle { lanes[lane.id] = nil }
    }
}
