// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import TestSupport
import Testing

@Suite("Vector strategy")
struct StrategyTests {
    private static let strategies: [VectorIndexStrategy] = [
        .flatScan, .lsh(LSHOptions(tables: 4, hyperplanes: 6, probes: 2)), .hnswBatch,
        .hnsw(
            inlineIndexing: true,
            HNSWOptions(m: 8, efConstruction: 50, efSearch: 30, quantization: .int4)
        ),
    ]

    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    private func filled(_ strategy: VectorIndexStrategy = .flatScan) async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection(
            "a",
            CollectionOptions(dimension: 2, metric: .euclidean, vectorStrategy: strategy)
        )
        _ = try await engine.index("a", (0..<20).map(document))
        return engine
    }

    private func document(_ number: Int) throws -> Document {
        Document(id: try DocumentID("d\(number)"), vector: [Float(number), 1])
    }

    private func check(_ engine: Engine) async throws {
        let found = try await engine.search("a", Query([.near([7.2, 1])], limit: 3))
        #expect(found.map(\.id) == ["d7", "d8", "d6"])
    }

    @Test(
        "A strategy given at creation is kept when the store is reopened",
        arguments: strategies
    )
    func created(strategy: VectorIndexStrategy) async throws {
        let engine = try await filled(strategy)
        #expect(try engine.describe("a").options.vectorStrategy == strategy)
        try await check(engine)
        engine.close()
        let again = try store.open()
        #expect(try again.describe("a").options.vectorStrategy == strategy)
        try await check(again)
        again.close()
    }

    @Test(
        "A changed strategy outlasts restarts, compactions and the log",
        arguments: strategies
    )
    func changed(strategy: VectorIndexStrategy) async throws {
        let engine = try await filled()
        let receipt = try await engine.alterCollection("a", strategy)
        #expect(receipt.sequenceNumber == 3)
        #expect(try engine.describe("a").options.vectorStrategy == strategy)
        #expect(try engine.describe("a").sequenceNumber == 3)
        try await check(engine)
        engine.close()

        let second = try store.open()
        #expect(try second.describe("a").options.vectorStrategy == strategy)
        #expect(try second.describe("a").sequenceNumber == 3)
        _ = try await second.index("a", [try document(20)])
        try await second.compact("a")
        try await check(second)
        #expect(try await second.verify().isClean)
        second.close()

        let third = try store.open()
        #expect(try third.describe("a").options.vectorStrategy == strategy)
        try await check(third)
        #expect(try await third.verify().isClean)
        third.close()
    }

    @Test("A strategy changes once per request id, and an equal change has no effect")
    func once() async throws {
        let engine = try await filled()
        let id = RequestID.random()
        let first = try await engine.alterCollection("a", .hnswBatch, requestID: id)
        _ = try await engine.alterCollection("a", .flatScan)
        let again = try await engine.alterCollection("a", .hnswBatch, requestID: id)
        #expect(again.isRepeated && again.sequenceNumber == first.sequenceNumber)
        #expect(try engine.describe("a").options.vectorStrategy == .flatScan)
        try await engine.alterCollection("a", .flatScan)
        #expect(try engine.describe("a").options.vectorStrategy == .flatScan)
        let reused = await failure {
            try await engine.alterCollection("a", .hnswInline, requestID: id)
        }
        #expect(reused?.reason == .requestIDReused)
        engine.close()
    }

    @Test("A changed strategy is seen by other processes, from the log and without it")
    func shared() async throws {
        let engine = try await filled()
        let other = try store.open()
        try await engine.alterCollection("a", .hnswBatch)
        #expect(try other.describe("a").options.vectorStrategy == .hnswBatch)
        try await check(other)
        try await other.alterCollection("a", .hnswInline)
        _ = try await other.index("a", [try document(20)])
        // The log row of the change is forgotten before the first process reads it.
        try await other.compact("a")
        #expect(try engine.describe("a").options.vectorStrategy == .hnswInline)
        try await check(engine)
        try await engine.alterCollection("a", .flatScan)
        try await other.compact("a")
        #expect(try other.describe("a").options.vectorStrategy == .flatScan)
        #expect(try engine.describe("a").options.vectorStrategy == .flatScan)
        #expect(try await other.verify().isClean)
        engine.close()
        other.close()
    }

    @Test("A snapshot has the changed strategy, from the log and from a base")
    func snapshots() async throws {
        let engine = try await filled()
        try await engine.alterCollection("a", .hnswInline)
        try await engine.createSnapshot("log")
        try await engine.compact("a")
        try await engine.createSnapshot("base")
        engine.close()
        for name in ["log", "base"] {
            try store.restore(name)
            let copy = try store.open(copy: name)
            #expect(try copy.describe("a").options.vectorStrategy == .hnswInline)
            try await check(copy)
            #expect(try await copy.verify().isClean)
            copy.close()
        }
    }

    @Test("A strategy change of a missing collection or one without vectors is refused")
    func refused() async throws {
        let engine = try store.open()
        #expect(
            await failure { try await engine.alterCollection("a", .hnswBatch) }?.code == .notFound
        )
        try await engine.createCollection("words", CollectionOptions(dimension: 0))
        let error = await failure { try await engine.alterCollection("words", .hnswBatch) }
        #expect(error?.reason == .noVectors)
        try await engine.alterCollection("words", .flatScan)
        engine.close()
    }

    // MARK: Building

    @Test("An index is built on request, also without writes since the last build")
    func build() async throws {
        let engine = try await filled(.hnswBatch)
        #expect(try await engine.buildIndex("a") == 2)
        #expect(try await engine.buildIndex("a") == 2)
        #expect(try engine.describe("a").changesSinceBase == 0)
        try await check(engine)
        #expect(await failure { try await engine.buildIndex("b") }?.code == .notFound)
        engine.close()
    }

    @Test("A cancelled or late build leaves the index as it was, and a later build succeeds")
    func cancelled() async throws {
        let engine = try await filled(.hnswBatch)
        try await engine.compact("a")
        _ = try await engine.index("a", [try document(20)])
        let lock = try HeldLock(store.path + "/compaction.lock")
        let context = CallContext(timeout: .seconds(60))
        context.cancel()
        let cancelled = #expect(throws: LodestoneError.self) {
            try engine.buildIndex("a", context: context)
        }
        #expect(cancelled?.code == .cancelled)
        let late = #expect(throws: LodestoneError.self) {
            try engine.buildIndex("a", context: CallContext(timeout: .milliseconds(5)))
        }
        #expect(late?.code == .deadlineExceeded)
        #expect(try engine.describe("a").changesSinceBase == 1)
        try await check(engine)
        lock.release()
        // This build could begin at once.
        let early = #expect(throws: LodestoneError.self) {
            try engine.buildIndex("a", context: context)
        }
        #expect(early?.code == .cancelled)
        #expect(try engine.describe("a").changesSinceBase == 1)
        try await engine.buildIndex("a")
        #expect(try engine.describe("a").changesSinceBase == 0)
        try await check(engine)
        engine.close()
    }

    @Test("A running build does not keep the engine from closing")
    func closing() async throws {
        let engine = try await filled(.hnswBatch)
        let lock = try HeldLock(store.path + "/compaction.lock")
        async let build = failure { try await engine.buildIndex("a") }
        engine.close()
        // The build is cancelled, or refused if the engine was closed first.
        let error = await build
        #expect([.cancelled, .unavailable].contains(error?.code))
        lock.release()
        let again = try store.open()
        try await check(again)
        again.close()
    }

    // MARK: Status

    @Test("A flat strategy is ready with every vector indexed")
    func readiness() async throws {
        let engine = try await filled()
        #expect(
            try engine.describe("a").index == IndexStatus(strategy: .flatScan, indexedVectors: 20)
        )
        engine.close()
    }

    @Test("A strategy without a built index reports a scan and the reason")
    func scanning() async throws {
        let engine = try await filled(.hnswBatch)
        let index = try engine.describe("a").index
        #expect(index.strategy == .hnswBatch && index.state == .scanning)
        #expect(index.scannedVectors == 20 && index.indexedVectors == 0 && index.progress == 0)
        #expect(index.message.contains("no index"))
        #expect(try engine.stats().collections.first?.index == index)
        engine.close()
    }

    @Test("A failed build is reported with its reason until a build succeeds")
    func failedBuild() async throws {
        let engine = try await filled(.hnswBatch)
        let path = store.path + "/vectors-1-0.seg"
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        var bad = good
        bad[bad.count - 1] ^= 1
        try overwrite(path, with: bad)
        let error = await failure { try await engine.buildIndex("a") }
        #expect(error?.code == .dataLoss)
        #expect(try engine.describe("a").index.message.contains("vectors-1-0.seg"))
        try overwrite(path, with: good)
        try await engine.buildIndex("a")
        #expect(try !engine.describe("a").index.message.contains("failed"))
        engine.close()
    }

    /// Changes a file in place, because it is mapped.
    private func overwrite(_ path: String, with data: Data) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.write(contentsOf: data)
        try file.close()
    }

    // MARK: Explanations

    @Test("A search with explanations reports the strategy it used")
    func explained() async throws {
        let engine = try await filled()
        let request = SearchRequest(
            collection: "a",
            queries: [
                Query(
                    [.matching("x"), .near([1, 1]), .near([2, 1], exact: true)],
                    include: .explain
                ),
                Query([.near([1, 1])]),
                Query([.near([1, 1])], filter: .exists(path: ["n"], true), include: .explain),
            ]
        )
        let results = try await engine.search(request).results
        #expect(
            results[0].explanations == [
                VectorExplanation(
                    source: 1,
                    strategy: "flat",
                    computedDistances: 20,
                    scannedRows: 20
                ),
                VectorExplanation(
                    source: 2,
                    strategy: "exact",
                    computedDistances: 20,
                    scannedRows: 20
                ),
            ]
        )
        #expect(results[1].explanations.isEmpty)
        #expect(results[2].explanations.map(\.source) == [0] && results[2].hits.isEmpty)
        engine.close()
    }
}
