// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport

/// A client's connection: one request at a time, each with its response.
///
/// ```text
/// silent ── bytes ──▶ reading ── request ──▶ serving ── response ──▶ sending ── sent ──▶ silent
///    └──────────────────┴── refusal, time is up, last request ──▶ closing
/// ```
/// While a request is served nothing is read, so a client that sends many waits in its own system.
///
/// Threading: belongs to the loop of its stream.
// Sendable is unchecked because the compiler can't see that the variables are used on the loop
// only: `ByteStreamHandler` calls its methods there, and the listener's tick runs there.
final class HTTPConnection: ByteStreamHandler, @unchecked Sendable {
    enum Phase {
        /// No byte of a request has arrived.
        case silent
        /// A request has arrived in part.
        case reading
        /// A response is being made.
        case serving
        /// The client reads a response.
        case sending
        /// The last response is on its way.
        case closing
    }

    let stream: ByteStream
    private let listener: HTTPListener
    private let parser: HTTPParser
    private(set) var phase = Phase.silent
    /// The time at which the wait for a request, or the phase after it, began.
    private(set) var since = ContinuousClock.now
    private var requestCount = 0
    /// The request that is served; `nil` otherwise.
    private var current: HTTPRequest?
    private var inputHasEnded = false

    init(_ stream: ByteStream, listener: HTTPListener) {
        self.stream = stream
        self.listener = listener
        parser = HTTPParser(limits: listener.limits)
    }

    /// Whether the connection waits for its client's request.
    var isWaiting: Bool { phase == .silent || phase == .reading }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int {
        guard isWaiting else { return phase == .closing ? bytes.count : 0 }
        do {
            switch try parser.next(in: bytes) {
            case .incomplete:
                if !bytes.isEmpty, phase == .silent {
                    phase = .reading
                    since = .now
                }
                return 0
            case .request(let request, let byteCount):
                begin(request)
                return byteCount
            }
        } catch {
            listener.counts.refused.add(1, ordering: .relaxed)
            finish(with: error.response)
            return bytes.count
        }
    }

    private func begin(_ request: HTTPRequest) {
        requestCount += 1
        enter(.serving)
        current = request
        stream.suspendReading()
        let number = requestCount
        listener.respond(request) { [weak self, loop = stream.loop] response in
            loop.async { [weak self] in self?.send(response, number: number) }
        }
    }

    /// Sends the response to request `number`, unless the connection has given up on it.
    private func send(_ response: HTTPResponse, number: Int) {
        guard phase == .serving, number == requestCount, let request = current else { return }
        current = nil
        listener.counts.served.add(1, ordering: .relaxed)
        guard listener.hasRoom(for: response) else {
            finish(with: HTTPResponse(.unavailable, "Too many responses are unread; try later."))
            return
        }
        let keepsAlive =
            request.keepsAlive && requestCount < listener.limits.maxRequests
            && !inputHasEnded && !listener.isDraining
        write(response, keepsAlive: keepsAlive, to: request)
        guard keepsAlive else { return close() }
        enter(.sending)
        stream.flush()
        if stream.unsentByteCount == 0 { drained(stream) }
    }

    private func write(_ response: HTTPResponse, keepsAlive: Bool, to request: HTTPRequest?) {
        let head = response.head(
            keepsAlive: keepsAlive,
            isVersion10: request?.isVersion10 ?? false
        )
        stream.send { output in
            output.append(contentsOf: head)
            if !(request?.isHead ?? false) { output.append(contentsOf: response.body) }
        }
    }

    /// Sends a response, and closes the connection.
    private func finish(with response: HTTPResponse) {
        write(response, keepsAlive: false, to: current)
        close()
    }

    private func close() {
        enter(.closing)
        stream.closeAfterFlush()
    }

    private func enter(_ phase: Phase) {
        self.phase = phase
        since = .now
    }

    func drained(_ stream: ByteStream) {
        guard phase == .sending else { return }
        enter(.silent)
        if listener.isDraining { return close() }
        stream.resumeReading()
    }

    func inputEnded(on stream: ByteStream) {
        inputHasEnded = true
        if isWaiting { stream.close() }
    }

    func closed(_ stream: ByteStream, error: LodestoneError?) {
        listener.remove(self)
    }

    /// Ends the connection when it has exceeded one of its time limits.
    func tick(_ now: ContinuousClock.Instant) {
        let limits = listener.limits
        let time = since.duration(to: now)
        switch phase {
        case .silent where time > (requestCount == 0 ? limits.requestTime : limits.idleTime):
            listener.counts.timedOut.add(1, ordering: .relaxed)
            close()
        case .reading where time > limits.requestTime:
            listener.counts.timedOut.add(1, ordering: .relaxed)
            finish(with: HTTPResponse(.timeout, "The request did not end in time."))
        case .serving where time > limits.serviceTime:
            listener.counts.timedOut.add(1, ordering: .relaxed)
            finish(with: HTTPResponse(.unavailable, "The response took too long."))
        case .sending where time > limits.readTime, .closing where time > limits.readTime:
            listener.counts.timedOut.add(1, ordering: .relaxed)
            stream.reset()
        case .silent, .reading, .serving, .sending, .closing:
            break
        }
    }

    /// Closes the connection once its response, if it has one, is sent.
    func drain() {
        if phase == .silent { close() }
    }
}
