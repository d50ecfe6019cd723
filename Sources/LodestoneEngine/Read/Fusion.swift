// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// One source's hits, best first; scores are larger for better ones.
struct RankedList {
    var rows: [RowNumber] = []
    var scores: [Double] = []
    /// A budget ended the source before it was done.
    var isPartial = false
    /// How vectors were searched; `nil` for other sources.
    var explanation: VectorExplanation?

    mutating func append(_ row: RowNumber, _ score: Double) {
        rows.append(row)
        scores.append(score)
    }
}

/// A hit before it gets its id.
struct FusedHit {
    let row: RowNumber
    var score: Double
    var sources: [SourceScore]
}

extension Fusion {
    /// Merges the sources' lists: best first, ties in row order.
    ///
    /// - Parameters:
    ///   - lists: One a source; a row occurs in each at most once.
    ///   - weights: One a source.
    ///   - limit: The most hits wanted.
    /// - Returns: At most `limit` hits.
    func merge(_ lists: [RankedList], weights: [Float], limit: Int) -> [FusedHit] {
        var hits: [FusedHit] = []
        var places: [RowNumber: Int] = [:]
        for (source, list) in lists.enumerated() {
            let shares = lists.count == 1 ? list.scores : shares(list, weight: weights[source])
            for (index, row) in list.rows.enumerated() {
                let said = SourceScore(source: source, rank: index + 1, score: list.scores[index])
                if let place = places[row] {
                    hits[place].score += shares[index]
                    hits[place].sources.append(said)
                } else {
                    places[row] = hits.count
                    hits.append(FusedHit(row: row, score: shares[index], sources: [said]))
                }
            }
        }
        hits.sort { $0.score != $1.score ? $0.score > $1.score : $0.row < $1.row }
        return Array(hits.prefix(limit))
    }

    /// What each hit of one list adds to its score.
    private func shares(_ list: RankedList, weight: Float) -> [Double] {
        let weight = Double(weight)
        switch self {
        case .reciprocalRank(let k):
            return list.rows.indices.map { weight / Double(k + $0 + 1) }
        case .weightedScores(.minMax):
            guard let least = list.scores.min(), let most = list.scores.max(), most > least else {
                return list.scores.map { _ in weight }
            }
            return list.scores.map { weight * ($0 - least) / (most - least) }
        case .weightedScores(.deviation):
            // Three deviations to either side of the mean span 0 to 1.
            let count = Double(max(1, list.scores.count))
            let mean = list.scores.reduce(0, +) / count
            let variance = list.scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
            guard variance > 0 else { return list.scores.map { _ in weight / 2 } }
            let deviation = variance.squareRoot()
            return list.scores.map { score in
                weight * min(1, max(0, (score - mean) / (6 * deviation) + 0.5))
            }
        }
    }
}
