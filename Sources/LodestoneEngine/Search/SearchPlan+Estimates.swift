// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// Exact scores for documents whose estimates leave the first hits undecided.
///
/// A fusion needs the scores of some two hundred documents, and exact scores of the documents that
/// it returns. Vectors are scattered over segments, so an exact comparison waits for memory. So the
/// vector sources of a fused query give estimates by codes first (`Query.allowsEstimates`).
extension SearchPlan {
    /// The fused hits of a query; the first `decided` are in exact order, with exact scores.
    func fusedHits(
        _ lists: inout [RankedList],
        _ query: Query,
        _ weights: [Double],
        limit: Int,
        decided: Int,
        withSources: Bool
    ) throws(LodestoneError) -> [FusedHit] {
        if lists.count == 1 {
            return query.fusion.merge(
                lists,
                weights: weights,
                limit: limit,
                withSources: withSources
            )
        }
        while true {
            let fused = FusedList(query.fusion, lists, weights: weights)
            let undecided = fused.undecided(limit: decided, withRanks: withSources)
            if undecided.isEmpty { return fused.hits(limit: limit, withSources: withSources) }
            try context.check()
            for (index, source) in query.sources.enumerated() {
                guard case .vector(let near) = source.kind, lists[index].hasEstimates else {
                    continue
                }
                settle(&lists[index], near, fused, fused.sources[index], undecided)
            }
            try view.version.vectors.refuseDamage()
        }
    }

    /// Replaces the estimates of some documents by exact scores.
    private func settle(
        _ list: inout RankedList,
        _ near: NearVector,
        _ fused: FusedList,
        _ source: FusedList.Source,
        _ documents: [Int]
    ) {
        var positions: [RankedList.ScorePosition] = []
        var rows: [RowID] = []
        for document in documents {
            guard let position = source.positions[document], list.error(at: position) > 0 else {
                continue
            }
            positions.append(position)
            rows.append(fused.row(of: document))
        }
        var exact = exactScores(of: near, rows: rows)[...]
        for (position, row) in zip(positions, rows) {
            // A damaged vector has no score, and the query then fails.
            list.settle(position, exact.first?.row == row ? exact.removeFirst().score : nil)
        }
        if !list.errors.isEmpty { list.sort() }
    }
}

extension Query {
    /// Whether vector sources may give estimates.
    ///
    /// Exact scores replace the estimates that decide about hits.
    ///
    /// Fusion by ranks needs an exact order of all candidates, so it allows none. Nor does a limit
    /// beyond the candidates: such a hit keeps the score of its list.
    var allowsEstimates: Bool {
        sources.count > 1 && fusion.addsScores
            && sources.allSatisfy { limit <= $0.candidates ?? Query.candidates }
    }
}
