// SPDX-License-Identifier: Apache-2.0
// Messages that a connection receives from the server, from the first try to reach it to the last.
import LodestoneCore
import LodestoneTransport
import LodestoneWire

extension Connection {
    // MARK: Opening

    /// Connects to the server.
    ///
    /// - Parameter delay: Time to wait first.
    func begin(after delay: Duration = .zero) {
        guard delay <= .zero else {
            loop.schedule(after: delay) { self.begin() }
            return
        }
        let session: TLSSession?
        do throws(LodestoneError) {
            session = try encryption?.session()
        } catch {
            return end(error)
        }
        state.withLock { state in
            guard state.ending == nil else { return }
            state.attempt = ByteStream.connect(
                to: configuration.endpoint,
                on: loop,
                timeout: configuration.connectTimeout,
                tls: session
            ) { [self] result in
                switch result {
                case .success(let stream): sayHello(stream)
                case .failure(let error): end(error)
                }
            }
        }
    }

    private func sayHello(_ stream: ByteStream) {
        let isOpen = state.withLock { state in
            state.attempt = nil
            if state.ending == nil { state.stream = stream }
            return state.ending == nil
        }
        guard isOpen else {
            stream.close()
            return
        }
        stream.start(self)
        loop.schedule(after: configuration.connectTimeout) { [weak self] in
            guard let self, !state.withLock({ $0.hasOpened }) else { return }
            end(.helloTimeout(configuration.endpoint))
        }
        let hello = Hello(
            token: configuration.token.map { Array($0.utf8) },
            clientName: configuration.clientName,
            lastSequenceNumber: history.lastSequenceNumber
        )
        do throws(LodestoneError) {
            try stream.trySend { (output) throws(LodestoneError) in
                try MessageCodec.append(
                    Request(id: Self.helloID, call: .hello(hello)),
                    to: &output,
                    maxFrameBytes: Limits.standard.maxFrameBytesBeforeHello
                )
            }
        } catch {
            end(error)
        }
    }

    private func open(_ reply: Reply) {
        switch reply {
        case .hello(let hello):
            decoder.maxFrameBytes = min(hello.maxFrameBytes, Self.maxReplyFrameBytes)
            state.withLock { state in
                state.hasOpened = true
                state.maxFrameBytes = hello.maxFrameBytes
                state.table.open(limit: hello.maxInFlight)
            }
            history.recordOpening()
            pump()
        case .error(let error):
            end(error.reason == .serverBehind ? error.withWayOut : error)
        default:
            end(.unexpectedReply(to: "hello", outcome: .notApplied))
        }
    }

    // MARK: Receiving

    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int {
        lastReceived = loop.roundTime
        var consumed = 0
        while true {
            let remaining = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
            do throws(LodestoneError) {
                switch try decoder.next(in: remaining) {
                case .incomplete:
                    return consumed
                case .message(let range):
                    receive(UnsafeRawBufferPointer(rebasing: remaining[range]))
                    consumed += range.upperBound
                }
            } catch {
                end(error)
                return bytes.count
            }
        }
    }

    private func receive(_ message: UnsafeRawBufferPointer) {
        let response: Response
        do {
            response = try MessageCodec.decodeResponse(message)
        } catch {
            guard let id = error.id, id > Self.helloID else {
                end(error.error)
                return
            }
            finish(id, .failure(CallFailure(error: error.error)), isUnreadable: true)
            return
        }
        switch response.id {
        case 0:
            receiveUnrequested(response.reply)
        case Self.helloID:
            open(response.reply)
        default:
            history.note(response.reply)
            if case .error(let error) = response.reply {
                finish(response.id, .failure(CallFailure(error: error)))
            } else {
                finish(response.id, .success(response.reply))
            }
        }
    }

    /// Ends the call to which a reply belongs.
    ///
    /// - Parameters:
    ///   - id: The id of the call.
    ///   - result: The result in the reply.
    ///   - isUnreadable: Whether the reply can't be read, so that the outcome of a write is
    ///     unknown.
    private func finish(_ id: UInt64, _ result: CallResult, isUnreadable: Bool = false) {
        let (call, next, isDone) = state.withLock { state in
            let call = state.table.finish(id)
            return (call, Self.nextDispatch(&state), state.table.isDone)
        }
        if isUnreadable, call?.requestID != nil, case .failure(let failure) = result {
            call?.caller.resume(returning: .failure(failure.with(outcome: .unknown)))
        } else {
            call?.caller.resume(returning: result)
        }
        if let next { transmit(next, now: .now) }
        if isDone { end(.serverLeaving) }
    }

    /// Handles a message that the server sends without a request.
    private func receiveUnrequested(_ reply: Reply) {
        switch reply {
        case .goAway(let goAway):
            leave(lastRequest: goAway.lastRequest)
        case .error(let error):
            // The server closes the connection next; this error is the reason.
            serverError = error
            leave(lastRequest: .max)
        default:
            break
        }
    }

    private func leave(lastRequest: UInt64) {
        let (ended, isDone, hasOpened) = state.withLock { state in
            (state.table.leave(lastRequest: lastRequest), state.table.isDone, state.hasOpened)
        }
        if serverError?.code == .unavailable, hasOpened, !ended.isEmpty { history.recordFailure() }
        let error = serverError ?? .serverLeaving
        // `end` comes before a caller requests the next connection, which is to open after a pause.
        if isDone { end(error) }
        for call in ended {
            conclude(call, error, isCounted: serverError != nil, isUnconnected: !hasOpened)
        }
    }

    // MARK: End

    func inputEnded(on stream: ByteStream) {
        stream.close()
    }

    func closed(_ stream: ByteStream, error: LodestoneError?) {
        end(serverError ?? error ?? .connectionClosed(configuration.endpoint))
    }

    /// Ends the connection and every call on it.
    ///
    /// Any thread.
    func end(_ error: LodestoneError) {
        let (lost, stream, attempt, hasOpened, isFirst) = state.withLock { state in
            defer {
                state.ending = state.ending ?? error
                state.attempt = nil
            }
            return (
                state.table.close(), state.stream, state.attempt, state.hasOpened,
                state.ending == nil
            )
        }
        if isFirst {
            if !hasOpened {
                history.recordFailedOpening()
            } else if error.code == .unavailable, !lost.isEmpty {
                history.recordFailure()
            }
        }
        for call in lost {
            let failure = CallFailure(
                error: error.with(outcome: call.outcome),
                isCounted: true,
                isUnconnected: !hasOpened
            )
            call.payload.caller.resume(returning: .failure(failure))
        }
        attempt?.cancel()
        stream?.close()
    }
}
