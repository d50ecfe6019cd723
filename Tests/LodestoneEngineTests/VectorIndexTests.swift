// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStorage
import Synchronization
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Vector index")
struct VectorIndexTests {
    private static let options = HNSWOptions(m: 8, efConstruction: 40, efSearch: 32)
    private static let batch = VectorIndexStrategy.hnsw(inlineIndexing: false, options)
    private static let inline = VectorIndexStrategy.hnsw(inlineIndexing: true, options)

    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    private func filled(
        _ stock: inout VectorStock,
        _ count: Int,
        _ strategy: VectorIndexStrategy = batch
    ) async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection("a", stock.options(strategy))
        try await stock.write(0..<count, to: engine)
        return engine
    }

    private func status(_ engine: Engine) throws -> IndexStatus {
        try engine.describe("a").index
    }

    /// The explanation of a search for the vectors nearest to some vector.
    private func explanation(_ engine: Engine, filter: Filter? = nil) async throws
        -> VectorExplanation
    {
        let query = Query(
            [.near(VectorStock.queryVectors(1)[0])],
            filter: filter,
            include: .explain
        )
        let request = SearchRequest(collection: "a", queries: [query])
        return try #require(try await engine.search(request).results[0].explanations.first)
    }

    /// Waits for an index of all vectors, which must be built automatically.
    private func waitUntilReady(
        _ engine: Engine,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let end = ContinuousClock.now + .seconds(120)
        var index = try status(engine)
        while index.state != .ready || index.scannedVectors > 0, ContinuousClock.now < end {
            await Task.yield()
            index = try status(engine)
        }
        #expect(index.state == .ready, "\(index)", sourceLocation: sourceLocation)
        #expect(index.scannedVectors == 0, "\(index)", sourceLocation: sourceLocation)
    }

    // MARK: Building

    @Test(
        "A vector index scans before it is built and walks with nearly the same results after",
        arguments: Metric.allCases
    )
    func built(metric: Metric) async throws {
        let count = metric == .cosine ? 1_500 : 700
        var stock = VectorStock(metric)
        let engine = try await filled(&stock, count)
        let before = try status(engine)
        #expect(before.state == .scanning && before.scannedVectors == count)
        #expect(before.indexedVectors == 0)
        try await stock.check(engine, atLeast: 1)
        #expect(try await explanation(engine).scannedRows == count)

        try await engine.buildIndex("a")
        let after = try status(engine)
        #expect(after.state == .ready && after.indexedVectors == count && after.progress == 1)
        #expect(after.scannedVectors == 0 && after.unreachableNodes == 0 && after.byteCount > 0)
        #expect(after.message.isEmpty)
        try await stock.check(engine)
        let found = try await explanation(engine)
        #expect(found.strategy == "hnsw" && found.visitedNodes > 0)
        #expect(found.scannedRows < 50)
        if count == 1_500 { #expect(found.computedDistances < count / 2) }
        engine.close()
    }

    @Test("Vectors written after a build are found at once and counted as scanned")
    func lateWrites() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 600)
        try await engine.compact("a")
        try await stock.write(600..<640, batch: 10, to: engine)
        try await stock.checkFound(600..<640, in: engine)
        try await stock.check(engine)
        #expect(try status(engine).indexedVectors == 600)
        #expect(try status(engine).scannedVectors == 40)
        #expect(try status(engine).state == .ready)
        let found = try await explanation(engine)
        #expect(found.strategy == "hnsw" && found.scannedRows >= 40)
        engine.close()
    }

    @Test("Replaced and dropped vectors are never found, before and after graph repair")
    func goneDocuments() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 700)
        try await engine.buildIndex("a")
        for round in 1...3 {
            try await stock.write(
                stride(from: round, to: 700, by: 5),
                version: round,
                to: engine
            )
            try await stock.drop(
                stride(from: round * 200, to: round * 200 + 60, by: 2),
                from: engine
            )
            try await stock.check(engine, queries: 8)
            try await stock.checkFound(
                stride(from: round, to: 700, by: 50).filter { stock.live[$0] != nil },
                in: engine
            )
            try await engine.compact("a")
            #expect(try status(engine).indexedVectors == stock.live.count)
            #expect(try status(engine).scannedVectors == 0)
            try await stock.check(engine, queries: 8)
        }
        try await stock.drop(stock.live.keys.filter { $0 >= 3 }, from: engine)
        // Fewer documents than the limit remain.
        try await stock.check(engine, queries: 3, atLeast: 1)
        try await engine.compact("a")
        try await stock.check(engine, queries: 3, atLeast: 1)
        try await stock.drop(0..<3, from: engine)
        try await stock.check(engine, queries: 1)
        try await engine.compact("a")
        try await stock.check(engine, queries: 1)
        engine.close()
    }

    @Test("A filtered vector search finds as many documents as an exact one")
    func filters() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 900)
        try await engine.buildIndex("a")
        try await stock.write(900..<980, to: engine)
        let filters: [Filter] = [
            .equal(path: ["part"], .int(1)), .equal(path: ["place"], .int(7)),
            .equal(path: ["place"], .int(70)),
            .and([.equal(path: ["part"], .int(0)), .equal(path: ["place"], .int(12))]),
        ]
        for (filter, matching) in zip(filters, [490, 14, 0, 14]) {
            for vector in VectorStock.queryVectors(10) {
                let found = try await engine.search(
                    "a",
                    Query([.near(vector)], filter: filter, limit: 12)
                )
                let exact = try await engine.search(
                    "a",
                    Query([.near(vector, exact: true)], filter: filter, limit: 12)
                )
                #expect(found == exact)
                #expect(found.count == min(12, matching))
            }
        }
        #expect(try await explanation(engine, filter: filters[1]).strategy == "filtered scan")
        engine.close()
    }

    // MARK: Restarts and damage

    @Test("A vector index is served from its base after a restart, without a build")
    func restart() async throws {
        var stock = VectorStock(.euclidean)
        var engine = try await filled(&stock, 600)
        try await engine.buildIndex("a")
        try await stock.write(600..<610, to: engine)
        try await stock.drop(stride(from: 0, to: 600, by: 30), from: engine)
        let queries = VectorStock.queryVectors(10).map { Query([.near($0)], include: .explain) }
        let request = SearchRequest(collection: "a", queries: queries)
        let before = try await engine.search(request).results
        let indexed = try status(engine)
        engine.close()

        // The lock prevents builds.
        let lock = try HeldLock(store.path + "/compaction.lock")
        engine = try store.open(compaction: CompactionPolicy(minimumChanges: 1, idleTime: .zero))
        #expect(try status(engine) == indexed)
        #expect(indexed.state == .ready && indexed.indexedVectors == 580)
        #expect(try await engine.search(request).results == before)
        #expect(before.allSatisfy { $0.explanations[0].strategy == "hnsw" })
        try await stock.check(engine)
        engine.close()
        lock.release()
    }

    @Test("A damaged vector index returns nothing wrong and is rebuilt by itself")
    func damaged() async throws {
        var stock = VectorStock()
        var engine = try await filled(&stock, 300)
        try await engine.buildIndex("a")
        engine.close()
        let policy = CompactionPolicy(minimumChanges: 100, idleTime: .milliseconds(1))
        for tag in ["HNSH", "HNSM", "HNSR", "HNSV", "HNSS", "HNSU", "HNSL", "HNSC"] {
            let path = try base()
            let section = try #require(try section(tag, of: path))
            try flip(path, at: UInt64(section.lowerBound + section.count / 2))
            engine = try store.open(compaction: policy)
            try await stock.check(engine, queries: 6)
            try await waitUntilReady(engine)
            try await stock.check(engine, queries: 6)
            let found = try await explanation(engine)
            #expect(found.strategy == "hnsw", "\(tag)")
            #expect(try await engine.verify().damages == [], "\(tag)")
            engine.close()
        }
    }

    private func base() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: store.path)
        let bases = names.filter { $0.hasPrefix("base-") }
        try #require(bases.count == 1)
        return "\(store.path)/\(bases[0])"
    }

    /// The byte range of a section in a base, read as `BaseFile` documents it.
    private func section(_ tag: String, of path: String) throws -> Range<Int>? {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        func number(_ offset: Int, _ count: Int) -> Int {
            bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        let (header, entries) = (64, number(12, 4))
        let tail = header + number(16, 8)
        for entry in stride(from: tail, to: tail + entries * 24, by: 24)
        where bytes[entry..<entry + 4].elementsEqual(tag.utf8) {
            let start = header + number(entry + 8, 8)
            return start..<start + number(entry + 16, 8)
        }
        return nil
    }

    private func flip(_ path: String, at offset: UInt64) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: offset)
        let byte = try #require(try file.read(upToCount: 1))
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data([byte[0] ^ 4]))
        try file.close()
    }

    @Test("An index requested before a crash is built by the next process")
    func crashBeforeBuild() async throws {
        var stock = VectorStock()
        var engine = try await filled(&stock, 400, .flatScan)
        try await engine.compact("a")
        let lock = try HeldLock(store.path + "/compaction.lock")
        try await engine.alterCollection("a", Self.batch)
        engine.close()
        lock.release()
        engine = try store.open(
            compaction: CompactionPolicy(minimumChanges: 300, idleTime: .milliseconds(1))
        )
        try await stock.check(engine, queries: 4)
        try await waitUntilReady(engine)
        #expect(try status(engine).strategy == Self.batch)
        #expect(try status(engine).indexedVectors == 400)
        try await stock.check(engine)
        engine.close()
    }

    // MARK: Changes of strategy

    @Test("A change of strategy under writes keeps every result right")
    func strategyChanges() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 500, .flatScan)
        let wide = HNSWOptions(m: 12, efConstruction: 48, efSearch: 32)
        var next = 500
        for strategy in [
            Self.batch, .hnsw(inlineIndexing: false, wide), .flatScan, Self.inline, .flatScan,
        ] {
            try await engine.alterCollection("a", strategy)
            var steps = 0
            let end = ContinuousClock.now + .seconds(120)
            // At least a few writes come before the index, or just after it.
            while try steps < 4 || status(engine).state != .ready, ContinuousClock.now < end {
                try await stock.write(next..<next + 5, to: engine)
                try await stock.write([next - 300], version: next, to: engine)
                try await stock.drop([next - 480], from: engine)
                try await stock.check(engine, queries: 1, atLeast: 0.8)
                try await stock.checkFound([next, next - 300], in: engine)
                next += 5
                steps += 1
            }
            #expect(try status(engine).state == .ready)
            #expect(try status(engine).strategy == strategy)
            try await stock.check(engine, queries: 10)
        }
        try await engine.alterCollection("a", Self.batch)
        try await engine.buildIndex("a")
        #expect(try status(engine).state == .ready)
        #expect(try status(engine).scannedVectors == 0)
        try await stock.check(engine)
        #expect(try await engine.verify().isClean)
        engine.close()
    }

    @Test("A graph is kept when only its search or inline option changes")
    func sameGraph() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 500)
        try await engine.buildIndex("a")
        let computed = try await explanation(engine).computedDistances
        // The lock prevents builds.
        let lock = try HeldLock(store.path + "/compaction.lock")
        var wider = Self.options
        wider.efSearch = 120
        try await engine.alterCollection("a", .hnsw(inlineIndexing: false, wider))
        #expect(try status(engine).indexedVectors == 500)
        #expect(try await explanation(engine).strategy == "hnsw")
        #expect(try await explanation(engine).computedDistances > computed)

        try await engine.alterCollection("a", .hnsw(inlineIndexing: true, wider))
        #expect(try status(engine).indexedVectors == 500)
        try await stock.write(500..<520, to: engine)
        #expect(try status(engine).indexedVectors == 520)
        try await stock.checkFound(500..<520, in: engine)

        try await engine.alterCollection("a", .hnsw(inlineIndexing: false, wider))
        try await stock.write(520..<530, to: engine)
        #expect(try status(engine).indexedVectors == 520)
        #expect(try status(engine).scannedVectors == 10)
        try await stock.check(engine)

        // The vectors that were left out wait for the next build, and so do later ones.
        try await engine.alterCollection("a", .hnsw(inlineIndexing: true, wider))
        try await stock.write(530..<540, to: engine)
        #expect(try status(engine).indexedVectors == 520)
        #expect(try status(engine).scannedVectors == 20)
        try await stock.checkFound(515..<540, in: engine)
        lock.release()
        try await engine.buildIndex("a")
        try await stock.write(540..<550, to: engine)
        #expect(try status(engine).indexedVectors == 550)
        try await stock.check(engine)
        engine.close()
    }

    // MARK: Inline

    @Test("An inline index has every vector at once, without a compaction")
    func inline() async throws {
        var stock = VectorStock()
        let engine = try store.open()
        try await engine.createCollection("a", stock.options(Self.inline))
        // The first batches have one vector each: the scale of the codes must not come from the
        // first vector.
        try await stock.write(0..<20, batch: 1, to: engine)
        #expect(try status(engine).indexedVectors == 20)
        #expect(try status(engine).state == .ready)
        try await stock.write(20..<600, batch: 40, to: engine)
        #expect(try status(engine).indexedVectors == 600)
        #expect(try engine.describe("a").baseByteCount == 0)
        try await stock.check(engine)
        try await stock.checkFound(stride(from: 0, to: 600, by: 20), in: engine)
        #expect(try await explanation(engine).strategy == "hnsw")
        #expect(try await explanation(engine).scannedRows < 50)

        try await stock.write(0..<100, version: 1, to: engine)
        try await stock.drop(300..<400, from: engine)
        try await stock.check(engine)
        try await engine.compact("a")
        #expect(try status(engine).indexedVectors == 500)
        try await stock.write(600..<650, batch: 7, to: engine)
        #expect(try status(engine).indexedVectors == 550)
        try await stock.check(engine)
        engine.close()
    }

    @Test("An inline index keeps its recall after nearly every vector was replaced")
    func inlineReplacements() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 300, Self.inline)
        for version in 1...6 { try await stock.write(0..<300, version: version, to: engine) }
        // The lock prevents builds.
        let lock = try HeldLock(store.path + "/compaction.lock")
        for turn in 0..<3 {
            if turn == 1 {
                var other = Self.options
                other.efSearch += 1
                try await engine.alterCollection("a", .hnsw(inlineIndexing: true, other))
            }
            if turn == 2 { engine.close() }
            let searched = turn == 2 ? try store.open() : engine
            #expect(try status(searched).indexedVectors == 300)
            try await stock.check(searched, queries: 40, atLeast: 0.97)
            #expect(try await explanation(searched).strategy == "hnsw", "turn \(turn)")
            if turn == 2 { searched.close() }
        }
        lock.release()
    }

    @Test(
        "An inline index serves searches on the older version while many vectors are linked",
        .timeLimit(.minutes(2))
    )
    func inlineSearches() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 200, Self.inline)
        let late = try (200..<2_200).map { number in
            Document(id: try DocumentID("d\(number)"), vector: VectorStock.vector(number))
        }
        async let written = engine.index("a", late)
        let collection = try engine.collection(named: "a")
        var sizes: Set<Int> = []
        while true {
            let hits = try await engine.search("a", Query([.near(VectorStock.queryVectors(1)[0])]))
            #expect(hits.count == 10)
            let version = collection.version
            guard version.ids.documentCount == 200 else { break }
            #expect(hits.allSatisfy { Int($0.id.string.dropFirst()) ?? 0 < 200 })
            sizes.insert(version.vectors.index.count)
        }
        _ = try await written
        #expect(sizes.filter { $0 > 200 && $0 < 2_200 }.count >= 5, "\(sizes.sorted())")
        #expect(try status(engine).indexedVectors == 2_200)
        try await stock.write(200..<210, version: 1, to: engine)
        try await stock.checkFound(200..<210, in: engine)
        engine.close()
    }

    @Test("An inline index has the vectors of other processes and of the log")
    func inlineProcesses() async throws {
        var stock = VectorStock()
        let first = try await filled(&stock, 200, Self.inline)
        let second = try store.open()
        #expect(try status(second).indexedVectors == 200)
        try await stock.write(200..<300, to: second)
        #expect(try status(second).indexedVectors == 300)
        #expect(try status(first).indexedVectors == 300)
        // The first engine replays several changes at once, with rows that were removed again.
        try await stock.write(300..<320, to: second)
        try await stock.write(300..<310, version: 1, to: second)
        try await stock.drop(310..<320, from: second)
        try await stock.write(400..<410, to: first)
        for engine in [first, second] {
            #expect(try status(engine).indexedVectors == stock.live.count)
            #expect(try status(engine).scannedVectors == 0)
            try await stock.check(engine)
            try await stock.checkFound(300..<310, in: engine)
        }
        try await second.compact("a")
        try await stock.write(410..<420, to: first)
        try await stock.write(420..<430, to: second)
        for engine in [first, second] {
            #expect(try status(engine).indexedVectors == stock.live.count)
            try await stock.check(engine)
            engine.close()
        }
        let third = try store.open()
        #expect(try status(third).indexedVectors == stock.live.count)
        // Removed rows in the log must not be taken for live ones.
        try await third.alterCollection("a", Self.batch)
        try await stock.check(third)
        third.close()
    }

    @Test("An inline index is compacted while writes go on")
    func inlineMeanwhile() async throws {
        var stock = VectorStock()
        let engine = try await filled(&stock, 300, Self.inline)
        for round in 0..<4 {
            async let compacted = engine.compact("a")
            for step in 0..<10 {
                let first = 300 + round * 100 + step * 10
                try await stock.write(first..<first + 10, to: engine)
                try await stock.write([first - 290], version: 1, to: engine)
                try await stock.drop([first - 289], from: engine)
            }
            _ = try await compacted
            #expect(try status(engine).indexedVectors == stock.live.count)
            try await stock.check(engine)
        }
        #expect(try await engine.verify().isClean)
        engine.close()
    }

    // MARK: Builds that end early, and copies

    @Test("A cancelled build leaves the earlier index in use, and a later build succeeds")
    func cancelledBuild() async throws {
        var stock = VectorStock()
        let options = HNSWOptions(m: 8, efConstruction: 300, efSearch: 32)
        let engine = try await filled(&stock, 200, .hnsw(inlineIndexing: false, options))
        try await engine.buildIndex("a")
        try await stock.write(200..<2_200, to: engine)
        let context = CallContext(timeout: .seconds(120))
        let hasEnded = Mutex(false)
        let build = Thread.detached { () throws(LodestoneError) in
            defer { hasEnded.withLock { $0 = true } }
            _ = try engine.buildIndex("a", context: context)
        }
        while try status(engine).progress == 1, !hasEnded.withLock({ $0 }) { await Task.yield() }
        while try status(engine).state == .building, try status(engine).progress == 0 {
            await Task.yield()
        }
        context.cancel()
        #expect(await build.value?.code == .cancelled)
        let index = try status(engine)
        #expect(index.state == .ready && index.indexedVectors == 200 && index.message.isEmpty)
        try await stock.check(engine, queries: 5)
        try await engine.buildIndex("a")
        #expect(try status(engine).indexedVectors == 2_200)
        try await stock.check(engine)
        engine.close()
    }

    @Test("A snapshot has the vector index, ready after its restore")
    func snapshot() async throws {
        var stock = VectorStock(.dotProduct)
        let engine = try await filled(&stock, 500)
        try await engine.buildIndex("a")
        try await stock.write(500..<510, to: engine)
        try await engine.createSnapshot("s")
        engine.close()
        try store.restore("s")
        let copy = try store.open(
            copy: "s",
            compaction: CompactionPolicy(minimumChanges: 400, idleTime: .milliseconds(1))
        )
        try await stock.check(copy, queries: 5)
        try await waitUntilReady(copy)
        #expect(try status(copy).indexedVectors == 510)
        try await stock.check(copy)
        #expect(try await copy.verify().isClean)
        copy.close()
    }
}

extension Thread {
    /// Runs `body` on its own thread; the task returns the error that it threw.
    fileprivate static func detached(
        _ body: @escaping @Sendable () throws(LodestoneError) -> Void
    ) -> Task<LodestoneError?, Never> {
        Task {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    do throws(LodestoneError) {
                        try body()
                        continuation.resume(returning: nil)
                    } catch {
                        continuation.resume(returning: error)
                    }
                }
            }
        }
    }
}
