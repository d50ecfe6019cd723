// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import Dispatch
package import LodestoneCore
import LodestoneStructures
import LodestoneSystem
import Synchronization

/// Runs the sockets of many connections, and the work that belongs to them, one thing at a time.
///
/// The loop works in rounds: sockets that are ready, timers that are due, submitted work. At the
/// end of a round it sends the output of every stream that was written to, so many small messages
/// leave in one system call. While there is work, the loop stays in its rounds for up to `budget`.
/// Then it goes back to its queue, where other code may have put work of its own. After the last
/// work it waits a moment longer on its thread, because a wake by its queue takes two threads one
/// after the other, 22 microseconds each. Where events follow each other closely, it does not even
/// sleep meanwhile (`BusyPoll`).
///
/// Threading: `async`, `schedule`, `isCurrent` and `shutdown` may be called from any thread.
/// Everything else happens on `queue`.
package final class EventLoop: @unchecked Sendable {
    // Unchecked: poller, timers, touched streams and jobs are touched on `queue` only.

    /// The serial queue that everything runs on.
    package let queue: DispatchQueue
    let buffers = BufferPool()

    /// The longest time in rounds before other work of the queue has its turn.
    private static let budget = Duration.milliseconds(5)
    /// The wait on the loop's thread after the last work.
    private static let waitMilliseconds: Int32 = 1

    private struct Inbox: Sendable {
        var work: [@Sendable () -> Void] = []
        var streams: [ByteStream] = []
        var wakeState = WakeState.asleep
        var hasEnded = false

        var isEmpty: Bool { work.isEmpty && streams.isEmpty }
    }
    private let inbox = Mutex(Inbox())

    /// The action that makes the loop read its inbox.
    private enum WakeState {
        /// The loop runs, and will read its inbox.
        case awake
        /// The loop waits for its wakeup.
        case waiting(PollerWakeup)
        /// The loop must be put on its queue.
        case asleep
    }

    private var poller: Poller?
    private let timer: any DispatchSourceTimer
    private var timers = TimerHeap()
    private var timerDue: ContinuousClock.Instant?
    private var touched: [ByteStream] = []
    /// Jobs of tasks that prefer this loop, left by the loop's own work.
    private var jobs: [UnownedJob] = []
    private var jobsOfRound: [UnownedJob] = []
    private var roundStart: ContinuousClock.Instant?
    private var isInRound = false
    private var busyPoll: BusyPoll

    /// Creates a loop, which runs until `shutdown`.
    ///
    /// - Parameters:
    ///   - label: The name of the queue, for debuggers.
    ///   - busyPoll: The longest time to poll for an expected event before sleeping.
    /// - Throws: `.unavailable` when the system has no descriptor left.
    package init(label: String, busyPoll: Duration = BusyPoll.defaultLimit) throws(LodestoneError) {
        self.busyPoll = BusyPoll(limit: busyPoll)
        queue = DispatchQueue(label: label)
        timer = DispatchSource.makeTimerSource(queue: queue)
        timer.setEventHandler { [weak self] in
            self?.timerDue = nil
            self?.run()
        }
        timer.activate()
        poller = try Poller(queue: queue) { [weak self] in self?.run() }
    }

    deinit {
        timer.cancel()
    }

    /// Whether the caller runs on this loop.
    package var isCurrent: Bool { lode_thread_loop() == mark }

    /// The mark of a thread that runs this loop.
    private var mark: UnsafeRawPointer {
        UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    /// Runs `work` as work of this loop.
    ///
    /// On `queue` only. Everything that the loop puts on its queue runs here or in `run`.
    private func asCurrent(_ work: () -> Void) {
        roundStart = nil
        lode_thread_set_loop(mark)
        defer { lode_thread_set_loop(nil) }
        work()
    }

    /// The time at which this round of the loop began to run work.
    ///
    /// All work of a round shares one reading of the clock. On the loop only.
    package var roundTime: ContinuousClock.Instant {
        assert(isCurrent)
        if let time = roundStart { return time }
        let time = ContinuousClock.now
        roundStart = time
        return time
    }

    /// Runs `work` on the loop, soon.
    ///
    /// Any thread may call it. Work runs in the order of the calls, and never inside this call.
    /// Work that is submitted after the end still runs, on `queue`.
    package func async(_ work: @escaping @Sendable () -> Void) {
        if !deposit(work: work) { queue.async { self.asCurrent(work) } }
    }

    /// Runs `work` on the loop once `delay` has passed.
    ///
    /// Any thread may call it.
    @discardableResult
    package func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void)
        -> ScheduledWork
    {
        let item = ScheduledWork(due: .now.advanced(by: delay), loop: self, work)
        if isCurrent {
            add(item)
        } else {
            async { [self] in add(item) }
        }
        return item
    }

    /// Closes every stream and listener of the loop and ends it; timers never fire.
    ///
    /// Any thread may call it, and more than once.
    ///
    /// - Parameter done: Runs on `queue` afterwards.
    package func shutdown(_ done: @escaping @Sendable () -> Void = {}) {
        queue.async { [self] in
            asCurrent {
                if !inbox.withLock({ $0.hasEnded }) { end() }
                done()
            }
        }
    }

    /// Frees the memory that is kept for the next large message.
    ///
    /// Any thread may call it.
    package func trimBuffers() { buffers.trim() }

    // MARK: For the streams and listeners of the loop

    /// Schedules `stream.endRound()` for the end of this round, or for soon after.
    ///
    /// Any thread may call it.
    func touch(_ stream: ByteStream) {
        if isInRoundHere {
            touched.append(stream)
        } else {
            _ = deposit(stream: stream)
        }
    }

    /// Registers a descriptor.
    ///
    /// The loop owns the descriptor from here on, and closes it even when this fails.
    func register(
        _ descriptor: Int32,
        for pollable: (any Pollable)?
    ) throws(LodestoneError) -> Registration {
        assert(isCurrent)
        let registration = Registration(descriptor: descriptor, pollable: pollable)
        do throws(LodestoneError) {
            guard let poller else { throw .loopEnded }
            try poller.add(registration)
        } catch {
            lode_socket_close(descriptor)
            throw error
        }
        return registration
    }

    /// Whether the poll found no other ready socket after the one whose handler runs now.
    ///
    /// On the loop only.
    package var isLastReady: Bool { poller?.isLastReady ?? false }

    func setInterest(_ interest: Readiness, of registration: Registration) {
        assert(isCurrent)
        poller?.setInterest(interest, of: registration)
    }

    func close(_ registration: Registration) {
        assert(isCurrent)
        poller?.close(registration)
    }

    func forget(_ item: ScheduledWork) {
        assert(isCurrent)
        timers.remove(item)
    }

    // MARK: Rounds

    /// Puts something into the inbox, and wakes the loop at most once if it sleeps.
    ///
    /// - Returns: False when the loop has ended.
    private func deposit(work: (@Sendable () -> Void)? = nil, stream: ByteStream? = nil) -> Bool {
        let wakeState: WakeState? = inbox.withLock { inbox in
            guard !inbox.hasEnded else { return nil }
            if let work { inbox.work.append(work) }
            if let stream { inbox.streams.append(stream) }
            defer { inbox.wakeState = .awake }
            return inbox.wakeState
        }
        switch wakeState {
        case nil: return false
        case .awake: break
        case .waiting(let wakeup): wakeup.signal()
        case .asleep: queue.async { self.run() }
        }
        return true
    }

    /// Whether the caller is inside a round, which will handle the work that the caller leaves.
    private var isInRoundHere: Bool { isCurrent && isInRound }

    private func run() {
        asCurrent {
            isInRound = true
            runRounds()
            isInRound = false
        }
    }

    private func runRounds() {
        inbox.withLock { $0.wakeState = .awake }
        let end = ContinuousClock.now.advanced(by: Self.budget)
        var waits = false
        while true {
            let wasReady = waits ? wait() : poll()
            let now = roundTime
            runTimers(due: now)
            let hadWork = runInbox()
            let hadJobs = runJobs()
            endRound()
            if now >= end {
                // Sockets that are still ready make the poller's source fire again. The inbox has
                // no source.
                if !fallAsleep() { queue.async { self.run() } }
                return
            }
            if wasReady || hadWork || hadJobs {
                // A poll without waiting before the wait cost a system call for every lone request.
                waits = Poller.canWait
            } else if !waits && Poller.canWait {
                waits = true
            } else if fallAsleep() {
                return
            }
        }
    }

    /// Has the next deposit wake the loop, unless there is work already.
    private func fallAsleep() -> Bool {
        guard jobs.isEmpty else { return false }
        return inbox.withLock { inbox in
            guard inbox.isEmpty else { return false }
            inbox.wakeState = .asleep
            return true
        }
    }

    /// Begins a round with the sockets that are ready; returns whether one was.
    private func poll(waiting milliseconds: Int32 = 0, _ woken: () -> Void = {}) -> Bool {
        roundStart = nil
        return poller?.poll(waiting: milliseconds, woken) ?? false
    }

    /// Waits a moment for a socket or a deposit; returns whether a socket was ready.
    private func wait() -> Bool {
        guard jobs.isEmpty else { return poll() }
        let start = ContinuousClock.now
        defer { busyPoll.ended(after: ContinuousClock.now - start) }
        guard let poller else { return false }
        while busyPoll.pays {
            if poll() { return true }
            if inbox.withLock({ !$0.isEmpty }) { return false }
            let now = ContinuousClock.now
            if now - start >= busyPoll.limit { break }
            // The thread that will cause the event may need this core for it.
            sched_yield()
            busyPoll.yielded(for: ContinuousClock.now - now)
        }
        let mayWait = inbox.withLock { inbox in
            guard inbox.isEmpty else { return false }
            inbox.wakeState = .waiting(poller.wakeup)
            return true
        }
        return poll(waiting: mayWait ? Self.waitMilliseconds : 0) {
            inbox.withLock { $0.wakeState = .awake }
        }
    }

    private func runInbox() -> Bool {
        let (work, streams) = inbox.withLock { inbox in
            defer {
                inbox.work = []
                inbox.streams = []
            }
            return (inbox.work, inbox.streams)
        }
        touched += streams
        for item in work { item() }
        return !work.isEmpty || !streams.isEmpty
    }

    /// Runs the jobs that were there when it began; jobs that these leave wait for the next round.
    private func runJobs() -> Bool {
        guard !jobs.isEmpty else { return false }
        swap(&jobs, &jobsOfRound)
        let executor = asUnownedTaskExecutor()
        for job in jobsOfRound { job.runSynchronously(on: executor) }
        jobsOfRound.removeAll(keepingCapacity: true)
        return true
    }

    private func endRound() {
        // More streams may be touched on the way: a handler whose output is drained may send.
        var next = 0
        while next < touched.count {
            touched[next].endRound()
            next += 1
        }
        touched.removeAll(keepingCapacity: true)
    }

    // MARK: Timers

    private func add(_ item: ScheduledWork) {
        guard poller != nil else { return }
        timers.insert(item)
        armTimer()
    }

    private func runTimers(due now: ContinuousClock.Instant) {
        while let item = timers.popDue(at: now) { item.run() }
        armTimer()
    }

    /// Arms the source for the next work.
    ///
    /// The source is never disarmed. A wake for cancelled work is cheaper than a system call for
    /// each call that ends in time.
    private func armTimer() {
        guard let due = timers.nextDue else { return }
        if let timerDue, timerDue <= due { return }
        timerDue = due
        let delay = ContinuousClock.now.duration(to: due)
        timer.schedule(deadline: .now() + .nanoseconds(delay.wholeNanoseconds))
    }

    // MARK: The end

    private func end() {
        timers.removeAll()
        // The loop repeats for streams that begin while handlers are told of the end.
        while let registrations = poller?.registrations, !registrations.isEmpty {
            for registration in registrations { registration.pollable?.loopEnded() }
            isInRound = true
            while runInbox() || runJobs() { endRound() }
            isInRound = false
        }
        poller = nil
        timer.cancel()
        let late = inbox.withLock { inbox in
            inbox.hasEnded = true
            defer { inbox.work = [] }
            return inbox.work
        }
        for item in late { item() }
    }
}

/// Runs tasks on the loop.
extension EventLoop: TaskExecutor {
    /// Runs a job of a task that prefers this loop, soon.
    ///
    /// Any thread may call it. A job that the loop's own work leaves needs neither a lock nor a
    /// closure.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isInRoundHere {
            jobs.append(job)
        } else {
            async { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }
}
