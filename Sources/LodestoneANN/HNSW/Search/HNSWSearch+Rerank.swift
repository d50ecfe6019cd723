// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The exact comparison of rows that codes found.
extension HNSWSearch {
    /// The most rows that are all compared exactly when codes can't distinguish the nearest.
    static let comparedAtMost = 32_768

    /// Compares all rows of the graph that may be found, after walks whose best result is `best`.
    func compareAll(after best: VectorSearchResult) -> VectorSearchResult {
        let first = UnsafeBufferPointer(start: graph.rows, count: graph.count)
        let rows = first.filter(query.allows) + graph.copies.rows.filter(query.allows)
        var result = best
        result.estimated = []
        result.neighbors = flat.nearest(vector, k: query.k, among: rows, of: table)
        result.strategy = "flat"
        result.visited = scratch.expandedCount
        result.computed = scratch.distanceCount + rows.count
        result.scanned = best.scanned + rows.count
        return result
    }

    /// The rows of a further step of the exact re-ranking, while codes leave the nearest undecided.
    private static let rowsAtOnce = 8

    /// The nearest of the candidates by their exact distances.
    ///
    /// It compares the taken rows, and further rows as long as the codes' error can matter.
    /// Measured (clusters fifty times as far apart as they are wide, recall): the first 25 rows
    /// 0.89, the rows compared so, some 60, 0.99. For usual data it ends after the first few.
    ///
    /// If the query needs fewer exact distances than neighbors, the others keep their estimates.
    func rerank(_ candidates: inout CandidateRows, strategy: String) -> VectorSearchResult {
        // Rows that were compared beyond `exactCount` stay exact.
        let kept = query.k
        var nearest = flat.nearest(vector, k: kept, among: candidates.rows, of: table)
        while nearest.count >= exactCount, exactCount > 0 {
            let compared = candidates.rows.count
            candidates.take(Self.rowsAtOnce, within: nearest[exactCount - 1].distance)
            let more = Array(candidates.rows[compared...])
            if more.isEmpty { break }
            nearest += flat.nearest(vector, k: kept, among: more, of: table)
            nearest.sort { ($0.distance, $0.row) < ($1.distance, $1.row) }
            if nearest.count > kept { nearest.removeLast(nearest.count - kept) }
        }
        var result = VectorSearchResult(neighbors: nearest, strategy: strategy)
        result.visited = scratch.expandedCount
        result.computed = scratch.distanceCount + candidates.rows.count
        result.scanned = candidates.rows.count
        if exactCount < kept { result.estimated = candidates.estimates(kept - nearest.count) }
        return result
    }
}
