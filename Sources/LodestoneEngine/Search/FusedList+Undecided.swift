// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The estimates that can change the first hits.
extension FusedList {
    /// The documents with an estimate whose exact value may change the first hits or their scores.
    ///
    /// Call it until none is left: an exact score may leave others undecided. The hits are then
    /// those of exact scores, if the errors of the estimates are bounds.
    ///
    /// - Parameters:
    ///   - limit: The number of first hits, at least 1.
    ///   - withRanks: Whether the ranks of the hits count, too.
    /// - Returns: The numbers of the documents, ascending; none when the hits are decided.
    func undecided(limit: Int, withRanks: Bool) -> [Int] {
        guard lists.contains(where: \.hasEstimates) else { return [] }
        var isWanted = [Bool](repeating: false, count: count)
        /// The error of each fused score, and whether any score of the document is an estimate.
        var total = [Double](repeating: 0, count: count)
        var isEstimate = isWanted
        for index in sources.indices where lists[index].hasEstimates {
            let errors = errors(of: index)
            let slope = sources[index].scale.hasScores ? sources[index].scale.slope : 0
            for document in errors.indices where errors[document] > 0 {
                isEstimate[document] = true
                total[document] += slope == 0 ? 0 : slope * errors[document]
            }
            if sources[index].scale.hasScores {
                markExtremes(of: index, errors, &isWanted)
                markJudged(by: index, errors, &isWanted)
            }
        }
        var least = (0..<count).map { score(of: $0) - total[$0] }
        let bound = least.isEmpty ? 0 : least.largest(min(limit, count))
        var wanted: [Int] = []
        for document in isWanted.indices {
            let isPossible = isEstimate[document] && score(of: document) + total[document] >= bound
            if isWanted[document] || isPossible { wanted.append(document) }
        }
        return wanted.isEmpty && withRanks ? openRanks(above: bound) : wanted
    }

    /// The most by which a source's score of each document differs from the exact one.
    func errors(of index: Int) -> [Double] {
        let list = lists[index]
        return sources[index].positions.map { $0.map { list.error(at: $0) } ?? 0 }
    }

    /// Marks the estimates that may be the best score, or the least score if it is worth nothing.
    private func markExtremes(of index: Int, _ errors: [Double], _ isWanted: inout [Bool]) {
        let scores = sources[index].scores
        var (best, least) = (-Double.infinity, Double.infinity)
        for (score, error) in zip(scores, errors) {
            best = max(best, score.isNaN ? best : score - error)
            least = min(least, score.isNaN ? least : score + error)
        }
        let beginsAtLeast = sources[index].scale.beginsAtLeast
        for document in errors.indices where errors[document] > 0 {
            if scores[document] + errors[document] >= best
                || beginsAtLeast && scores[document] - errors[document] <= least
            {
                isWanted[document] = true
            }
        }
    }

    /// Marks the estimates that decide whether a source agrees with the others' first hits.
    private func markJudged(by index: Int, _ errors: [Double], _ isWanted: inout [Bool]) {
        guard lists[index].scoresOthers else { return }
        let (scores, scale) = (sources[index].scores, sources[index].scale)
        let judged = judged(by: index).filter { !scores[$0].isNaN }
        let approval = judged.lazy.map { scale.share(of: scores[$0] - errors[$0]) }.max() ?? 0
        if scale.agrees(withShare: approval) { return }
        for document in judged where errors[document] > 0 {
            if scale.share(of: scores[document] + errors[document]) >= approval {
                isWanted[document] = true
            }
        }
    }

    /// The hits of the sources whose order is undecided relative to a hit above `bound`.
    private func openRanks(above bound: Double) -> [Int] {
        var open: [Int] = []
        for index in sources.indices where !lists[index].errors.isEmpty {
            let (list, errors) = (lists[index], errors(of: index))
            let decided = (0..<count).filter { document in
                guard case .own? = sources[index].positions[document] else { return false }
                return score(of: document) >= bound
            }.map { sources[index].scores[$0] }
            for document in 0..<count where errors[document] > 0 {
                guard case .own(let position)? = sources[index].positions[document] else {
                    continue
                }
                let (score, error) = (list.scores[position], errors[document])
                if decided.contains(where: { abs($0 - score) <= error }) { open.append(document) }
            }
        }
        return open
    }
}
