// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

/// Rows with the same vector: boilerplate pages, empty texts, placeholders.
@Suite("HNSW on copies of vectors")
struct HNSWCopiesTests {
    private static let copied = 5
    private static let times = 300
    private static let others = 20

    /// Five vectors, 300 times each, and 20 others, in order or mixed.
    private static func scene(_ metric: Metric, isMixed: Bool) -> Scene {
        var random = SeededGenerator(seed: 91)
        let few = (0..<copied).map { _ in random.normal(32) }
        let rare = (0..<others).map { _ in random.normal(32) }
        var rows = few.flatMap { Array(repeating: $0, count: times) } + rare
        if isMixed { rows.shuffle(using: &random) }
        var scene = Scene(rows, metric: metric)
        scene.options = HNSWOptions()
        return scene
    }

    @Test(
        "Copies of vectors hide no other vector, built and inline",
        arguments: Metric.allCases,
        [false, true]
    )
    func others(metric: Metric, isMixed: Bool) throws {
        let scene = Self.scene(metric, isMixed: isMixed)
        for index in [try scene.built(), scene.inline(first: 1, batch: 50)] as [any HNSWIndex] {
            #expect(index.count == scene.memory.rows.count)
            #expect(index.unreachableCount == 0)
            #expect(index.graph?.count == Self.copied + Self.others)
            var searched: Set<[Float]> = []
            for query in scene.memory.rows where searched.insert(query).inserted {
                let truth = try scene.search(index, query, exact: true).neighbors
                let result = try scene.search(index, query)
                #expect(result.strategy == "hnsw")
                // Equal rows come in order, so the results are equal in full.
                #expect(result.neighbors == truth)
            }
        }
    }

    @Test("Many copies of one vector don't hide the only other vector")
    func single() throws {
        var random = SeededGenerator(seed: 92)
        let (one, other) = (random.normal(16), random.normal(16))
        let rows = Array(repeating: one, count: 800) + [other]
        let scene = Scene(rows, metric: .euclidean)
        for index in [try scene.built(), scene.inline(first: 1, batch: 100)] as [any HNSWIndex] {
            let result = try scene.search(index, other, k: 1)
            #expect(result.neighbors.map(\.row) == [800])
        }
    }

    @Test("A copy is found by a filter that only it passes, and after all other copies are dropped")
    func filters() throws {
        let scene = Self.scene(.euclidean, isMixed: false)
        for index in [try scene.built(), scene.inline(first: 1, batch: 50)] as [any HNSWIndex] {
            for every in [2, 7, 40] as [UInt32] {
                var allowed = RowSet(count: scene.memory.rows.count)
                for row in 0..<RowID(scene.memory.rows.count) where row % every == 1 {
                    allowed.insert(row)
                }
                for query in [scene.memory.rows[0], scene.memory.rows[700]] {
                    let truth = try scene.search(index, query, exact: true, allowed: allowed)
                    let result = try scene.search(index, query, allowed: allowed)
                    #expect(result.neighbors == truth.neighbors, "every \(every)")
                }
            }
            // All but the last row of the first vector are dropped.
            let exists = { @Sendable (row: RowID) in row >= 299 }
            var index = index
            for row in 0..<299 as Range<RowID> { index.drop(row) }
            let query = scene.memory.rows[0]
            let truth = try scene.search(index, query, exact: true, exists: exists).neighbors
            #expect(try scene.search(index, query, exists: exists).neighbors == truth)
            #expect(truth.first?.row == 299)
        }
    }

    @Test("A compaction keeps a graph node for the rows it still has, and new copies join it")
    func compaction() throws {
        var scene = Self.scene(.euclidean, isMixed: true)
        let built = try scene.built()
        // The first row of most nodes is dropped.
        let exists = { @Sendable (row: RowID) in row % 3 != 0 }
        let compacted = try scene.compacted(built, exists: exists)
        #expect(compacted.count == (0..<1_520).count { $0 % 3 != 0 })
        let more = RowMemory(Array(scene.memory.rows[..<100]))
        scene.table.append(more.block(firstRow: 1_520))
        let grown = try scene.compacted(compacted, exists: exists)
        #expect(grown.count == (0..<1_620).count { $0 % 3 != 0 })
        var distinct = Set((0..<1_520).filter { $0 % 3 != 0 }.map { scene.memory.rows[$0] })
        distinct.formUnion(more.rows)
        for index in [compacted, grown] {
            #expect(index.health.unreachable == 0)
            #expect((index.graph?.count ?? 0) <= distinct.count)
        }
        for query in scene.memory.rows[..<40] {
            let truth = try scene.search(grown, query, exact: true, exists: exists).neighbors
            #expect(try scene.search(grown, query, exists: exists).neighbors == truth)
        }
    }

    @Test("A base keeps the copies of vectors")
    func base() throws {
        let scene = Self.scene(.cosine, isMixed: true)
        var sections = MemorySections()
        try scene.built().write(to: &sections)
        let opened = scene.opened(sections)
        #expect(opened.count == scene.memory.rows.count)
        for query in scene.memory.rows[..<40] {
            let truth = try scene.search(opened, query, exact: true).neighbors
            #expect(try scene.search(opened, query).neighbors == truth)
        }
    }

    @Test("Rows with equal early codes get distinct codes once the codec has seen more rows")
    func splits() throws {
        var random = SeededGenerator(seed: 93)
        // All other rows lie far from the first row, the only one that the first codec knows.
        let rows =
            [[Float](repeating: 0, count: 24)]
            + (0..<1_500).map { _ in random.normal(24).map { $0 + 2_000 } }
        var scene = Scene(rows, metric: .euclidean)
        scene.options = HNSWOptions()
        let index = scene.inline(first: 1, batch: 20)
        var found = 0
        for row in stride(from: 1, to: 1_500, by: 30) {
            let nearest = try scene.search(index, rows[row], k: 1).neighbors.first
            if nearest?.row == RowID(row) { found += 1 }
        }
        #expect(found >= 48, "of 50")
    }
}
