// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneStructures
import Testing

@Suite("Interrupted import", .timeLimit(.minutes(2)))
struct CutImportTests {
    private static let lineCount = 3_000

    /// A file of documents, and the lines that `scan --lines` prints for them.
    private func file(_ scratch: Scratch) throws -> (path: String, scanned: Set<Substring>) {
        var lines: [String] = []
        var scanned: Set<Substring> = []
        for number in 0..<Self.lineCount {
            lines.append("{\"id\":\"k\(number)\",\"t\":\"some words\",\"v\":\(number)}")
            scanned.insert(
                "{\"id\":\"k\(number)\",\"text\":{\"t\":\"some words\"},\"metadata\":{\"v\":\(number)}}"
            )
        }
        return (try scratch.file("docs.jsonl", lines.joined(separator: "\n")), scanned)
    }

    private func importing(_ path: String) -> [String] {
        ["import", "docs", path, "--create", "--text", "t", "--batch-size", "50"]
    }

    private func scanned(_ server: TestServer) async throws -> Set<Substring> {
        let scan = try await server.lodestone("scan", "docs", "--all", "--lines")
        #expect(scan.status == 0, "\(scan.errors)")
        return Set(scan.output.split(separator: "\n"))
    }

    @Test(
        "An import continues without loss with the next server after a killed one",
        arguments: [
            (Failpoint.commitInTransaction, 9), (.commitAfterCommit, 8), (.commitBeforeReply, 7),
        ]
    )
    func server(fault: Failpoint, turn: Int) async throws {
        let scratch = try Scratch()
        let listen = "unix:\(scratch.path)/socket"
        let (path, expected) = try file(scratch)
        let data = "\(scratch.path)/store"
        let first = try await TestServer.start(data: data, fault: fault, turn: turn, listen: listen)
        let cut = try await Programs.run(
            "lodestone",
            importing(path) + ["--deadline", "1"],
            environment: ["LODESTONE_ADDRESS": first.address]
        )
        #expect(cut.status != 0)
        #expect(cut.errors.contains("up to line"), "\(cut.errors)")
        let second = try await TestServer.start(data: data, listen: listen)
        let rest = try await Programs.run(
            "lodestone",
            importing(path),
            environment: ["LODESTONE_ADDRESS": second.address]
        )
        #expect(rest.status == 0 && rest.errors.contains("Going on after line"), "\(rest.errors)")
        #expect(try await scanned(second) == expected)
    }

    @Test("A killed import continues without loss with its next run")
    func program() async throws {
        let server = try await TestServer.start()
        let (path, expected) = try file(server.scratch)
        let program = Process()
        program.executableURL = Programs.folder.appendingPathComponent("lodestone")
        program.arguments = importing(path) + ["--address", server.address]
        program.standardOutput = FileHandle.nullDevice
        program.standardError = FileHandle.nullDevice
        try program.run()
        // The first acknowledged batch leaves a state.
        while program.isRunning,
            !FileManager.default.fileExists(atPath: path + ".lodestone-import")
        {
            await Task.yield()
        }
        kill(program.processIdentifier, SIGKILL)
        program.waitUntilExit()
        let there = try await scanned(server).count
        #expect(0 < there && there < Self.lineCount, "\(there)")
        let rest = try await Programs.run(
            "lodestone",
            importing(path),
            environment: ["LODESTONE_ADDRESS": server.address]
        )
        #expect(rest.status == 0 && rest.errors.contains("Going on after line"), "\(rest.errors)")
        #expect(try await scanned(server) == expected)
    }
}
