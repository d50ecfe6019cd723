// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Store of many collections")
struct ManyCollectionsTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// Creates collections with one document each.
    private func fill(_ count: Int) async throws {
        let engine = try Engine.open(
            directory: store.path,
            options: Engine.Options(
                durability: .relaxed,
                compaction: CompactionPolicy(minimumChanges: .max)
            )
        )
        for number in 0..<count {
            try await engine.createCollection("c\(number)", CollectionOptions(dimension: 2))
        }
        let text = [TextField(name: "text", text: "common word")]
        let document = Document(id: "x", vector: [1, 0], text: text)
        try await withThrowingTaskGroup { group in
            for number in 0..<count {
                group.addTask { _ = try await engine.index("c\(number)", [document]) }
            }
            try await group.waitForAll()
        }
        engine.close()
    }

    /// Opens the store with a limit on its open collections.
    private func open(_ count: Int, bytes: Int = 1 << 30) throws -> Engine {
        try Engine.open(
            directory: store.path,
            options: Engine.Options(
                compaction: CompactionPolicy(minimumChanges: .max),
                openCollections: OpenCollections(count: count, bytes: bytes)
            )
        )
    }

    @Test(
        "A store of many collections opens in time linear in their number",
        arguments: [10, 9_999]
    )
    func opens(openCount: Int) async throws {
        let count = 1_000
        try await fill(count)
        let start = ContinuousClock.now
        let engine = try open(openCount)
        // Measured in a debug build, when each collection read the records of all: 15 s.
        #expect(start.duration(to: .now) < .seconds(8))
        #expect(try engine.collections().count == count)
        #expect(try await engine.search("c7", Query([.near([1, 0])])).map(\.id) == ["x"])
        engine.close()
    }

    @Test("A searched collection takes little memory")
    func memory() async throws {
        let count = 300
        try await fill(count)
        let engine = try store.open()
        let before = residentByteCount()
        for number in 0..<count {
            let hits = try await engine.search("c\(number)", Query([.matching("common")]))
            #expect(hits.map(\.id) == ["x"])
        }
        // With 320 KiB of room per collection to count in, this took 94 MiB.
        #expect(residentByteCount() - before < 30 << 20)
        engine.close()
    }

    @Test("An engine returns right results with at most the allowed number of open collections")
    func closes() async throws {
        let names = (0..<12).map { "c\($0)" }
        try await fill(names.count)
        for _ in 0..<2 {
            let engine = try open(4)
            for round in 0..<2 {
                for name in names {
                    let document = Document(id: try DocumentID("y\(round)"), vector: [0, 1])
                    _ = try await engine.index(name, [document])
                    #expect(engine.catalog.opened.count <= 5)
                }
            }
            for name in names {
                let hits = try await engine.search(name, Query([.near([0, 1])])).map(\.id)
                #expect(Set(hits) == ["x", "y0", "y1"])
            }
            #expect(try engine.collections().map(\.documents) == names.map { _ in 3 })
            #expect(try engine.collections().map(\.name) == names.sorted())
            #expect(engine.catalog.opened.count <= 5)
            #expect(try await engine.verify().isClean)
            engine.close()
        }
    }

    @Test("Collections over the memory budget are closed, except those in use")
    func bytes() async throws {
        try await fill(6)
        let engine = try open(100, bytes: 0)
        let used = try engine.collection(named: "c0")
        for number in 1..<6 { _ = try engine.collection(named: "c\(number)") }
        engine.catalog.closeUnused(evenIfRecent: true)
        #expect(engine.catalog.opened.map(\.name) == ["c0"])
        withExtendedLifetime(used) {}
        engine.close()
    }

    @Test("Closed collections show the changes of other processes")
    func shared() async throws {
        try await fill(6)
        let (engine, other) = (try open(2), try open(2))
        // This process has closed all of these collections except the last.
        for number in 0..<6 { _ = try engine.describe("c\(number)") }
        _ = try await other.index("c0", [Document(id: "y", vector: [0, 1])])
        #expect(try engine.describe("c0").documents == 2)
        let near = Query([.near([0, 1])])
        #expect(try await engine.search("c0", near).map(\.id) == ["y", "x"])
        try await other.dropCollection("c1")
        try await other.createCollection("c1", CollectionOptions(dimension: 2))
        #expect(try engine.describe("c1").documents == 0)
        try await other.dropCollection("c2")
        #expect(await failure { _ = try await engine.search("c2", near) }?.code == .notFound)
        _ = try await other.alterCollection("c3", addIndexes: [MetadataIndex(path: ["n"])])
        #expect(try engine.describe("c3").options.metadataIndexes.count == 1)
        // The log row of the write is forgotten before the other process reads it.
        _ = try await other.index("c4", [Document(id: "y", vector: [0, 1])])
        for name in try other.collections().map(\.name) { try await other.compact(name) }
        #expect(try await engine.search("c4", near).map(\.id) == ["y", "x"])
        #expect(try await engine.dropCollection("c4").dropped == 2)
        #expect(try other.collections().map(\.name) == ["c0", "c1", "c3", "c5"])
        engine.close()
        other.close()
    }

    @Test("Descriptions of closed collections are right, and few collections are opened for them")
    func descriptions() async throws {
        try await fill(8)
        let engine = try open(100)
        try await engine.compact("c1")
        try await engine.compact("c2")
        _ = try await engine.index("c2", [Document(id: "y"), Document(id: "z", vector: [0, 1])])
        // The log's counts do not cover replaced and dropped documents, edges, and a change of
        // strategy.
        _ = try await engine.index("c3", [Document(id: "x")])
        _ = try await engine.dropMany(DropManyRequest(collection: "c4", ids: ["x"]))
        _ = try await engine.index("c5", [Document(id: "y", edges: [Edge("to", to: "x")])])
        // The lock prevents the build of its index.
        let lock = try HeldLock(store.path + "/compaction.lock")
        try await engine.alterCollection("c6", .hnswBatch)
        engine.close()
        let reopened = try open(100)
        let described = try reopened.collections()
        reopened.close()
        lock.release()
        let catalog = try Catalog(
            SQLiteStore(directory: store.path, durability: .full, analysis: FTS5Analysis()),
            budget: OpenCollections(count: 7)
        )
        try catalog.describeClosed()
        #expect(catalog.opened.isEmpty)
        let closed = try catalog.records.map { try catalog.description(of: $0.number) }
        for (closed, described) in zip(closed, described) { #expect(closed == described) }
        #expect(catalog.opened.map(\.name) == ["c3", "c4", "c5", "c6"])
        catalog.store.close()
    }

    @Test("No write is lost while collections are opened and closed", .timeLimit(.minutes(2)))
    func churn() async throws {
        let count = 12
        try await fill(count)
        let engine = try open(3)
        try await withThrowingTaskGroup { group in
            for writer in 0..<6 {
                group.addTask {
                    for round in 0..<40 {
                        let name = "c\((round * 5 + writer) % count)"
                        let id = try DocumentID("\(writer)-\(round)")
                        _ = try await engine.index(name, [Document(id: id, vector: [0, 1])])
                        let request = GetRequest(collection: name, ids: [id])
                        #expect(try await engine.get(request).count == 1)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try engine.collections().reduce(0) { $0 + $1.documents } == count + 240)
        #expect(try await engine.verify().isClean)
        engine.close()
    }
}
