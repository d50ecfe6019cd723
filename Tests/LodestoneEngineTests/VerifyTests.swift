// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Verification")
struct VerifyTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func filled() async throws -> Engine {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        try await engine.createCollection("b", CollectionOptions(dimension: 0))
        for batch in 0..<5 {
            let documents = try (0..<10).map { number in
                Document(
                    id: try DocumentID("d\(10 * batch + number)"),
                    vector: number < 8 ? [Float(batch), Float(number + 1)] : nil,
                    text: "document \(number) of batch \(batch)",
                    // Two edges have the same label and target, and one leads to a missing id.
                    edges: [
                        Edge("next", to: "d1"), Edge("next", to: "d1", weight: 2),
                        Edge("to", to: "nobody"),
                    ]
                )
            }
            _ = try await engine.index("a", documents)
        }
        _ = try await engine.dropMany(DropManyRequest(collection: "a", ids: ["d3", "d44"]))
        _ = try await engine.index("a", [Document(id: "d7", vector: [1, 1], text: "again")])
        _ = try await engine.index("b", [Document(id: "x", text: "only words")])
        return engine
    }

    /// Changes the database without the engine.
    private func execute(_ sql: String) throws {
        var database: OpaquePointer?
        try #require(sqlite3_open(directory.path + "/lodestone.db", &database) == SQLITE_OK)
        sqlite3_busy_timeout(database, 10_000)
        defer { sqlite3_close(database) }
        try #require(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
    }

    @Test("Verification of an intact store finds no damage and reports what it checked")
    func clean() async throws {
        let engine = try await filled()
        let report = try await engine.verify()
        #expect(report.damages == [] && report.isClean)
        #expect(report.rows == 49 && report.batches == 10 && report.sequenceNumber == 10)
        // Vectors of dropped and replaced documents are also in the segment.
        #expect(report.vectors == 41)
        engine.close()
        let again = try Engine.open(directory: directory.path)
        #expect(try await again.verify() == report)
    }

    @Test("Verification names changed rows by their documents and checks all others")
    func row() async throws {
        let engine = try await filled()
        try execute("UPDATE docs_1 SET metadata = x'0101' WHERE id = CAST('d12' AS BLOB)")
        try execute("UPDATE docs_1 SET sum = sum + 1 WHERE id = CAST('d30' AS BLOB)")
        let report = try await engine.verify()
        let rows = report.damages.filter { $0.kind == "row" }
        #expect(rows.map(\.object) == ["d12", "d30"])
        #expect(rows.allSatisfy { $0.collection == "a" && !$0.isRepaired && !$0.recovery.isEmpty })
        #expect(report.rows == 49 && report.damageCount == 2)
    }

    @Test("Verification names missing rows and rows that should be deleted")
    func missing() async throws {
        let engine = try await filled()
        try execute(
            """
            DELETE FROM docs_1 WHERE row IN (20, 21);
            INSERT INTO docs_1 SELECT 3, id, text, metadata, edges, sum FROM docs_1 WHERE row = 4
            """
        )
        let report = try await engine.verify()
        let objects = Set(report.damages.filter { $0.kind == "row" }.map(\.object))
        #expect(objects.isSuperset(of: ["rows 20 to 21", "row 3"]))
    }

    @Test("Verification names a document whose words differ from its row")
    func words() async throws {
        let engine = try await filled()
        // The row comes from another store and has a valid checksum: the same id with other words.
        let other = try TemporaryDirectory()
        let second = try Engine.open(directory: other.path)
        try await second.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await second.index("a", [Document(id: "d0", text: "foreign words")])
        second.close()
        try execute(
            """
            ATTACH '\(other.path)/lodestone.db' AS other;
            UPDATE docs_1 SET (text, edges, sum) =
                (SELECT text, edges, sum FROM other.docs_1 WHERE row = 0) WHERE row = 0
            """
        )
        let report = try await engine.verify()
        #expect(report.damages.contains { $0.kind == "words" && $0.object == "d0" })
    }

    @Test("Verification names a changed batch of the log and a gap in it")
    func log() async throws {
        let engine = try await filled()
        try execute("UPDATE log SET vector_sum = vector_sum + 1 WHERE seq = 4")
        let changed = try await engine.verify().damages
        #expect(changed.filter { $0.kind == "log" }.map(\.object) == ["batch 4"])
        try execute("DELETE FROM log WHERE seq = 8")
        let report = try await engine.verify()
        #expect(report.damages.contains { $0.message.contains("from batch 7 to batch 9") })
    }

    @Test("Verification names the segment and rows of vectors changed on disk")
    func vectors() async throws {
        let engine = try await filled()
        let path = directory.path + "/vectors-1-0.seg"
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        // The changed byte is in the second batch, after eight vectors of eight bytes.
        try file.seek(toOffset: 64 + 64 + 9)
        let byte = try #require(try file.read(upToCount: 1))
        try file.seek(toOffset: 64 + 64 + 9)
        try file.write(contentsOf: Data([byte[0] ^ 4]))
        try file.close()
        let report = try await engine.verify()
        #expect(report.damages.map(\.kind) == ["vectors"])
        let damage = try #require(report.damages.first)
        #expect(damage.object == path && damage.message.contains("rows 10 to 17"))
    }

    @Test("Verification names a missing or truncated segment")
    func segment() async throws {
        let engine = try await filled()
        let path = directory.path + "/vectors-1-0.seg"
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.truncate(atOffset: 200)
        try file.close()
        let cut = try await engine.verify().damages
        #expect(cut.contains { $0.kind == "vectors" && $0.message.contains("ends before byte") })
        try FileManager.default.removeItem(atPath: path)
        let gone = try await engine.verify().damages
        #expect(gone.contains { $0.kind == "vectors" && $0.message.contains("missing") })
    }

    @Test("Verification lists damages up to its limit and counts the rest")
    func limit() async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        let documents = try (0..<1_500).map { Document(id: try DocumentID("d\($0)")) }
        _ = try await engine.index("a", documents)
        try execute("UPDATE docs_1 SET sum = sum + 1")
        let report = try await engine.verify()
        #expect(report.damages.count == VerifyReport.maxListed && report.damageCount == 1_500)
    }

    @Test("A cancelled verification ends and lets the next one run")
    func cancelled() async throws {
        let engine = try await filled()
        let context = CallContext()
        context.cancel()
        let error = #expect(throws: LodestoneError.self) { try engine.verify(context: context) }
        #expect(error?.code == .cancelled)
        #expect(try await engine.verify().isClean)
    }

    @Test("Verification finds no damage while documents are written, replaced and dropped")
    func underLoad() async throws {
        let engine = try await filled()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    for step in 0..<100 {
                        let id = try DocumentID("w\(writer)-\(step % 17)")
                        let edge = Edge("next", to: try DocumentID("w\(1 - writer)-\(step % 5)"))
                        _ = try await engine.index(
                            "a",
                            [Document(id: id, vector: [1, 2], text: "step \(step)", edges: [edge])]
                        )
                        if step % 3 == 0 {
                            _ = try await engine.dropMany(
                                DropManyRequest(collection: "a", ids: [id])
                            )
                        }
                    }
                }
            }
            for _ in 0..<10 { #expect(try await engine.verify().damages == []) }
            try await group.waitForAll()
        }
        #expect(try await engine.verify().damages == [])
    }
}
