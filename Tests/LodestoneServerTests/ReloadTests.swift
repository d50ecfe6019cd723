// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneWire
import TestSupport
import Testing

@Suite("Reload", .timeLimit(.minutes(5)))
struct ReloadTests {
    private static let first = "admin-0123456789abcdef-1"
    private static let second = "admin-0123456789abcdef-2"

    /// A server on a free port, with its store in `directory`.
    private static func program(
        in directory: TemporaryDirectory,
        _ options: String...
    ) throws -> Program {
        let store = directory.path + "/store"
        return try Program(["--data", store, "--listen", "127.0.0.1:0"] + options)
    }

    /// Connects until a token is accepted, or refused.
    private static func wait(
        for token: String,
        accepted: Bool,
        at endpoint: Endpoint
    ) throws -> RawClient {
        while true {
            let client = try RawClient(endpoint, hello: false)
            let reply = try client.call(.hello(.test(token: token)))
            if (reply.error == nil) == accepted { return client }
        }
    }

    private static func wait(for text: String, in program: Program) {
        while !program.errors.contains(text) { usleep(10_000) }
    }

    @Test("A running server follows its token file, and keeps the old tokens while the file is bad")
    func tokens() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let file = try directory.write("tokens", Self.first)
            let program = try Self.program(in: directory, "--token-file", file)
            let endpoint = try program.endpoint()
            let old = try Self.wait(for: Self.first, accepted: true, at: endpoint)
            // The file is watched: no signal is needed.
            try TokenFile.change(file) { (text: inout String) throws(LodestoneError) in
                text = TokenFile.appending(Self.second, to: text)
            }
            let new = try Self.wait(for: Self.second, accepted: true, at: endpoint)
            // A bad file changes nothing.
            _ = try directory.write("tokens", "read short")
            program.signal(SIGHUP)
            Self.wait(for: "not reloaded", in: program)
            #expect(!program.errors.contains("short"))
            for token in [Self.first, Self.second] {
                #expect(try RawClient(endpoint, token: token).call(.ping).error == nil)
            }
            // A good one does, for open connections, too.
            _ = try directory.write("tokens", Self.second)
            program.signal(SIGHUP)
            #expect(try old.lastError()?.reason == .credentialEnded)
            #expect(try new.call(.ping).error == nil)
            program.signal(SIGTERM)
            #expect(program.status() == 0)
        }
    }

    @Test("SIGHUP changes the log level and the slow threshold, and names what needs a restart")
    func settings() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let config = try directory.write("lodestone.json", #"{"logLevel": "error"}"#)
            let program = try Self.program(in: directory, "--config", config)
            let endpoint = try program.endpoint()
            _ = try RawClient(endpoint)
            _ = try directory.write(
                "lodestone.json",
                #"{"logLevel": "debug", "slowRequestMs": 1, "maxBatch": 17}"#
            )
            program.signal(SIGHUP)
            Self.wait(for: "maxBatch", in: program)
            #expect(!program.errors.contains("connection opened"))
            let client = try RawClient(endpoint)
            Self.wait(for: "connection opened", in: program)
            let work = try HugeSearch(client, queries: 200)
            #expect(try client.call(work.call).error == nil)
            Self.wait(for: "slow request", in: program)
            // Settings that can't be read change nothing.
            _ = try directory.write("lodestone.json", #"{"logLevel": "loud"}"#)
            program.signal(SIGHUP)
            Self.wait(for: "not reloaded", in: program)
            program.signal(SIGTERM)
            #expect(program.status() == 0)
        }
    }

    @Test("A rotation of the token every 20 ms fails no call of a client that has the current one")
    func rotation() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let file = try directory.write("tokens", Self.first)
            let program = try Self.program(in: directory, "--token-file", file)
            let endpoint = try program.endpoint()
            let client = try Self.wait(for: Self.first, accepted: true, at: endpoint)
            var number = 0
            let end = ContinuousClock.now.advanced(by: .seconds(3))
            while ContinuousClock.now < end {
                number += 1
                try TokenFile.change(file) { (text: inout String) throws(LodestoneError) in
                    text = Self.first + "\nread reader-0123456789abcdef-\(number)\n"
                }
                program.signal(SIGHUP)
                let call = Call.listCollections
                for _ in 0..<20 { #expect(try client.call(call).error == nil) }
            }
            #expect(!program.errors.contains("not reloaded"))
            program.signal(SIGTERM)
            #expect(program.status() == 0)
        }
    }

    @Test("A full audit log delays no call, and says how many lines it lost")
    func fullAuditLog() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let errors = Pipe()
            let program = try Program(
                [
                    "--data", directory.path + "/store", "--listen", "127.0.0.1:0", "--log-level",
                    "error", "--audit-log", "stderr", "--audit-calls", "all",
                ],
                errors: errors
            )
            let client = try RawClient(try program.endpoint())
            // Nobody reads the pipe: it and the queue of the log are full long before the end.
            for _ in 0..<250 {
                let ids = try (0..<60).map { _ in try client.send(.ping) }
                for reply in try client.replies(to: ids) { #expect(reply.error == nil) }
            }
            var text = ""
            while !text.contains("droppedLines") {
                let data = errors.fileHandleForReading.availableData
                guard !data.isEmpty else { break }
                text += String(decoding: data, as: UTF8.self)
            }
            #expect(text.contains("droppedLines"))
            program.signal(SIGKILL)
        }
    }
}
