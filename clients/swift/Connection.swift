// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import LodestoneWire
import Synchronization

/// One connection to the server, from the first attempt to reach it to its end.
///
/// Calls are taken from the start, and wait until the server has said hello.
///
/// Threading: `perform`, `end` and `hasEnded` may be called from any thread. The calls are kept
/// under a lock, and the thread that submits a call sends it. Replies come on the loop.
final class Connection: ByteStreamHandler, @unchecked Sendable {
    // Unchecked: `decoder`, `serverError`, `lastReceived` and `suspicion` belong to the loop.

    static let helloID: UInt64 = 1
    /// The largest frame that a server is expected to need for a reply.
    static let maxReplyFrameBytes = 64 << 20
    private static let maxFrameBytesBeforeHello = 16 << 10
    /// The most bytes of requests that the system has not taken yet; further requests wait as
    /// values.
    private static let maxUnsentBytes = 8 << 20
    /// The wait for the reply to a write after its deadline.
    ///
    /// The server keeps the deadline too, and knows the outcome of the write.
    private static let writeGrace = Duration.milliseconds(50)

    struct State {
        var table = CallTable<PendingCall>(lastID: Connection.helloID)
        var stream: ByteStream?
        var maxFrameBytes = Limits.standard.maxFrameBytesBeforeHello
        /// The attempt to connect, until there is a stream.
        var attempt: ConnectionAttempt?
        /// The time of the next check of the deadlines.
        var timerDue: MonotonicTime?
        var hasOpened = false
        /// The reason why the connection ended.
        var ending: LodestoneError?
    }

    typealias Dispatch = CallTable<PendingCall>.Dispatch
    typealias EndedCall = CallTable<PendingCall>.EndedCall

    let configuration: LodestoneClient.Configuration
    let encryption: Encryption?
    let loop: EventLoop
    let history: ConnectionHistory
    let state = Mutex(State())
    var decoder = FrameDecoder(maxFrameBytes: Connection.maxFrameBytesBeforeHello)
    var serverError: LodestoneError?
    var lastReceived = ContinuousClock.now
    private var suspicion: Suspicion?

    init(
        _ configuration: LodestoneClient.Configuration,
        _ encryption: Encryption?,
        loop: EventLoop,
        history: ConnectionHistory
    ) {
        self.configuration = configuration
        self.encryption = encryption
        self.loop = loop
        self.history = history
    }

    /// Whether the connection and every call on it have ended.
    var hasEnded: Bool { state.withLock { $0.ending != nil } }

    // MARK: Calls

    /// Makes one attempt at a call.
    ///
    /// Returns by `deadline`, a write up to 50 ms later, because the server's reply on its outcome
    /// tells more than a passed deadline.
    ///
    /// - Parameters:
    ///   - call: The call to make.
    ///   - requestID: The idempotency key of a write.
    ///   - deadline: The time to give up.
    ///   - now: The present time, which the caller has read already.
    /// - Returns: The result of the attempt.
    func perform(
        _ call: Call,
        requestID: RequestID?,
        deadline: MonotonicTime,
        now: MonotonicTime
    ) async -> CallResult {
        // The id of the call, once the connection has taken it; 0 before. It lies in the frame of
        // this function, which outlives both closures: the continuation is awaited only after its
        // closure has ended, and the cancellation handler is removed before this function returns.
        let id = Atomic<UInt64>(0)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { caller in
                let pending = PendingCall(
                    call: call,
                    requestID: requestID,
                    trace: TraceParent.current,
                    deadline: deadline,
                    caller: caller
                )
                submit(pending, id, now: now)
                // A cancellation before `submit` has found no call in the table, so the call is
                // cancelled here.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func submit(_ call: PendingCall, _ id: borrowing Atomic<UInt64>, now: MonotonicTime) {
        let isWrite = call.requestID != nil
        let deadline = isWrite ? call.deadline.advanced(by: Self.writeGrace) : call.deadline
        let (taken, next, mustArm) = state.withLock { state in
            let taken = state.table.submit(
                call,
                deadline: deadline,
                isWrite: isWrite,
                passesQueue: call.call.isUncounted
            )
            // Under the lock, so that a cancellation at this moment finds the id, or is seen by the
            // caller afterwards.
            if let taken { id.store(taken, ordering: .relaxed) }
            let mustArm = taken != nil && Self.mustArm(&state, for: deadline)
            return (taken, Self.nextDispatch(&state), mustArm)
        }
        guard taken != nil else {
            call.caller.resume(returning: .refused)
            return
        }
        if mustArm { armTimer(deadline, now: now) }
        if let next { transmit(next, now: now) }
    }

    private func cancel(_ id: borrowing Atomic<UInt64>) {
        let gracePeriod = configuration.cancelGracePeriod.bounded
        let now = MonotonicTime.now
        let (taken, cancellation, armed) = state.withLock { state in
            let taken = id.load(ordering: .relaxed)
            guard taken != 0 else {
                return (taken, CallTable<PendingCall>.Cancellation.nothing, MonotonicTime?.none)
            }
            let result = state.table.cancel(taken, now: now, gracePeriod: gracePeriod)
            guard case .awaitsReply(let until) = result, Self.mustArm(&state, for: until) else {
                return (taken, result, MonotonicTime?.none)
            }
            return (taken, result, until)
        }
        if let armed { armTimer(armed, now: now) }
        switch cancellation {
        case .nothing:
            break
        case .ended(let ended):
            conclude(ended, .cancelled(ended.outcome))
        case .awaitsReply:
            sendCancel(of: taken)
        }
    }

    /// Fails a call that has no reply, and tells the server to cancel it if it has the call.
    func conclude(
        _ ended: EndedCall,
        _ error: LodestoneError,
        isCounted: Bool = false,
        isUnconnected: Bool = false
    ) {
        if ended.wasSent, !ended.isCancelled { sendCancel(of: ended.id) }
        let failure = CallFailure(
            error: error.with(outcome: ended.outcome),
            isCounted: isCounted,
            isUnconnected: isUnconnected,
            wasSent: ended.wasSent
        )
        ended.payload.caller.resume(returning: .failure(failure))
    }

    // MARK: Sending

    /// A call to send now, with its stream.
    struct Outgoing {
        var dispatch: Dispatch
        var stream: ByteStream
        var maxFrameBytes: Int
    }

    static func nextDispatch(_ state: inout State) -> Outgoing? {
        guard let stream = state.stream, let dispatch = state.table.nextDispatch() else {
            return nil
        }
        return Outgoing(dispatch: dispatch, stream: stream, maxFrameBytes: state.maxFrameBytes)
    }

    /// Sends every call that may be sent now.
    func pump() {
        while let next = state.withLock({ Self.nextDispatch(&$0) }) { transmit(next, now: .now) }
    }

    func transmit(_ next: Outgoing, now: MonotonicTime) {
        let dispatch = next.dispatch
        let request = dispatch.payload.request(id: dispatch.id, now: now)
        do throws(LodestoneError) {
            try next.stream.trySend(
                // A call that is alone should not wait for the loop to wake up; calls among others
                // travel together.
                now: dispatch.isAlone && !loop.isCurrent,
                isShort: request.call.isShort
            ) { (output) throws(LodestoneError) in
                try MessageCodec.append(request, to: &output, maxFrameBytes: next.maxFrameBytes)
            }
            if next.stream.unsentByteCount > Self.maxUnsentBytes { applyBackpressure(next.stream) }
        } catch {
            let call = state.withLock { $0.table.finish(dispatch.id) }
            call?.caller.resume(returning: .failure(CallFailure(error: error)))
            // Not by a call of `pump` here: many calls in the queue may fail, one in the other.
            loop.async { [weak self] in self?.pump() }
        }
    }

    private func sendCancel(of id: UInt64) {
        let (stream, requestID) = state.withLock { ($0.stream, $0.table.takeID()) }
        stream?.send(isShort: true) { output in
            // Two numbers fit into any frame.
            try? MessageCodec.append(Request(id: requestID, call: .cancel(id: id)), to: &output)
        }
    }

    /// Sends no further call until the system has taken most of the output.
    private func applyBackpressure(_ stream: ByteStream) {
        state.withLock { $0.table.isBackpressured = true }
        stream.flush()
        if stream.unsentByteCount <= Self.maxUnsentBytes { drained(stream) }
    }

    func drained(_ stream: ByteStream) {
        state.withLock { $0.table.isBackpressured = false }
        pump()
    }

    // MARK: Deadlines

    /// Whether the timer must be set for `due`, because it is set for a later time or not at all.
    private static func mustArm(_ state: inout State, for due: MonotonicTime) -> Bool {
        if let armed = state.timerDue, armed <= due { return false }
        state.timerDue = due
        return true
    }

    private func armTimer(_ due: MonotonicTime, now: MonotonicTime) {
        loop.schedule(after: now.duration(to: due)) { [weak self] in
            self?.timerFired(due)
        }
    }

    /// Checks the deadlines of all calls, and sets the timer for the next one.
    ///
    /// Calls that end in time cost the timer nothing.
    private func timerFired(_ due: MonotonicTime) {
        let now = MonotonicTime.now
        let (expired, next) = state.withLock { state in
            if state.timerDue == due { state.timerDue = nil }
            let expired = state.table.expire(at: now)
            let next = state.table.earliestDeadline.flatMap { earliest in
                Self.mustArm(&state, for: earliest) ? earliest : nil
            }
            return (expired, next)
        }
        if let next { armTimer(next, now: now) }
        for call in expired {
            conclude(
                call,
                call.isCancelled ? .cancelled(call.outcome) : .deadlineExceeded(call.outcome)
            )
        }
        if expired.contains(where: \.wasSent) { checkLiveness() }
    }

    /// Checks for a server that is dead, after a deadline passed without a reply: servers keep
    /// deadlines too.
    private func checkLiveness() {
        guard suspicion == nil, let stream = state.withLock({ $0.stream }) else { return }
        let now = ContinuousClock.now
        suspicion = Suspicion(stream.outputProgress, lastReceived: lastReceived, now: now)
        continueLivenessCheck(stream)
    }

    private func continueLivenessCheck(_ stream: ByteStream) {
        // A message since then proves that the server is alive.
        guard suspicion?.lastReceived == lastReceived else {
            suspicion = nil
            return
        }
        guard let delay = suspicion?.check(stream.outputProgress, now: .now) else {
            end(.silent(configuration.endpoint))
            return
        }
        loop.schedule(after: delay) { [weak self] in self?.continueLivenessCheck(stream) }
    }
}
