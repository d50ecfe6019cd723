// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStructures
import LodestoneTransport
import Testing

@Suite("Byte stream", .timeLimit(.minutes(1)))
struct ByteStreamTests {
    @Test(
        "A byte stream carries bytes both ways, over TCP and Unix sockets",
        arguments: [false, true]
    )
    func echoes(isUnix: Bool) async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let endpoint: Endpoint =
            isUnix
            ? .unix(path: directory.appending(path: "s").path)
            : .tcp(host: "127.0.0.1", port: 0)
        let pair = try await Pair(endpoint)
        let client = Recorder()
        pair.start(server: Recorder(consume: echo), client: client)
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        pair.client.send { $0.append(contentsOf: bytes) }
        #expect(try await client.bytes(bytes.count) == bytes)
        await pair.loop.end()
    }

    @Test("A byte stream delivers unconsumed bytes again together with the next ones")
    func byteByByte() async throws {
        let pair = try await Pair()
        // The server takes the bytes in groups of five.
        let server = Recorder { bytes, stream in
            let whole = bytes.count / 5 * 5
            stream.send { $0.append(UnsafeRawBufferPointer(rebasing: bytes[..<whole])) }
            return whole
        }
        let client = Recorder()
        pair.start(server: server, client: client)
        let bytes = (0..<200).map { UInt8($0) }
        for byte in bytes { pair.client.send(now: true) { $0.append(contentsOf: [byte]) } }
        #expect(try await client.bytes(200) == bytes)
        await pair.loop.end()
    }

    @Test("A byte stream waits for a slow reader, reports since when, and sends everything")
    func slowReader() async throws {
        let pair = try await Pair()
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        await pair.loop.run { pair.server.suspendReading() }
        // These are more bytes than the system's buffers take, with a mark in every MiB.
        var bytes = [UInt8](repeating: 0, count: 24 << 20)
        for mark in 0..<24 { bytes[mark << 20 | mark * 1_001] = UInt8(mark + 1) }
        pair.client.send { $0.append(contentsOf: bytes) }
        await pair.loop.run {}
        await pair.loop.run {}
        #expect(pair.client.unsentByteCount > 0)
        #expect(pair.client.stalledSince != nil)
        await pair.loop.run { pair.server.resumeReading() }
        #expect(try await server.bytes(bytes.count) == bytes)
        #expect(await client.wait(for: .drained))
        #expect(pair.client.unsentByteCount == 0)
        #expect(pair.client.stalledSince == nil)
        await pair.loop.end()
    }

    @Test(
        "A byte stream keeps read bytes while reading is suspended and delivers them on resumption"
    )
    func suspension() async throws {
        let pair = try await Pair()
        // The server takes one byte and then suspends reading.
        let server = Recorder { _, stream in
            stream.suspendReading()
            return 1
        }
        pair.start(server: server, client: Recorder())
        pair.client.send { $0.append(contentsOf: [1, 2, 3]) }
        for byte: UInt8 in 1...3 {
            #expect(try await server.bytes(1) == [byte])
            await pair.loop.run { pair.server.resumeReading() }
        }
        await pair.loop.end()
    }

    @Test(
        "A byte stream keeps messages of many sending threads intact, short ones and long ones",
        arguments: [true, false]
    )
    func manySenders(isShort: Bool) async throws {
        let pair = try await Pair()
        let server = Recorder()
        pair.start(server: server, client: Recorder())
        try await pair.expectIntactMessages(to: server, isShort: isShort)
        await pair.loop.end()
    }

    @Test("A failed encoder leaves the output of a byte stream as it was")
    func failingEncoder() async throws {
        let refusal = LodestoneError(.invalidArgument, reason: .badVector, "", recovery: "")
        let pair = try await Pair()
        let server = Recorder()
        pair.start(server: server, client: Recorder())
        #expect(throws: refusal) {
            try pair.client.trySend { (_: inout ByteBuffer) throws(LodestoneError) in throw refusal
            }
        }
        pair.client.send { $0.append(contentsOf: [7]) }
        #expect(try await server.bytes(1) == [7])
        await pair.loop.end()
    }

    @Test("A byte stream that closes after a flush sends everything first")
    func closeWhileWriting() async throws {
        let pair = try await Pair()
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        let byteCount = 8 << 20
        pair.client.send { $0.append(contentsOf: [UInt8](repeating: 1, count: byteCount)) }
        pair.client.closeAfterFlush()
        #expect(try await server.bytes(byteCount).count == byteCount)
        #expect(await server.end() == nil)
        #expect(await client.end() == nil)
        await pair.loop.end()
    }

    @Test("A closing byte stream delivers its last bytes to a peer that still sends")
    func lastWords() async throws {
        let pair = try await Pair()
        let server = Recorder { bytes, stream in
            stream.send { $0.append(contentsOf: Array("go away".utf8)) }
            stream.closeAfterFlush()
            return bytes.count
        }
        let client = Recorder()
        pair.start(server: server, client: client)
        let flood = [UInt8](repeating: 1, count: 4 << 20)
        pair.client.send { $0.append(contentsOf: flood) }
        #expect(try await client.bytes(7) == Array("go away".utf8))
        #expect(await client.end() == nil)
        #expect(await server.end() == nil)
        await pair.loop.end()
    }

    @Test("A byte stream that closes at once discards its output")
    func closeNow() async throws {
        let pair = try await Pair()
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        await pair.loop.run {
            pair.client.send { $0.append(contentsOf: [1]) }
            pair.client.close()
        }
        #expect(await client.end() == nil)
        #expect(await server.wait(for: .inputEnded))
        pair.client.send { $0.append(contentsOf: [2]) }
        #expect(pair.client.unsentByteCount == 0)
        await pair.loop.end()
    }

    @Test("A byte stream reports a reset by the peer to its handler")
    func reset() async throws {
        let pair = try await Pair()
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        pair.client.reset()
        let error = await server.end()
        #expect(error?.code == .unavailable)
        #expect(error?.reason == .connectionLost)
        #expect(await client.end() == nil)
        await pair.loop.end()
    }

    #if os(Linux)
    // Dispatch sources report nothing about a socket that is not being read.
    @Test("A byte stream notices a reset while reading is suspended")
    func resetWhileSuspended() async throws {
        let pair = try await Pair()
        let server = Recorder()
        pair.start(server: server, client: Recorder())
        await pair.loop.run { pair.server.suspendReading() }
        pair.client.send(now: true) { $0.append(contentsOf: [1]) }
        pair.client.reset()
        #expect(await server.end()?.reason == .connectionLost)
        await pair.loop.end()
    }
    #endif

    @Test("A byte stream still reads after it has finished its output")
    func halfClose() async throws {
        let pair = try await Pair()
        // The server replies only once all input is there.
        let (server, client) = (Recorder(closesAtEnd: false), Recorder())
        pair.start(server: server, client: client)
        pair.client.send { $0.append(contentsOf: [1, 2]) }
        pair.client.finishOutput()
        #expect(await server.wait(for: .inputEnded))
        pair.server.send { $0.append(contentsOf: [3, 4]) }
        pair.server.closeAfterFlush()
        #expect(try await client.bytes(2) == [3, 4])
        #expect(await client.end() == nil)
        #expect(await server.end() == nil)
        await pair.loop.end()
    }

    @Test("A handler closes its byte stream in the middle of a delivery")
    func closeInsideDelivery() async throws {
        let pair = try await Pair()
        let server = Recorder { bytes, stream in
            stream.close()
            return bytes.count
        }
        pair.start(server: server, client: Recorder())
        pair.client.send { $0.append(contentsOf: [UInt8](repeating: 9, count: 100_000)) }
        #expect(await server.end() == nil)
        await pair.loop.end()
    }

    @Test("A byte stream sends the writes of one round with one system call")
    func coalescing() async throws {
        let pair = try await Pair()
        let deliveries = Shared(0)
        let server = Recorder { bytes, _ in
            deliveries.update { $0 += 1 }
            return bytes.count
        }
        pair.start(server: server, client: Recorder())
        await pair.loop.run {
            for byte in 0..<100 { pair.client.send { $0.append(contentsOf: [UInt8(byte)]) } }
        }
        #expect(try await server.bytes(100).count == 100)
        #expect(deliveries.value == 1)
        await pair.loop.end()
    }
}
