// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Linking after a base")
struct LinkingTests {
    private static let options = HNSWOptions(m: 8, efConstruction: 40, efSearch: 32)
    private static let batch = VectorIndexStrategy.hnsw(inlineIndexing: false, options)
    private static let inline = VectorIndexStrategy.hnsw(inlineIndexing: true, options)

    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// Opens the store with a policy that links in memory and compacts only on request.
    ///
    /// Vectors are linked once `count` of them have no place in the graph.
    private func open(linking count: Int = 100) throws -> Engine {
        var policy = CompactionPolicy(minimumChanges: .max, idleTime: .milliseconds(1))
        policy.scannedBytes = count * VectorStock.dimension * MemoryLayout<Float>.stride
        return try store.open(compaction: policy)
    }

    /// A store with a collection whose base has a graph of some documents.
    private func filled(_ stock: inout VectorStock, _ count: Int, linking: Int = 100) async throws
        -> Engine
    {
        let engine = try open(linking: linking)
        try await engine.createCollection("a", stock.options(Self.batch))
        try await stock.write(0..<count, batch: count, to: engine)
        try await engine.buildIndex("a")
        return engine
    }

    private func bases() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: store.path)
            .filter { $0.hasPrefix("base-") }.sorted()
    }

    private func waitUntilLinked(_ engine: Engine) async throws {
        try await waitUntil { try engine.describe("a").index.scannedVectors == 0 }
    }

    @Test("A process that only reads links vectors written after the base")
    func readOnly() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 600, linking: 10_000)
        try await stock.write(600..<800, to: engine)
        #expect(try engine.describe("a").index.scannedVectors == 200)
        var policy = CompactionPolicy(minimumChanges: 1, idleTime: .milliseconds(1))
        policy.scannedBytes = 100 * VectorStock.dimension * MemoryLayout<Float>.stride
        let before = try bases()
        let reader = try Engine.open(
            directory: store.path,
            options: Engine.Options(compaction: policy, isReadOnly: true)
        )
        try await waitUntilLinked(reader)
        try await stock.check(reader, queries: 20)
        #expect(try bases() == before)
        reader.close()
        engine.close()
    }

    @Test(
        "Vectors written after the base are linked without a new base, also after a restart",
        arguments: Metric.allCases
    )
    func linked(metric: Metric) async throws {
        var stock = VectorStock(metric)
        var engine = try await filled(&stock, 600)
        let before = try bases()
        try await stock.write(600..<800, to: engine)
        try await waitUntilLinked(engine)
        #expect(try engine.describe("a").changesSinceBase == 200)
        try await stock.check(engine, queries: 40)
        try await stock.checkFound(stride(from: 600, to: 800, by: 7), in: engine)
        let query = Query([.near(VectorStock.queryVectors(1)[0])], include: .explain)
        let request = SearchRequest(collection: "a", queries: [query])
        let found = try await engine.search(request).results[0].explanations
        #expect(found.first?.strategy == "hnsw")
        #expect(found.first?.scannedRows ?? .max < 200)
        #expect(try bases() == before)
        engine.close()

        engine = try open()
        try await stock.check(engine, queries: 10)
        try await waitUntilLinked(engine)
        try await stock.check(engine, queries: 40)
        #expect(try bases() == before)
        #expect(try await engine.verify().isClean)
        engine.close()
    }

    @Test("Vectors are found while others are written, replaced and dropped during linking")
    func meanwhile() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 400)
        let before = try bases()
        for turn in 0..<20 {
            let first = 400 + 30 * turn
            try await stock.write(first..<first + 30, to: engine)
            // The documents are in the base, possibly being linked, or already linked.
            let others = [turn, first + 3, first - 20, first - 21]
            try await stock.write(others, version: turn + 1, to: engine)
            try await stock.drop([100 + turn, first + 5, first - 9], from: engine)
            try await stock.check(engine, queries: 2, atLeast: 0.8)
            try await stock.checkFound([turn, first + 3, first - 20, first], in: engine)
        }
        try await stock.write(2_000..<2_100, to: engine)
        try await waitUntilLinked(engine)
        try await stock.check(engine, queries: 40)
        try await stock.checkFound(stride(from: 460, to: 1_000, by: 30), in: engine)
        #expect(try bases() == before)
        #expect(try await engine.verify().isClean)
        engine.close()
    }

    @Test("Linked vectors are in the graph of the next base without a second linking")
    func compacted() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 600)
        try await stock.write(600..<750, to: engine)
        try await waitUntilLinked(engine)
        try await stock.drop(300..<310, from: engine)
        try await engine.compact("a")
        let collection = try engine.collection(named: "a")
        #expect(collection.progress.total == 0)
        #expect(collection.version.vectors.index.count == 740)
        #expect(try engine.describe("a").changesSinceBase == 0)
        try await stock.check(engine, queries: 40)
        engine.close()
    }

    @Test("Close of an engine stops the linking of vectors", .timeLimit(.minutes(2)))
    func closing() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 300)
        try await stock.write(300..<8_300, batch: 8_000, to: engine)
        let collection = try engine.collection(named: "a")
        try await waitUntil { collection.version.vectors.index.count > 300 }
        engine.close()
        #expect(collection.version.vectors.uncoveredCount > 0)
    }

    @Test("Each process that has the store open links new vectors itself")
    func twoProcesses() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 400)
        let other = try open()
        let before = try bases()
        try await stock.write(400..<520, to: engine)
        try await stock.drop(380..<390, from: other)
        for one in [engine, other] {
            try await stock.check(one, queries: 5)
            try await waitUntilLinked(one)
            try await stock.check(one, queries: 20)
            #expect(one.catalog.opened.allSatisfy { $0.version.vectors.index.count == 520 })
        }
        #expect(try bases() == before)
        // The base that one engine writes is also the other engine's.
        try await other.compact("a")
        try await stock.write(520..<640, to: engine)
        try await waitUntilLinked(engine)
        try await stock.check(engine, queries: 20)
        engine.close()
        other.close()
    }

    @Test("Older vectors are linked before writes link theirs after a change to inline indexing")
    func strategy() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 400, linking: 150)
        let before = try bases()
        try await stock.write(400..<500, to: engine)
        #expect(try engine.describe("a").index.scannedVectors == 100)
        // The lock prevents builds.
        let lock = try HeldLock(store.path + "/compaction.lock")
        try await engine.alterCollection("a", Self.inline)
        try await stock.write(500..<600, to: engine)
        try await waitUntilLinked(engine)
        // From now on a write leaves no vectors to link later.
        try await stock.write(600..<605, to: engine)
        #expect(try engine.describe("a").index.scannedVectors == 0)
        #expect(try engine.describe("a").index.indexedVectors == 605)
        try await stock.check(engine, queries: 20)
        #expect(try bases() == before)
        lock.release()
        engine.close()
    }
}
