// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// One search of a graph by one vector: the plan, the walks, the scan and the exact re-ranking.
///
/// A search with a filter, or after many rows were dropped, has three plans:
///
/// 1. It walks the graph with a wider beam and keeps the rows that pass.
/// 2. It walks among the rows that pass only, through the others: with a filter that less than
///    `filteredSelectivity` of the rows pass.
/// 3. It compares the codes of all rows that pass (`scanCodes`), where that costs less than the
///    walk.
///
/// Without a filter, a walk always comes first. If a walk finds too few, the scan follows. Each
/// plan ends with the exact re-ranking (`rerank`).
///
/// Threading: one thread, while no thread changes the graph.
struct HNSWSearch {
    let vector: [Float]
    /// The parameters: `k`, the filter and the context.
    let query: VectorQuery
    /// The vectors, for the exact re-ranking.
    let table: VectorTable
    let flat: FlatIndex
    let graph: HNSWGraph
    let scratch: HNSWScratch
    /// Whether the graph may have nodes of rows that are later than the caller's version.
    private let mayHaveLaterRows: Bool
    /// The width of the beam without a filter.
    private let ef: Int
    /// The share of the beam that is expanded.
    private let reach: Double
    /// The number of nearest rows whose distances are exact.
    let exactCount: Int
    /// The number of rows that are compared exactly.
    private let rerankCount: Int
    /// The most rows of the graph that may be found.
    private let targetCount: Int
    /// The share of rows that may be found.
    private let selectivity: Double

    init(
        vector: [Float],
        query: VectorQuery,
        core: HNSWCore,
        graph: HNSWGraph,
        scratch: HNSWScratch,
        table: VectorTable
    ) {
        self.vector = vector
        self.query = query
        self.table = table
        flat = core.flat
        self.graph = graph
        self.scratch = scratch
        mayHaveLaterRows = core.graph?.mayHaveLaterRows ?? false
        let wanted = query.efSearch ?? core.options.efSearch * core.health.expansion
        ef = max(wanted, query.k)
        let hasEstimates = graph.options.quantization.hasEstimates
        exactCount = hasEstimates ? min(query.k, query.exactCount ?? query.k) : query.k
        reach =
            exactCount == query.k
            ? 1 : max(Double(wanted) / Double(ef), Self.leastReach)
        rerankCount = Self.rerankCount(exactCount, graph.options)
        let total = graph.rowCount
        targetCount =
            query.allowed.map { min($0.count, total) } ?? max(0, total - core.droppedCount)
        selectivity = Double(targetCount) / Double(total)
    }

    /// The least share of a beam that is expanded when the last nodes are only estimates.
    ///
    /// Measured (10,000 sentences of WordNet, a vector and a text, 100 candidates each): with 64 of
    /// 100 nodes expanded, 0.9996 of the first ten hits are the same.
    private static let leastReach = 0.64

    /// The factor by which a beam with a filter exceeds the width that the selectivity requires.
    ///
    /// Unexpanded nodes in the beam cost almost nothing. A second walk for a few missing rows is
    /// four times as wide.
    private var slack: Double { reach < 1 && selectivity < 1 ? 1.5 : 1 }

    /// The number of nodes that a beam of some width expands.
    private func reach(ofWidth width: Int) -> Int {
        reach < 1 ? Int((Double(width) * reach).rounded(.up)) : .max
    }

    /// The number of rows to compare exactly for `count` nearest ones: more for coarser codes.
    private static func rerankCount(_ count: Int, _ options: HNSWOptions) -> Int {
        let leastReserve =
            switch options.quantization {
            case .int8: 3
            case .int4: 20
            case .none: 0
            }
        return count + max(leastReserve, count / 4)
    }

    func run() throws(LodestoneError) -> VectorSearchResult {
        guard targetCount > 0 else { return VectorSearchResult(neighbors: [], strategy: "hnsw") }
        if let allowed = query.allowed, selectivity < Self.filteredSelectivity,
            filteredWalkCost < Double(targetCount),
            let found = try graph.search(
                vector,
                among: allowed,
                selectivity: selectivity,
                width: ef,
                reach: reach(ofWidth: ef),
                scratch,
                context: query.context
            )
        {
            // A walk that ends early was in a part of the graph without links to the rest.
            guard found == ef else { return try scanCodes() }
            var candidates = matchingCandidates(found)
            candidates.take(rerankCount)
            return rerank(&candidates, strategy: "hnsw")
        }
        if let result = try walk() { return result }
        return try scanCodes()
    }

    // MARK: Walks of the whole graph

    /// Walks the graph, with a wider beam each time, until enough passing rows are found; `nil` if
    /// a scan costs less.
    private func walk() throws(LodestoneError) -> VectorSearchResult? {
        var width = min(Double(ef) / selectivity, Double(graph.rowCount))
        var requiresGraph = query.allowed == nil
        var best: VectorSearchResult?
        var walkCount = 0
        while requiresGraph || Self.cost(ofWidth: width * reach) < Double(targetCount) {
            walkCount += 1
            let found = try graph.search(
                vector,
                width: min(Int(width * slack), graph.rowCount),
                reach: reach(ofWidth: Int(width)),
                scratch,
                context: query.context
            )
            var candidates = candidates(found)
            candidates.take(rerankCount)
            if isEnough(candidates, found), isSure(found, width) {
                let result = rerank(&candidates, strategy: "hnsw")
                // If the codes of the whole beam leave the nearest undecided, rows outside of it
                // may be as near.
                guard candidates.isCutOff,
                    candidates.rows.count >= 2 * Self.rerankCount(query.k, graph.options),
                    found >= Int(width)
                else { return result }
                best = result
            }
            if found < Int(width) { break }
            // Allowed rows are rarer near the query than elsewhere. All walks together take at most
            // as long as four thirds of a scan.
            width = min(width * Self.expansion, Double(graph.rowCount))
            // Comparing all of a small collection exactly costs more than another walk.
            requiresGraph =
                best != nil && width * Self.expansion <= Double(targetCount) && walkCount == 1
        }
        guard let best else { return nil }
        return targetCount > Self.comparedAtMost ? best : compareAll(after: best)
    }

    /// Whether the `found` nodes in the beam have `k` rows, or all `targetCount` if that is fewer.
    ///
    /// `taken` has the first of these rows.
    private func isEnough(_ taken: CandidateRows, _ found: Int) -> Bool {
        let wanted = min(query.k, targetCount)
        if taken.rows.count >= wanted { return true }
        if exactCount == query.k { return false }
        var all = candidates(found)
        all.take(wanted)
        return all.rows.count >= wanted
    }

    /// Whether enough of the `found` nodes pass the filter and are not near the beam's end.
    ///
    /// A walk finds the nearest nodes surely, but not the last ones of its beam. So a passing row
    /// counts only if it is not near the beam's end.
    private func isSure(_ found: Int, _ width: Double) -> Bool {
        guard query.allowed != nil else { return true }
        let sureShare = min(1, max(0.5, 1.25 * Double(exactCount) / Double(ef)))
        // An unexpanded node counts as one of the last.
        let count = min(Int(sureShare * Double(found)), reach(ofWidth: Int(width)))
        var sure = candidates(count)
        sure.take(exactCount)
        return sure.rows.count >= min(exactCount, targetCount)
    }

    /// The rows of the first `count` nodes in the beam that may be found.
    private func candidates(_ count: Int) -> CandidateRows {
        // A filter may pass rows outside of the graph, so the number of passing rows is not
        // sufficient.
        let passesAll = query.allowed == nil && selectivity == 1 && !mayHaveLaterRows
        return CandidateRows(count, of: self, filter: passesAll ? nil : query)
    }

    /// The rows of the first `count` nodes in the beam; the first row of each of them passes.
    private func matchingCandidates(_ count: Int) -> CandidateRows {
        CandidateRows(count, of: self, filter: graph.copies.isEmpty ? nil : query)
    }

    // MARK: The scan of codes

    /// Compares the codes of all rows that may be found, then at least `2 * exactCount` rows
    /// exactly.
    ///
    /// These exact distances cost almost nothing compared with the scan.
    private func scanCodes() throws(LodestoneError) -> VectorSearchResult {
        let rerankCount = max(rerankCount, 2 * exactCount + 20)
        var nodes = MatchingNodes(query, graph)
        let found = try graph.scan(
            vector,
            width: max(rerankCount, query.k),
            scratch,
            context: query.context,
            next: { nodes.next(into: $0) }
        )
        var candidates = matchingCandidates(found)
        candidates.take(rerankCount)
        return rerank(&candidates, strategy: "filtered scan")
    }
}

/// The cost model; the unit is the time of one distance in a scan, which reads rows in order.
extension HNSWSearch {
    /// The time of a distance in a walk, whose rows are scattered in memory.
    private static let distanceCost = 2.0
    /// The distances that a walk computes per node of its beam.
    private static let distancesPerNode = 22.0

    /// The factor by which a walk is wider than the previous one that found too few rows.
    ///
    /// Measured (a million rows, two thirds of them allowed, none of these near some of the
    /// queries): such a query took 21 ms by a scan at once, 0.9 ms by wider walks.
    private static let expansion = 4.0

    /// The selectivity below which a walk visits only allowed rows; above it, a wider walk finds
    /// more in the same time.
    private static let filteredSelectivity = 0.3

    /// The time of a walk with a beam of some width.
    static func cost(ofWidth width: Double) -> Double { width * distancesPerNode * distanceCost }

    /// The time of a walk among the allowed rows.
    ///
    /// The walk expands 1.3 nodes per node of its beam within `reach`. Each expansion costs the
    /// distances of a frontier, and the tests of links that find so many allowed nodes.
    private var filteredWalkCost: Double {
        let degree = Double(graph.degree)
        let frontier = Double(AllowedNeighbors.frontierCount)
        let tests = min(frontier / selectivity, degree * degree)
        return 1.3 * reach * Double(ef) * (frontier * Self.distanceCost + tests / 5)
    }
}

extension VectorQuantization {
    /// Whether distances by codes are exact enough to choose the candidates of a fusion.
    ///
    /// Int4 codes are too coarse: the last ones of 100 candidates would differ.
    var hasEstimates: Bool { self != .int4 }
}
