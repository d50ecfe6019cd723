// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

/// The stores of `Tests/Formats`, which the releases of the past wrote.
@Suite("Past formats")
struct PastFormatTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Formats")
    /// The formats with a folder, in their order.
    private static let formats: [Int] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.compactMap { $0.hasPrefix("v") ? Int($0.dropFirst()) : nil }.sorted()
    }()

    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var store: String { directory.path + "/store" }

    /// Unpacks the store of a format.
    private func unpack(_ format: Int) throws {
        try FileManager.default.createDirectory(
            atPath: store,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        let archive = Self.folder.appendingPathComponent("v\(format)/store.tar.zst").path
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tar.arguments = [
            "tar", "--zstd", "--extract", "--no-same-owner", "--file", archive, "--directory",
            store,
        ]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
    }

    private func open(_ path: String) throws -> Engine {
        try Engine.open(
            directory: path,
            options: Engine.Options(compaction: CompactionPolicy(minimumChanges: .max))
        )
    }

    /// The format of a store that no engine has open.
    private func format(of path: String) throws -> Int {
        var database: OpaquePointer?
        var statement: OpaquePointer?
        defer {
            sqlite3_finalize(statement)
            sqlite3_close(database)
        }
        let file = path + "/lodestone.db"
        try #require(sqlite3_open_v2(file, &database, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK)
        let sql = "PRAGMA user_version"
        try #require(sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK)
        try #require(sqlite3_step(statement) == SQLITE_ROW)
        return Int(sqlite3_column_int64(statement, 0))
    }

    // MARK: - The data of write.py

    private func metadata(_ number: Int64) -> Metadata {
        [
            "even": .bool(number % 2 == 0), "number": .int(number),
            "half": .double(Double(number) / 2), "name": .string("n\(number)"),
            "time": .timestamp(microseconds: 1_700_000_000_000_000 + number),
            "list": .list([.int(number), "two"]), "map": .object(["inner": .int(number)]),
        ]
    }

    private var plain: [Document] {
        [
            Document(
                id: "a",
                vector: [1, 0, 0, 0],
                text: "red fox in the snow",
                metadata: metadata(1),
                edges: [Edge("cites", to: "b", weight: 0.5, metadata: ["page": 3])]
            ),
            Document(
                id: "b",
                vector: [0, 1, 0, 0],
                text: "brown bears by the river",
                metadata: metadata(2),
                edges: [Edge("cites", to: "c")]
            ),
            Document(
                id: "c",
                vector: [0, 0.9, 1, 0],
                text: "a grey wolf at night",
                metadata: metadata(6),
                edges: [Edge("cites", to: "d")]
            ),
            Document(
                id: "d",
                vector: [0, 0, 0, 1],
                text: [
                    TextField(name: "title", text: "blue whale"),
                    TextField(name: "body", text: "in the sea"),
                ],
                metadata: metadata(4)
            ),
        ]
    }

    private func sorted(_ document: Document) -> Document {
        var document = document
        document.text.sort { $0.name < $1.name }
        return document
    }

    private func count(_ engine: Engine, _ collection: String, from lower: Int64) async throws
        -> Int
    {
        let filter = Filter.range(path: ["number"], lower: .init(.int(lower)), upper: nil)
        return try await engine.count(CountRequest(collection: collection, filter: filter)).count
    }

    /// Compares all results of an engine with the data of `write.py`.
    private func check(_ engine: Engine) async throws {
        #expect(Set(try engine.collections().map(\.name)) == ["notes", "plain"])
        let ids: [DocumentID] = ["a", "b", "c", "d", "e"]
        let documents = try await engine.get(GetRequest(collection: "plain", ids: ids))
        #expect(documents.map(sorted) == plain.map(sorted))

        func search(_ collection: String, _ source: Source, _ limit: Int) async throws
            -> [DocumentID]
        {
            try await engine.search(collection, Query([source], limit: limit)).map(\.id)
        }
        #expect(try await search("plain", .near([0, 1, 0.1, 0]), 2) == ["b", "c"])
        #expect(try await search("plain", .matching("fox"), 9) == ["a"])
        #expect(try await search("plain", .matching("bear"), 9) == ["b"])
        #expect(try await search("plain", .matching("deer"), 9) == [])
        #expect(try await search("plain", .matching("whale sea"), 9) == ["d"])
        #expect(try await count(engine, "plain", from: 2) == 3)
        let walk = Walk(from: ["a"], labels: ["cites"], depth: 3)
        #expect(try await engine.walk("plain", walk).reached.map(\.id) == ["b", "c", "d"])

        #expect(try engine.describe("notes").documents == 61)
        #expect(try await search("notes", .near([41, 1, 6, 2]), 1) == ["n41"])
        #expect(try await search("notes", .near([60, 1, 4, 0]), 1) == ["n60"])
        let topic = try await search("notes", .matching("topic3"), 100)
        #expect(Set(topic) == Set(try (0..<12).map { try DocumentID("n\($0 * 5 + 3)") }))
        #expect(try await count(engine, "notes", from: 50) == 11)
        let page = try await engine.listEdges(
            ListEdgesRequest(collection: "notes", id: "n0", limit: 200)
        )
        #expect(page.edges.count == 118)
        let hub = Walk(from: ["n0"], labels: ["via"])
        #expect(try await engine.walk("notes", hub).reached.count == 59)
    }

    /// Checks a store twice: as it was left, and after writes and a compaction of today.
    ///
    /// Bases of format 2 may lack sections of today. Verification reports them as damaged, and as
    /// made again.
    private func checkAndUse(_ path: String, hasEarlierBases: Bool = false) async throws {
        let engine = try open(path)
        try await check(engine)
        let damages = try await engine.verify().damages
        #expect(damages.filter { !hasEarlierBases || $0.kind != "base" || !$0.isRepaired } == [])
        for collection in ["plain", "notes"] {
            _ = try await engine.index(collection, [Document(id: "later", text: "zebra")])
            _ = try await engine.compact(collection)
            #expect(
                try await engine.search(collection, Query([.matching("zebra")])).map(\.id)
                    == ["later"]
            )
            _ = try await engine.dropMany(DropManyRequest(collection: collection, ids: ["later"]))
        }
        engine.close()
        let again = try open(path)
        try await check(again)
        #expect(try await again.verify().damages == [])
        again.close()
    }

    @Test("Tests/Formats has a store and a snapshot of every format up to that of today")
    func complete() throws {
        let engine = try open(store)
        engine.close()
        #expect(Self.formats == Array(1...(try format(of: store))))
    }

    @Test(
        "A store that an earlier release wrote has all its documents, and gets today's format",
        arguments: formats
    )
    private func opens(format: Int) async throws {
        try unpack(format)
        #expect(try self.format(of: store) == format)
        try await checkAndUse(store, hasEarlierBases: format == 2)
        #expect(try self.format(of: store) == Self.formats.last)
    }

    @Test(
        "A snapshot that an earlier release wrote restores to a store with all its documents",
        arguments: formats
    )
    private func restores(format: Int) async throws {
        let archive = Self.folder.appendingPathComponent("v\(format)/snapshot.lodestone").path
        let analysis = FTS5Analysis()
        _ = try SnapshotArchive.verify(archive, analysis: analysis, context: CallContext())
        _ = try SnapshotArchive.restore(
            archive,
            to: store,
            analysis: analysis,
            context: CallContext()
        )
        try await checkAndUse(store)
    }

    @Test(
        "A changed byte in the vectors of an earlier release's store is detected",
        arguments: formats
    )
    private func damage(format: Int) async throws {
        try unpack(format)
        let segments = try FileManager.default.subpathsOfDirectory(atPath: store)
            .filter { $0.contains("vectors-1-") }.sorted()
        let path = store + "/" + (try #require(segments.first))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        // The first vector that was written, [1, 0, 0, 0], is that of a document that lives.
        let one = Data([0, 0, 0x80, 0x3f])
        let position = try #require(bytes.range(of: one)).lowerBound
        bytes[position] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        do {
            let engine = try open(store)
            #expect(try await !engine.verify().damages.isEmpty)
            engine.close()
        } catch let error as LodestoneError {
            // Opening a store compares the vectors that its log still has.
            #expect(error.code == .dataLoss)
        }
    }
}
