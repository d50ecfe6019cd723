// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import Synchronization
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("HNSW index")
struct HNSWIndexTests {
    @Test(
        "An HNSW index finds nearly what a scan finds, with exact distances",
        arguments: Metric.allCases,
        VectorQuantization.allCases
    )
    func recall(metric: Metric, quantization: VectorQuantization) throws {
        var scene = Scene(1_200, metric: metric)
        scene.options.quantization = quantization
        let index = try scene.built()
        #expect(index.count == 1_200)
        #expect(index.health.unreachable == 0)
        #expect(index.health.isUsable)
        #expect(try scene.recall(index) >= (quantization == .int4 ? 0.92 : 0.95))
        // A distance is the same to the bit as that of a scan.
        let query = scene.memory.rows[5]
        let exact = try scene.search(index, query, exact: true).neighbors
        let found = try scene.search(index, query).neighbors
        #expect(found.first == exact.first)
        #expect(try scene.search(index, query).strategy == "hnsw")
    }

    @Test("A walk with any beam ends soon after its call is cancelled")
    func cancelledWalk() throws {
        let scene = Scene(1_200)
        let graph = try #require(try scene.built().graph)
        let scratch = graph.scratch()
        let query = scene.memory.rows[5]
        scratch.expandedCount = 0
        #expect(try graph.search(query, width: 1_000, scratch, context: CallContext()) == 1_000)
        let whole = scratch.expandedCount
        let found = (0..<1_000).map { HNSWBeam.node(scratch.beam[$0]) }
        // A search that checks its context finds the same as one without a context.
        let encoded = graph.codec.encodeQuery(query, into: scratch.query, scratch.codec).kernel
        #expect(graph.search(encoded, width: 1_000, scratch) == 1_000)
        #expect(found == (0..<1_000).map { HNSWBeam.node(scratch.beam[$0]) })
        let over = CallContext()
        over.cancel()
        scratch.expandedCount = 0
        let error = #expect(throws: LodestoneError.self) {
            try graph.search(query, width: 1_000, scratch, context: over)
        }
        #expect(error?.code == .cancelled)
        #expect(scratch.expandedCount < whole / 3)
        scratch.expandedCount = 0
        let late = CallContext(deadline: .now)
        #expect(throws: LodestoneError.self) {
            try graph.search(query, width: 1_000, scratch, context: late)
        }
        #expect(scratch.expandedCount < whole / 3)
    }

    @Test(
        "Vectors with one dominating element are found with a recall of at least 0.9",
        arguments: Metric.allCases
    )
    func dominatingElements(metric: Metric) throws {
        var random = SeededGenerator(seed: 3)
        let rows = Scene.clustered(1_000, 32, &random).map { row in
            // One element is a thousand times the others, and nearly the same everywhere.
            [1_000 + row[0]] + row.dropFirst()
        }
        let scene = Scene(rows, metric: metric)
        let index = try scene.built()
        var found = 0
        for row in stride(from: 0, to: 1_000, by: 25) {
            let truth = try scene.search(index, rows[row], exact: true).neighbors.map(\.row)
            found += try scene.search(index, rows[row]).neighbors.count { truth.contains($0.row) }
        }
        #expect(found >= 360, "of 400")
    }

    @Test(
        "Vectors with elements near the largest float are indexed and found",
        arguments: Metric.allCases,
        VectorQuantization.allCases
    )
    func hugeElements(metric: Metric, quantization: VectorQuantization) throws {
        var random = SeededGenerator(seed: 6)
        var rows = Scene.clustered(200, 256, &random)
        // Sums of these elements are not finite, nor are differences of such sums.
        rows[7][3] = 3e38
        rows[8] = rows[8].map { $0 < 0 ? -3e38 : 3e38 }
        var scene = Scene(rows, metric: metric)
        scene.options.quantization = quantization
        let index = try scene.built()
        for row in [0, 7, 8] {
            #expect(try scene.search(index, rows[row]).neighbors.count == 10)
        }
    }

    @Test("Vector lengths from 1e-30 to 1e30 don't matter under cosine")
    func lengths() throws {
        var random = SeededGenerator(seed: 4)
        let rows = Scene.clustered(300, 16, &random).enumerated().map { number, row in
            row.map { $0 * Float(sign: .plus, exponent: (number % 3 - 1) * 100, significand: 1) }
        }
        let scene = Scene(rows, metric: .cosine)
        #expect(try scene.recall(scene.built()) >= 0.97)
    }

    @Test("Dropped rows are never found, before and after graph repair")
    func churn() throws {
        var scene = Scene(1_000)
        var index = try scene.built()
        var random = SeededGenerator(seed: 11)
        var live = Set(0..<1_000 as Range<RowID>)
        var memories: [RowMemory] = []
        for round in 0..<5 {
            let dropped = live.sorted().filter { _ in random.next() % 2 == 0 }
            for row in dropped {
                live.remove(row)
                index.drop(row)
            }
            let exists = { [live] (row: RowID) in live.contains(row) }
            #expect(try scene.recall(index, exists: exists) >= 0.95, "round \(round), dropped")
            let memory = RowMemory(Scene.clustered(dropped.count, scene.dimension, &random))
            let first = scene.table.blocks.last.map { $0.firstRow + $0.count } ?? 0
            scene.table.append(memory.block(firstRow: first))
            memories.append(memory)
            live.formUnion(first..<first + dropped.count)
            let all = live
            #expect(try scene.recall(index, exists: { all.contains($0) }) >= 0.95, "with new ones")
            index = try scene.compacted(index, exists: { all.contains($0) })
            #expect(index.count == live.count)
            #expect(index.health.unreachable == 0)
            try checkInvariants(index)
            let repaired = try scene.recall(index, exists: { all.contains($0) })
            let fresh = try scene.recall(
                scene.built(exists: { all.contains($0) }),
                exists: { all.contains($0) }
            )
            #expect(repaired >= fresh - 0.02, "round \(round)")
        }
    }

    @Test("An HNSW index links rows inside writes while it is searched")
    func inlineLinking() async throws {
        let scene = Scene(1_500)
        let index = Mutex(
            HNSWInlineIndex(
                scene.options,
                dimension: scene.dimension,
                metric: scene.metric
            )
        )
        let rows = scene.memory.rows
        var table = VectorTable(dimension: scene.dimension)
        for start in stride(from: 0, to: 1_500, by: 100) {
            let block = VectorBlock(
                base: scene.memory.base + start * scene.dimension,
                firstRow: RowID(start),
                count: 100,
                owner: scene.memory
            )
            table.append(block)
            let searched = index.withLock { $0 }
            let before = table.blocks.reduce(0) { $0 + $1.count } - 100
            let written = table
            async let isRight = search(searched, rows, upTo: before, written)
            var next = searched
            next.indexMany(written, from: RowID(start))
            index.withLock { [next] in $0 = next }
            #expect(try await isRight)
        }
        let done = index.withLock { $0 }
        #expect(done.count == 1_500)
        #expect(try scene.recall(done) >= 0.95)
        #expect(try scene.search(done, rows[3]).strategy == "hnsw")
    }

    @Test("An inline HNSW index links several blocks at once, with gaps between their rows")
    func inlineBlocks() throws {
        var random = SeededGenerator(seed: 23)
        let rows = Scene.clustered(900, 32, &random)
        var scene = Scene(rows, metric: .euclidean)
        scene.table = VectorTable(dimension: 32)
        let parts = [0..<300, 350..<600, 700..<900].map { rows in
            (first: RowID(rows.lowerBound), memory: RowMemory(Array(scene.memory.rows[rows])))
        }
        var index = HNSWInlineIndex(
            scene.options,
            dimension: 32,
            metric: .euclidean
        )
        for (number, part) in parts.enumerated() {
            scene.table.append(part.memory.block(firstRow: part.first))
            // The last two parts are indexed together.
            if number != 1 { index.indexMany(scene.table, from: number == 0 ? 0 : 350) }
        }
        #expect(index.count == 750 && index.endRow == 900)
        let exists = { (row: RowID) in scene.table.location(of: row) != nil }
        #expect(try scene.recall(index, exists: exists) >= 0.95)
        var allowed = RowSet(count: 900)
        for row in 0..<900 as Range<RowID> where exists(row) && row % 10 == 0 {
            allowed.insert(row)
        }
        #expect(try scene.recall(index, allowed: allowed) >= 0.95)
    }

    private func search(
        _ index: HNSWInlineIndex,
        _ rows: [[Float]],
        upTo bound: Int,
        _ table: VectorTable
    ) async throws -> Bool {
        for row in stride(from: 0, to: bound, by: 50) {
            let query = VectorQuery(
                [rows[row]],
                k: 3,
                exists: { Int($0) < bound },
                context: CallContext()
            )
            let found = try index.search(query, in: table)[0].neighbors
            guard found.count == 3, found.allSatisfy({ Int($0.row) < bound }) else { return false }
        }
        return true
    }

    @Test("Rows newer than the graph are found by a scan")
    func lateRows() throws {
        var scene = Scene(500)
        let index = try scene.built()
        var random = SeededGenerator(seed: 21)
        let late = RowMemory(Scene.clustered(60, scene.dimension, &random))
        scene.table.append(late.block(firstRow: 500))
        for row in 0..<60 {
            let result = try scene.search(index, late.rows[row], k: 1)
            #expect(result.neighbors.map(\.row) == [RowID(500 + row)])
        }
    }

    @Test("Equal vectors are all reachable")
    func duplicates() throws {
        var random = SeededGenerator(seed: 5)
        let few = Scene.clustered(4, 16, &random)
        let scene = Scene((0..<400).map { few[$0 % 4] }, metric: .euclidean)
        let index = try scene.built()
        #expect(index.health.unreachable == 0)
        let result = try scene.search(index, few[2], k: 100)
        #expect(result.neighbors.count == 100)
        #expect(result.neighbors.allSatisfy { $0.row % 4 == 2 && $0.distance == 0 })
    }

    @Test("A cancelled build continues at its build checkpoint")
    func resume() throws {
        let scene = Scene(900)
        let index = scene.empty
        let checks = Atomic<Int>(0)
        let first = Mutex<[Int]>([])
        let cancelling = IndexWork(
            threads: 2,
            check: { () throws(LodestoneError) in
                if checks.add(1, ordering: .relaxed).newValue > 20 {
                    let over = CallContext()
                    over.cancel()
                    try over.check()
                }
            },
            exists: { _ in true },
            onProgress: { done, _ in first.withLock { $0.append(done) } }
        )
        #expect(throws: LodestoneError.self) { try index.compacted(scene.table, cancelling) }
        let second = Mutex<[Int]>([])
        let work = IndexWork(
            threads: 2,
            check: {},
            exists: { _ in true },
            onProgress: { done, _ in second.withLock { $0.append(done) } }
        )
        let built = try #require(try index.compacted(scene.table, work) as? HNSWBatchIndex)
        let reached = first.withLock { $0.max() ?? 0 }
        #expect(reached > 0 && reached < 900)
        #expect(second.withLock { $0.first } == reached)
        #expect(second.withLock { $0.max() } == 900)
        #expect(built.count == 900)
        try checkInvariants(built)
        #expect(try scene.recall(built) >= 0.97)
    }

    @Test("An HNSW index from a base returns the results of the written index")
    func base() throws {
        let scene = Scene(700)
        let index = try scene.built()
        var sections = MemorySections()
        try index.write(to: &sections)
        let opened = scene.opened(sections)
        #expect(opened.count == 700)
        #expect(opened.health == index.health)
        for row in stride(from: 0, to: 700, by: 20) {
            let query = scene.memory.rows[row]
            #expect(
                try scene.search(opened, query).neighbors == scene.search(index, query).neighbors
            )
        }
        // The next graph repairs the one of the base.
        let repaired = try scene.compacted(opened, exists: { $0 % 3 != 0 })
        try checkInvariants(repaired)
        #expect(try scene.recall(repaired, exists: { $0 % 3 != 0 }) >= 0.95)
    }

    @Test("A base of other HNSW options is not used")
    func otherOptions() throws {
        var scene = Scene(200)
        var sections = MemorySections()
        try scene.built().write(to: &sections)
        scene.options.m = 12
        #expect(scene.opened(sections).count == 0)
        scene.options.m = 8
        scene.options.quantization = .int4
        #expect(scene.opened(sections).count == 0)
    }

    @Test("A damaged HNSW base is detected, and its searches scan")
    func damage() throws {
        let scene = Scene(300)
        let index = try scene.built()
        var sections = MemorySections()
        try index.write(to: &sections)
        var random = SeededGenerator(seed: 31)
        for (tag, bytes) in sections.sections where !bytes.isEmpty {
            for _ in 0..<4 {
                sections.damage = [tag: [Int(random.next() % UInt64(bytes.count))]]
                let opened = scene.opened(sections)
                let query = scene.memory.rows[Int(random.next() % 300)]
                let result = try scene.search(opened, query)
                let truth = try scene.search(opened, query, exact: true)
                #expect(result.neighbors == truth.neighbors, "\(tag)")
            }
        }
    }

    @Test("Invalid node numbers in a base with right checksums are not followed")
    func hostileBase() throws {
        let scene = Scene(300)
        var written = MemorySections()
        try scene.built().write(to: &written)
        var random = SeededGenerator(seed: 41)
        for _ in 0..<60 {
            var sections = written
            let section = Int(random.next() % UInt64(written.sections.count))
            let bytes = written.sections[section].bytes
            guard !bytes.isEmpty else { continue }
            if random.next() % 4 == 0 {
                sections.cut(section, to: Int(random.next() % UInt64(bytes.count)))
            } else {
                sections.overwrite(
                    section,
                    at: Int(random.next() % UInt64(bytes.count)),
                    with: UInt8(truncatingIfNeeded: random.next())
                )
            }
            let opened = scene.opened(sections)
            let result = try scene.search(opened, scene.memory.rows[7], k: 5)
            #expect(result.neighbors.count == 5)
        }
    }

    /// Checks the lists of each node: they have other nodes of their level, each once, and no more
    /// than they may.
    private func checkInvariants(_ index: some HNSWIndex) throws {
        let graph = try #require(index.graph)
        for node in graph.nodes {
            for level in 0...Int(graph.levels[Int(node)]) {
                let links = Array(graph.neighbors(node, level))
                #expect(Set(links).count == links.count)
                #expect(!links.contains(node))
                #expect(links.count <= (level == 0 ? graph.degree : graph.options.m))
                #expect(links.allSatisfy { Int(graph.levels[Int($0)]) >= level })
                #expect(links.allSatisfy { Int($0) < graph.count })
            }
        }
    }
}
