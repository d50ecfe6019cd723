// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneANN
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Delta memory")
struct MemoryLimitTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// Opens the store with 16 MiB for changes, and with no other reason for a base.
    private func open() throws -> Engine {
        try Engine.open(
            directory: store.path,
            options: Engine.Options(
                durability: .relaxed,
                compaction: CompactionPolicy(minimumChanges: .max),
                openCollections: OpenCollections(bytes: 0)
            )
        )
    }

    /// A batch of documents in which every word is different.
    private func batch(_ number: Int) throws -> [Document] {
        try (0..<100).map { position in
            let words = (0..<200).map { "w\(number)x\(position)x\($0)" }.joined(separator: " ")
            return Document(
                id: try DocumentID("\(number)-\(position)"),
                text: [TextField(name: "text", text: words)]
            )
        }
    }

    @Test("Delta memory is freed by a compaction once half of it is in use")
    func compacts() async throws {
        let engine = try open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        try await engine.createCollection("b", CollectionOptions(dimension: 0))
        _ = try await engine.index("b", batch(0))
        let one = engine.catalog.deltaMemory.byteCount
        #expect(one > 100 << 10)
        var count = 1
        while engine.catalog.deltaMemory.byteCount * 2 <= engine.catalog.deltaMemory.limit {
            _ = try await engine.index("a", batch(count))
            count += 1
        }
        try await waitUntil { try engine.describe("a").baseByteCount > 0 }
        try await waitUntil { engine.catalog.deltaMemory.byteCount < 4 * one }
        // The other collection is not the one that takes the memory.
        #expect(try engine.describe("b").baseByteCount == 0)
        let query = Query([.matching("w1x7x3")])
        #expect(try await engine.search("a", query).map(\.id) == ["1-7"])
        engine.close()
    }

    @Test("Writes are refused when delta memory is full, until a compaction has ended")
    func refuses() async throws {
        let engine = try open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        let collection = try engine.collection(named: "a")
        let held = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            try? engine.compactor.pausing(collection, CallContext(timeout: .seconds(60))) {
                held.signal()
                ended.wait()
            }
        }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                held.wait()
                continuation.resume()
            }
        }
        var count = 0
        let refusal = await #expect(throws: LodestoneError.self) {
            while count < 1_000 {
                _ = try await engine.index("a", batch(count))
                count += 1
            }
        }
        #expect(refusal?.reason == .overloaded)
        #expect(refusal?.retryAfter != nil)
        #expect(refusal?.outcome == .notApplied)
        #expect(engine.catalog.deltaMemory.byteCount < 20 << 20)
        // A small write still has room.
        _ = try await engine.index("a", [Document(id: "small")])
        // Searches still work, and so does the drop of another collection.
        #expect(try await engine.search("a", Query([.matching("w0x0x0")])).map(\.id) == ["0-0"])
        try await engine.createCollection("b", CollectionOptions(dimension: 0))
        try await engine.dropCollection("b")
        ended.signal()
        try await waitUntil { engine.catalog.deltaMemory.byteCount < 4 << 20 }
        _ = try await engine.index("a", batch(count))
        #expect(try engine.describe("a").documents == (count + 1) * 100 + 1)
        engine.close()
    }

    @Test("Delta memory counts every index and nothing of a dropped collection")
    func counts() async throws {
        let engine = try open()
        let memory = engine.catalog.deltaMemory
        let options = CollectionOptions(
            dimension: 0,
            metadataIndexes: [MetadataIndex(path: ["n"])]
        )
        try await engine.createCollection("a", options)
        var before = memory.byteCount
        func grows(_ documents: [Document], edges: [SourcedEdge] = []) async throws {
            _ = try await engine.index("a", documents, edges: edges)
            #expect(memory.byteCount - before > 8_000)
            before = memory.byteCount
        }
        // First ids and rows take memory, then values, and then edges.
        try await grows((0..<2_000).map { Document(id: try DocumentID("a\($0)")) })
        try await grows(
            (0..<2_000).map {
                Document(id: try DocumentID("a\($0)"), metadata: ["n": .int(Int64($0))])
            }
        )
        try await grows(
            [],
            edges: (0..<2_000).map {
                SourcedEdge(from: "a0", Edge("e", to: try DocumentID("a\($0)")))
            }
        )
        try await engine.dropCollection("a")
        try await waitUntil { memory.byteCount == 0 }
        engine.close()
    }

    @Test("Graph memory beyond its limit is in files, and searches find the same")
    func graphs() async throws {
        defer { GraphMemory.limit(to: .max) { _ in nil } }
        var stock = VectorStock()
        let engine = try Engine.open(
            directory: store.path,
            options: Engine.Options(
                durability: .relaxed,
                compaction: CompactionPolicy(minimumChanges: .max),
                graphMemory: 0
            )
        )
        let form = HNSWOptions(m: 32, efConstruction: 40, efSearch: 32)
        let strategy = VectorIndexStrategy.hnsw(inlineIndexing: true, form)
        try await engine.createCollection("a", stock.options(strategy))
        let before = GraphMemory.byteCounts
        try await stock.write(0..<1_500, batch: 250, to: engine)
        let after = GraphMemory.byteCounts
        #expect(after.inFiles - before.inFiles > 1 << 20)
        #expect(after.own - before.own < 1 << 20)
        try await stock.check(engine, queries: 20)
        let files = try FileManager.default.contentsOfDirectory(atPath: store.path)
        #expect(!files.contains { $0.contains("scratch") })
        try await engine.buildIndex("a")
        try await stock.check(engine, queries: 20)
        engine.close()
    }
}
