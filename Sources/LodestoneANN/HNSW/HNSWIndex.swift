// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// An HNSW graph (Malkov & Yashunin, arXiv:1603.09320): walks compare small codes, and exact
/// distances re-rank the nearest.
///
/// Two types conform: `HNSWBatchIndex`, whose graph is made outside of writes, and
/// `HNSWInlineIndex`, whose graph each write extends. They differ only in `indexMany` and
/// `indexesCheaply`. Both have an `HNSWCore`, and search by `HNSWSearch`.
///
/// A search also compares rows that are not linked yet, exactly.
///
/// Threading: a value. Several values may share a graph (`HNSWSharedGraph`). Each value covers the
/// rows below its own `endRow`, so rows added to the graph don't change the other values.
package protocol HNSWIndex: VectorIndex {
    /// The graph, and the rows that it covers.
    var core: HNSWCore { get set }
    /// Creates an index with the graph of another one.
    init(core: HNSWCore)
}

extension HNSWIndex {
    /// Creates an index that covers no rows.
    package init(_ options: HNSWOptions, dimension: Int, metric: Metric) {
        self.init(core: HNSWCore(options, dimension: dimension, metric: metric))
    }

    /// Opens the graph of a base.
    ///
    /// The index covers no rows when the base has no fitting graph, or when all forms of the graph
    /// were refused.
    package init(
        from source: some SectionSource,
        _ options: HNSWOptions,
        dimension: Int,
        metric: Metric
    ) {
        self.init(core: HNSWCore(from: source, options, dimension: dimension, metric: metric))
    }

    package var name: String { "hnsw" }
    package var endRow: RowID { core.endRow }
    package var count: Int { core.graph?.count ?? 0 }
    package var byteCount: Int { core.graph?.byteCount ?? 0 }
    package var health: IndexHealth { core.health }
    package var remark: String { core.remark }

    /// The number of nodes that no search reaches.
    ///
    /// - Complexity: O(links).
    package var unreachableCount: Int {
        core.graph?.reading { graph, _ in graph.unreachableNodes().count } ?? 0
    }

    package func isWanted(for count: Int) -> Bool { core.isWanted(for: count) }

    package func search(_ query: VectorQuery, in table: VectorTable) throws(LodestoneError)
        -> [VectorSearchResult]
    {
        try core.search(query, in: table)
    }

    package func estimates(_ vector: [Float], of rows: [RowID]) -> [EstimatedNeighbor] {
        core.estimates(vector, of: rows)
    }

    package mutating func drop(_ row: RowID) { core.drop(row) }

    package func extended(over table: VectorTable, by count: Int, _ work: IndexWork)
        throws(LodestoneError) -> (any VectorIndex)?
    {
        try core.extended(over: table, by: count, work).map { Self(core: $0) }
    }

    package mutating func adopt(_ extended: any VectorIndex, exists: (RowID) -> Bool) -> Bool {
        guard let extended = extended as? any HNSWIndex else { return false }
        return core.adopt(extended.core, exists: exists)
    }

    package func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError)
        -> any VectorIndex
    {
        Self(core: try core.compacted(table, work))
    }

    package func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try core.write(to: &sink)
    }
}
