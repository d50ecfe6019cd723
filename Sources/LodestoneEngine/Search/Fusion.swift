// SPDX-License-Identifier: Apache-2.0
// The merge of several sources' ranked lists; docs/fusion.md has the measurements.
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// A hit before it gets its id.
struct FusedHit {
    let row: RowID
    var score: Double
    var sources: [SourceScore]

    static func isBetter(_ hit: FusedHit, _ other: FusedHit) -> Bool {
        hit.score != other.score ? hit.score > other.score : hit.row < other.row
    }
}

extension Fusion {
    /// Merges the sources' lists: best first, ties in row order.
    ///
    /// Documents among the first `candidates` of a list come first. Deeper hits do not change their
    /// order, so a larger limit only makes the result longer. The deeper documents follow, with
    /// scores of at most that of the last candidate.
    ///
    /// - Parameters:
    ///   - lists: One per source; a row occurs in each at most once.
    ///   - weights: One per source; unused when there is one source only.
    ///   - limit: The most hits.
    ///   - withSources: Whether hits have each source's rank and score: one allocation per hit.
    /// - Returns: At most `limit` hits.
    /// - Complexity: O(n log n) in the lengths of the lists.
    func merge(
        _ lists: [RankedList],
        weights: [Double],
        limit: Int,
        withSources: Bool = true
    ) -> [FusedHit] {
        if lists.count == 1 {
            return Self.hits(of: lists[0], limit: limit, withSources: withSources)
        }
        return FusedList(self, lists, weights: weights).hits(limit: limit, withSources: withSources)
    }

    /// The hits of a query with one source, with that source's scores.
    private static func hits(of list: RankedList, limit: Int, withSources: Bool) -> [FusedHit] {
        var hits: [FusedHit] = []
        hits.reserveCapacity(list.rows.count)
        var isSorted = true
        for (row, score) in zip(list.rows, list.scores) {
            var hit = FusedHit(row: row, score: score, sources: [])
            if withSources {
                hit.sources = [SourceScore(source: 0, rank: hits.count + 1, score: score)]
            }
            if let last = hits.last, FusedHit.isBetter(hit, last) { isSorted = false }
            hits.append(hit)
        }
        if !isSorted { hits.sort(by: FusedHit.isBetter) }
        if hits.count > limit { hits.removeLast(hits.count - limit) }
        return hits
    }

    /// Whether a source's score counts for a row that only other sources found.
    var addsScores: Bool {
        switch self {
        case .reciprocalRank: false
        case .weightedScores: true
        }
    }

    /// Whether the fusion needs the score of an ordinary document.
    var comparesWithOrdinary: Bool { self == .weightedScores(.best) }

    /// The weight of a source without one in the query.
    ///
    /// A text source gets more weight when the collection's text fields have weights.
    func defaultWeight(of kind: Source.Kind, _ text: TextOptions) -> Double {
        guard addsScores else { return 1 }
        let ofText = text.fields.isEmpty ? 0.6 : 0.8
        if case .text = kind { return ofText }
        return 1 - ofText
    }
}
