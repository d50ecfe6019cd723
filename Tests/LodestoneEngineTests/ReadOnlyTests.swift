// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import TestSupport
import Testing

@Suite("Read-only engine")
struct ReadOnlyTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    private static let options = CollectionOptions(
        dimension: 2,
        metadataIndexes: [MetadataIndex("n")]
    )

    private func openForReading() throws -> Engine {
        try Engine.open(
            directory: store.path,
            // With this policy, any change in a process that writes would cause a base.
            options: Engine.Options(
                compaction: CompactionPolicy(
                    minimumChanges: 1,
                    idlePercentOfBase: 0,
                    idleTime: .milliseconds(1)
                ),
                isReadOnly: true
            )
        )
    }

    private func documents(_ range: Range<Int>) -> [Document] {
        range.map { number in
            Document(
                id: DocumentID(trusted: "d\(number)"),
                vector: [Float(number), 1],
                text: "text \(number)",
                metadata: ["n": .int(Int64(number))],
                edges: [Edge("next", to: DocumentID(trusted: "d\(number + 1)"))]
            )
        }
    }

    /// Makes a store with a base, and changes after it.
    private func makeStore() async throws {
        let engine = try store.open()
        try await engine.createCollection("a", Self.options)
        _ = try await engine.index("a", documents(0..<300))
        try await engine.compact("a")
        _ = try await engine.index("a", documents(250..<400))
        try await engine.createSnapshot("kept")
        engine.close()
    }

    private func expectResults(of engine: Engine, count: Int) async throws {
        let near = Query([.near([7, 1])], limit: 1)
        #expect(try await engine.search("a", near).count == 1)
        #expect(try await engine.search("a", Query([.matching("text")], limit: 999)).count == count)
        let least = Filter.Bound(.int(Int64(count) - 10))
        let filter = Filter.range(path: ["n"], lower: least, upper: nil)
        #expect(try await engine.count(CountRequest(collection: "a", filter: filter)).count == 10)
        let walk = Walk(from: ["d0"], depth: 2)
        #expect(try await engine.walk("a", walk).reached.map(\.id) == ["d1", "d2"])
        #expect(try await engine.verify().damages == [])
    }

    @Test("A read-only engine serves all reads, refuses all changes and leaves files as they are")
    func alone() async throws {
        try await makeStore()
        let before = try files()
        let engine = try openForReading()
        try await expectResults(of: engine, count: 400)
        #expect(try await engine.snapshots().map(\.name) == ["kept"])
        let refused: [(String, () async throws -> Void)] = [
            ("create", { try await engine.createCollection("b", Self.options) }),
            ("alter", { _ = try await engine.alterCollection("a", addIndexes: [.init("m")]) }),
            ("drop", { try await engine.dropCollection("a") }),
            ("index", { _ = try await engine.index("a", documents(0..<1)) }),
            (
                "drop many",
                { _ = try await engine.dropMany(DropManyRequest(collection: "a", ids: ["d1"])) }
            ),
            ("compact", { try await engine.compact("a") }),
            ("build", { _ = try await engine.buildIndex("a") }),
            ("snapshot", { try await engine.createSnapshot("more") }),
            ("delete snapshot", { try engine.deleteSnapshot("kept") }),
            ("erase", { try await engine.erase() }),
        ]
        for (call, body) in refused {
            #expect(await failure(body)?.reason == .readOnly, "\(call)")
        }
        engine.close()
        #expect(try files() == before)
    }

    /// The content of each file by name, except for the index of the write-ahead log.
    private func files() throws -> [String: Data] {
        let manager = FileManager.default
        var contents: [String: Data] = [:]
        for case let name as String in manager.enumerator(atPath: store.path) ?? .init() {
            guard !name.hasSuffix("-shm") else { continue }
            contents[name] = manager.contents(atPath: store.path + "/" + name) ?? Data()
        }
        return contents
    }

    @Test("A read-only engine follows a process that writes, compacts and erases")
    func followed() async throws {
        try await makeStore()
        let reader = try openForReading()
        let writer = try store.open()
        _ = try await writer.index("a", documents(400..<500))
        try await expectResults(of: reader, count: 500)
        try await writer.compact("a")
        _ = try await writer.index("a", documents(500..<600))
        try await writer.erase()
        try await expectResults(of: reader, count: 600)
        try await writer.createCollection("b", Self.options)
        #expect(try reader.collections().map(\.name) == ["a", "b"])
        try await writer.dropCollection("b")
        #expect(try reader.collections().map(\.name) == ["a"])
        writer.close()
        try await expectResults(of: reader, count: 600)
        reader.close()
        // The reader's work must not prevent the next process from anything.
        let next = try store.open()
        try await expectResults(of: next, count: 600)
        next.close()
    }

    @Test("A read-only engine follows the first writer of a restored store")
    func restored() async throws {
        try await makeStore()
        try store.restore("kept")
        let reader = try Engine.open(
            directory: store.path(of: "kept"),
            options: Engine.Options(isReadOnly: true)
        )
        try await expectResults(of: reader, count: 400)
        let writer = try store.open(copy: "kept")
        _ = try await writer.index("a", [Document(id: "far", vector: [-1, -1])])
        let near = Query([.near([-1, -1])], limit: 1)
        #expect(try await reader.search("a", near).map(\.id) == ["far"])
        writer.close()
        reader.close()
    }

    @Test("Verification of a read-only engine waits for another process's compaction")
    func compacted() async throws {
        try await makeStore()
        let reader = try openForReading()
        let number = try reader.describe("a").number
        let held = try HeldCompaction(store.path + "/compaction.lock", of: number)
        let error = await failure { _ = try await reader.verify(timeout: .milliseconds(100)) }
        #expect(error?.code == .deadlineExceeded)
        held.release()
        #expect(try await reader.verify().damages == [])
        reader.close()
    }

    @Test("A read-only engine searches rows when a base is damaged, without a new base")
    func damaged() async throws {
        try await makeStore()
        let manager = FileManager.default
        let base = try #require(
            try manager.contentsOfDirectory(atPath: store.path).first { $0.hasPrefix("base-") }
        )
        let file = try #require(FileHandle(forWritingAtPath: store.path + "/" + base))
        try file.truncate(atOffset: 100)
        try file.close()
        let reader = try openForReading()
        #expect(try await reader.search("a", Query([.matching("text")], limit: 999)).count == 400)
        let report = try await reader.verify()
        #expect(report.damages.map(\.kind) == ["base"])
        #expect(report.damages.allSatisfy { !$0.isRepaired })
        reader.close()
        let bases = try manager.contentsOfDirectory(atPath: store.path).filter {
            $0.hasPrefix("base-")
        }
        #expect(bases == [base])
    }

    @Test("A read-only engine refuses a directory without a store")
    func missing() {
        let error = #expect(throws: LodestoneError.self) { try openForReading() }
        #expect(error?.code == .notFound && error?.reason == .noStore)
        #expect(!FileManager.default.fileExists(atPath: store.path))
    }

    @Test(
        "A read-only engine refuses a store of another format or text analysis",
        arguments: [
            ("PRAGMA user_version = 5", "UPGRADE_NEEDED"),
            ("PRAGMA user_version = 999", "FORMAT_TOO_NEW"),
            ("UPDATE meta SET value = 1 WHERE key = 'analysis'", "UPGRADE_NEEDED"),
        ]
    )
    func otherRelease(sql: String, reason: String) async throws {
        try await makeStore()
        var database: OpaquePointer?
        try #require(sqlite3_open(store.path + "/lodestone.db", &database) == SQLITE_OK)
        #expect(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(database)
        let error = #expect(throws: LodestoneError.self) { try openForReading() }
        #expect(error?.code == .failedPrecondition && error?.reason.rawValue == reason)
    }
}
