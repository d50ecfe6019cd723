// SPDX-License-Identifier: Apache-2.0
// How the ranked lists of several sources become one; docs/fusion.md says what was measured.
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// The hits of one source, best first; better hits have larger scores.
struct RankedList {
    var rows: [RowID] = []
    var scores: [Double] = []
    /// The source's scores of rows that only other sources found.
    var others: [(row: RowID, score: Double)] = []
    /// The number of best hits that enter the fusion; the other hits follow them.
    var candidates = Int.max
    /// Whether `others` has all scores that the source can give to the other sources' hits.
    var scoresOthers = false
    /// Whether the scores are those of vectors; texts and walks score 0 for a document without a
    /// match.
    var isOfVectors = false
    /// The score of an ordinary document, from a sample of the possible hits; only for vectors.
    var ordinary: Double?
    /// The magnitude of the numbers that scores are computed from; 1 for cosines.
    ///
    /// The tolerance for rounding depends on it.
    var magnitude = 0.0
    /// Whether a budget ended the source before it was done.
    var isPartial = false
    /// How the vectors were searched; `nil` for other sources.
    var explanation: VectorExplanation?

    mutating func reserveCapacity(_ count: Int) {
        rows.reserveCapacity(count)
        scores.reserveCapacity(count)
    }

    mutating func append(_ row: RowID, _ score: Double) {
        rows.append(row)
        scores.append(score)
    }
}

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
    /// scores no larger than the last of the first ones.
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
        let fused = FusedList(self, lists, weights: weights, withSources: withSources)
        return fused.hits(limit: limit)
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

    /// The weight of a source for which the query has none.
    ///
    /// A text whose fields have weights says more than one without.
    func defaultWeight(of kind: Source.Kind, _ text: TextOptions) -> Double {
        guard addsScores else { return 1 }
        let ofText = text.fields.isEmpty ? 0.6 : 0.8
        if case .text = kind { return ofText }
        return 1 - ofText
    }
}
