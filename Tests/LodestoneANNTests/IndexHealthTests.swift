// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import Synchronization
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Health of a vector index")
struct IndexHealthTests {
    private func normal(_ count: Int, _ dimension: Int, _ random: inout SeededGenerator)
        -> [[Float]]
    {
        (0..<count).map { _ in
            var vector = random.vector(dimension)
            for _ in 0..<4 {
                vector = zip(vector, random.vector(dimension)).map { $0 + $1 }
            }
            return vector
        }
    }

    /// Vectors among which no walk of a graph with so few links finds its way.
    private func hopeless(_ count: Int) -> Scene {
        var random = SeededGenerator(seed: 41)
        var scene = Scene(normal(count, 128, &random), metric: .euclidean)
        scene.options = HNSWOptions(m: 2, efConstruction: 2, efSearch: 64)
        return scene
    }

    @Test("A graph with recall below the floor is refused, and every vector is compared")
    func unhealthy() throws {
        let scene = hopeless(1_000)
        let index = try scene.built()
        let recall = try #require(index.health.recall)
        #expect(recall < IndexHealth.recallFloor && !index.health.isUsable)
        #expect(index.health.refusedForms == 3 && index.health.refusedCount == 1_000)
        #expect(index.remark.contains("float32 and m 4") && index.remark.contains("2000 vectors"))
        #expect(try scene.recall(index) == 1, "every vector is compared")
    }

    @Test("A refused graph isn't built again before the vectors have doubled")
    func refusal() throws {
        var scene = hopeless(1_000)
        let index = try scene.built()
        // A build reports its progress; a refusal that the index remembers reports none.
        let told = Mutex(0)
        let work = IndexWork(
            threads: 1,
            check: {},
            exists: { _ in true },
            onProgress: { _, _ in told.withLock { $0 += 1 } }
        )
        var random = SeededGenerator(seed: 42)
        let more = RowMemory(normal(999, 128, &random))
        scene.table.append(more.block(firstRow: 1_000))
        var sections = MemorySections()
        let same = try #require(try index.compacted(scene.table, work) as? HNSWBatchIndex)
        #expect(same.health == index.health && told.withLock { $0 } == 0)
        // The refusal is still known after a restart.
        try same.write(to: &sections)
        let opened = scene.opened(sections)
        #expect(opened.health == index.health && opened.remark == index.remark)
        _ = try opened.compacted(scene.table, work)
        #expect(told.withLock { $0 } == 0)
        // The refusal does not hold for other options, nor for twice the number of vectors.
        var other = scene
        other.options.m = 8
        #expect(other.opened(sections).health == IndexHealth())
        let last = RowMemory(normal(1, 128, &random))
        scene.table.append(last.block(firstRow: 1_999))
        let again = try #require(try opened.compacted(scene.table, work) as? HNSWBatchIndex)
        #expect(told.withLock { $0 } > 0 && again.health.refusedCount == 2_000)
    }

    @Test("A graph with too little recall gets a wider beam when that finds enough")
    func expansion() throws {
        var random = SeededGenerator(seed: 43)
        var scene = Scene(normal(6_000, 96, &random), metric: .euclidean)
        scene.options = HNSWOptions(m: 4, efConstruction: 40, efSearch: 64, quantization: .none)
        let index = try scene.built()
        #expect(index.health.isUsable && index.health.expansion > 1)
        var found = 0
        for query in normal(40, 96, &random) {
            let last = try #require(
                try scene.search(index, query, exact: true).neighbors.last?.distance
            )
            found += try scene.search(index, query).neighbors.count { $0.distance <= last }
        }
        #expect(Double(found) / 400 >= 0.85)
        // A search keeps to the width of its query.
        var parameters = VectorQuery(
            [scene.memory.rows[0]],
            k: 1,
            exists: { _ in true },
            context: scene.context
        )
        parameters.efSearch = 16
        let narrow = try index.search(parameters, in: scene.table)[0]
        #expect(narrow.visited < 60)
    }

    @Test("Health is measured inside writes after each growth by half, for HNSW and LSH")
    func inline() throws {
        let scene = hopeless(2_000)
        let graph = HNSWInlineIndex(
            scene.options,
            dimension: 128,
            metric: .euclidean
        )
        let tables = LSHIndex(
            LSHOptions(tables: 1, hyperplanes: 16, probes: 1),
            dimension: 128,
            metric: .euclidean
        )
        for empty in [graph, tables] as [any VectorIndex] {
            var index = empty
            var measured: Set<Int> = []
            for end in stride(from: 100, through: 2_000, by: 100) {
                var table = VectorTable(dimension: 128)
                table.append(
                    VectorBlock(
                        base: scene.memory.base,
                        firstRow: 0,
                        count: end,
                        owner: scene.memory
                    )
                )
                index.indexMany(table, from: RowID(end - 100))
                measured.insert(index.health.measuredCount)
            }
            #expect(measured == [0, 300, 500, 800, 1_200, 1_800])
            if index is HNSWInlineIndex {
                #expect(!index.health.isUsable && !index.remark.isEmpty)
                #expect(try scene.recall(index) == 1)
            }
        }
    }

    @Test(
        "A first row of another length doesn't lower the recall of later rows",
        arguments: [0, 1e-3, 1e3] as [Float]
    )
    func firstRow(factor: Float) throws {
        var random = SeededGenerator(seed: 44)
        var rows = normal(600, 16, &random)
        rows[0] = rows[0].map { $0 * factor }
        for metric in [Metric.euclidean, .dotProduct] {
            let scene = Scene(rows, metric: metric)
            let graph = HNSWInlineIndex(
                HNSWOptions(),
                dimension: 16,
                metric: metric
            )
            let tables = LSHIndex(LSHOptions(), dimension: 16, metric: metric)
            for empty in [graph, tables] as [any VectorIndex] {
                var index = empty
                for (start, end) in [(0, 1), (1, 200), (200, 600)] {
                    var table = VectorTable(dimension: 16)
                    table.append(
                        VectorBlock(
                            base: scene.memory.base,
                            firstRow: 0,
                            count: end,
                            owner: scene.memory
                        )
                    )
                    index.indexMany(table, from: RowID(start))
                    let few = Scene(Array(rows[..<end]), metric: metric)
                    let recall = try few.recall(index, queries: 20)
                    #expect(recall >= 0.9, "\(metric), \(index.name), \(end) vectors")
                }
            }
        }
    }
}

@Suite("LSH of few vectors")
struct SmallLSHTests {
    @Test(
        "An LSH index of few vectors compares all of them",
        arguments: Metric.allCases,
        [1, 60, 1_000]
    )
    func all(metric: Metric, count: Int) throws {
        var random = SeededGenerator(seed: 51)
        let scene = Scene(random.vectors(count, 384), metric: metric)
        var index: any VectorIndex = LSHIndex(LSHOptions(), dimension: 384, metric: metric)
        index.indexMany(scene.table, from: 0)
        for query in random.vectors(10, 384) {
            let truth = try scene.search(index, query, exact: true).neighbors
            #expect(try scene.search(index, query).neighbors == truth)
        }
        #expect(index.health.isUsable)
    }

    @Test(
        "An LSH index fits its hyperplanes again as vectors come",
        arguments: [Metric.euclidean, .dotProduct]
    )
    func fitted(metric: Metric) throws {
        var random = SeededGenerator(seed: 52)
        var rows = random.vectors(5_000, 16)
        rows[0] = rows[0].map { $0 + 1_000 }
        let scene = Scene(rows, metric: metric)
        let options = LSHOptions(tables: 8, hyperplanes: 8, probes: 12)
        var index = LSHIndex(options, dimension: 16, metric: metric)
        for (start, end) in [(0, 1), (1, 1_000), (1_000, 5_000)] {
            var table = VectorTable(dimension: 16)
            table.append(
                VectorBlock(
                    base: scene.memory.base,
                    firstRow: 0,
                    count: end,
                    owner: scene.memory
                )
            )
            index.indexMany(table, from: RowID(start))
        }
        #expect(index.count == 5_000 && index.endRow == 5_000)
        var found = 0
        for query in random.vectors(40, 16) {
            let truth = try scene.search(index, query, exact: true).neighbors
            let rows = try index.search(
                query,
                k: 10,
                vector: scene.table.vector(of:),
                isAllowed: nil,
                context: scene.context
            )
            .neighbors
            found += Set(rows.map(\.row)).intersection(truth.map(\.row)).count
        }
        #expect(Double(found) / 400 >= 0.6)
    }
}
