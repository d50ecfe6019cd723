// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneSystem
import LodestoneWire
import TestSupport
import Testing

#if canImport(Glibc)
private let datagrams = Int32(SOCK_DGRAM.rawValue)
#elseif canImport(Darwin)
private let datagrams = SOCK_DGRAM
#endif

@Suite("Supervisor")
struct SupervisorTests {
    #if os(Linux)
    static let names = ["path", "abstract"]
    #else
    static let names = ["path"]
    #endif

    @Test("A supervisor hears when the server serves and when it stops", arguments: names)
    func states(kind: String) async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let name = "lodestone-\(UInt32.random(in: 0 ... .max))"
            let address = kind == "path" ? "/tmp/\(name).sock" : "@\(name)"
            defer { unlink(address) }
            let supervisor = try Datagrams(at: address)
            let program = try Program(
                ["--data", directory.path + "/store", "--listen", "127.0.0.1:0"],
                environment: ["NOTIFY_SOCKET": address]
            )
            let ready = try supervisor.next()
            // The message alone must be enough to call the server.
            let prefix = "READY=1\nSTATUS=Listening on "
            #expect(ready.hasPrefix(prefix))
            let endpoint = try Endpoint(String(ready.dropFirst(prefix.count)))
            #expect(try RawClient(endpoint).call(.ping).error == nil)
            program.signal(SIGTERM)
            #expect(try supervisor.next().hasPrefix("STOPPING=1\n"))
            #expect(program.status() == 0)
        }
    }

    @Test(
        "A server whose supervisor can't be told serves all the same",
        arguments: [
            "/nowhere/notify", "relative/notify", "@" + String(repeating: "x", count: 200),
        ]
    )
    func unreachable(address: String) async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let program = try Program(
                ["--data", directory.path, "--listen", "127.0.0.1:0"],
                environment: ["NOTIFY_SOCKET": address]
            )
            #expect(try RawClient(try program.endpoint()).call(.ping).error == nil)
            #expect(program.errors.contains("the supervisor can't be told"))
            program.signal(SIGTERM)
            #expect(program.status() == 0)
        }
    }
}

/// A socket that receives datagrams, as a supervisor has it.
private final class Datagrams {
    private let descriptor: Int32

    /// Opens the socket at a path, or at an abstract name that begins with `@`.
    init(at address: String) throws {
        descriptor = socket(AF_UNIX, datagrams, 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(address.utf8)
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + bytes.count } ?? 0
        let code = withUnsafePointer(to: &name) { name in
            // A generic address is the start of a Unix address.
            name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(length))
            }
        }
        // A server that says nothing fails the test instead of stopping it.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
        guard code == 0 else { throw RawClientError("bind: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Waits for the next datagram.
    func next() throws -> String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw RawClientError("no message from the server within 30 s") }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
