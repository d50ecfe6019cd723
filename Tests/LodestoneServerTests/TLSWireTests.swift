// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneServer
import LodestoneSystem
import Synchronization
import TestSupport
import Testing

@Suite("Bytes of TLS", .timeLimit(.minutes(1)))
struct TLSWireTests {
    /// Writes and finds one document through a proxy; returns the bytes that passed it.
    private func record(_ server: TLSServer, encrypts: Bool) async throws -> [UInt8] {
        let proxy = try RecordingProxy(to: server.port)
        var configuration = server.configuration()
        configuration.endpoint = .tcp(host: "localhost", port: proxy.port)
        if !encrypts { configuration.tls = nil }
        let client = try await LodestoneClient.connect(configuration)
        try await client.createCollection("a", CollectionOptions(dimension: 0))
        let document = Document(id: "secret-id", text: "confidential sentence")
        try await client.collection("a").indexMany([document])
        let result = try await client.collection("a").search(Query([.matching("confidential")]))
        #expect(result.hits.map(\.id) == ["secret-id"])
        await client.close()
        return proxy.bytes
    }

    private func has(_ text: String, _ bytes: [UInt8]) -> Bool {
        Data(bytes).range(of: Data(text.utf8)) != nil
    }

    @Test("The bytes of an encrypted session hold no id, no text and no token")
    func secrecy() async throws {
        let secrets = ["secret-id", "confidential", TLSServer.token]
        try await TLSServer().serve { server in
            let bytes = try await record(server, encrypts: true)
            #expect(bytes.count > 1_000)
            for secret in secrets { #expect(!has(secret, bytes), "\(secret)") }
        }
        // The same session without encryption shows that the proxy would see them.
        try await TLSServer { $0.tls = nil }.serve { server in
            let bytes = try await record(server, encrypts: false)
            for secret in secrets { #expect(has(secret, bytes), "\(secret)") }
        }
    }
}

/// Passes the bytes of one connection on to a port of this machine, and keeps them.
private final class RecordingProxy: Sendable {
    let port: UInt16
    private let listening: Int32
    private let kept = Mutex<[UInt8]>([])

    /// The bytes that have passed, of both directions.
    var bytes: [UInt8] { kept.withLock { $0 } }

    init(to target: UInt16) throws {
        let listening = socket(AF_INET, streamSocket, 0)
        self.listening = listening
        var address = Self.address(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listening, $0, size)
                _ = listen(listening, 8)
                _ = getsockname(listening, $0, &size)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in
            let near = accept(listening, nil, nil)
            let far = socket(AF_INET, streamSocket, 0)
            var address = Self.address(port: target)
            _ = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            Thread.detachNewThread { self.pass(far, near) }
            pass(near, far)
        }
    }

    deinit { close(listening) }

    private static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private func pass(_ from: Int32, _ to: Int32) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            kept.withLock { $0 += buffer[..<count] }
            var sent = 0
            while sent < count {
                let more = buffer[sent..<count].withUnsafeBytes {
                    send(to, $0.baseAddress, $0.count, noSignal)
                }
                guard more > 0 else { return }
                sent += more
            }
        }
        shutdown(to, Int32(SHUT_WR))
    }
}
