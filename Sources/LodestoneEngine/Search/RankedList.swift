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
    /// The number of best hits that enter the fusion; the rest only fills places behind them.
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

    // MARK: Estimates

    /// Whether any score is an estimate.
    var hasEstimates: Bool { !errors.isEmpty || !otherErrors.isEmpty }

    /// The place of a row's score: among the list's own hits, or among `others`.
    enum Place {
        case own(Int)
        case other(Int)
    }

    /// The most by which the score at a place differs from the exact one.
    func error(at place: Place) -> Double {
        switch place {
        case .own(let index): errors.isEmpty ? 0 : errors[index]
        case .other(let index): otherErrors.isEmpty ? 0 : otherErrors[index]
        }
    }

    /// Replaces an estimate by the exact score; `nil` where the row has none.
    ///
    /// After the last one, `sort` restores the order.
    mutating func settle(_ place: Place, _ score: Double?) {
        switch place {
        case .own(let index):
            if let score { scores[index] = score }
            errors[index] = 0
        case .other(let index):
            if let score { others[index].score = score }
            otherErrors[index] = 0
        }
    }

    /// Sorts the hits, which are nearly in order: of equal scores the smaller row is first.
    mutating func sort() {
        for index in rows.indices.dropFirst() {
            let (row, score, error) = (rows[index], scores[index], errors[index])
            var place = index
            while place > 0,
                scores[place - 1] < score || scores[place - 1] == score && rows[place - 1] > row
            {
                rows[place] = rows[place - 1]
                scores[place] = scores[place - 1]
                errors[place] = errors[place - 1]
                place -= 1
            }
            guard place < index else { continue }
            (rows[place], scores[place], errors[place]) = (row, score, error)
        }
    }
}
