// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import LodestoneWire
import Logging

/// One client: its frames in, its replies out.
///
/// ```text
/// awaitingHello ── valid hello ──▶ serving ── drain ──▶ draining ── last reply ──▶ ending
///       └───────────── broken framing, refused credentials, time is up ─────────────▶ ┘
/// ```
/// An ending connection has said its last word and reads on, without looking, until the client
/// closes or a second has passed: closing a socket with unread input would reset it, and the reset
/// can overtake the last word.
///
/// Threading: the variables belong to the loop. `reply` and `finish` may be called from any thread.
// Sendable is unchecked because the compiler can't see that the variables are used on the loop
// only; `ByteStreamHandler` promises it for what it calls, and everything else here is called from
// these methods, from the shard's tick, or through `stream.loop.async`.
final class Connection: ByteStreamHandler, @unchecked Sendable {
    enum Phase {
        case awaitingHello
        case serving(Role)
        case draining(Role)
        case ending
    }

    /// Wrong tokens, and malformed messages, after which the connection is closed.
    private static let maxFailures = 3
    /// How long an ending connection waits for the client to close.
    private static let lingerTime = Duration.seconds(1)

    let stream: ByteStream
    let calls: PendingCalls
    let handler: RequestHandler
    let limits: Limits
    private let shard: Shard
    private let ticket: Occupancy.Ticket

    var phase = Phase.awaitingHello
    private var decoder: FrameDecoder
    var clientName = ""
    private var failedTries = 0
    private var malformedMessages = 0
    var lastRequest: UInt64 = 0
    let openedAt = ContinuousClock.now
    var lastActivity = ContinuousClock.now
    /// The frame that has arrived in part: since when, and how much of it is there.
    var partialFrame: (since: ContinuousClock.Instant, byteCount: Int)?
    /// Whether nothing else is known to wait for this thread than the message being handled.
    private(set) var isAtLast = false
    var isReadingSuspended = false
    /// Whether the last tick found more unread output than the limit.
    var wasOverUnreadLimit = false

    init(
        _ stream: ByteStream,
        ticket: Occupancy.Ticket,
        handler: RequestHandler,
        shard: Shard
    ) {
        self.stream = stream
        self.ticket = ticket
        self.handler = handler
        self.shard = shard
        limits = handler.configuration.limits
        calls = PendingCalls(limit: limits.maxInFlight)
        decoder = FrameDecoder(maxFrameBytes: limits.maxFrameBytesBeforeHello)
    }

    // MARK: Input

    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int {
        var consumed = 0
        lastActivity = .now
        while true {
            if case .ending = phase { return bytes.count }
            if isClogged {
                suspendReading()
                return consumed
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
            do {
                switch try decoder.next(in: rest) {
                case .message(let range):
                    partialFrame = nil
                    isAtLast = range.upperBound == rest.count && stream.loop.isAtLast
                    receive(UnsafeRawBufferPointer(rebasing: rest[range]))
                    consumed += range.upperBound
                case .incomplete:
                    let since = partialFrame?.since ?? lastActivity
                    partialFrame = rest.isEmpty ? nil : (since, rest.count)
                    return consumed
                }
            } catch {
                handler.metrics.malformed.increment()
                end(with: error)
            }
        }
    }

    private func receive(_ message: UnsafeRawBufferPointer) {
        let request: Request
        do {
            request = try MessageCodec.decodeRequest(message, limits: limits)
        } catch {
            reject(error)
            return
        }
        switch phase {
        case .awaitingHello:
            if case .hello(let hello) = request.call {
                open(hello, id: request.id)
            } else {
                refuse(id: request.id)
            }
        case .serving(let role):
            lastRequest = max(lastRequest, request.id)
            serve(request, as: role, frameByteCount: message.count)
        case .draining(let role):
            switch request.call {
            case .ping, .cancel: serve(request, as: role, frameByteCount: message.count)
            default: reply(.error(.draining), to: request.id)
            }
        case .ending:
            break
        }
    }

    private func serve(_ request: Request, as role: Role, frameByteCount: Int) {
        if case .hello = request.call {
            reply(.error(.helloTwice), to: request.id)
        } else {
            handler.handle(request, as: role, frameByteCount: frameByteCount, on: self)
        }
    }

    private func reject(_ failure: DecodingFailure) {
        handler.metrics.malformed.increment()
        if ["MALFORMED", "NESTING_TOO_DEEP"].contains(failure.error.reason)
            || failure.id == nil
        {
            malformedMessages += 1
        }
        if malformedMessages >= Self.maxFailures {
            end(with: failure.error, id: failure.id ?? 0)
        } else {
            reply(.error(failure.error), to: failure.id ?? 0)
        }
    }

    // MARK: Opening

    private func open(_ hello: Hello, id: UInt64) {
        guard let role = handler.role(of: hello.token) else {
            refuse(id: id)
            return
        }
        guard hello.protocolVersion == LodestoneVersion.wireProtocol else {
            reply(.error(.unknownVersion(hello.protocolVersion)), to: id)
            return
        }
        let sequenceNumber = handler.engine.sequenceNumber
        if let last = hello.lastSequenceNumber, last > sequenceNumber {
            handler.logger.error(
                "a client has seen more than this store holds",
                metadata: [
                    "peer": "\(stream.peer)", "client": "\(hello.clientName.printable)",
                    "clientSequenceNumber": "\(last)", "sequenceNumber": "\(sequenceNumber)",
                ]
            )
            end(with: .behindClient(server: sequenceNumber, client: last), id: id)
            return
        }
        clientName = hello.clientName.printable
        handler.occupancy.helloSaid(ticket)
        decoder.maxFrameBytes = limits.maxFrameBytes
        phase = .serving(role)
        handler.logger.debug(
            "connection opened",
            metadata: ["peer": "\(stream.peer)", "client": "\(clientName)", "role": "\(role.name)"]
        )
        reply(
            .hello(
                HelloReply(
                    maxFrameBytes: limits.maxFrameBytes,
                    maxInFlight: limits.maxInFlight,
                    sequenceNumber: sequenceNumber
                )
            ),
            to: id
        )
    }

    private func refuse(id: UInt64) {
        failedTries += 1
        handler.metrics.denied.increment()
        handler.audit.notice(
            "refused: no valid token",
            metadata: ["peer": "\(stream.peer)", "try": "\(failedTries)"]
        )
        if failedTries >= Self.maxFailures {
            end(with: .unauthenticated, id: id)
        } else {
            reply(.error(.unauthenticated), to: id)
        }
    }

    // MARK: Output

    /// Sends `reply` with everything else of this round, or `now`.
    ///
    /// Any thread.
    func reply(_ reply: Reply, to id: UInt64, now: Bool = false) {
        stream.send(now: now) { output in
            MessageCodec.append(
                Response(id: id, reply: reply),
                to: &output,
                maxFrameBytes: limits.maxFrameBytes
            )
        }
    }

    /// Whether the client has so much left to read that nothing more should be made for it.
    ///
    /// Output that only waits for the end of the round doesn't count. Any thread.
    var isClogged: Bool {
        guard stream.unsentByteCount > limits.maxUnreadBytes / 4 else { return false }
        stream.flush()
        return stream.unsentByteCount > limits.maxUnreadBytes / 4
    }

    /// Keeps `work` until the client has read enough.
    ///
    /// Any thread.
    func park(_ work: @escaping @Sendable () -> Void) {
        guard calls.park(work) else {
            work()
            return
        }
        // The client may have read everything since the question was asked.
        if !isClogged { calls.unpark() }
    }

    /// Answers a call that is under way and forgets it.
    ///
    /// Any thread.
    func finish(_ call: PendingCall, _ reply: Reply) {
        // First forgotten, then answered: a client that sends its next request upon the answer must
        // not meet the limits that this one filled.
        let wasAlone = calls.remove(call)
        handler.ended(call, reply, peer: stream.peer)
        // A client that waits for this one only should not wait for the loop as well.
        self.reply(reply, to: call.id, now: wasAlone && !stream.loop.isCurrent)
        call.context.answer?.end()
        if calls.answered() { stream.loop.async { self.endIfDrained() } }
    }

    func drained(_ stream: ByteStream) {
        resumeIfUnclogged()
    }

    private func suspendReading() {
        guard !isReadingSuspended else { return }
        isReadingSuspended = true
        partialFrame = nil
        stream.suspendReading()
    }

    func resumeIfUnclogged() {
        guard !isClogged else { return }
        calls.unpark()
        guard isReadingSuspended else { return }
        isReadingSuspended = false
        stream.resumeReading()
    }

    // MARK: End

    /// Asks the client to leave, and ends once the calls under way are answered.
    func drain() {
        switch phase {
        case .awaitingHello:
            end(with: .draining)
        case .serving(let role):
            phase = .draining(role)
            calls.beginDraining()
            reply(
                .goAway(
                    GoAway(lastRequest: lastRequest, message: "The server is shutting down.")
                ),
                to: 0
            )
            endIfDrained()
        case .draining, .ending:
            break
        }
    }

    private func endIfDrained() {
        guard case .draining = phase, calls.isEmpty else { return }
        end()
    }

    func end(with error: LodestoneError, id: UInt64 = 0) {
        handler.logger.debug(
            "closing a connection",
            metadata: [
                "peer": "\(stream.peer)", "client": "\(clientName)", "reason": "\(error.reason)",
            ]
        )
        reply(.error(error), to: id)
        end()
    }

    func end() {
        if case .ending = phase { return }
        phase = .ending
        if isReadingSuspended {
            isReadingSuspended = false
            stream.resumeReading()
        }
        stream.finishOutput()
        stream.loop.schedule(after: Self.lingerTime) { [stream] in stream.closeAfterFlush() }
    }

    /// Says why a connection is not served, and closes it.
    static func turnAway(_ stream: ByteStream, _ error: LodestoneError, limits: Limits) {
        stream.send { output in
            MessageCodec.append(
                Response(id: 0, reply: .error(error)),
                to: &output,
                maxFrameBytes: limits.maxFrameBytes
            )
        }
        stream.closeAfterFlush()
    }

    func inputEnded(on stream: ByteStream) {
        // A client that sends no more is gone: what it asked for is not wanted.
        if case .ending = phase { stream.close() } else { stream.closeAfterFlush() }
        cancelCalls()
    }

    func closed(_ stream: ByteStream, error: LodestoneError?) {
        cancelCalls()
        handler.logger.debug(
            "connection closed",
            metadata: [
                "peer": "\(stream.peer)", "client": "\(clientName)",
                "reason": "\(error?.reason ?? "none")",
            ]
        )
        shard.remove(self)
        handler.occupancy.connectionClosed(ticket)
    }

    private func cancelCalls() {
        for call in calls.close() { handler.cancel(call, on: self) }
        calls.unpark()
    }
}
