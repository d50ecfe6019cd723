// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Change log")
struct LogTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var store: String { directory.path + "/store" }

    /// Opens an engine that compacts only on request.
    private func open() throws -> Engine {
        let policy = CompactionPolicy(minimumChanges: .max)
        return try Engine.open(directory: store, options: Engine.Options(compaction: policy))
    }

    /// Runs a statement on the store's database, and returns the first number of its result.
    @discardableResult
    private func execute(_ sql: String) throws -> Int {
        var database: OpaquePointer?
        try #require(sqlite3_open(store + "/lodestone.db", &database) == SQLITE_OK)
        defer { sqlite3_close(database) }
        var statement: OpaquePointer?
        try #require(sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK)
        defer { sqlite3_finalize(statement) }
        return sqlite3_step(statement) == SQLITE_ROW ? Int(sqlite3_column_int64(statement, 0)) : 0
    }

    /// The number of batches in the log.
    private func logRows() throws -> Int { try execute("SELECT count(*) FROM log") }

    /// Makes a store with quiet collections, and a busy one that was compacted.
    private func makeQuietCollections(isReopened: Bool = false) async throws -> Engine {
        var engine = try open()
        for name in ["busy", "empty", "quiet", "altered"] {
            try await engine.createCollection(name, CollectionOptions(dimension: 0))
        }
        _ = try await engine.index("quiet", [Document(id: "q", text: "lantern")])
        try await engine.alterCollection("altered", addIndexes: [MetadataIndex("year")])
        for round in 0..<60 {
            _ = try await engine.index("busy", [Document(id: "u", text: "status \(round)")])
        }
        if isReopened {
            engine.close()
            engine = try open()
        }
        try await engine.compact("busy")
        return engine
    }

    @Test(
        "The log shrinks with a busy collection's compaction although other bases are behind",
        arguments: [false, true]
    )
    func quietCollections(isReopened: Bool) async throws {
        let engine = try await makeQuietCollections(isReopened: isReopened)
        // The log keeps at most the first batches of the three other collections, the document of
        // the quiet one, and the last batch.
        let rows = try logRows()
        #expect((3...5).contains(rows))
        let counted = try engine.stats().statistics.first { $0.name == "store.log.rows" }
        #expect(counted?.value == Double(rows))
        #expect(try engine.describe("quiet").baseByteCount == 0)
        #expect(try await engine.verify().damages == [])
        engine.close()

        let next = try open()
        #expect(try await next.search("quiet", Query([.matching("lantern")])).map(\.id) == ["q"])
        #expect(try await next.search("busy", Query([.matching("59")])).map(\.id) == ["u"])
        #expect(try next.describe("altered").options.metadataIndexes == [MetadataIndex("year")])
        _ = try await next.index("empty", [Document(id: "e", text: "first")])
        _ = try await next.index("quiet", [Document(id: "q", text: "candle")])
        #expect(try await next.verify().damages == [])
        next.close()
        let last = try open()
        #expect(try await last.search("empty", Query([.matching("first")])).map(\.id) == ["e"])
        #expect(try await last.search("quiet", Query([.matching("lantern")])).isEmpty)
        for name in ["empty", "quiet", "altered"] { try await last.compact(name) }
        #expect(try logRows() == 1)
        #expect(try await last.search("quiet", Query([.matching("candle")])).map(\.id) == ["q"])
        #expect(try await last.verify().damages == [])
        last.close()
    }

    @Test("The log holds nothing of a dropped collection")
    func dropped() async throws {
        let engine = try await makeQuietCollections()
        for name in ["empty", "quiet", "altered"] { try await engine.dropCollection(name) }
        try await engine.compact("busy")
        #expect(try logRows() == 1)
        #expect(try await engine.verify().damages == [])
        engine.close()
        try open().close()
    }

    @Test(
        "Verification detects every lost or changed row before the log's chain",
        arguments: [
            "UPDATE log SET vector_sum = 2 WHERE seq = 5", "DELETE FROM log WHERE seq = 5",
            "DELETE FROM meta WHERE key = 'kept'",
            "UPDATE meta SET value = x'00' WHERE key = 'kept'",
        ]
    )
    func damage(_ sql: String) async throws {
        let engine = try await makeQuietCollections()
        try execute(sql)
        let damages = try await engine.verify().damages
        #expect(damages.contains { ["log", "database"].contains($0.kind) })
        engine.close()
        #expect(await failure { _ = try open() }?.reason == .corruptDatabase)
    }

    @Test("A process that was behind follows the log collection by collection")
    func behind() async throws {
        let writer = try open()
        for name in ["busy", "quiet", "altered", "dropped"] {
            try await writer.createCollection(name, CollectionOptions(dimension: 0))
            _ = try await writer.index(name, [Document(id: "a", text: "lantern")])
        }
        let reader = try open()
        _ = try await writer.index("quiet", [Document(id: "b", text: "candle")])
        try await writer.alterCollection("altered", addIndexes: [MetadataIndex("year")])
        _ = try await writer.index("busy", [Document(id: "a", text: "status")])
        try await writer.dropCollection("dropped")
        try await writer.createCollection("dropped", CollectionOptions(dimension: 0))
        try await writer.compact("busy")
        _ = try await writer.index("quiet", [Document(id: "a", text: "torch")])
        #expect(try await reader.search("quiet", Query([.matching("candle")])).map(\.id) == ["b"])
        #expect(try await reader.search("quiet", Query([.matching("lantern")])).isEmpty)
        #expect(try await reader.search("quiet", Query([.matching("torch")])).map(\.id) == ["a"])
        #expect(try await reader.search("busy", Query([.matching("status")])).map(\.id) == ["a"])
        #expect(try await reader.search("busy", Query([.matching("lantern")])).isEmpty)
        #expect(try await reader.search("dropped", Query([.matching("lantern")])).isEmpty)
        #expect(try reader.describe("altered").options.metadataIndexes == [MetadataIndex("year")])
        _ = try await reader.index("quiet", [Document(id: "c", text: "beacon")])
        #expect(try await writer.search("quiet", Query([.matching("beacon")])).map(\.id) == ["c"])
        #expect(try await reader.verify().damages == [])
        reader.close()
        writer.close()
    }
}
