// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The graph of an index, with the rows that it covers and its measured health.
///
/// Threading: a value, as `HNSWIndex` says.
package struct HNSWCore: Sendable {
    let dimension: Int
    let metric: Metric
    /// The options of the collection; the graph may have another `form`.
    var options: HNSWOptions
    private(set) var graph: HNSWSharedGraph?
    /// The first row that is not covered; the graph may have later rows.
    private(set) var endRow: RowID = .first
    /// The number of dropped rows that are covered.
    private(set) var droppedCount = 0
    var health = IndexHealth()
    let flat: FlatIndex
    /// Keeps a cancelled build, which the next build continues.
    let checkpoint: HNSWBuildCheckpoint

    /// The state of an index that covers no rows.
    init(
        _ options: HNSWOptions,
        dimension: Int,
        metric: Metric,
        checkpoint: HNSWBuildCheckpoint = HNSWBuildCheckpoint()
    ) {
        self.dimension = dimension
        self.metric = metric
        self.options = options
        self.checkpoint = checkpoint
        flat = FlatIndex(dimension: dimension, metric: metric)
    }

    /// This state with another graph, without dropped rows.
    func replacingGraph(by graph: HNSWFrozenGraph?, _ health: IndexHealth) -> HNSWCore {
        var core = HNSWCore(options, dimension: dimension, metric: metric, checkpoint: checkpoint)
        core.open(graph)
        core.health = health
        return core
    }

    /// Sets a graph that covers every row below its end.
    mutating func open(_ graph: HNSWFrozenGraph?) {
        self.graph = graph.map { .frozen($0) }
        endRow = graph?.endRow ?? .first
    }

    /// The same graph with other options; `nil` when these need another graph.
    func adapted(to options: HNSWOptions) -> HNSWCore? {
        guard options.m == self.options.m, options.efConstruction == self.options.efConstruction,
            options.quantization == self.options.quantization
        else { return nil }
        var adapted = HNSWCore(options, dimension: dimension, metric: metric)
        adapted.graph = graph
        adapted.endRow = endRow
        adapted.droppedCount = droppedCount
        adapted.health = health
        return adapted
    }

    // MARK: Searching

    func search(_ query: VectorQuery, in table: VectorTable) throws(LodestoneError)
        -> [VectorSearchResult]
    {
        guard !query.isExact, let shared = graph, health.isUsable(for: shared.count), query.k > 0
        else {
            return try flat.search(query, in: table.blocks)
        }
        var results: [VectorSearchResult] = []
        results.reserveCapacity(query.vectors.count)
        for vector in query.vectors {
            try query.context.check()
            guard
                let result = try shared.reading({ (graph, scratch) throws(LodestoneError) in
                    let search = HNSWSearch(
                        vector: vector,
                        query: query,
                        core: self,
                        graph: graph,
                        scratch: scratch,
                        table: table
                    )
                    return try search.run()
                })
            else {
                // The graph is damaged. The caller reports the damage, and a scan gives an exact
                // result.
                return try flat.search(query, in: table.blocks)
            }
            results.append(result)
        }
        let uncovered = table.suffix(from: endRow)
        if uncovered.isEmpty { return results }
        for (index, late) in try flat.search(query, in: uncovered).enumerated() {
            results[index].merge(late, k: query.k)
        }
        return results
    }

    /// Estimates the distances of some rows by their codes; rows without codes are left out.
    func estimates(_ vector: [Float], of rows: [RowID]) -> [EstimatedNeighbor] {
        guard let shared = graph, health.isUsable(for: shared.count),
            options.quantization.hasEstimates
        else { return [] }
        return shared.reading { graph, scratch in graph.estimates(vector, of: rows, scratch) } ?? []
    }

    // MARK: Changes

    /// Counts a dropped row.
    mutating func drop(_ row: RowID) {
        // Every row below the end has had a node.
        if row < endRow { droppedCount += 1 }
    }

    /// Links rows from `row` on, inside their write.
    mutating func link(_ table: VectorTable, from row: RowID) {
        // If a write did not link its rows, `extended` must link them and all later rows.
        let uncovered = graph == nil ? table.blocks : table.suffix(from: endRow)
        guard let first = uncovered.first, first.firstRow >= row else { return }
        guard let growing = growingGraph(for: table) else { return }
        graph = .growing(growing)
        endRow = growing.link(table, from: endRow) {}
        measureIfDue(table) { _ in true }
    }

    /// The graph with more rows, linked outside of writes; `nil` if only a compaction can cover
    /// them.
    func extended(over table: VectorTable, by count: Int, _ work: IndexWork)
        throws(LodestoneError) -> HNSWCore?
    {
        guard health.isUsable, !isRefused, let growing = growingGraph(for: table) else {
            return nil
        }
        var core = self
        let before = growing.count
        core.graph = .growing(growing)
        core.endRow = try growing.link(
            table,
            from: endRow,
            most: Planted.linked(count),
            rowsAtOnce: 1,
            exists: work.exists,
            check: work.check
        )
        Planted.cover(table, through: &core.endRow)
        core.health.changedCount += growing.count - before
        core.measureIfDue(table, work.exists)
        return core
    }

    /// The graph into which rows are linked; `nil` when the current graph is damaged.
    private func growingGraph(for table: VectorTable) -> HNSWGrowingGraph? {
        guard let graph else { return HNSWGrowingGraph(for: table, metric: metric, options: form) }
        return graph.growing
    }

    /// Continues with the state that `extended` made from an earlier copy of this one.
    ///
    /// - Returns: Whether more rows are covered; `false` after another graph replaced this one.
    mutating func adopt(_ extended: HNSWCore, exists: (RowID) -> Bool) -> Bool {
        guard case .growing(let linked)? = extended.graph, extended.endRow > endRow,
            graph.map({ $0.isContinued(by: linked) }) ?? (form == extended.form && linked.count > 0)
        else { return false }
        // Some rows were dropped while `extended` linked them.
        droppedCount += linked.rows(in: endRow..<extended.endRow).count { !exists($0) }
        graph = .growing(linked)
        endRow = extended.endRow
        health = extended.health
        return true
    }
}
