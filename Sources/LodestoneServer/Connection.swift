// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import LodestoneWire
import Logging

/// A client's connection: reads its frames, and writes the replies.
///
/// ```text
/// awaitingHello ── valid hello ──▶ serving ── drain ──▶ draining ── last reply ──▶ ending
///       └───────────── broken framing, refused credentials, time is up ─────────────▶ ┘
/// ```
/// An ending connection has sent its last message. Until the client closes, or a second has passed,
/// it reads and discards input: closing a socket with unread input would reset it, and the reset
/// can overtake the last message.
///
/// Threading: the variables belong to the loop. `reply` and `finish` may be called from any thread.
// Sendable is unchecked because the compiler can't see that the variables are used on the loop
// only. `ByteStreamHandler` calls its methods on the loop. All other methods here are called from
// these methods, from the server loop's tick, or through `stream.loop.async`.
final class Connection: ByteStreamHandler, @unchecked Sendable {
    enum Phase {
        case awaitingHello
        case serving(Access)
        case draining(Access)
        case ending
    }

    /// The reasons for which a connection reads nothing for a while.
    struct Suspensions: OptionSet {
        let rawValue: UInt8
        /// The client has left more replies unread than its limit.
        static let backpressure = Suspensions(rawValue: 1)
        /// A frame waits for memory.
        static let memory = Suspensions(rawValue: 2)
        /// A worker decodes a long frame; the bytes after it wait.
        static let decoding = Suspensions(rawValue: 4)
    }

    /// The longest message that the loop decodes; a worker decodes a longer one.
    private static let maxBytesOnLoop = 256 << 10
    /// The number of wrong tokens and malformed messages after which the connection is closed.
    static let maxFailures = 3
    /// The time that an ending connection waits for the client to close.
    private static let lingerTime = Duration.seconds(1)

    let stream: ByteStream
    let calls: PendingCalls
    let handler: RequestHandler
    let limits: Limits
    /// The number of this connection's queue in every `FairQueue`.
    var queueID: FairQueue.QueueID { ticket }
    private let serverLoop: ServerLoop
    private let ticket: ConnectionLimiter.Ticket

    var phase = Phase.awaitingHello
    private var decoder: FrameDecoder
    var clientName = ""
    var failedTries = 0
    private var malformedMessages = 0
    var lastRequest: UInt64 = 0
    let openedAt = ContinuousClock.now
    var lastActivity = ContinuousClock.now
    /// The start time and the length so far of a frame that has arrived in part.
    var partialFrame: (since: ContinuousClock.Instant, byteCount: Int)?
    /// Whether the event loop has no known work after the current message.
    private(set) var isLastReady = false
    /// The reasons for which nothing is read now.
    private(set) var suspensions: Suspensions = []
    var isReadingSuspended: Bool { !suspensions.isEmpty }
    /// Whether the queue of reads has the time of a short read of this connection.
    var isKnownForShortReads = false
    /// The number of the frame that the frame gate has let in, or that waits at the gate.
    private var frameAtGate: UInt64?
    /// The number of frames that have reached the gate.
    private var gateCount: UInt64 = 0
    /// The frame that a worker decodes.
    private var longFrame: LongFrame?
    /// The series of the collection that the last call concerned.
    var lastCollection: (name: String, metrics: ServerMetrics.PerCall)?
    /// Whether the client is lost, so calls that have not begun need no replies.
    private var isLost = false
    /// Whether the last tick found more unread output than the limit.
    var wasOverUnreadLimit = false

    init(
        _ stream: ByteStream,
        ticket: ConnectionLimiter.Ticket,
        handler: RequestHandler,
        serverLoop: ServerLoop
    ) {
        self.stream = stream
        self.ticket = ticket
        self.handler = handler
        self.serverLoop = serverLoop
        limits = handler.configuration.limits
        calls = PendingCalls(limit: limits.maxInFlight)
        decoder = FrameDecoder(maxFrameBytes: limits.maxFrameBytesBeforeHello)
    }

    // MARK: Input

    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int {
        var consumed = 0
        lastActivity = stream.loop.roundTime
        while true {
            if case .ending = phase { return bytes.count }
            if isBackpressured {
                partialFrame = nil
                suspend(.backpressure)
                return consumed
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
            do {
                switch try decoder.next(in: rest) {
                case .message(let range):
                    partialFrame = nil
                    if range.count > Self.maxBytesOnLoop {
                        decodeOnWorker(range)
                        return consumed
                    }
                    isLastReady = range.upperBound == rest.count && stream.loop.isLastReady
                    receive(UnsafeRawBufferPointer(rebasing: rest[range]))
                    leaveGate()
                    consumed += range.upperBound
                case .incomplete(let byteCount):
                    let since = partialFrame?.since ?? lastActivity
                    partialFrame = rest.isEmpty ? nil : (since, rest.count)
                    if byteCount > ServerMemory.uncountedFrameBytes {
                        enterGate(byteCount)
                        handler.frames.note(ticket, arrivedByteCount: rest.count)
                    }
                    return consumed
                }
            } catch {
                handler.metrics.malformed.increment()
                noteForeignProtocol(bytes)
                end(with: error)
            }
        }
    }

    private func receive(_ message: UnsafeRawBufferPointer) {
        do throws(DecodingFailure) {
            receive(
                try MessageCodec.decodeRequest(message, limits: limits),
                frameByteCount: message.count
            )
        } catch {
            reject(error)
        }
    }

    private func receive(_ request: Request, frameByteCount: Int) {
        switch phase {
        case .awaitingHello:
            if case .hello(let hello) = request.call {
                open(hello, id: request.id)
            } else {
                refuse(id: request.id)
            }
        case .serving(let access):
            lastRequest = max(lastRequest, request.id)
            serve(request, as: access, frameByteCount: frameByteCount)
        case .draining(let access):
            switch request.call {
            case .ping, .cancel: serve(request, as: access, frameByteCount: frameByteCount)
            default: reply(.error(.draining), to: request.id)
            }
        case .ending:
            break
        }
    }

    // MARK: Long frames

    /// Requests the memory of a frame that has begun, once per frame.
    private func enterGate(_ byteCount: Int) {
        guard frameAtGate == nil else { return }
        gateCount += 1
        let number = gateCount
        frameAtGate = number
        let loop = stream.loop
        let isIn = handler.frames.enter(
            ticket,
            byteCount: byteCount,
            end: { [weak self] in
                loop.async { [weak self] in self?.endFrame(number, byteCount) }
            },
            admit: { [weak self] in
                loop.async { [weak self] in self?.admit(number, byteCount) }
            }
        )
        if isIn {
            stream.expectInput(byteCount)
        } else {
            // The frame's time begins when the gate lets it in.
            partialFrame = nil
            suspend(.memory)
        }
    }

    /// Ends the connection because others need the memory of a frame that has not arrived as a
    /// whole.
    private func endFrame(_ number: UInt64, _ byteCount: Int) {
        guard frameAtGate == number, longFrame == nil else { return }
        end(with: .frameMemory(byteCount))
    }

    private func admit(_ number: UInt64, _ byteCount: Int) {
        guard frameAtGate == number else { return }
        stream.expectInput(byteCount)
        lastActivity = .now
        resume(.memory)
    }

    /// Frees the memory of a frame, unless a worker is decoding it.
    private func leaveGate() {
        guard frameAtGate != nil, longFrame == nil else { return }
        frameAtGate = nil
        stream.expectInput(0)
        handler.frames.leave(ticket)
    }

    /// Lets a worker decode the message at `range` of the unconsumed input.
    ///
    /// The bytes after the message are read when the worker is done.
    private func decodeOnWorker(_ range: Range<Int>) {
        suspend(.decoding)
        handler.frames.complete(ticket)
        stream.takeInput(range.upperBound) { [self] bytes in
            let frame = LongFrame(bytes, message: range)
            longFrame = frame
            let job = FairQueue.Job(context: CallContext(timeout: limits.maxDeadline)) { [self] in
                let decoded = frame.decode(limits: limits)
                stream.loop.async { self.receiveLong(decoded, frameByteCount: range.count) }
            }
            do throws(LodestoneError) {
                try handler.decoding.submit(job, of: queueID)
            } catch {
                longFrame = nil
                end(with: error)
            }
        }
    }

    /// Receives the message that a worker has decoded; `nil` when it was dropped.
    private func receiveLong(_ decoded: Result<Request, DecodingFailure>?, frameByteCount: Int) {
        longFrame = nil
        leaveGate()
        guard !isLost, let decoded else { return }
        isLastReady = false
        switch decoded {
        case .success(let request): receive(request, frameByteCount: frameByteCount)
        case .failure(let failure): reject(failure)
        }
        resume(.decoding)
    }

    private func serve(_ request: Request, as access: Access, frameByteCount: Int) {
        guard let access = current(access) else {
            handler.noteUnauthenticated(CallKind(request.call), credential: access.name, self)
            endUnauthenticated(access, id: request.id)
            return
        }
        if case .hello = request.call {
            reply(.error(.helloTwice), to: request.id)
        } else {
            handler.handle(request, as: access, frameByteCount: frameByteCount, on: self)
        }
    }

    private func reject(_ failure: DecodingFailure) {
        handler.metrics.malformed.increment()
        if [.malformed, .nestingTooDeep].contains(failure.error.reason)
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
        let certificateSubject = stream.peerIdentity?.subject
        guard
            let access = handler.access(
                forToken: hello.token,
                certificateSubject: certificateSubject
            )
        else {
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
                "a client has seen a later sequence number than this store has",
                metadata: [
                    "peer": "\(stream.peer)", "client": "\(hello.clientName.printable)",
                    "clientSequenceNumber": "\(last)", "sequenceNumber": "\(sequenceNumber)",
                ]
            )
            end(with: .behindClient(server: sequenceNumber, client: last), id: id)
            return
        }
        clientName = hello.clientName.printable
        handler.connectionLimiter.helloReceived(ticket)
        decoder.maxFrameBytes = limits.maxFrameBytes
        phase = .serving(access)
        noteOpening(access, certificateSubject)
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

    // MARK: Output

    /// Sends `reply` at the end of the loop's round, or `now`.
    ///
    /// Any thread.
    func reply(_ reply: Reply, to id: UInt64, now: Bool = false) {
        stream.send(now: now, isShort: reply.isShort) { output in
            MessageCodec.append(
                Response(id: id, reply: reply),
                to: &output,
                maxFrameBytes: limits.maxFrameBytes
            )
        }
    }

    /// Whether the client has left so much unread that no more replies should be made for it.
    ///
    /// Output that waits for the end of the loop's iteration doesn't count. Any thread.
    var isBackpressured: Bool {
        guard stream.unsentByteCount > limits.maxUnreadBytes / 4 else { return false }
        stream.flush()
        return stream.unsentByteCount > limits.maxUnreadBytes / 4
    }

    /// Defers `work` until the client has read enough.
    ///
    /// Any thread.
    func deferWork(_ work: @escaping @Sendable () -> Void) {
        guard calls.deferWork(work) else {
            work()
            return
        }
        // The client may have read everything since `isBackpressured` was checked.
        if !isBackpressured { calls.runDeferredWork() }
    }

    /// Removes a current call, and sends its reply.
    ///
    /// Any thread.
    func finish(_ call: PendingCall, _ reply: Reply) {
        // The call is removed before the reply is sent: a request that follows the reply must not
        // meet the limits that this call filled.
        let wasAlone = calls.remove(call)
        handler.ended(call, reply, on: self)
        // A client that waits only for this reply should not also wait for the loop.
        self.reply(reply, to: call.id, now: wasAlone && !stream.loop.isCurrent)
        call.context.replyBudget?.end()
        handler.output.letInIfAnyWaits()
        if calls.replySent() { stream.loop.async { self.endIfDrained() } }
    }

    func drained(_ stream: ByteStream) {
        resumeIfDrained()
        handler.output.letInIfAnyWaits()
    }

    private func suspend(_ reason: Suspensions) {
        let wasReading = suspensions.isEmpty
        suspensions.insert(reason)
        if wasReading { stream.suspendReading() }
    }

    private func resume(_ reason: Suspensions) {
        guard suspensions.remove(reason) != nil, suspensions.isEmpty else { return }
        stream.resumeReading()
    }

    func resumeIfDrained() {
        guard !isBackpressured else { return }
        calls.runDeferredWork()
        resume(.backpressure)
    }

    // MARK: End

    /// Sends the client a go-away message, and ends after the replies to all current calls.
    func drain() {
        switch phase {
        case .awaitingHello:
            end(with: .draining)
        case .serving(let access):
            phase = .draining(access)
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
        longFrame?.drop()
        leaveGate()
        resume(suspensions)
        // Without encryption there is no way to say why.
        guard stream.isEstablished else { return stream.close() }
        stream.finishOutput()
        stream.loop.schedule(after: Self.lingerTime) { [stream] in stream.closeAfterFlush() }
    }

    /// Sends the reason why a connection is not served, and closes it.
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
        // A client that sends no more does not want the replies to its calls.
        if case .ending = phase { stream.close() } else { stream.closeAfterFlush() }
        cancelCalls()
    }

    func closed(_ stream: ByteStream, error: LodestoneError?) {
        cancelCalls()
        noteFailedEncryption(error)
        handler.logger.debug(
            "connection closed",
            metadata: [
                "peer": "\(stream.peer)", "client": "\(clientName)",
                "reason": "\(error?.reason.rawValue ?? "none")",
            ]
        )
        serverLoop.remove(self)
        handler.connectionClosed(queueID)
        handler.connectionLimiter.connectionClosed(ticket)
    }

    func cancelCalls() {
        isLost = true
        longFrame?.drop()
        leaveGate()
        for call in calls.close() { handler.cancel(call, on: self) }
        calls.runDeferredWork()
    }
}
