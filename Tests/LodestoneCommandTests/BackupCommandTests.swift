// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Backup commands", .timeLimit(.minutes(3)))
struct BackupCommandTests {
    private func add(_ numbers: Range<Int>, to server: TestServer) async throws {
        let lines = numbers.map { number in
            #"{"id": "d\#(number)", "text": "word\#(number % 7)", "vector": [1, \#(number)]}"#
        }
        let file = try server.scratch.file(
            "docs-\(numbers.lowerBound).jsonl",
            lines.joined(separator: "\n")
        )
        let outcome = try await server.lodestone(
            "import",
            "docs",
            file,
            "--create",
            "--dimension",
            "2"
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    private func backup(_ arguments: String...) async throws -> Outcome {
        try await Programs.run("lodestone", ["backup"] + arguments)
    }

    @Test("A store under a running server is backed up twice, and each of its states is restored")
    func roundTrip() async throws {
        let server = try await TestServer.start()
        try await add(0..<500, to: server)
        let (data, place) = ("\(server.scratch.path)/store", "file://\(server.scratch.path)/place")
        let first = try await backup("create", "--data", data, "--to", place, "--json")
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.json["reason"] as? String == "first")
        let before = try #require(first.json["sequenceNumber"] as? Int)
        try await add(500..<510, to: server)
        let second = try await backup("create", "--data", data, "--to", place)
        #expect(second.status == 0 && second.output.hasPrefix("Backed up 1 batches"))
        let nothing = try await backup("create", "--data", data, "--to", place)
        #expect(nothing.status == 0 && nothing.output.hasPrefix("Nothing is new"))
        let list = try await backup("list", place, "--json")
        #expect((list.json["states"] as? [Any])?.count == 1)
        let last = try #require(list.json["sequenceNumber"] as? Int)
        #expect(last > before)
        let good = try await backup("verify", "--from", place)
        #expect(good.status == 0 && good.output.contains("is good"), "\(good.errors)")
        for (number, count) in [(before, 500), (last, 510)] {
            let target = "\(server.scratch.path)/at-\(number)"
            let restored = try await backup(
                "restore",
                "--from",
                place,
                "--sequence",
                "\(number)",
                "--to",
                target,
                "--json"
            )
            #expect(restored.status == 0, "\(restored.errors)")
            #expect(restored.json["sequenceNumber"] as? Int == number)
            let other = try await TestServer.start(data: target)
            let verified = try await other.lodestone("verify", "--json")
            #expect(verified.json["rows"] as? Int == count)
        }
        let deleted = try await backup("delete", place, "--all", "--json")
        #expect(deleted.status == 0 && (deleted.json["chunks"] as? Int ?? 0) > 0)
        let empty = try await backup("list", place)
        #expect(empty.output.hasPrefix("There are no backups"))
    }

    @Test("A shipping program backs up later batches, and ends well when it is interrupted")
    func ship() async throws {
        let server = try await TestServer.start()
        try await add(0..<50, to: server)
        let (data, place) = ("\(server.scratch.path)/store", "file://\(server.scratch.path)/place")
        let process = Process()
        process.executableURL =
            URL(
                fileURLWithPath: "lodestone",
                relativeTo: Programs.folder
            ).absoluteURL
        process.arguments = [
            "backup", "ship", "--data", data, "--to", place, "--every", "0.05", "--json",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        func shipped() async throws -> Int {
            let list = try await backup("list", place, "--json")
            return list.json["sequenceNumber"] as? Int ?? 0
        }
        while try await shipped() == 0 {}
        let before = try await shipped()
        try await add(50..<60, to: server)
        while try await shipped() == before {}
        process.interrupt()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let report = try JSONSerialization.jsonObject(with: text) as? [String: Any]
        #expect(report?["reason"] as? String == "first")
        #expect((report?["batches"] as? Int ?? 0) >= 1)
    }

    @Test("A backup without a store, a place or a key says what is missing")
    func mistakes() async throws {
        let scratch = try Scratch()
        let none = try await backup(
            "create",
            "--data",
            "\(scratch.path)/none",
            "--to",
            "file://\(scratch.path)/place",
            "--json"
        )
        #expect((none.json["error"] as? [String: Any])?["reason"] as? String == "NO_STORE")
        let place = try await backup("list", "ftp://x", "--json")
        #expect((place.json["error"] as? [String: Any])?["reason"] as? String == "BAD_ENDPOINT")
        let nothing = try await backup(
            "restore",
            "--from",
            "file://\(scratch.path)/place",
            "--to",
            "\(scratch.path)/restored",
            "--json"
        )
        #expect((nothing.json["error"] as? [String: Any])?["reason"] as? String == "NO_BACKUP")
        #expect(!FileManager.default.fileExists(atPath: "\(scratch.path)/restored"))
    }
}
