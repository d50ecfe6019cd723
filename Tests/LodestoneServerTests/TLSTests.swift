// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneCredentials
import LodestoneServer
import LodestoneSystem
import LodestoneWire
import Synchronization
import TestSupport
import Testing

/// Connections that have not ended their handshake.
private struct HalfOpen: @unchecked Sendable {
    // Unchecked: the test uses them from one thread at a time.
    let clients: [RawClient]
}

/// Calls that go on until a test ends them.
private final class Load: Sendable {
    let hasEnded = Atomic<Bool>(false)
    let calls = Atomic<Int>(0)
}

@Suite("TLS of a server", .timeLimit(.minutes(2)))
struct TLSTests {
    private func failure(
        _ configuration: LodestoneClient.Configuration
    ) async -> LodestoneError? {
        do throws(LodestoneError) {
            await (try LodestoneClient.connect(configuration)).close()
            return nil
        } catch {
            return error
        }
    }

    @Test("A client and a server talk over TLS, by a name and by an address in the certificate")
    func talk() async throws {
        try await TLSServer().serve { server in
            for host in ["localhost", "127.0.0.1"] {
                let client = try await LodestoneClient.connect(server.configuration(host: host))
                _ = try await client.ping()
                await client.close()
            }
        }
    }

    @Test("A server whose name, authority or validity is wrong is refused, and both ends say why")
    func refusedServers() async throws {
        let stranger = try TestAuthority(name: "stranger")
        try await TLSServer().serve { server in
            var other = server.configuration()
            other.tls?.serverName = "other.example"
            let name = await failure(other)
            #expect(name?.reason == .tlsCertificate && name?.code == .unauthenticated)
            #expect(name?.message.lowercased().contains("hostname mismatch") == true)
            #expect(await server.log.contains("refused", "TLS_REFUSED", "certificate"))

            other.tls?.serverName = "10.0.0.1"
            #expect(await failure(other)?.message.contains("IP address mismatch") == true)

            let unknown = await failure(
                server.configuration(tls: .init(authorities: stranger.certificate))
            )
            #expect(unknown?.reason == .tlsCertificate)
            #expect(unknown?.recovery.contains("authority") == true)
            #expect(await server.log.contains("refused", "TLS_REFUSED", "unknown ca"))

            let system = await failure(server.configuration(tls: .init()))
            #expect(system?.reason == .tlsCertificate)
        }
        try await TLSServer(days: -1).serve { server in
            let expired = await failure(server.configuration())
            #expect(expired?.reason == .tlsCertificate)
            #expect(expired?.message.contains("expired") == true)
            #expect(await server.log.contains("refused", "TLS_REFUSED", "expired"))
        }
    }

    @Test("A client without a certificate that is accepted is refused, and both ends say why")
    func refusedClients() async throws {
        let clients = try TestAuthority(name: "clients")
        let stranger = try TestAuthority(name: "stranger")
        try await TLSServer(clientAuthority: clients).serve { server in
            let none = await failure(server.configuration())
            #expect(none?.reason == .tlsRefused && none?.code == .unauthenticated)
            #expect(none?.message.contains("certificate required") == true)
            #expect(await server.log.contains("refused", "TLS_CERTIFICATE", "shown no certificate"))

            let wrong = try stranger.issue("client", subject: "/CN=app", names: "URI:app:one")
            var configuration = server.configuration()
            configuration.tls?.certificate = wrong.certificate
            configuration.tls?.key = wrong.key
            #expect(await failure(configuration)?.reason == .tlsRefused)
            #expect(await server.log.contains("refused", "TLS_CERTIFICATE", "local issuer"))

            let late = try clients.issue("late", subject: "/CN=app", names: "URI:app:one", days: -1)
            configuration.tls?.certificate = late.certificate
            configuration.tls?.key = late.key
            #expect(await failure(configuration)?.message.contains("expired") == true)

            let right = try clients.issue("client", subject: "/CN=app", names: "URI:app:one")
            configuration.tls?.certificate = right.certificate
            configuration.tls?.key = right.key
            #expect(await failure(configuration) == nil)
            #expect(await server.log.contains("connection opened", "CN=app"))

            // A certificate whose subject the token file does not list replaces no token.
            configuration.token = nil
            #expect(await failure(configuration)?.code == .unauthenticated)
        }
    }

    @Test("A certificate that the token file lists has the rights of its line, without a token")
    func certificateRights() async throws {
        let clients = try TestAuthority(name: "clients")
        let admin = "admin \(TLSServer.token)"
        let line = #"{"name":"app","subject":"CN=app","role":"read"}"#
        let listed = try Credentials(text: admin + "\n" + line, path: "tokens")
        let server = try TLSServer(clientAuthority: clients) { $0.credentials = listed }
        try await server.serve { server in
            var configuration = server.configuration()
            let shown = try clients.issue("client", subject: "/CN=app", names: "URI:app:one")
            configuration.tls?.certificate = shown.certificate
            configuration.tls?.key = shown.key
            configuration.token = nil
            let client = try await LodestoneClient.connect(configuration)
            _ = try await client.collections()
            let refused = await #expect(throws: LodestoneError.self) {
                try await client.createCollection("c", CollectionOptions(dimension: 2))
            }
            #expect(refused?.code == .permissionDenied)

            try server.replaceCredentials(admin)
            let ended = await #expect(throws: LodestoneError.self) {
                _ = try await client.collections()
            }
            #expect(ended?.code == .unauthenticated)
            await client.close()

            // With a token, the rights are those of the token.
            configuration.token = TLSServer.token
            let owner = try await LodestoneClient.connect(configuration)
            try await owner.createCollection("c", CollectionOptions(dimension: 2))
            await owner.close()
        }
    }

    @Test("Clear text to a server that speaks TLS, and TLS to one that does not, get clear errors")
    func wrongForm() async throws {
        try await TLSServer().serve { server in
            var configuration = server.configuration()
            configuration.tls = nil
            let error = await failure(configuration)
            #expect(error?.reason == .tlsRequired && error?.code == .failedPrecondition)
            #expect(error?.recovery.contains("lodestones://") == true)
            #expect(await server.log.contains("refused", "NOT_TLS", "clear text"))
        }
        try await TLSServer { $0.tls = nil }.serve { server in
            let error = await failure(server.configuration())
            #expect(error?.reason == .notTLS, "\(String(describing: error))")
            #expect(await server.log.contains("refused", "speaks TLS", "no certificate"))
        }
    }

    @Test("The program openssl gets TLS 1.3 and 1.2 with the protocol lodestone/1 only")
    func openssl() async throws {
        try await TLSServer().serve { server in
            let (port, authority) = (server.port, server.authority.certificate)
            @Sendable func handshake(_ options: String...) async throws -> String {
                try await offPool {
                    let common = [
                        "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", authority,
                        "-verify_return_error", "-verify_hostname", "localhost",
                    ]
                    return try TestAuthority.openssl(common + options, mayFail: true)
                }
            }
            for version in ["-tls1_3", "-tls1_2"] {
                let talk = try await handshake(version, "-alpn", "lodestone/1")
                #expect(talk.contains("ALPN protocol: lodestone/1"), "\(talk)")
                #expect(talk.contains("Verify return code: 0 (ok)"), "\(talk)")
            }
            #expect(try await handshake("-alpn", "http/1.1").contains("no application protocol"))
            #expect(try await handshake().contains("No ALPN negotiated"))
            let old = try await handshake("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
            #expect(old.contains("alert protocol version"), "\(old)")
            let weak = try await handshake("-tls1_2", "-cipher", "AES128-SHA")
            #expect(weak.contains("handshake failure"), "\(weak)")
        }
    }

    @Test("A handshake of one byte at a time ends with the time for a hello, and others go on")
    func slowHandshakes() async throws {
        let server = try TLSServer { $0.limits.helloTimeout = .seconds(1) }
        try await server.serve { server in
            let silent = try await offPool {
                HalfOpen(
                    clients: try (0..<64).map { _ in try RawClient(server.endpoint, hello: false) }
                )
            }
            let client = try await server.connect()
            _ = try await client.ping()
            await client.close()
            try await offPool {
                // The beginning of a handshake, whose length is 512 bytes.
                let start: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC]
                for client in silent.clients { try client.send([start[0]]) }
                for byte in start.dropFirst() { try silent.clients[0].send([byte]) }
                for client in silent.clients { #expect(try client.lastError() == nil) }
            }
            #expect(await server.log.contains("closed before the TLS handshake was over"))
        }
    }

    @Test("Frames of megabytes arrive whole over TLS, both ways and at the same time")
    func bigFrames() async throws {
        let server = try TLSServer { $0.limits.maxFrameBytes = 64 << 20 }
        try await server.serve { server in
            let client = try await server.connect()
            try await client.createCollection("a", CollectionOptions(dimension: 1_024))
            let collection = client.collection("a")
            let documents = (0..<1_000).map { row in
                Document(
                    id: DocumentID(trusted: "\(row)"),
                    vector: (1...1_024).map { element in Float((element + row) % 1_000) },
                    text: String(repeating: "word\(row) ", count: 2_000)
                )
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for start in stride(from: 0, to: 1_000, by: 250) {
                    group.addTask {
                        let part = Array(documents[start..<(start + 250)])
                        try await collection.indexMany(part)
                        let found = try await collection.get(part.map(\.id))
                        #expect(found.map(\.text) == part.map(\.text))
                        #expect(found.map(\.vector) == part.map(\.vector))
                    }
                }
                try await group.waitForAll()
            }
            await client.close()
        }
    }

    @Test("Certificates that change again and again under load fail no call")
    func rotation() async throws {
        try await TLSServer().serve { server in
            let steady = try await server.connect()
            let load = Load()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        while !load.hasEnded.load(ordering: .relaxed) {
                            // An earlier connection goes on, and new ones begin all the time.
                            _ = try await steady.ping()
                            let client = try await server.connect()
                            _ = try await client.ping()
                            await client.close()
                            load.calls.add(1, ordering: .relaxed)
                        }
                    }
                }
                let clock = ContinuousClock()
                var next = clock.now
                for _ in 0..<60 {
                    try await offPool { try server.rotate() }
                    next = next.advanced(by: .milliseconds(50))
                    try await clock.sleep(until: next)
                }
                load.hasEnded.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            #expect(load.calls.load(ordering: .relaxed) > 0)
            await steady.close()
        }
    }

    @Test("A bad certificate is refused on reload, and the server keeps the one that it has")
    func badReload() async throws {
        try await TLSServer().serve { server in
            let path = (server.authority.certificate as NSString).deletingLastPathComponent
            try Data("no certificate".utf8).write(to: URL(fileURLWithPath: path + "/server.pem"))
            let error = #expect(throws: LodestoneError.self) { try server.reload() }
            #expect(error?.message.contains("server.pem") == true)
            let client = try await server.connect()
            _ = try await client.ping()
            await client.close()
        }
    }

    @Test("An address beyond this machine needs a certificate, and tokens or clients' certificates")
    func exposure() throws {
        let authority = try TestAuthority()
        let issued = try authority.issue("server")
        let credentials = try Credentials(text: "admin \(TLSServer.token)", path: "tokens")
        func reason(
            credentials: Credentials? = nil,
            tls: Bool = false,
            clientCA: Bool = false
        ) -> LodestoneError.Reason? {
            let files = TLSFiles(
                certificate: issued.certificate,
                key: issued.key,
                clientCA: clientCA ? authority.certificate : nil
            )
            let configuration = ServerConfiguration(
                endpoint: .tcp(host: "0.0.0.0", port: 0),
                credentials: credentials,
                tls: tls ? files : nil
            )
            do throws(LodestoneError) {
                try configuration.checkExposure()
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason() == .noTokens)
        #expect(reason(tls: true) == .noTokens)
        #expect(reason(credentials: credentials) == .cleartext)
        #expect(reason(credentials: credentials, tls: true) == nil)
        #expect(reason(tls: true, clientCA: true) == nil)
    }
}
