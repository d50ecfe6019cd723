// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneServer
import LodestoneWire
import TestSupport
import Testing

@Suite("Server program")
struct ProgramTests {
    @Test(
        "The server reports its address, serves calls and exits with 0 on a signal",
        arguments: [SIGTERM, SIGINT]
    )
    func life(signal: Int32) async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let document = Document(id: "a", text: "kept")
            let first = try Program([
                "--data", directory.path + "/store", "--listen", "127.0.0.1:0",
            ])
            let client = try RawClient(try first.endpoint())
            _ = try client.call(.createCollection(name: "c", CollectionOptions(dimension: 0)))
            _ = try client.call(
                .indexMany(IndexManyRequest(collection: "c", documents: [document]))
            )
            first.signal(signal)
            #expect(first.status() == 0)

            let second = try Program([
                "--data", directory.path + "/store", "--listen", "127.0.0.1:0",
            ])
            let get = Call.get(GetRequest(collection: "c", ids: ["a"]))
            #expect(
                try RawClient(try second.endpoint()).call(get) == .documents([document])
            )
            second.signal(signal)
            #expect(second.status() == 0)
        }
    }

    @Test("The server finishes the calls in flight after a signal")
    func drain() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let program = try Program(["--data", directory.path, "--listen", "127.0.0.1:0"])
            let client = try RawClient(try program.endpoint())
            let work = try HugeSearch(client, queries: 200)
            let calls = try (1...8).map { _ in try client.send(work.call) }
            // The server reads requests in order: after this reply it has read all calls before.
            #expect(try client.call(.ping).error == nil)
            program.signal(SIGTERM)
            for reply in try client.replies(to: calls) { #expect(reply.error == nil) }
            // On a slow machine the calls end before the signal arrives, and go away comes last.
            while let last = try client.receive()?.reply {
                guard case .goAway = last else {
                    Issue.record("\(last) came after the last reply")
                    return
                }
            }
            #expect(program.status() == 0)
        }
    }

    @Test("The server ends at once at the second signal")
    func secondSignal() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let program = try Program(
                [
                    "--data", directory.path, "--listen", "127.0.0.1:0", "--max-deadline-ms",
                    "3600000",
                ])
            let client = try RawClient(try program.endpoint())
            let work = try HugeSearch(client, queries: 10_000)
            try client.send(work.call, deadline: .seconds(3_600))
            #expect(try client.call(.ping).error == nil)
            program.signal(SIGTERM)
            guard case .goAway? = try client.receive()?.reply else {
                Issue.record("no go away")
                return
            }
            program.signal(SIGTERM)
            #expect(program.status() == 128 + SIGTERM)
        }
    }

    @Test("Two servers on one directory show each other's writes")
    func twoServers() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let programs = try (0..<2).map { _ in
                try Program(["--data", directory.path, "--listen", "127.0.0.1:0"])
            }
            let clients = try programs.map { try RawClient(try $0.endpoint()) }
            let create = Call.createCollection(name: "c", CollectionOptions(dimension: 0))
            #expect(try clients[0].call(create).error == nil)
            for turn in 0..<20 {
                let id = DocumentID(trusted: "\(turn)")
                let document = Document(id: id, text: "turn \(turn)")
                let write = IndexManyRequest(collection: "c", documents: [document])
                #expect(try clients[turn % 2].call(.indexMany(write)).error == nil)
                let get = Call.get(GetRequest(collection: "c", ids: [id]))
                #expect(try clients[(turn + 1) % 2].call(get) == .documents([document]))
            }
            for program in programs { program.signal(SIGTERM) }
            #expect(programs.map { $0.status() } == [0, 0])
        }
    }

    #if os(Linux)
    @Test(
        "The server reads a store on a read-only file system",
        .enabled(if: Program.canMount, "Mounts are not allowed here.")
    )
    func readOnlyFileSystem() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            // Characters with a meaning in a URI have none in a path.
            let store = directory.path + "/a b?c%41#\u{E4}"
            let document = Document(id: "x", text: "one")
            let write = Call.indexMany(IndexManyRequest(collection: "c", documents: [document]))
            let get = Call.get(GetRequest(collection: "c", ids: ["x"]))
            let arguments = ["--data", store, "--listen", "127.0.0.1:0"]
            let writer = try Program(arguments)
            let client = try RawClient(try writer.endpoint())
            let create = Call.createCollection(name: "c", CollectionOptions(dimension: 0))
            #expect(try client.call(create).error == nil)
            #expect(try client.call(write).error == nil)
            writer.signal(SIGTERM)
            #expect(writer.status() == 0)

            let reader = try Program(arguments + ["--read-only"], readOnlyMount: store)
            let other = try RawClient(try reader.endpoint())
            #expect(try other.call(get) == .documents([document]))
            #expect(try other.call(write).error?.reason == .readOnly)
            reader.signal(SIGTERM)
            #expect(reader.status() == 0)

            // A killed server leaves a write-ahead log.
            let next = try Program(arguments)
            let last = try RawClient(try next.endpoint())
            #expect(try last.call(write).error == nil)
            next.signal(SIGKILL)
            _ = next.status()
            try FileManager.default.removeItem(atPath: store + "/lodestone.db-shm")
            let refused = try Program(arguments + ["--read-only"], readOnlyMount: store)
            #expect(refused.status() != 0)
            #expect(refused.errors.contains("holds batches, and its index can't be made"))
        }
    }
    #endif

    @Test("The server refuses an address in use and names it")
    func addressTaken() async throws {
        try await offPool {
            let directories = [try TemporaryDirectory(), try TemporaryDirectory()]
            let first = try Program(["--data", directories[0].path, "--listen", "127.0.0.1:0"])
            let address = "\(try first.endpoint())"
            let second = try Program(["--data", directories[1].path, "--listen", address])
            #expect(second.status() == 69)
            #expect(second.errors.contains(address))
            first.signal(SIGTERM)
            #expect(first.status() == 0)
        }
    }

    @Test("The server refuses unsafe or invalid settings in one line, with an exit status")
    func refusals() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let tokens = try directory.write("tokens", "admin 0123456789abcdef0123456789abcdef")
            let open = try directory.write(
                "open",
                "admin 0123456789abcdef0123456789abcdef",
                mode: 0o644
            )
            let file = try directory.write("file", "")
            let store = directory.path + "/store"
            let cases: [(arguments: [String], status: Int32, says: String)] = [
                ([], 78, "--data"),
                (["--data", store, "--listen", "0.0.0.0:0"], 78, "--token-file"),
                (
                    ["--data", store, "--listen", "0.0.0.0:0", "--token-file", tokens], 78,
                    "encrypt"
                ),
                (["--data", store, "--token-file", open], 78, "chmod 600"),
                (["--data", store, "--max-batch", "many"], 78, "--max-batch"),
                (["--data", store, "--config", directory.path + "/none"], 78, "/none"),
                (["--data", file + "/store"], 73, file),
                (["--no-such-flag"], 64, "--no-such-flag"),
            ]
            for (arguments, status, says) in cases {
                let program = try Program(arguments)
                #expect(program.status() == status, "\(arguments)")
                #expect(program.errors.contains(says), "\(arguments)")
                if status != 64 {
                    #expect(program.errors.split(separator: "\n").count == 1, "\(arguments)")
                }
            }
        }
    }

    @Test("The server's Unix socket is private to its owner and removed at the end")
    func unixSocket() async throws {
        try await offPool {
            let directory = try TemporaryDirectory()
            let socket = "/tmp/lodestone-\(UInt32.random(in: 0 ... .max)).sock"
            let program = try Program(["--data", directory.path, "--listen", "unix:" + socket])
            #expect(try program.endpoint() == .unix(path: socket))
            let attributes = try FileManager.default.attributesOfItem(atPath: socket)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            program.signal(SIGTERM)
            #expect(program.status() == 0)
            #expect(!FileManager.default.fileExists(atPath: socket))
        }
    }
}

/// The built program as a process.
///
/// Unchecked, because `Process` and `Pipe` aren't sendable; a test uses it from one thread at a
/// time.
final class Program: @unchecked Sendable {
    private let process = Process()
    private let output = Pipe()
    private let errorFile: URL

    #if os(Linux)
    /// Whether a program can have its own mounts here.
    static let canMount: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = ["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
    #endif

    /// - Parameters:
    ///   - arguments: The arguments of the program.
    ///   - readOnlyMount: A directory that is on a read-only file system for the program.
    ///   - errors: The pipe of standard error; `nil`: a file.
    ///   - maxFileBlocks: The most blocks of 512 bytes of a file; a write beyond them fails.
    ///   - environment: Variables of the program, in addition to those of this process.
    /// - Throws: When the program can't be started.
    init(
        _ arguments: [String],
        readOnlyMount: String? = nil,
        errors: Pipe? = nil,
        maxFileBlocks: Int? = nil,
        environment: [String: String] = [:]
    ) throws {
        errorFile = FileManager.default.temporaryDirectory
            .appendingPathComponent("lodestoned-\(UUID().uuidString).log")
        try Data().write(to: errorFile)
        // The test bundle lies next to the programs that were built with it.
        #if canImport(Darwin)
        let built = Bundle(for: TemporaryDirectory.self).bundleURL
        #else
        let built = URL(fileURLWithPath: CommandLine.arguments[0])
        #endif
        let program = built.deletingLastPathComponent().appendingPathComponent("lodestoned")
        process.executableURL = program
        process.arguments = arguments
        if let readOnlyMount {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            let mount = #"mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@""#
            process.arguments =
                ["--map-root-user", "--mount", "sh", "-c", mount, readOnlyMount, program.path]
                + arguments
        }
        if let maxFileBlocks {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            // The signal would end the program, and without it the write fails.
            let limit = #"trap '' XFSZ && ulimit -f "$0" && exec "$@""#
            process.arguments = ["-c", limit, "\(maxFileBlocks)", program.path] + arguments
        }
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("LODESTONE_") }
            .merging(environment) { $1 }
        process.standardOutput = output
        if let errors {
            process.standardError = errors
        } else {
            process.standardError = try FileHandle(forWritingTo: errorFile)
        }
        try process.run()
    }

    deinit {
        if process.isRunning { process.terminate() }
        try? FileManager.default.removeItem(at: errorFile)
    }

    /// Waits for the line with the address of the server.
    func endpoint() throws -> Endpoint { try address(after: "listening on ") }

    /// Waits for the line with the address of the pages, which follows that of the server.
    func pagesEndpoint() throws -> Endpoint { try address(after: "pages on ") }

    private func address(after prefix: String) throws -> Endpoint {
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            guard let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty
            else {
                throw RawClientError("lodestoned ended: \(errors)")
            }
            line += byte
        }
        let text = String(decoding: line.dropLast(), as: UTF8.self)
        guard text.hasPrefix(prefix) else { throw RawClientError("lodestoned wrote '\(text)'") }
        return try Endpoint(String(text.dropFirst(prefix.count)))
    }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    /// Waits for the end of the program.
    func status() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// The output of the program on standard error.
    var errors: String {
        (try? String(contentsOf: errorFile, encoding: .utf8)) ?? ""
    }
}
