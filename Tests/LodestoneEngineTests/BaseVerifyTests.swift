// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

@Suite("Verification of bases")
struct BaseVerifyTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var store: String { directory.path + "/store" }

    private func documents(_ range: Range<Int>) throws -> [Document] {
        try range.map { number in
            Document(
                id: try DocumentID("d\(number)"),
                vector: number % 5 == 4 ? nil : [Float(number), Float(number % 7)],
                text: "document \(number)",
                metadata: ["n": .int(Int64(number))],
                edges: [
                    Edge("next", to: try DocumentID("d\(number + 1)"), weight: Float(number)),
                    Edge("first", to: "d0"), Edge("to", to: "nobody"),
                ]
            )
        }
    }

    /// Fills a store with a base and a few batches after it.
    private func fill() async throws {
        let engine = try Engine.open(directory: store)
        defer { engine.close() }
        try await engine.createCollection(
            "a",
            CollectionOptions(
                dimension: 2,
                metric: .euclidean,
                metadataIndexes: [MetadataIndex("n")]
            )
        )
        _ = try await engine.index("a", documents(0..<40))
        _ = try await engine.dropMany(DropManyRequest(collection: "a", ids: ["d3", "d17"]))
        try await engine.compact("a")
        _ = try await engine.index("a", documents(30..<50))
        _ = try await engine.dropMany(DropManyRequest(collection: "a", ids: ["d20"]))
    }

    private func base() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: store)
        let bases = names.filter { $0.hasPrefix("base-") }
        try #require(bases.count == 1)
        return "\(store)/\(bases[0])"
    }

    private func flip(_ path: String, at offset: UInt64) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: offset)
        let byte = try #require(try file.read(upToCount: 1))
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data([byte[0] ^ 16]))
        try file.close()
    }

    /// Checks the store's results, which must be right whatever has happened to its base.
    private func checkResults(of engine: Engine) async throws {
        // This read comes first, so that it is the one that meets the damage.
        let late = Filter.range(path: ["n"], lower: .init(10), upper: nil)
        let counted = try await engine.count(CountRequest(collection: "a", filter: late))
        #expect(counted.count == 38 && counted.filter?.readDocuments == 0)
        let near = Query([.near([20, 6])], limit: 3)
        #expect(try await engine.search("a", near).map(\.id) == ["d18", "d23", "d22"])
        #expect(try await engine.walk("a", Walk(from: ["d16"], depth: 3)).reached.count == 3)
        let incoming = Walk(from: ["d0"], labels: ["first"], direction: .incoming)
        #expect(try await engine.walk("a", incoming).reached.count == 46)
        #expect(try await engine.get(GetRequest(collection: "a", ids: ["d3", "d4"])).count == 1)
        let description = try engine.describe("a")
        #expect(description.documents == 47 && description.vectors == 37)
        // The query matches a number in the base, a number in the delta, and a word in both.
        let typos = Query([.matching("docuemnt~ AND (12x~1 OR *5)", mode: .querySyntax)])
        #expect(
            Set(try await engine.search("a", typos).map(\.id.string))
                == ["d12", "d5", "d15", "d25", "d35", "d45"]
        )
    }

    @Test("Verification of an intact base finds no damage")
    func clean() async throws {
        try await fill()
        let engine = try Engine.open(directory: store)
        try await checkResults(of: engine)
        #expect(try await engine.verify().damages == [])
        try await engine.compact("a")
        #expect(try await engine.verify().damages == [])
        engine.close()
    }

    @Test("Verification names and repairs a base with a changed byte, and no result is ever wrong")
    func flips() async throws {
        try await fill()
        var random = SeededGenerator(seed: 7)
        let byteCount = try #require(
            try FileManager.default.attributesOfItem(atPath: base())[.size] as? UInt64
        )
        var positions = (0..<30).map { _ in UInt64.random(in: 0..<byteCount, using: &random) }
        positions += [0, 9, 12, 17, 33, 50, 63, 64, byteCount - 1]
        for position in positions {
            let path = try base()
            try flip(path, at: position)
            let engine = try Engine.open(directory: store)
            try await checkResults(of: engine)
            let report = try await engine.verify()
            #expect(report.damages.map(\.kind) == ["base"], "byte \(position)")
            #expect(report.damages.allSatisfy { $0.object == path && $0.isRepaired })
            try await checkResults(of: engine)
            #expect(try await engine.verify().damages == [])
            engine.close()
        }
        let engine = try Engine.open(directory: store)
        try await checkResults(of: engine)
        #expect(try await engine.verify().damages == [])
        engine.close()
    }

    @Test("Verification finds and repairs a base that changed on disk while it was in use")
    func inUse() async throws {
        try await fill()
        let engine = try Engine.open(directory: store)
        try await checkResults(of: engine)
        try flip(try base(), at: 200)
        let report = try await engine.verify()
        #expect(report.damages.contains { $0.kind == "base" && $0.isRepaired })
        try await checkResults(of: engine)
        #expect(try await engine.verify().damages == [])
        engine.close()
    }

    @Test("Verification names a missing base and rebuilds it")
    func missing() async throws {
        try await fill()
        let engine = try Engine.open(directory: store)
        let path = try base()
        try FileManager.default.removeItem(atPath: path)
        let damages = try await engine.verify().damages
        #expect(damages.map(\.object) == [path] && damages.allSatisfy(\.isRepaired))
        #expect(try await engine.verify().damages == [])
        _ = try base()
        engine.close()
    }

    @Test(
        "A base without its pointer is data loss, not a collection without a base",
        arguments: ["DELETE FROM bases", "UPDATE bases SET collection = 0"]
    )
    func lostPointer(sql: String) async throws {
        try await fill()
        var database: OpaquePointer?
        try #require(sqlite3_open(store + "/lodestone.db", &database) == SQLITE_OK)
        try #require(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(database)
        do {
            let engine = try Engine.open(directory: store)
            defer { engine.close() }
            _ = try await engine.get(GetRequest(collection: "a", ids: ["d1"], include: .vector))
            Issue.record("The vectors before the base are gone, and nobody said so.")
        } catch {
            #expect(error.code == .dataLoss)
        }
    }

    @Test("Verification names rows that only the base has, and leaves the base as it is")
    func lostRow() async throws {
        try await fill()
        var database: OpaquePointer?
        try #require(sqlite3_open(store + "/lodestone.db", &database) == SQLITE_OK)
        try #require(
            sqlite3_exec(database, "DELETE FROM docs_1 WHERE row = 5", nil, nil, nil) == SQLITE_OK
        )
        sqlite3_close(database)
        let engine = try Engine.open(directory: store)
        let before = try base()
        for _ in 0..<2 {
            let damages = try await engine.verify().damages
            #expect(damages.contains { $0.kind == "row" && $0.message.contains("Row 5 ") })
            #expect(damages.allSatisfy { !$0.isRepaired })
        }
        #expect(try base() == before)
        engine.close()
    }

    @Test("Verification finds no damage while documents are written and bases replaced")
    func underLoad() async throws {
        let policy = CompactionPolicy(
            minimumChanges: 20,
            busyChanges: 20,
            percentOfBase: 0,
            idleTime: .milliseconds(1),
            minimumGarbageBytes: 0
        )
        let options = Engine.Options(compaction: policy)
        let engines = [
            try Engine.open(directory: store, options: options),
            try Engine.open(directory: store, options: options),
        ]
        try await engines[0].createCollection(
            "a",
            CollectionOptions(dimension: 2, metric: .euclidean)
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    for step in 0..<60 {
                        let start = (step * 7 + writer * 31) % 90
                        _ = try await engines[writer].index("a", documents(start..<start + 9))
                        let id = try DocumentID("d\(start + 3)")
                        _ = try await engines[1 - writer].dropMany(
                            DropManyRequest(collection: "a", ids: [id])
                        )
                    }
                }
            }
            for round in 0..<10 { #expect(try await engines[round % 2].verify().damages == []) }
            try await group.waitForAll()
        }
        for engine in engines {
            #expect(try await engine.verify().damages == [])
            engine.close()
        }
    }

    @Test("Verification of a restored store, which has no bases, finds no damage")
    func restored() async throws {
        try await fill()
        let engine = try Engine.open(directory: store)
        try await engine.createSnapshot("one")
        engine.close()
        let target = directory.path + "/restored"
        _ = try SnapshotArchive.restore(
            "\(store)/snapshots/one.lodestone",
            to: target,
            analysis: FTS5Analysis(),
            context: CallContext()
        )
        let copy = try Engine.open(directory: target)
        #expect(try await copy.verify().damages == [])
        try await checkResults(of: copy)
        try await copy.compact("a")
        try await checkResults(of: copy)
        #expect(try await copy.verify().damages == [])
        copy.close()
    }
}
