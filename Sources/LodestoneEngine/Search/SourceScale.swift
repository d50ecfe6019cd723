// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The values of one source's scores and ranks in a fusion with others.
///
/// docs/fusion.md has the formulas and the measurements.
struct SourceScale {
    /// The difference up to which scores are equal except for rounding, as part of their size.
    private static let equality = 1e-6
    /// The value of rank 1, as part of the smallest weight.
    ///
    /// The value of rank r is that of rank 1, divided by r².
    private static let rankShare = 0.25
    /// The most hits with a rank or a better one for which the rank adds a value.
    private static let mostRanked = 20
    /// The number of first hits of a list whose order decides about values of ranks and lifts.
    static let rankedCount = mostRanked + 1
    /// The most hits of a source that are lifted where it disagrees with the others.
    private static let mostLifted = 5
    /// The lift of the best hit, as part of the largest weight, and the step down to each next one.
    private static let lift = (first: 0.98, step: 0.06)
    /// The part of all weights below which the lift of a source shrinks in proportion to its
    /// weight.
    private static let leastLiftingWeight = 0.2
    /// The bounds of agreement between a source and the other sources.
    ///
    /// The source scores the first hits of the others. Each score has a share (`share(of:)`), and
    /// the largest share counts. From `full` on, the source agrees. Up to `none`, the source
    /// disagrees fully.
    private static let agreement = (none: 0.45, full: 0.65)
    /// The last rank that counts among the first hits of another source.
    private static let mostJudged = 10

    private let kind: Fusion
    private let weight: Double
    private var best = 0.0
    /// The difference between the best score and the score that is worth nothing.
    private var spread = 0.0
    /// The largest difference between equal scores.
    private var tolerance = 0.0
    /// Whether the source has a score for any document.
    private(set) var hasSay = false
    /// Whether the least score of all is the one that is worth nothing.
    private(set) var beginsAtLeast = false
    /// The value of rank 1.
    private let rankUnit: Double
    /// The unit of the lifts of the best hits; 0 where the source agrees with the others.
    private var lifted = 0.0

    /// - Parameters:
    ///   - fusion: The fusion of the query.
    ///   - list: The list of the source.
    ///   - source: The index of the source's weight.
    ///   - weights: The weights of all sources.
    ///   - known: The scores of the source for the candidates of all lists; NaN where it has none.
    init(
        _ fusion: Fusion,
        _ list: RankedList,
        _ source: Int,
        of weights: [Double],
        known: some Sequence<Double>
    ) {
        kind = fusion
        weight = weights[source]
        let smallest = weights.lazy.filter { $0 > 0 }.min() ?? 0
        rankUnit = fusion.addsScores ? Self.rankShare * smallest : weight
        guard weight > 0 else { return }
        var best = -Double.infinity
        var least = Double.infinity
        for score in known where score.isFinite {
            best = max(best, score)
            least = min(least, score)
        }
        // A text that matches nothing, or scores 0, takes no part in the fusion.
        guard best.isFinite, list.isOfVectors || best > 0 else { return }
        let ordinary = fusion.comparesWithOrdinary ? list.ordinary : nil
        beginsAtLeast = list.isOfVectors && ordinary == nil
        let zero = list.isOfVectors ? ordinary ?? least : 0
        hasSay = true
        self.best = best
        tolerance = Self.equality * max(abs(best), list.magnitude)
        spread = best - zero
    }

    /// Whether two scores, the larger one first, differ by no more than rounding.
    func areEqual(_ larger: Double, _ score: Double) -> Bool { larger - score <= tolerance }

    /// The most by which the value of a score changes with the score.
    ///
    /// It is infinite where only equality with the best score counts.
    var slope: Double { spread > tolerance ? weight / spread : .infinity }

    /// The value of a score, from 0 to the source's weight.
    func value(of score: Double) -> Double {
        hasSay && kind.addsScores ? weight * share(of: score) : 0
    }

    /// The share of a score, from 0 to 1 for the best score.
    func share(of score: Double) -> Double {
        guard hasSay, score.isFinite else { return 0 }
        // Equal scores are compared first, so that nothing is divided by their difference.
        guard spread > tolerance else { return areEqual(best, score) ? 1 : 0 }
        return min(1, max(0, 1 - (best - score) / spread))
    }

    /// The value of a hit's rank.
    ///
    /// - Parameters:
    ///   - rank: The rank, 1 for the best; equal scores have equal ranks.
    ///   - end: The number of hits with this rank or a better one.
    /// - Returns: 0 or more.
    func value(ofRank rank: Int, end: Int) -> Double {
        guard hasSay else { return 0 }
        switch kind {
        case .reciprocalRank(let k):
            return rankUnit / Double(k + rank)
        case .weightedScores(.best):
            return end <= Self.mostRanked ? rankUnit / Double(rank * rank) : 0
        case .weightedScores(.minMax):
            return 0
        }
    }

    /// Decides whether the source's best hits are lifted.
    ///
    /// They are lifted where the source scores the first hits of the others low. Then one of the
    /// sources is wrong, and no score tells which.
    ///
    /// - Parameters:
    ///   - judged: The source's scores of the others' first hits; NaN where it has none.
    ///   - weights: The weights of all sources.
    mutating func compare(with judged: some Sequence<Double>, weights: [Double]) {
        guard hasSay, kind == .weightedScores(.best), spread > tolerance else { return }
        let scale = self
        let shares = judged.lazy.filter { !$0.isNaN }.map { scale.share(of: $0) }
        guard let approval = shares.max() else { return }
        if agrees(withShare: approval) { return }
        let disagreement =
            (Self.agreement.full - approval) / (Self.agreement.full - Self.agreement.none)
        let whole = weights.reduce(0, +)
        lifted =
            (weights.max() ?? 0) * min(1, disagreement)
            * min(1, weight / (Self.leastLiftingWeight * whole))
    }

    /// Whether the source agrees with the others if it gives this share to one of their first hits.
    func agrees(withShare share: Double) -> Bool {
        kind != .weightedScores(.best) || share >= Self.agreement.full
    }

    /// The least value of a hit; 0 for most.
    ///
    /// - Parameters:
    ///   - score: The source's score; a hit with a share of 0 is not lifted.
    ///   - end: The number of the source's hits with this score or a better one; many equal hits
    ///     are not lifted.
    /// - Returns: 0 or more.
    func lift(of score: Double, end: Int) -> Double {
        guard lifted > 0, end <= Self.mostLifted, share(of: score) > 0 else { return 0 }
        return lifted * (Self.lift.first - Self.lift.step * Double(end - 1))
    }

    /// Whether a rank counts among the first hits that other sources score.
    static func isJudged(_ rank: Int) -> Bool { rank <= mostJudged }
}
