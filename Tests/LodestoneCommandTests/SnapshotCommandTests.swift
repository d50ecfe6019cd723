// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneStructures
import TestSupport
import Testing

@Suite("Snapshot commands")
struct SnapshotCommandTests {
    private func filled() async throws -> TestServer {
        let server = try await TestServer.start()
        let lines = (0..<500).map { number in
            #"{"id": "d\#(number)", "text": "word\#(number % 7)", "vector": [1, \#(number)]}"#
        }
        let file = try server.scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        let outcome = try await server.lodestone(
            "import",
            "docs",
            file,
            "--create",
            "--dimension",
            "2"
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        return server
    }

    @Test("A snapshot is restored to a new directory that another server serves")
    func roundTrip() async throws {
        let server = try await filled()
        let made = try await server.lodestone("snapshot", "create", "first", "--json")
        #expect(made.status == 0 && made.json["name"] as? String == "first")
        let list = try await server.lodestone("snapshot", "list")
        #expect(list.output.contains("first"))
        let archive = "\(server.scratch.path)/store/snapshots/first.lodestone"
        let good = try await Programs.run("lodestone", ["snapshot", "verify", archive])
        #expect(good.status == 0 && good.output.contains("is good"))
        let target = "\(server.scratch.path)/restored"
        let restored = try await Programs.run(
            "lodestone",
            ["snapshot", "restore", archive, "--to", target, "--json"]
        )
        #expect(restored.status == 0, "\(restored.errors)")
        #expect(
            restored.json["sequenceNumber"] as? Int == made.json["sequenceNumber"] as? Int
        )
        let second = try await TestServer.start(data: target)
        let found = try await second.lodestone("search", "docs", "word3", "--json")
        #expect(found.status == 0 && (found.json["hits"] as? [Any])?.isEmpty == false)
        let verified = try await second.lodestone("verify", "--json")
        #expect(verified.status == 0 && verified.json["rows"] as? Int == 500)
        #expect(verified.json["vectors"] as? Int == 500)
    }

    @Test("A snapshot fetch writes a file and continues where an earlier run ended")
    func fetched() async throws {
        let server = try await filled()
        _ = try await server.lodestone("snapshot", "create", "far")
        let made = FileManager.default.contents(
            atPath: "\(server.scratch.path)/store/snapshots/far.lodestone"
        )
        let bytes = try #require(made)
        let copy = "\(server.scratch.path)/copy.lodestone"
        let first = try await server.lodestone("snapshot", "fetch", "far", copy, "--json")
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.json["bytes"] as? Int == bytes.count)
        #expect(first.json["keptBytes"] as? Int == 0)
        #expect(FileManager.default.contents(atPath: copy) == bytes)
        let again = try await server.lodestone("snapshot", "fetch", "far", copy, "--json")
        #expect((again.json["error"] as? [String: Any])?["reason"] as? String == "FILE_EXISTS")
        // A part of it is kept; one of another file is not.
        for (part, kept) in [(bytes.prefix(5_000), 5_000), (Data(count: 5_000), 0)] {
            try FileManager.default.removeItem(atPath: copy)
            try Data(part).write(to: URL(fileURLWithPath: copy + ".part"))
            let rest = try await server.lodestone("snapshot", "fetch", "far", copy, "--json")
            #expect(rest.json["keptBytes"] as? Int == kept)
            #expect(FileManager.default.contents(atPath: copy) == bytes)
        }
        let good = try await Programs.run("lodestone", ["snapshot", "verify", copy])
        #expect(good.status == 0)
        let none = try await server.lodestone("snapshot", "fetch", "nothing", copy + "2")
        #expect(none.status == 66 && none.errors.contains("NO_SNAPSHOT"))
    }

    @Test("Snapshots are deleted, and an erasure names those that may have erased data")
    func erased() async throws {
        let server = try await filled()
        _ = try await server.lodestone("snapshot", "create", "old")
        _ = try await server.lodestone("drop", "docs", "d3")
        let erased = try await server.lodestone("erase", "docs")
        #expect(erased.status == 0 && erased.output.contains("may have it: old."))
        let deleted = try await server.lodestone("snapshot", "delete", "old")
        #expect(deleted.status == 0, "\(deleted.errors)")
        let all = try await server.lodestone("erase", "--json")
        #expect(all.status == 0 && (all.json["snapshots"] as? [Any])?.isEmpty == true)
        let verified = try await server.lodestone("verify", "--json")
        #expect(verified.status == 0 && verified.json["rows"] as? Int == 499)
    }

    @Test("Failed snapshot commands report the error and end with a status of its kind")
    func failures() async throws {
        let server = try await filled()
        _ = try await server.lodestone("snapshot", "create", "one")
        let twice = try await server.lodestone("snapshot", "create", "one", "--json")
        #expect(twice.status == 65)
        #expect((twice.json["error"] as? [String: Any])?["reason"] as? String == "SNAPSHOT_EXISTS")
        let missing = try await Programs.run("lodestone", ["snapshot", "verify", "/nowhere"])
        #expect(missing.status == 66 && missing.errors.contains("/nowhere"))
        let archive = "\(server.scratch.path)/store/snapshots/one.lodestone"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        bytes[bytes.count - 20] ^= 1
        let bad = try server.scratch.file("bad.lodestone", bytes)
        let target = "\(server.scratch.path)/bad"
        let refused = try await Programs.run(
            "lodestone",
            ["snapshot", "restore", bad, "--to", target]
        )
        #expect(refused.status == 74 && refused.errors.contains("CORRUPT_SNAPSHOT"))
        #expect(!FileManager.default.fileExists(atPath: target))
    }

    @Test(
        "A server killed while it writes a snapshot leaves nothing partial behind",
        arguments: [
            Failpoint.snapshotAfterCopy, .snapshotAfterDatabase, .snapshotBeforeRename,
            .snapshotAfterRename,
        ]
    )
    func killedServer(failpoint: Failpoint) async throws {
        let scratch: Scratch
        do {
            let server = try await filled()
            scratch = server.scratch
        }
        let store = "\(scratch.path)/store"
        let doomed = try await TestServer.start(data: store, fault: failpoint)
        let cut = try await doomed.lodestone("snapshot", "create", "cut", "--json")
        #expect(cut.status != 0)
        #expect((cut.json["error"] as? [String: Any])?["outcome"] as? String == "unknown")
        let server = try await TestServer.start(data: store)
        let list = try await server.lodestone("snapshot", "list", "--json")
        let names = (list.json["snapshots"] as? [[String: Any]])?.compactMap {
            $0["name"] as? String
        }
        #expect(names == (failpoint == .snapshotAfterRename ? ["cut"] : []))
        let next = try await server.lodestone("snapshot", "create", "next")
        #expect(next.status == 0, "\(next.errors)")
        for name in (names ?? []) + ["next"] {
            let archive = "\(store)/snapshots/\(name).lodestone"
            let good = try await Programs.run("lodestone", ["snapshot", "verify", archive])
            #expect(good.status == 0, "\(name): \(good.errors)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: store + "/snapshots")
        #expect(left.allSatisfy { !$0.hasPrefix(".") })
    }

    @Test("A snapshot restore killed at any step restores everything or nothing")
    func killedRestore() async throws {
        let server = try await filled()
        _ = try await server.lodestone("snapshot", "create", "one")
        let archive = "\(server.scratch.path)/store/snapshots/one.lodestone"
        let failpoints: [Failpoint] = [
            .restoreAfterDatabase, .restoreBeforeRename, .restoreAfterRename,
        ]
        for failpoint in failpoints {
            let target = "\(server.scratch.path)/\(failpoint)"
            let arguments = ["snapshot", "restore", archive, "--to", target]
            let cut = try await Programs.run(
                "lodestone",
                arguments,
                environment: failpoint.environment()
            )
            #expect(cut.status == 137)
            let isThere = FileManager.default.fileExists(atPath: target)
            #expect(isThere == (failpoint == .restoreAfterRename))
            if !isThere {
                let again = try await Programs.run("lodestone", arguments)
                #expect(again.status == 0, "\(again.errors)")
            }
            let second = try await TestServer.start(data: target)
            #expect(try await second.lodestone("verify").status == 0)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: server.scratch.path)
        #expect(left.allSatisfy { !$0.hasPrefix(".") })
    }
}
