// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@testable import LodestoneEngine

@Suite("Fusion")
struct FusionTests {
    private let first = RankedList(rows: [1, 2, 3], scores: [0.9, 0.5, 0.1])
    private let second = RankedList(rows: [3, 4], scores: [12, 4])

    @Test("by reciprocal rank adds weight / (k + rank)")
    func reciprocalRank() {
        let hits = Fusion.reciprocalRank(k: 10).merge([first, second], weights: [1, 2], limit: 10)
        #expect(hits.map(\.row) == [3, 4, 1, 2])
        #expect(hits[0].score == 1.0 / 13 + 2.0 / 11)
        #expect(
            hits[0].sources == [
                SourceScore(source: 0, rank: 3, score: 0.1),
                SourceScore(source: 1, rank: 1, score: 12),
            ]
        )
    }

    @Test("by least and largest score maps each source to 0 to 1")
    func minMax() {
        let hits = Fusion.weightedScores(.minMax).merge(
            [first, second],
            weights: [1, 1],
            limit: 2
        )
        #expect(hits.map(\.row) == [1, 3] && hits.map(\.score) == [1, 1])
    }

    @Test("by deviation puts the mean of each source in the middle")
    func deviation() {
        let hits = Fusion.weightedScores(.deviation).merge(
            [first, second],
            weights: [1, 1],
            limit: 10
        )
        let byRow = Dictionary(uniqueKeysWithValues: hits.map { ($0.row, $0.score) })
        #expect(abs((byRow[2] ?? 0) - 0.5) < 1e-9)
        #expect(abs((byRow[4] ?? 0) - (0.5 - 1.0 / 6)) < 1e-9)
    }

    @Test(
        "by scores takes what a source says of the others' hits, on its own scale",
        arguments: Fusion.Normalization.allCases
    )
    func others(normalization: Fusion.Normalization) {
        var first = RankedList(rows: [1, 2], scores: [1, 0.5])
        first.others = [(row: 3, score: 0.75), (row: 4, score: 0)]
        let second = RankedList(rows: [3, 4], scores: [2, 2])
        let hits = Fusion.weightedScores(normalization).merge(
            [first, second],
            weights: [1, 1],
            limit: 10
        )
        let byRow = Dictionary(uniqueKeysWithValues: hits.map { ($0.row, $0.score) })
        let equal = normalization == .minMax ? 1 : 0.5
        #expect(abs((byRow[3] ?? 0) - (0.5 + equal)) < 1e-9)
        // As far below the worst hit as that is below the best.
        let worst = normalization == .minMax ? -1 : 0.0
        #expect(abs((byRow[4] ?? 0) - (worst + equal)) < 1e-9)
        let said = hits.first { $0.row == 3 }?.sources
        #expect(
            said == [
                SourceScore(source: 0, rank: nil, score: 0.75),
                SourceScore(source: 1, rank: 1, score: 2),
            ]
        )
    }

    @Test("of one source leaves its scores alone, and breaks ties by the order of writing")
    func oneSource() {
        let list = RankedList(rows: [9, 4, 7], scores: [1, 1, 1])
        let hits = Fusion.reciprocalRank().merge([list], weights: [5], limit: 2)
        #expect(hits.map(\.row) == [4, 7] && hits.map(\.score) == [1, 1])
    }

    @Test("of one source orders what it found by score, and says what it said")
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
