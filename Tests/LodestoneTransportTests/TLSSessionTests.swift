// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneTransport
import TestSupport
import Testing

/// The contexts of both ends, with certificates of an authority of their own.
struct Contexts {
    let authority: TestAuthority
    let server: TLSContext
    let client: TLSContext

    init(clientsShowCertificates: Bool = false) throws {
        authority = try TestAuthority()
        let issued = try authority.issue("server")
        server = try .server(
            certificate: issued.certificate,
            key: issued.key,
            clientCA: clientsShowCertificates ? authority.certificate : nil
        )
        let shown =
            clientsShowCertificates
            ? try authority.issue("client", subject: "/O=Example/CN=app", names: "URI:app:one")
            : nil
        client = try .client(
            authorities: authority.certificate,
            certificate: shown?.certificate,
            key: shown?.key
        )
    }

    func acceptor(cleartextReply: [UInt8] = []) -> TLSAcceptor {
        TLSAcceptor(server, cleartextReply: cleartextReply)
    }

    func session(to name: String = "localhost") throws -> TLSSession {
        try TLSSession(connectingWith: client, to: name)
    }
}

@Suite("TLS session", .timeLimit(.minutes(1)))
struct TLSSessionTests {
    private func pair(_ contexts: Contexts) async throws -> Pair {
        try await Pair(tls: contexts.acceptor(), session: contexts.session())
    }

    /// Bytes with a different value at most places, so that lost or swapped ones are noticed.
    private func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8 ^ $0 >> 16) }
    }

    @Test(
        "An encrypted stream carries bytes both ways, few and many",
        arguments: [1, 300, 9 << 20]
    )
    func echoes(count: Int) async throws {
        let pair = try await pair(Contexts())
        let client = Recorder()
        pair.start(server: Recorder(consume: echo), client: client)
        let bytes = pattern(count)
        pair.client.send { $0.append(contentsOf: bytes) }
        #expect(try await client.bytes(count) == bytes)
        #expect(pair.client.unsentByteCount == 0)
        await pair.loop.end()
    }

    @Test("An encrypted stream gives the server the name in the client's certificate")
    func identity() async throws {
        let pair = try await pair(Contexts(clientsShowCertificates: true))
        let server = Recorder()
        pair.start(server: server, client: Recorder())
        pair.client.send { $0.append(contentsOf: [1]) }
        #expect(try await server.bytes(1) == [1])
        let identity = await pair.loop.run { pair.server.peerIdentity }
        #expect(identity?.subject == "CN=app,O=Example")
        #expect(identity?.alternativeName == "app:one")
        await pair.loop.end()
    }

    @Test("An encrypted stream waits for a slow reader, reports since when, and sends everything")
    func slowReader() async throws {
        let pair = try await pair(Contexts())
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        pair.client.send { $0.append(contentsOf: [7]) }
        #expect(try await server.bytes(1) == [7])
        await pair.loop.run { pair.server.suspendReading() }
        let bytes = pattern(24 << 20)
        pair.client.send { $0.append(contentsOf: bytes) }
        await pair.loop.run {}
        await pair.loop.run {}
        let unsent = pair.client.unsentByteCount
        #expect(unsent > 0 && unsent <= bytes.count)
        #expect(pair.client.stalledSince != nil)
        let progress = await pair.loop.run { pair.client.outputProgress }
        #expect(progress.written == bytes.count + 1)
        #expect((0..<bytes.count).contains(progress.delivered))
        await pair.loop.run { pair.server.resumeReading() }
        #expect(try await server.bytes(bytes.count) == bytes)
        #expect(await client.wait(for: .drained))
        #expect(pair.client.unsentByteCount == 0)
        #expect(pair.client.stalledSince == nil)
        await pair.loop.end()
    }

    @Test("An encrypted stream counts its unsent bytes and records, and frees them at its end")
    func memory() async throws {
        let pair = try await pair(Contexts())
        let memory = MemoryBudget(limit: 1 << 30)
        let (server, client) = (Recorder(), Recorder())
        pair.loop.async {
            pair.server.start(server)
            pair.client.start(client, outputMemory: memory)
        }
        pair.client.send { $0.append(contentsOf: [7]) }
        #expect(try await server.bytes(1) == [7])
        await pair.loop.run { pair.server.suspendReading() }
        pair.client.send { $0.append(contentsOf: [UInt8](repeating: 1, count: 24 << 20)) }
        await pair.loop.run {}
        await pair.loop.run {}
        #expect(memory.usedByteCount > pair.client.unsentByteCount)
        pair.client.close()
        #expect(await client.end() == nil)
        #expect(memory.usedByteCount == 0)
        await pair.loop.end()
    }

    @Test(
        "An encrypted stream keeps messages of many sending threads intact",
        arguments: [true, false]
    )
    func manySenders(isShort: Bool) async throws {
        let pair = try await pair(Contexts())
        let server = Recorder()
        // The client receives all the time, while other threads send.
        pair.start(server: server, client: Recorder())
        pair.loop.async {
            for _ in 0..<200 { pair.server.send { $0.append(contentsOf: [1, 2, 3]) } }
        }
        try await pair.expectIntactMessages(to: server, isShort: isShort)
        await pair.loop.end()
    }

    @Test("An encrypted stream that closes after a flush sends everything first")
    func closeWhileWriting() async throws {
        let pair = try await pair(Contexts())
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        let bytes = pattern(8 << 20)
        pair.client.send { $0.append(contentsOf: bytes) }
        pair.client.closeAfterFlush()
        #expect(try await server.bytes(bytes.count) == bytes)
        #expect(await server.end() == nil)
        #expect(await client.end() == nil)
        await pair.loop.end()
    }

    @Test("An encrypted stream still reads after it has finished its output")
    func halfClose() async throws {
        let pair = try await pair(Contexts())
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

    @Test("An encrypted stream that is cut without a farewell reports a lost connection")
    func truncation() async throws {
        let pair = try await pair(Contexts())
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        pair.client.send { $0.append(contentsOf: [1]) }
        #expect(try await server.bytes(1) == [1])
        await pair.loop.run { pair.server.suspendReading() }
        pair.client.send { $0.append(contentsOf: [UInt8](repeating: 1, count: 24 << 20)) }
        await pair.loop.run {}
        pair.client.close()
        #expect(await client.end() == nil)
        await pair.loop.run { pair.server.resumeReading() }
        #expect(await server.end()?.reason == .connectionLost)
        await pair.loop.end()
    }

    @Test("An encrypted stream that closes says so, and the other end sees an end and no loss")
    func farewell() async throws {
        let pair = try await pair(Contexts())
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        pair.client.send { $0.append(contentsOf: [1]) }
        #expect(try await server.bytes(1) == [1])
        pair.client.close()
        #expect(await server.wait(for: .inputEnded))
        #expect(await server.end() == nil)
        await pair.loop.end()
    }

    @Test("A frame in clear text to a port that speaks TLS is refused in words for both ends")
    func cleartextIntoTLS() async throws {
        let reply = Array("speak TLS".utf8)
        let pair = try await Pair(tls: Contexts().acceptor(cleartextReply: reply))
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        pair.client.send { $0.append(contentsOf: [0, 0, 0, 5, 1, 2, 3, 4, 5]) }
        #expect(try await client.bytes(reply.count) == reply)
        let error = await server.end()
        #expect(error?.reason == .notTLS, "\(error?.message ?? "")")
        #expect(await client.end() == nil)
        await pair.loop.end()
    }

    @Test("A client that speaks TLS to a port in clear text is told so")
    func tlsIntoCleartext() async throws {
        let pair = try await Pair(session: Contexts().session())
        let server = Recorder { bytes, stream in
            stream.send { $0.append(contentsOf: [0, 0, 0, 1, 9]) }
            return bytes.count
        }
        let client = Recorder()
        pair.start(server: server, client: client)
        pair.client.send { $0.append(contentsOf: Array("a secret".utf8)) }
        let error = await client.end()
        #expect(error?.reason == .notTLS, "\(error?.message ?? "")")
        await pair.loop.end()
    }

    @Test("Random bytes instead of a handshake end the connection and nothing else")
    func garbage() async throws {
        let contexts = try Contexts()
        var generator = SeededGenerator(seed: 18)
        for first: UInt8 in [0x16, 0x15, 0x00, 0x47, 0x80] {
            for _ in 0..<20 {
                let pair = try await Pair(tls: contexts.acceptor())
                let (server, client) = (Recorder(), Recorder())
                pair.start(server: server, client: client)
                let count = Int.random(in: 6...3_000, using: &generator)
                var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                bytes[0] = first
                // A plausible record is longer than what follows, so the server waits for the rest.
                if first == 0x16 { bytes.replaceSubrange(1..<5, with: [3, 1, 0, 64]) }
                pair.client.send { $0.append(contentsOf: bytes) }
                pair.client.finishOutput()
                #expect(await server.end() != nil, "\(bytes)")
                await pair.loop.end()
            }
        }
    }

    @Test("No certificate of a server is accepted for an empty name or one with a NUL")
    func impossibleNames() throws {
        let contexts = try Contexts()
        for name in ["", ".example", "localhost\0.example"] {
            #expect(throws: LodestoneError.self) { _ = try contexts.session(to: name) }
        }
    }

    @Test("Files that can't be used for TLS are refused with the reason and the next step")
    func badFiles() throws {
        let contexts = try Contexts()
        let directory = try TemporaryDirectory()
        let good = try contexts.authority.issue("good")
        let other = try contexts.authority.issue("other")
        let open = try directory.write(
            "open.key",
            String(contentsOfFile: good.key, encoding: .utf8),
            mode: 0o644
        )
        let locked = directory.path + "/locked.key"
        try TestAuthority.openssl([
            "pkey", "-in", good.key, "-aes256", "-passout", "pass:secret", "-out", locked,
        ])
        let text = try directory.write("text", "no certificate")
        let cut = try directory.write(
            "cut.pem",
            String(String(contentsOfFile: good.certificate, encoding: .utf8).dropLast(200))
        )
        let cases: [(certificate: String, key: String, ca: String?, says: String)] = [
            (directory.path + "/none", good.key, nil, "can't be opened"),
            (directory.path, good.key, nil, "is not a file"),
            (text, good.key, nil, "has no certificate"),
            (cut, good.key, nil, "malformed"),
            (good.certificate, open, nil, "everyone on this machine"),
            (good.certificate, locked, nil, "encrypted"),
            (good.certificate, text, nil, "no private key"),
            (good.certificate, other.key, nil, "does not belong"),
            (good.certificate, good.key, text, "has no certificate"),
        ]
        for (certificate, key, ca, says) in cases {
            let error = #expect(throws: LodestoneError.self) {
                _ = try TLSContext.server(certificate: certificate, key: key, clientCA: ca)
            }
            #expect(error?.reason == .badTLSFile)
            #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
        }
    }
}
