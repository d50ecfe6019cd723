// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// One search of a graph by one vector: the plan, the walks, the scan and the exact re-ranking.
///
/// A search with a filter, or after many rows were dropped, takes the cheapest of three plans:
///
/// 1. Where most rows pass, it walks the graph with a wider beam and keeps the rows that pass.
/// 2. Where fewer pass, it walks among these rows alone and steps over the others.
/// 3. Where few pass, it compares the codes of all of them (`scanCodes`).
///
/// Where a walk finds too few, the scan follows. Each plan ends with the exact re-ranking
/// (`rerank`).
///
/// Threading: one thread, while nothing changes the graph.
struct HNSWSearch {
    let vector: [Float]
    /// The parameters: `k`, the filter and the context.
    let query: VectorQuery
    /// The vectors, for the exact re-ranking.
    let table: VectorTable
    let flat: FlatIndex
    let graph: HNSWGraph
    let scratch: HNSWScratch
    /// Whether the graph may have nodes of rows that the caller's state doesn't know.
    private let mayHaveLaterRows: Bool
    /// The width of the beam without a filter.
    private let ef: Int
    /// The share of the beam that is expanded.
    private let reach: Double
    /// The number of nearest rows whose distances are exact.
    let exactCount: Int
    /// Rows that are compared exactly.
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

    /// The least share of a beam that is expanded where its last nodes are estimates.
    ///
    /// Measured (10,000 sentences of WordNet, a vector and a text, 100 candidates each): with 64 of
    /// 100 nodes expanded, 0.9996 of the first ten hits are the same.
    private static let leastReach = 0.64

    /// The factor by which a beam with a filter is wider than the nodes that pass are rare.
    ///
    /// Nodes that are kept without being expanded cost next to nothing, and a second walk because
    /// of a few missing rows costs as much as four.
    private var slack: Double { reach < 1 && selectivity < 1 ? 1.5 : 1 }

    /// The number of nodes of a beam of some width that are expanded.
    private func reach(ofWidth width: Int) -> Int {
        reach < 1 ? Int((Double(width) * reach).rounded(.up)) : .max
    }

    /// The number of rows that are compared exactly for so many nearest ones: the coarser the
    /// codes, the more.
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
            // A walk that ends early was in a part of the graph without a way to the others.
            guard found == ef else { return try scanCodes() }
            var candidates = matchingCandidates(found)
            candidates.take(rerankCount)
            return rerank(&candidates, strategy: "hnsw")
        }
        if let result = try walk() { return result }
        return try scanCodes()
    }

    // MARK: Walks of the whole graph

    /// Walks the graph, with a wider beam each time, until enough rows are found that pass; `nil`
    /// where a scan costs less.
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
                // Where the codes of the whole beam leave open which rows are the nearest, rows
                // outside of it may be as near.
                guard candidates.isCutOff,
                    candidates.rows.count >= 2 * Self.rerankCount(query.k, graph.options),
                    found >= Int(width)
                else { return result }
                best = result
            }
            if found < Int(width) { break }
            // Allowed rows are rarer near the query than elsewhere. All walks together take no
            // longer than a scan and a third.
            width = min(width * Self.expansion, Double(graph.rowCount))
            // Comparing all of a small collection exactly costs more than one walk more.
            requiresGraph =
                best != nil && width * Self.expansion <= Double(targetCount) && walkCount == 1
        }
        guard let best else { return nil }
        return targetCount > Self.comparedAtMost ? best : compareAll(after: best)
    }

    /// Whether the `found` nodes in the beam have as many rows as are wanted; `taken` are the
    /// first.
    private func isEnough(_ taken: CandidateRows, _ found: Int) -> Bool {
        let wanted = min(query.k, targetCount)
        if taken.rows.count >= wanted { return true }
        if exactCount == query.k { return false }
        var all = candidates(found)
        all.take(wanted)
        return all.rows.count >= wanted
    }

    /// Whether enough of the `found` nodes in the beam pass the filter far from the beam's end.
    ///
    /// A row of the beam that passes the filter is surely among the nearest unless it is near the
    /// beam's end: a walk is sure of its nearest nodes, not of its last ones.
    private func isSure(_ found: Int, _ width: Double) -> Bool {
        guard query.allowed != nil else { return true }
        let sureShare = min(1, max(0.5, 1.25 * Double(exactCount) / Double(ef)))
        // A node that was not expanded is one of the last.
        let count = min(Int(sureShare * Double(found)), reach(ofWidth: Int(width)))
        var sure = candidates(count)
        sure.take(exactCount)
        return sure.rows.count >= min(exactCount, targetCount)
    }

    /// The rows of the first `count` nodes in the beam that may be found.
    private func candidates(_ count: Int) -> CandidateRows {
        // A filter may pass as many rows as the graph has, and other ones: rows outside of the
        // graph.
        let passesAll = query.allowed == nil && selectivity == 1 && !mayHaveLaterRows
        return CandidateRows(count, of: self, filter: passesAll ? nil : query)
    }

    /// The rows of the first `count` nodes in the beam, all of whose first rows match.
    private func matchingCandidates(_ count: Int) -> CandidateRows {
        CandidateRows(count, of: self, filter: graph.copies.isEmpty ? nil : query)
    }

    // MARK: The scan of codes

    /// Compares the codes of all rows that may be found, then at least twice `exactCount` rows
    /// exactly.
    ///
    /// Compared with the scan, these exact distances cost nothing.
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

/// The cost model: times in distances of a scan, which reads its rows in order.
extension HNSWSearch {
    /// The time of a distance in a walk, whose rows lie anywhere.
    private static let distanceCost = 2.0
    /// Distances that a walk computes for each node of its beam.
    private static let distancesPerNode = 22.0

    /// The factor by which the next walk is wider after one that found too few.
    ///
    /// Measured (a million rows, two thirds of them allowed, none of these near some of the
    /// queries): such a query took 21 ms by a scan at once, 0.9 ms by wider walks.
    private static let expansion = 4.0

    /// The selectivity below which a walk keeps to the allowed rows; above it, a wider walk finds
    /// more in the same time.
    private static let filteredSelectivity = 0.3

    /// The time of a walk with a beam of some width.
    static func cost(ofWidth width: Double) -> Double { width * distancesPerNode * distanceCost }

    /// The time of a walk among the allowed rows.
    ///
    /// The walk expands 1.3 nodes per node of its beam within `reach`. Each costs the distances of
    /// a frontier, and a test of as many links as it takes to find so many allowed nodes.
    private var filteredWalkCost: Double {
        let degree = Double(graph.degree)
        let frontier = Double(AllowedNeighbors.frontierCount)
        let tests = min(frontier / selectivity, degree * degree)
        return 1.3 * reach * Double(ef) * (frontier * Self.distanceCost + tests / 5)
    }
}

extension VectorQuantization {
    /// Whether distances by codes are near enough to choose the candidates of a fusion.
    ///
    /// Int4 codes are too coarse: of 100 candidates, the last ones would be others.
    var hasEstimates: Bool { self != .int4 }
}
