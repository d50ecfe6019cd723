// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// The hits of one source, best first; better hits have larger scores.
struct RankedList {
    var rows: [RowID] = []
    var scores: [Double] = []
    /// The most by which each score differs from the exact one; empty where all are exact.
    var errors: [Double] = []
    /// The source's scores of rows that only other sources found.
    var others: [(row: RowID, score: Double)] = []
    /// The most by which each score of `others` differs from the exact one; empty where all are
    /// exact.
    var otherErrors: [Double] = []
    /// The number of best hits that enter the fusion as candidates; the others can only follow
    /// them.
    var candidates = Int.max
    /// Whether `others` has all scores that the source can give to the other sources' hits.
    var scoresOthers = false
    /// Whether the scores are those of vectors.
    ///
    /// Texts and walks score a document without a match 0.
    var isOfVectors = false
    /// The score of an ordinary document, from a sample of the possible hits; only for vectors.
    var ordinary: Double?
    /// The magnitude of the terms that a score is computed from; 1 for cosines.
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

    // MARK: Estimates

    /// Whether any score is an estimate.
    var hasEstimates: Bool { !errors.isEmpty || !otherErrors.isEmpty }

    /// The position of a row's score: among the list's own hits, or among `others`.
    enum ScorePosition {
        case own(Int)
        case other(Int)
    }

    /// The most by which the score at a position differs from the exact one.
    func error(at position: ScorePosition) -> Double {
        switch position {
        case .own(let index): errors.isEmpty ? 0 : errors[index]
        case .other(let index): otherErrors.isEmpty ? 0 : otherErrors[index]
        }
    }

    /// Replaces an estimate by the exact score; `nil` where the row has none.
    ///
    /// Call `sort` after the last one.
    mutating func settle(_ position: ScorePosition, _ score: Double?) {
        switch position {
        case .own(let index):
            if let score { scores[index] = score }
            errors[index] = 0
        case .other(let index):
            if let score { others[index].score = score }
            otherErrors[index] = 0
        }
    }

    /// Sorts the hits by score, ties in row order; fast because they are nearly sorted.
    mutating func sort() {
        for index in rows.indices.dropFirst() {
            let (row, score, error) = (rows[index], scores[index], errors[index])
            var slot = index
            while slot > 0,
                scores[slot - 1] < score || scores[slot - 1] == score && rows[slot - 1] > row
            {
                rows[slot] = rows[slot - 1]
                scores[slot] = scores[slot - 1]
                errors[slot] = errors[slot - 1]
                slot -= 1
            }
            guard slot < index else { continue }
            (rows[slot], scores[slot], errors[slot]) = (row, score, error)
        }
    }
}
