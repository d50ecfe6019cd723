// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

/// Vectors around a few centers, and an index of them.
struct Scene {
    let dimension: Int
    let metric: Metric
    let memory: RowMemory
    var table: VectorTable
    let context = CallContext()
    var options = HNSWOptions(m: 8, efConstruction: 60, efSearch: 48)

    init(_ count: Int, dimension: Int = 32, metric: Metric = .cosine, seed: UInt64 = 7) {
        var random = SeededGenerator(seed: seed)
        self.init(Self.clustered(count, dimension, &random), metric: metric)
    }

    init(_ rows: [[Float]], metric: Metric) {
        dimension = rows[0].count
        self.metric = metric
        memory = RowMemory(rows)
        table = VectorTable(dimension: dimension)
        table.append(memory.block(firstRow: 0))
    }

    static func clustered(_ count: Int, _ dimension: Int, _ random: inout SeededGenerator)
        -> [[Float]]
    {
        let centers = random.vectors(20, dimension)
        return (0..<count).map { _ in
            let center = centers[Int(random.next() % 20)]
            return zip(center, random.vector(dimension, scale: 0.6)).map { $0 + $1 }
        }
    }

    var empty: HNSWBatchIndex {
        HNSWBatchIndex(options, dimension: dimension, metric: metric)
    }

    /// An index from the sections of a base.
    func opened(_ sections: MemorySections) -> HNSWBatchIndex {
        HNSWBatchIndex(from: sections, options, dimension: dimension, metric: metric)
    }

    func built(threads: Int = 2, exists: @escaping @Sendable (RowID) -> Bool = { _ in true })
        throws
        -> HNSWBatchIndex
    {
        try compacted(empty, threads: threads, exists: exists)
    }

    func compacted<Index: HNSWIndex>(
        _ index: Index,
        threads: Int = 2,
        exists: @escaping @Sendable (RowID) -> Bool
    ) throws -> Index {
        let work = IndexWork(threads: threads, check: {}, exists: exists)
        return try #require(try index.compacted(table, work) as? Index)
    }

    func search(
        _ index: any VectorIndex,
        _ query: [Float],
        k: Int = 10,
        exact: Bool = false,
        allowed: RowSet? = nil,
        exists: @escaping (RowID) -> Bool = { _ in true }
    ) throws -> VectorSearchResult {
        var parameters = VectorQuery(
            [query],
            k: k,
            exists: exists,
            allowed: allowed,
            context: context
        )
        parameters.isExact = exact
        return try index.search(parameters, in: table)[0]
    }

    /// The share of the true neighbors of some queries that the index finds.
    func recall(
        _ index: any VectorIndex,
        queries: Int = 40,
        allowed: RowSet? = nil,
        exists: @escaping (RowID) -> Bool = { _ in true }
    ) throws -> Double {
        var random = SeededGenerator(seed: 99)
        var found = 0
        var total = 0
        for query in Self.clustered(queries, dimension, &random) {
            let truth = try search(index, query, exact: true, allowed: allowed, exists: exists)
            let result = try search(index, query, allowed: allowed, exists: exists)
            #expect(result.neighbors.count == truth.neighbors.count, "never short")
            #expect(result.neighbors.allSatisfy { allowed?.contains($0.row) ?? exists($0.row) })
            #expect(Set(result.neighbors.map(\.row)).count == result.neighbors.count, "each once")
            let rows = Set(truth.neighbors.map(\.row))
            found += result.neighbors.count { rows.contains($0.row) }
            total += rows.count
        }
        return Double(found) / Double(total)
    }
}

extension HNSWIndex {
    /// The graph of the index.
    var graph: HNSWGraph? { core.graph?.snapshot }
}

extension HNSWGraph {
    /// The working memory for a search of the graph.
    func scratch() -> HNSWScratch {
        HNSWScratch(codec, nodes: count)
    }
}
