// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneHTTP
import Synchronization
import TestSupport
import Testing

@Suite("HTTP listener", .timeLimit(.minutes(5)))
struct HTTPListenerTests {
    @Test("A GET gets its response, and a HEAD the same header fields without the body")
    func getAndHead() async throws {
        try await withListener { endpoint in
            let client = try HTTPClient(endpoint)
            let get = try client.get("/page?query#fragment")
            #expect(get.status == 200)
            #expect(get.text == "GET /page \n")
            let head = try client.get("/page", method: "HEAD")
            #expect(head.status == 200)
            #expect(head.fields["content-length"] == "\("HEAD /page \n".utf8.count)")
            // No byte of a body came before the next response.
            #expect(try client.get("http://test/other", accept: "a/b").text == "GET /other a/b\n")
            #expect(head.fields["date"]?.hasSuffix(" GMT") == true)
            #expect(head.fields["connection"] == nil)
        }
    }

    @Test("Pipelined requests get their responses in order")
    func pipelining() async throws {
        try await withListener { endpoint in
            let client = try HTTPClient(endpoint)
            client.send(
                (0..<200).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
            )
            for number in 0..<200 {
                #expect(try client.receive()?.text == "GET /\(number) \n")
            }
        }
    }

    @Test("A connection ends after a close, after HTTP/1.0, and after its most requests")
    func persistence() async throws {
        var limits = HTTPLimits()
        limits.maxRequests = 3
        try await withListener(limits) { endpoint in
            for request in [
                "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                "GET /a HTTP/1.0\r\n\r\n",
                "GET /a HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n",
            ] {
                let client = try HTTPClient(endpoint)
                client.send(request)
                #expect(try client.receive()?.fields["connection"] == "close", "\(request)")
                #expect(try client.receive() == nil, "\(request)")
            }
            let old = try HTTPClient(endpoint)
            for _ in 0..<2 {
                old.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(try old.receive()?.fields["connection"] == "keep-alive")
            }
            let many = try HTTPClient(endpoint)
            for number in 1...3 {
                let response = try many.get("/a")
                #expect((response.fields["connection"] == "close") == (number == 3))
            }
            #expect(try many.receive() == nil)
        }
    }

    @Test("A client that sends no more still gets the response to its last request")
    func halfClosed() async throws {
        try await withListener { endpoint in
            let client = try HTTPClient(endpoint)
            client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            #expect(try client.receive()?.text == "GET /a \n")
            #expect(try client.receive() == nil)
        }
    }

    @Test(
        "A malformed or too large request gets its status, and the connection ends",
        arguments: [
            ("nonsense\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\nHost: a\n\n", 400), ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nA: \u{0}\r\n\r\n", 400),
            ("G\u{1}T", 400), ("GET / HTTP/1.1\rx", 400), ("GET /\u{E4} HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / HTTPS/1.1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 413),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
            ("GET /" + String(repeating: "a", count: 3_000), 414),
            ("GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 9_000), 431),
            ("GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 80) + "\r\n", 431),
        ]
    )
    func refusals(request: String, status: Int) async throws {
        try await withListener { endpoint in
            let client = try HTTPClient(endpoint)
            client.send(request)
            let response = try client.receive()
            #expect(response?.status == status)
            #expect(response?.fields["connection"] == "close")
            #expect(try client.receive() == nil)
        }
    }

    @Test("A request may arrive byte by byte, with lines and fields at their limits")
    func limits() async throws {
        try await withListener { endpoint in
            let client = try HTTPClient(endpoint)
            let path = "/" + String(repeating: "p", count: 2_048 - "GET / HTTP/1.1".utf8.count)
            let value = String(repeating: "v", count: 8_000)
            let fields = "Host: a\r\n" + String(repeating: "B: \r\n", count: 20) + "A: \(value)\r\n"
            let request = "\r\nGET \(path) HTTP/1.1\r\n" + fields + "\r\n"
            for byte in request.utf8.prefix(3_000) { client.send([byte]) }
            client.send(Array(request.utf8.dropFirst(3_000)))
            #expect(try client.receive()?.text == "GET \(path) \n")
        }
    }

    @Test("Hundreds of requests that never end don't stop the requests of others")
    func neverEnding() async throws {
        try await withListener { endpoint in
            var hostile: [HTTPClient] = []
            for number in 0..<800 {
                let client = try HTTPClient(endpoint)
                // Some send nothing, some half a request, and some have had a response.
                switch number % 3 {
                case 0: break
                case 1: client.send("GET /never HTTP/1.1\r\nHost: a\r\nA: ")
                default: _ = try client.get("/first")
                }
                hostile.append(client)
                if number % 10 == 9 {
                    #expect(try HTTPClient(endpoint).get("/honest").text == "GET /honest \n")
                }
            }
            let patient = try HTTPClient(endpoint)
            for client in hostile { client.send("b") }
            for _ in 0..<20 { #expect(try patient.get("/honest").text == "GET /honest \n") }
        }
    }

    @Test("A request or a silence that takes too long ends the connection")
    func slowRequests() async throws {
        var limits = HTTPLimits()
        limits.requestTime = .milliseconds(50)
        try await withListener(limits) { endpoint in
            let silent = try HTTPClient(endpoint)
            #expect(try silent.receive() == nil)
            let slow = try HTTPClient(endpoint)
            slow.send("GET / HTTP/1.1\r\nHost")
            #expect(try slow.receive()?.status == 408)
            #expect(try slow.receive() == nil)
        }
        var idling = HTTPLimits()
        idling.idleTime = .milliseconds(50)
        try await withListener(idling) { endpoint in
            let idle = try HTTPClient(endpoint)
            #expect(try idle.get("/a").status == 200)
            #expect(try idle.receive() == nil)
        }
    }

    @Test("Responses that clients do not read hold bounded memory")
    func unreadResponses() async throws {
        var limits = HTTPLimits()
        limits.maxUnreadBytes = 64 << 20
        let body = [UInt8](repeating: 97, count: 40 << 20)
        try await withListener(limits, { _, done in done(HTTPResponse(.ok, body: body)) }) {
            endpoint in
            let slow = try HTTPClient(endpoint, receiveBuffer: 4_096)
            slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            // Two such responses have no room, once the first one waits for its client.
            var status = 0
            while status != 503 { status = try HTTPClient(endpoint).get("/").status }
            #expect(try slow.receive()?.body.count == body.count)
        }
    }

    @Test("A client that does not read its response in time is disconnected")
    func slowReaders() async throws {
        var limits = HTTPLimits()
        limits.readTime = .milliseconds(50)
        let body = [UInt8](repeating: 97, count: 16 << 20)
        let listener = try HTTPListener(.tcp(host: "127.0.0.1", port: 0), limits: limits) {
            $1(HTTPResponse(.ok, body: body))
        }
        listener.start()
        try await offPool {
            let slow = try HTTPClient(listener.endpoint, receiveBuffer: 4_096)
            slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while listener.counts.timedOut.load(ordering: .relaxed) == 0 {}
            #expect(throws: HTTPClientError.self) { try slow.receive() }
        }
        await withCheckedContinuation { done in listener.close { done.resume() } }
    }

    @Test("A response that is not made in time is a 503, and the late one is dropped")
    func slowResponses() async throws {
        var limits = HTTPLimits()
        limits.serviceTime = .milliseconds(50)
        let late = LateResponses()
        try await withListener(limits, { _, done in late.add(done) }) { endpoint in
            let client = try HTTPClient(endpoint)
            #expect(try client.get("/").status == 503)
            late.end()
            #expect(try client.receive() == nil)
        }
    }

    @Test("Random and mutated requests are served or refused, and the listener lives on")
    func fuzz() async throws {
        try await withListener { endpoint in
            var random = SeededGenerator(seed: 634)
            let good = Array(
                "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: a/b;q=0.5\r\nConnection: x\r\n\r\n"
                    .utf8
            )
            for turn in 0..<TestLength.cases(2_000, long: 100_000) {
                var bytes = good
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    let position = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: bytes[position] = .random(in: 0...255, using: &random)
                    case 1: bytes.insert(.random(in: 0...255, using: &random), at: position)
                    case 2 where bytes.count > 1: bytes.remove(at: position)
                    default: bytes += bytes[position...]
                    }
                }
                let client = try HTTPClient(endpoint)
                client.send(bytes)
                client.finishSending()
                while let response = try client.receive(isHead: false) {
                    #expect([200, 400, 413, 414, 431, 505].contains(response.status), "\(turn)")
                }
            }
            #expect(try HTTPClient(endpoint).get("/").status == 200)
        }
    }
}

/// Responses that are kept back.
// Unchecked: a lock guards the list.
private final class LateResponses: @unchecked Sendable {
    private let lock = NSLock()
    private var waiting: [@Sendable (HTTPResponse) -> Void] = []

    func add(_ done: @escaping @Sendable (HTTPResponse) -> Void) {
        lock.withLock { waiting.append(done) }
    }

    func end() {
        for done in lock.withLock({ waiting }) { done(HTTPResponse(.ok, "late")) }
    }
}

/// Runs `body` with the address of a listener whose responses repeat the request.
private func withListener(
    _ limits: HTTPLimits = HTTPLimits(),
    _ respond: @escaping HTTPListener.Responder = { request, done in
        done(HTTPResponse(.ok, "\(request.method) \(request.path) \(request.accept)"))
    },
    _ body: @escaping @Sendable (Endpoint) throws -> Void
) async throws {
    let listener = try HTTPListener(
        .tcp(host: "127.0.0.1", port: 0),
        limits: limits,
        respond: respond
    )
    listener.start()
    do {
        try await offPool { try body(listener.endpoint) }
    } catch {
        listener.close()
        throw error
    }
    await withCheckedContinuation { done in listener.close { done.resume() } }
}
