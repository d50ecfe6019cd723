// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// Exact scores for the documents where estimates leave the first hits open.
///
/// A fusion needs the scores of some two hundred documents, and exact ones of those that it
/// returns. Vectors lie all over their segments, and an exact comparison waits for the memory. So
/// the vector sources of a fused query give estimates by codes first (`Query.allowsEstimates`).
extension SearchPlan {
    /// The fused hits of a query; the first `decided` have their exact places and scores.
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
        var places: [RankedList.Place] = []
        var rows: [RowID] = []
        for document in documents {
            guard let place = source.places[document], list.error(at: place) > 0 else { continue }
            places.append(place)
            rows.append(fused.row(of: document))
        }
        var exact = exactScores(of: near, rows: rows)[...]
        for (place, row) in zip(places, rows) {
            // A damaged vector has no score, and the query fails for that.
            list.settle(place, exact.first?.row == row ? exact.removeFirst().score : nil)
        }
        if !list.errors.isEmpty { list.sort() }
    }
}

extension Query {
    /// Whether vector sources may give estimates.
    ///
    /// Those that decide about hits are made exact.
    ///
    /// Ranks need an exact order of all candidates. A hit beyond the candidates of a source has the
    /// score that its list gives it.
    var allowsEstimates: Bool {
        sources.count > 1 && fusion.addsScores
            && sources.allSatisfy { limit <= $0.candidates ?? Query.candidates }
    }
}
