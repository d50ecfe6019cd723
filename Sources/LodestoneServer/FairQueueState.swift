// SPDX-License-Identifier: Apache-2.0
import DequeModule
import LodestoneCore

/// The lanes of a `FairQueue`, and the jobs that run.
///
/// Times are nanoseconds. Finding the next lane looks at each lane that waits. For a thousand lanes
/// this takes a microsecond.
///
/// Threading: guarded by the mutex of its queue.
struct FairQueueState {
    /// The jobs of one connection that wait, and the number that run.
    final class Lane {
        let id: FairQueue.LaneID
        var waiting: Deque<FairQueue.Job> = []
        var runningCount = 0
        /// The time that the lane has had, on the clock that all lanes share.
        var served: Int64
        /// The processor time that a job usually takes; `nil` before the first has ended.
        var usualTime: Int64?
        /// The value of the queue's `epoch` for which `served` holds; in a later epoch it begins
        /// again.
        var epoch: UInt64
        /// Whether the lane gets no more jobs.
        var isClosed = false
        /// The number of the lane's last start to wait, counted over all lanes.
        var arrival: UInt64 = 0

        init(id: FairQueue.LaneID, served: Int64, epoch: UInt64) {
            self.id = id
            self.served = served
            self.epoch = epoch
        }

        /// Whether the lane has no job here.
        var isIdle: Bool { waiting.isEmpty && runningCount == 0 }

        /// Whether the lane's jobs are expected to end within `time`.
        func isQuick(_ time: Duration) -> Bool { (usualTime ?? 0) <= time.nanoseconds }
    }

    /// A job under way.
    struct Running: Sendable {
        let job: FairQueue.Job
        fileprivate let lane: FairQueue.LaneID
        fileprivate let start: ContinuousClock.Instant
        /// The time that the lane was charged when the job began.
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
    /// Whether the timer for jobs that reach `youngTime` is set.
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

    /// Takes the first job of the lane that has had the least time, among the lanes that `mayRun`.
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
        // The job's time is not known yet: the lane is charged its usual time, which `end`
        // corrects.
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
            // No lane is at a disadvantage when all begin again.
            epoch += 1
            virtualTime = 0
        }
        if lanes.count > Self.mostLanes { lanes = lanes.filter { !$0.value.isIdle } }
    }

    /// Notes the time of a job of a lane that ran outside of the queue.
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

    /// The number of jobs that have run for `youngTime`.
    func oldCount(_ now: ContinuousClock.Instant, _ youngTime: Duration) -> Int {
        running.count { $0.start.duration(to: now) >= youngTime }
    }

    /// The time at which the next running job will have run for `youngTime`.
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
