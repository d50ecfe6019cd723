// SPDX-License-Identifier: Apache-2.0
import LodestoneTransport
import LodestoneWire
import TestSupport
import Testing

@testable import LodestoneClient

@Suite("Unresponsive server", .timeLimit(.minutes(1)))
struct LifeTests {
    /// Replies to gets and writes.
    private func serve(_ server: ScriptedServer) -> Task<Void, Never> {
        Task {
            for await incoming in server.incomingCalls {
                switch incoming.request.call {
                case .get: incoming.reply(.echo(incoming.request))
                case .indexMany: incoming.reply(.written(at: 1))
                default: break
                }
            }
        }
    }

    @Test("A server that still receives a batch over a slow link is not given up")
    func slowLink() async throws {
        let server = try ScriptedServer()
        let link = try SlowLink(to: server.endpoint, bytesPerSecond: 800_000)
        let client = try await LodestoneClient.connect(
            .init(endpoint: link.endpoint, retry: .none)
        )
        let serving = serve(server)
        let text = String(repeating: "x", count: 900_000)
        let documents = try (0..<5).map { Document(id: try DocumentID("\($0)"), text: text) }
        let batch = Task { () async throws -> WriteReceipt in
            try await client.collection("c").indexMany(documents, deadline: .seconds(40))
        }
        let isOver = Shared(false)
        let reads = Task {
            var late = 0
            while !isOver.value {
                let error = await failure { () async throws(LodestoneError) in
                    try await client.collection("c").get(["a"], deadline: .milliseconds(200))
                }
                if error?.code == .deadlineExceeded { late += 1 }
            }
            return late
        }
        let result = await batch.result
        isOver.update { $0 = true }
        // All of it took one connection, though no read came back for longer than the limit.
        #expect(try result.get().sequenceNumber == 1)
        #expect(await reads.value > 5)
        #expect(server.hellos.value.count == 1)
        serving.cancel()
        await client.close()
        await link.end()
        await server.end()
    }

    @Test("A hanging server is given up although its system still accepts bytes")
    func hangingServer() async throws {
        // Calls that are given up keep their places.
        let server = try ScriptedServer(.init(maxInFlight: 100_000))
        let client = try await server.client(retry: .none)
        let isOver = Shared(false)
        let short = Task {
            while !isOver.value {
                _ = await failure { () async throws(LodestoneError) in
                    try await client.collection("c").get(["short"], deadline: .milliseconds(50))
                }
            }
        }
        let error = await failure { () async throws(LodestoneError) in
            try await client.collection("c").get(["long"], deadline: .seconds(20))
        }
        isOver.update { $0 = true }
        #expect(error?.reason == .noReply)
        await short.value
        await client.close()
        await server.end()
    }
}

@Suite("Suspicion of a server")
struct SuspicionTests {
    private let start = ContinuousClock.now

    private func time(_ seconds: Double) -> ContinuousClock.Instant {
        start.advanced(by: .milliseconds(Int(seconds * 1_000)))
    }

    private func suspicion(written: Int, delivered: Int) -> Suspicion {
        Suspicion(
            OutputProgress(written: written, delivered: delivered),
            lastReceived: start,
            now: start
        )
    }

    @Test("A suspicion is confirmed when no bytes move")
    func stuck() {
        var suspicion = suspicion(written: 1_000, delivered: 400)
        let stuck = OutputProgress(written: 1_000, delivered: 400)
        #expect(suspicion.check(stuck, now: time(0)) == .milliseconds(250))
        #expect(suspicion.check(stuck, now: time(1.9)) == .milliseconds(100))
        #expect(suspicion.check(stuck, now: time(2)) == nil)
    }

    @Test("A suspicion waits while needed bytes move, and then for a reply")
    func moving() {
        var suspicion = suspicion(written: 1_000, delivered: 400)
        for step in 1...6 {
            let progress = OutputProgress(written: 5_000, delivered: 400 + step * 100)
            #expect(suspicion.check(progress, now: time(Double(step))) == .milliseconds(250))
        }
        // Bytes that were written later move on, and are no sign of life.
        let later = OutputProgress(written: 5_000, delivered: 2_000)
        #expect(suspicion.check(later, now: time(7)) == .milliseconds(250))
        #expect(suspicion.check(later, now: time(7.75)) == .milliseconds(250))
        let latest = OutputProgress(written: 5_000, delivered: 3_000)
        #expect(suspicion.check(latest, now: time(8)) == nil)
    }

    @Test("A suspicion sees movement after the delivered count fell, as on Unix sockets")
    func fewerBytes() {
        var suspicion = suspicion(written: 1_000, delivered: 400)
        let fewer = OutputProgress(written: 2_000, delivered: -200)
        #expect(suspicion.check(fewer, now: time(1)) == .milliseconds(250))
        let more = OutputProgress(written: 2_000, delivered: 0)
        #expect(suspicion.check(more, now: time(1.9)) == .milliseconds(250))
        #expect(suspicion.check(more, now: time(3.8)) != nil)
        #expect(suspicion.check(more, now: time(3.9)) == nil)
    }
}

/// Reads nothing before it is told to.
private final class Sink: ByteStreamHandler {
    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int { bytes.count }
    func closed(_ stream: ByteStream, error: LodestoneError?) {}
}

@Suite("Output progress", .timeLimit(.minutes(1)))
struct OutputProgressTests {
    private func progress(of stream: ByteStream) async -> OutputProgress {
        await withCheckedContinuation { continuation in
            stream.loop.async { continuation.resume(returning: stream.outputProgress) }
        }
    }

    @Test("Output counts as delivered once the peer reads it", arguments: [false, true])
    func delivered(isUnix: Bool) async throws {
        let directory = try TemporaryDirectory()
        let endpoint: Endpoint =
            isUnix ? .unix(path: directory.path + "/s") : .tcp(host: "127.0.0.1", port: 0)
        let loop = try EventLoop(label: "output")
        let listener = try Listener(endpoint, loop: loop)
        let (accepted, accepting) = AsyncStream<ByteStream>.makeStream()
        listener.start { stream in
            stream.start(Sink())
            stream.suspendReading()
            accepting.yield(stream)
        }
        let sender = await withCheckedContinuation { continuation in
            ByteStream.connect(to: listener.localEndpoint, on: loop, timeout: .seconds(5)) {
                if case .success(let stream) = $0 { stream.start(Sink()) }
                continuation.resume(returning: $0)
            }
        }
        let stream = try sender.get()
        var accepts = accepted.makeAsyncIterator()
        let receiver = try #require(await accepts.next())
        #expect(await progress(of: stream) == OutputProgress(written: 0, delivered: 0))
        // More than the systems of both ends hold.
        let byteCount = 32 << 20
        stream.send { $0.append(contentsOf: [UInt8](repeating: 1, count: byteCount)) }
        while stream.stalledSince == nil { await Task.yield() }
        let stuck = await progress(of: stream)
        #expect(stuck.written == byteCount)
        // Some bytes accepted by this end's system are still there.
        #expect(stuck.delivered + stream.unsentByteCount < byteCount)
        loop.async { receiver.resumeReading() }
        var last = stuck
        while last.delivered < byteCount {
            last = await progress(of: stream)
            #expect(last.written == byteCount)
        }
        #expect(last.delivered == byteCount)
        await withCheckedContinuation { continuation in
            loop.shutdown { continuation.resume() }
        }
    }
}
