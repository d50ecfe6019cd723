// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The function from one source's scores and ranks to values in a fusion.
///
/// docs/fusion.md has the formulas and the measurements.
struct SourceScale {
    /// The relative difference up to which scores count as equal, because of rounding.
    private static let equality = 1e-6
    /// The value of rank 1, as a share of the smallest weight.
    ///
    /// The value of rank r is that of rank 1, divided by r².
    private static let rankShare = 0.25
    /// A rank adds a value only if at most this many hits have the rank or a better one.
    private static let mostRanked = 20
    /// The number of first hits whose order decides the values of ranks and lifts.
    static let rankedCount = mostRanked + 1
    /// The most hits of a source that are lifted where it disagrees with the others.
    private static let mostLifted = 5
    /// The lift of the best hit, as a share of the largest weight, and the decrease per further
    /// hit.
    private static let lift = (first: 0.98, step: 0.06)
    /// The share of the sum of weights below which a source's lift shrinks in proportion to its
    /// weight.
    private static let leastLiftingWeight = 0.2
    /// The shares between which the agreement of a source with the others rises from none to full.
    ///
    /// The source scores the first hits of the others. The largest share of these scores
    /// (`share(of:)`) decides: from `full` on, the source agrees; up to `none`, it disagrees fully.
    private static let agreement = (none: 0.45, full: 0.65)
    /// The last rank that counts as a first hit of another source.
    private static let mostJudged = 10

    private let kind: Fusion
    private let weight: Double
    private var best = 0.0
    /// The difference between the best score and the score that is worth nothing.
    private var spread = 0.0
    /// The largest difference between equal scores.
    private var tolerance = 0.0
    /// Whether a score of the source counts in the fusion.
    private(set) var hasScores = false
    /// Whether the least of all scores is the score that is worth nothing.
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
        // A text source without a match, or with scores of 0, takes no part in the fusion.
        guard best.isFinite, list.isOfVectors || best > 0 else { return }
        let ordinary = fusion.comparesWithOrdinary ? list.ordinary : nil
        beginsAtLeast = list.isOfVectors && ordinary == nil
        let zero = list.isOfVectors ? ordinary ?? least : 0
        hasScores = true
        self.best = best
        tolerance = Self.equality * max(abs(best), list.magnitude)
        spread = best - zero
    }

    /// Whether two scores, the larger one first, differ by no more than rounding.
    func areEqual(_ larger: Double, _ score: Double) -> Bool { larger - score <= tolerance }

    /// The largest change of the value per change of the score.
    ///
    /// It is infinite where only equality with the best score counts.
    var slope: Double { spread > tolerance ? weight / spread : .infinity }

    /// The value of a score, from 0 to the source's weight.
    func value(of score: Double) -> Double {
        hasScores && kind.addsScores ? weight * share(of: score) : 0
    }

    /// The share of a score, from 0 to 1 for the best score.
    func share(of score: Double) -> Double {
        guard hasScores, score.isFinite else { return 0 }
        // Equal scores are handled first, to avoid a division by their difference.
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
        guard hasScores else { return 0 }
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
    /// They are lifted if the source scores the first hits of the others low. One of the sources is
    /// then wrong, and no score shows which.
    ///
    /// - Parameters:
    ///   - judged: The source's scores of the others' first hits; NaN where it has none.
    ///   - weights: The weights of all sources.
    mutating func compare(with judged: some Sequence<Double>, weights: [Double]) {
        guard hasScores, kind == .weightedScores(.best), spread > tolerance else { return }
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

    /// The lift of a hit, a floor under its value; 0 for most hits.
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
