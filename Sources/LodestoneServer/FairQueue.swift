// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import LodestoneEngine
import LodestoneSystem
import Synchronization

/// A queue that runs the work of many connections on a bounded number of threads, and divides their
/// time fairly among the connections.
///
/// Every connection has a queue of its own. A free thread takes the first job of the connection
/// that has had the least time: start-time fair queueing (Goyal, Vin and Cheng 1996), with the time
/// of a job as the length of a packet. A connection without jobs resumes with the time of the
/// others, so an idle connection does not save up time.
///
/// `width` jobs run at once. For each job that has run for `longJobTime`, one additional job may
/// run. Its connection must have no running job, and its jobs must usually end within
/// `longJobTime`. So a short search waits at most `longJobTime` behind any number of long searches.
///
/// At most `width` additional jobs are of connections with an unknown usual time, because the jobs
/// of many new connections may all be long. The usual time of a connection is the processor time of
/// its jobs: by the clock, a short job that shares a processor with long jobs would count as long.
///
/// Threading: every method may be called from any thread.
final class FairQueue: Sendable {
    /// The number of a connection's queue.
    typealias QueueID = UInt64

    /// Work that waits for its turn.
    struct Job: Sendable {
        /// The context of the call; it also identifies the job.
        let context: CallContext
        /// Does the work and replies.
        let run: @Sendable () -> Void
    }

    /// The running time from which on a job counts as long, and permits one additional job.
    static let longJobTime = Duration.milliseconds(10)

    private let width: Int
    private let maxThreads: Int
    private let perConnection: Int
    private let maxWaiting: Int
    private let maxWait: Duration
    private let state: Mutex<FairQueueState>
    private let timer: DispatchQueue

    /// - Parameters:
    ///   - label: Names the threads, for debuggers.
    ///   - width: The most jobs that run at once without additional jobs.
    ///   - extraWidth: The most additional threads for short jobs while long ones run.
    ///   - perConnection: The most jobs of one connection that run at once; with 1 they keep their
    ///     order.
    ///   - maxWaiting: The most jobs that wait.
    ///   - maxWait: The longest expected wait for jobs of other connections. Beyond it, a job is
    ///     refused if earlier jobs of its connection are waiting.
    init(
        label: String,
        width: Int,
        extraWidth: Int,
        perConnection: Int = .max,
        maxWaiting: Int = .max,
        maxWait: Duration = .seconds(365 * 86_400)
    ) {
        self.width = width
        self.perConnection = perConnection
        self.maxWaiting = maxWaiting
        self.maxWait = maxWait
        maxThreads = min(width + extraWidth, BlockingPool.maxWidth)
        // A serial queue has its own thread while it has work; concurrent queues share the threads
        // of the process (`BlockingPool`).
        let threads = (0..<max(1, maxThreads)).map { DispatchQueue(label: "\(label).\($0)") }
        state = Mutex(FairQueueState(threads: threads))
        timer = DispatchQueue(label: "\(label).timer")
    }

    /// Jobs that wait for a thread.
    var waitingCount: Int { state.withLock { $0.waitingCount } }
    /// Jobs that run.
    var runningCount: Int { state.withLock { $0.running.count } }

    /// Whether a job of a connection could run outside of the queue without passing another job.
    ///
    /// It can when the connection has no job here, and each waiting connection has a running job.
    func mayBypass(_ id: QueueID) -> Bool {
        state.withLock { state in
            (state.queues[id]?.isIdle ?? true) && state.ready.allSatisfy { $0.runningCount > 0 }
        }
    }

    /// Runs `job` once it is the turn of its connection.
    ///
    /// - Throws: `OVERLOADED`, with the time after which another try makes sense.
    func submit(_ job: Job, of id: QueueID) throws(LodestoneError) {
        let now = ContinuousClock.now
        let refusal: LodestoneError? = state.withLock { state in
            if let refusal = self.refusal(of: job, in: state.queues[id], state, now) {
                return refusal
            }
            state.add(job, to: id)
            startJobs(&state, now)
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Removes the job with `context` from its queue.
    ///
    /// Returns false when it has begun or was never there.
    func remove(_ context: CallContext, of id: QueueID) -> Bool {
        state.withLock { $0.remove(context, of: id) }
    }

    /// Records the time of a connection's job that ran outside of the queue.
    func note(_ time: Duration, of id: QueueID) {
        state.withLock { $0.note(time.nanoseconds, of: id) }
    }

    /// Deletes the queue of a closed connection.
    func forget(_ id: QueueID) {
        state.withLock { $0.forget(id) }
    }

    /// The reason to refuse a job; `nil` when it is accepted.
    ///
    /// A full queue refuses every job. Otherwise a job is refused only when its connection has
    /// waiting jobs and other connections would delay it for too long. So a client that is alone
    /// and within its limits is never refused.
    private func refusal(
        of job: Job,
        in queue: FairQueueState.ConnectionQueue?,
        _ state: borrowing FairQueueState,
        _ now: ContinuousClock.Instant
    ) -> LodestoneError? {
        let wait: Duration
        if state.waitingCount >= maxWaiting {
            wait = state.expectedWait(of: queue, width: width).all
        } else if let queue, !queue.waiting.isEmpty {
            let expected = state.expectedWait(of: queue, width: width)
            let isTooLate =
                expected.others > .zero && now.advanced(by: expected.all) > job.context.deadline
            guard expected.others > maxWait || isTooLate else { return nil }
            wait = expected.all
        } else {
            return nil
        }
        return .overloaded(waiting: state.waitingCount, wait: wait)
    }

    /// Starts the jobs that may run now.
    ///
    /// If quick connections still wait, a timer repeats this when the next running job reaches
    /// `longJobTime`.
    private func startJobs(_ state: inout FairQueueState, _ now: ContinuousClock.Instant) {
        while let thread = state.idleThreads.last, let running = take(&state, now) {
            state.idleThreads.removeLast()
            thread.async { self.work(running, on: thread) }
        }
        guard !state.isTimerSet, let due = state.nextLong(after: now, Self.longJobTime),
            state.running.count < maxThreads,
            state.ready.contains(where: { $0.isQuick(Self.longJobTime) && $0.runningCount == 0 })
        else { return }
        state.isTimerSet = true
        let delay = now.duration(to: due).nanoseconds
        timer.asyncAfter(deadline: .now() + .nanoseconds(Int(max(0, delay)))) { [weak self] in
            guard let self else { return }
            self.state.withLock { state in
                state.isTimerSet = false
                self.startJobs(&state, .now)
            }
        }
    }

    /// Removes the next job from its queue; `nil` if none may run now.
    private func take(_ state: inout FairQueueState, _ now: ContinuousClock.Instant)
        -> FairQueueState.Running?
    {
        let count = state.running.count
        guard count < maxThreads, !state.ready.isEmpty else { return nil }
        if count < width { return state.take(now) { $0.runningCount < perConnection } }
        let longJobs = state.longCount(now, Self.longJobTime)
        guard count < width + longJobs else { return nil }
        let takesUnknown = count < 2 * width
        return state.take(now) { queue in
            queue.runningCount == 0 && queue.isQuick(Self.longJobTime)
                && (takesUnknown || queue.usualTime != nil)
        }
    }

    /// The processor time that this thread has used, in nanoseconds.
    private static func processorTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Runs jobs on `thread`, until none may run.
    private func work(_ first: FairQueueState.Running, on thread: DispatchQueue) {
        var next: FairQueueState.Running? = first
        while let running = next {
            let start = Self.processorTime()
            running.job.run()
            let used = Self.processorTime() - start
            let now = ContinuousClock.now
            next = state.withLock { state in
                state.end(running, now, processorTime: used)
                let next = take(&state, now)
                if next == nil { state.idleThreads.append(thread) }
                // The end of a job may permit two jobs: one of another connection, and the next one
                // of the same connection, whose jobs keep their order. This thread has taken one;
                // another thread starts the other.
                startJobs(&state, now)
                return next
            }
        }
    }
}
