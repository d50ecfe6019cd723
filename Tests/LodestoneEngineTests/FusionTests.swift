// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Fusion")
struct FusionTests {
    private static let all: [Fusion] = [
        .weightedScores(.best), .weightedScores(.minMax), .reciprocalRank(),
    ]

    private let first = FusionTests.vectors([1, 2, 3], [0.9, 0.5, 0.1])
    private let second = FusionTests.texts([3, 4], [12, 4])

    private static func vectors(
        _ rows: [RowID],
        _ scores: [Double],
        others: [(RowID, Double)] = [],
        ordinary: Double? = nil
    ) -> RankedList {
        var list = texts(rows, scores, others: others)
        list.isOfVectors = true
        list.magnitude = 1
        list.ordinary = ordinary
        return list
    }

    private static func texts(
        _ rows: [RowID],
        _ scores: [Double],
        others: [(RowID, Double)] = []
    ) -> RankedList {
        var list = RankedList(rows: rows, scores: scores)
        list.others = others.map { (row: $0.0, score: $0.1) }
        list.scoresOthers = true
        return list
    }

    private static func zeros(_ rows: [RowID]) -> [(RowID, Double)] {
        rows.map { ($0, 0) }
    }

    @Test("Reciprocal rank fusion adds weight / (k + rank), and equal scores have equal ranks")
    func reciprocalRank() {
        let fusion = Fusion.reciprocalRank(k: 10)
        let hits = fusion.merge([first, second], weights: [1, 2], limit: 10)
        #expect(hits.map(\.row) == [3, 4, 1, 2])
        #expect(hits[0].score == 1.0 / 13 + 2.0 / 11)
        #expect(
            hits[0].sources == [
                SourceScore(source: 0, rank: 3, score: 0.1),
                SourceScore(source: 1, rank: 1, score: 12),
            ]
        )
        let equal = Self.texts([7, 8, 9], [0.1 + 0.2, 0.3, 0.2])
        let ranked = fusion.merge([first, equal], weights: [1, 1], limit: 10)
        let ranks = [7, 8, 9].map { row in ranked.first { $0.row == row }?.sources.first?.rank }
        #expect(ranks == [1, 1, 3])
    }

    @Test("Min-max fusion maps each source's scores to 0 to 1, text scores from 0")
    func minMax() {
        let hits = Fusion.weightedScores(.minMax).merge(
            [first, second],
            weights: [1, 1],
            limit: 3
        )
        #expect(hits.map(\.row) == [1, 3, 2] && hits.map(\.score) == [1, 1, 0.5])
    }

    @Test("Best-score fusion scales scores between an ordinary document's and the best")
    func best() {
        let near = Self.vectors([1, 2, 3], [0.9, 0.5, 0.1], ordinary: 0.1)
        let hits = Fusion.weightedScores(.best).merge(
            [near, Self.texts([1, 3], [2, 1], others: [(2, 0)])],
            weights: [0.4, 0.6],
            limit: 10
        )
        #expect(hits.map(\.row) == [1, 3, 2])
        // The first rank adds 0.1, the second a quarter of that, the third a ninth.
        let expected = [1.2, 0.3 + 0.025 + 0.1 / 9, 0.2 + 0.025]
        #expect(zip(hits, expected).allSatisfy { abs($0.score - $1) < 1e-12 })
    }

    @Test(
        "Fusion ranks the only match of a text first, or level with the first",
        arguments: all,
        [0.5, 0.6, 0.8]
    )
    func onlyMatch(fusion: Fusion, ofText: Double) {
        let rows = (0..<100 as Range<RowID>).map(\.self)
        for step in [0, 1e-9, 1e-4, 5e-3] {
            let near = Self.vectors(
                rows,
                rows.map { 0.9 - step * Double($0.rawValue) },
                others: [(500, -0.3)],
                ordinary: 0.05
            )
            let text = Self.texts([500], [3.1], others: Self.zeros(rows))
            // Reciprocal rank fusion gets equal weights.
            let weights = fusion.addsScores ? [1 - ofText, ofText] : [1, 1]
            let hits = fusion.merge([near, text], weights: weights, limit: 200)
            let better = hits.prefix { $0.row != 500 }
            #expect(better.allSatisfy { $0.score == hits[better.count].score })
            #expect(hits.allSatisfy { $0.score.isFinite && $0.score >= 0 })
        }
    }

    @Test(
        "Fusion keeps the only two or five matches of a text in the first ten hits",
        arguments: [2, 5]
    )
    func fewMatches(count: Int) {
        let rows = (0..<100 as Range<RowID>).map(\.self)
        let parts = (0..<count).map { RowID(500 + $0) }
        let near = Self.vectors(
            rows,
            rows.map { 0.9 - 1e-4 * Double($0.rawValue) },
            others: parts.map { ($0, 0.01) },
            ordinary: 0.05
        )
        let scores = (0..<count).map { 4 - 0.7 * Double($0) }
        let text = Self.texts(parts, scores, others: Self.zeros(rows))
        let hits = Fusion.weightedScores().merge([near, text], weights: [0.4, 0.6], limit: 10)
        #expect(Set(parts).isSubset(of: hits.map(\.row)))
        // The vector's best hit is among the first two as well.
        #expect(hits.prefix(2).contains { $0.row == 0 })
    }

    @Test("Fusion keeps the best vector hit in the first three when the text misses it")
    func uselessWords() {
        let rows = (0..<100 as Range<RowID>).map(\.self)
        let others = (0..<100 as Range<RowID>).map { $0 + 500 }
        let near = Self.vectors(
            rows,
            rows.map { 0.8 - 3e-3 * Double($0.rawValue) },
            others: others.map { ($0, 0.1) },
            ordinary: 0.08
        )
        let text = Self.texts(
            others,
            others.map { 9 - 0.02 * Double(($0 - 500).rawValue) },
            others: Self.zeros(rows)
        )
        for weight in [0.2, 0.4] {
            let hits = Fusion.weightedScores().merge(
                [near, text],
                weights: [weight, 1 - weight],
                limit: 3
            )
            #expect(hits.contains { $0.row == 0 })
        }
    }

    @Test("Fusion treats 1 to 100 scores equal up to rounding as equal", arguments: all)
    func equalScores(fusion: Fusion) {
        for count in 1...100 {
            for value in [0.1 + 0.2, 0.7, 1 / 3.0, 12.3456789] {
                let rows = (0..<count).map { RowID(200 + $0) }
                let near = Self.vectors(
                    [1, 2, 3],
                    [0.9, 0.5, 0.2],
                    others: rows.map { ($0, 0.1) },
                    ordinary: 0.1
                )
                let text = Self.texts(
                    rows,
                    rows.map { value * ($0 % 2 == 0 ? 1 : 1 + 2e-16) },
                    others: Self.zeros([1, 2, 3])
                )
                let hits = fusion.merge([near, text], weights: [0.4, 0.6], limit: 200)
                #expect(hits.count == count + 3)
                #expect(Set(hits.filter { $0.row >= 200 }.map(\.score)).count == 1)
                #expect(hits.filter { $0.row < 200 }.map(\.row) == [1, 2, 3])
                #expect(hits.allSatisfy { (0...1.4).contains($0.score) })
            }
        }
    }

    @Test("Fusion adds nothing for a source without a hit, a score or a weight", arguments: all)
    func nothing(fusion: Fusion) {
        let rows: [RowID] = [1, 2, 3]
        let near = Self.vectors(rows, [0.9, 0.5, 0.2], ordinary: 0.1)
        let empty = fusion.merge([near, RankedList()], weights: [0.4, 0.6], limit: 10)
        let unmatched = Self.texts([], [], others: Self.zeros(rows))
        let complement = Self.texts(rows, [0, 0, 0])
        for list in [unmatched, complement] {
            let hits = fusion.merge([near, list], weights: [0.4, 0.6], limit: 10)
            #expect(hits.map(\.row) == empty.map(\.row))
            #expect(hits.map(\.score.bitPattern) == empty.map(\.score.bitPattern))
        }
        let alone = fusion.merge([near, RankedList()], weights: [0.4, 0], limit: 10)
        let unheard = fusion.merge(
            [near, Self.texts([3], [5], others: Self.zeros([1, 2]))],
            weights: [0.4, 0],
            limit: 10
        )
        #expect(unheard.map(\.score.bitPattern) == alone.map(\.score.bitPattern))
    }

    @Test("Fusion ignores scores that are not finite", arguments: all)
    func notFinite(fusion: Fusion) {
        let near = Self.vectors([1, 2, 3, 4], [-1, -3, -.infinity, .nan], ordinary: -5)
        let text = Self.texts([2, 1], [3, 1], others: Self.zeros([3, 4]))
        let hits = fusion.merge([near, text], weights: [0.4, 0.6], limit: 10)
        #expect(hits.count == 4 && hits.allSatisfy(\.score.isFinite))
        #expect(Set(hits.prefix(2).map(\.row)) == [1, 2])
    }

    @Test("Fusion returns the same first hits for any limit and depth", arguments: all)
    func limits(fusion: Fusion) {
        var random = SeededGenerator(seed: 14)
        for _ in 0..<8 {
            // The scores of two sources for 600 documents; the text scores 0 for half of them.
            let near = (0..<600).map { _ in Double.random(in: -0.1...0.9, using: &random) }
            let text = (0..<600).map { _ in
                (Double.random(in: -4...4, using: &random) * 4).rounded() / 4
            }.map { max(0, $0) }
            func merged(_ limit: Int) -> [FusedHit] {
                let depth = max(limit, 100)
                func list(_ scores: [Double], least: Double) -> RankedList {
                    let order = scores.indices.filter { scores[$0] > least }
                        .sorted { (-scores[$0], $0) < (-scores[$1], $1) }.prefix(depth)
                    var list = RankedList(
                        rows: order.map { RowID($0) },
                        scores: order.map { scores[$0] }
                    )
                    list.candidates = 100
                    return list
                }
                var lists = [list(near, least: -1), list(text, least: 0)]
                lists[0].isOfVectors = true
                lists[0].ordinary = 0.4
                if fusion.addsScores {
                    let found = Set(lists.flatMap(\.rows))
                    for (index, scores) in [near, text].enumerated() {
                        lists[index].others = found.subtracting(lists[index].rows).sorted()
                            .map { (row: $0, score: scores[Int($0)]) }
                        lists[index].scoresOthers = true
                    }
                }
                return fusion.merge(lists, weights: [0.4, 0.6], limit: limit, withSources: false)
            }
            let ten = merged(10)
            for limit in [1, 100, 101, 300, 1_000] {
                let more = merged(limit)
                #expect(Array(more.prefix(10)).map(\.row) == ten.prefix(limit).map(\.row))
                #expect(zip(more, more.dropFirst()).allSatisfy { $0.score >= $1.score })
            }
        }
    }

    @Test("Fusion of one source keeps its scores and breaks ties by the order of writing")
    func oneSource() {
        let list = RankedList(rows: [9, 4, 7], scores: [1, 1, 1])
        let hits = Fusion.reciprocalRank().merge([list], weights: [5], limit: 2)
        #expect(hits.map(\.row) == [4, 7] && hits.map(\.score) == [1, 1])
    }

    @Test("Fusion of one source orders hits by score and reports its source scores on request")
    func oneSourceInAnyOrder() {
        let list = RankedList(rows: [9, 4, 7], scores: [1, 3, 2])
        let hits = Fusion.weightedScores().merge([list], weights: [], limit: 2)
        #expect(hits.map(\.row) == [4, 7])
        #expect(
            hits.map(\.sources) == [
                [SourceScore(source: 0, rank: 2, score: 3)],
                [SourceScore(source: 0, rank: 3, score: 2)],
            ]
        )
        let bare = Fusion.weightedScores().merge([list], weights: [], limit: 2, withSources: false)
        #expect(bare.map(\.row) == [4, 7] && bare.allSatisfy(\.sources.isEmpty))
    }
}
