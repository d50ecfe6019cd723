// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStructures
import Testing

@testable import LodestoneText

extension PostingsTextIndex {
    /// The best rows for plain words, as a user's query gets them.
    func rank(_ words: [String], k: Int, isAllowed: (RowID) -> Bool) throws -> [TextHit] {
        let query = try TextQueryParser.anyWord(
            words.joined(separator: " "),
            limits: .standard,
            analyzer: TextAnalyzer(options)
        )
        guard let query else { return [] }
        return try search(BooleanQuery(query), k: k, isAllowed: isAllowed)
    }
}

@Suite("Ranking of plain words")
struct RankingTests {
    /// The number of queries; `LODESTONE_TEST_RANKINGS` sets another one.
    private static let count =
        Int(ProcessInfo.processInfo.environment["LODESTONE_TEST_RANKINGS"] ?? "") ?? 200
    private static let seeds: ClosedRange<UInt64> = 1...4
    private static let rounds = 5

    @Test(
        "A ranking equals that of a loop over all documents, from base, delta and both",
        arguments: seeds
    )
    func exact(seed: UInt64) throws {
        var corpus = Corpus(seed: seed)
        let share = Double(Self.count) / Double(Self.rounds * Self.seeds.count)
        let queryCount = Int(share.rounded(.up))
        for round in 0..<Self.rounds {
            // In the fourth round all documents are in the base.
            if round != 3 {
                corpus.add(200)
                corpus.remove(20)
            }
            if round == 1 || round == 3 { try corpus.merge() }
            // One chunk more, and a list that is scanned.
            if round == 2 { corpus.nextRow += 100_000 }
            if round == 4, seed == 1 { corpus.add(2_000) }
            let plain = PlainRanking(corpus)
            for _ in 0..<queryCount {
                let words = (0..<Int.random(in: 1...6, using: &corpus.random)).map { _ in
                    Int.random(in: 0..<20, using: &corpus.random) == 0 ? "nowhere" : corpus.word()
                }
                let k = [1, 3, 10, 100_000].randomElement(using: &corpus.random) ?? 1
                let hits = try corpus.index.rank(words, k: k, isAllowed: corpus.isAllowed)
                #expect(
                    hits == Array(plain.hits(words).prefix(k)),
                    "round \(round): \(words), \(k)"
                )
            }
        }
    }
}

/// The ranks that a corpus' documents should have, computed one document after the other.
private struct PlainRanking {
    private let options: TextOptions
    private let analyzer: TextAnalyzer
    private let documents: [RowID: [QueryTerm]]

    init(_ corpus: Corpus) {
        options = corpus.index.options
        let analyzer = TextAnalyzer(options)
        self.analyzer = analyzer
        documents = corpus.texts.mapValues { analyzer.allWords(of: $0) }.filter {
            !$0.value.isEmpty
        }
    }

    /// Scores every document by itself, with the index's weights.
    ///
    /// - Returns: All documents with one of the words, best first.
    func hits(_ words: [String]) -> [TextHit] {
        let all = words.flatMap { analyzer.words(of: $0) }
        let others = all.filter { !$0.isStopWord }
        let query = others.isEmpty ? all : others
        var (stems, forms): ([TermKey], [QueryTerm]) = ([], [])
        for word in query {
            if !stems.contains(word.stem) { stems.append(word.stem) }
            if !forms.contains(word) { forms.append(word) }
        }
        let bm25 = BM25(options)
        let weight = { (times: Int, factor: Double, has: (QueryTerm) -> Bool) in
            let frequency = documents.values.count { $0.contains(where: has) }
            return Double(times) * factor
                * bm25.inverseFrequency(frequency, of: documents.count)
        }
        // The parts are in the order of the query, so that their sum is the same to the last digit.
        var parts: [Double] = []
        var formIndexes: [QueryTerm: Int] = [:]
        var stemIndexes: [Int] = []
        for stem in stems {
            stemIndexes.append(parts.count)
            parts.append(weight(query.count { $0.stem == stem }, 1) { $0.stem == stem })
            for form in forms where form.stem == stem {
                formIndexes[form] = parts.count
                parts.append(
                    weight(query.count { $0 == form }, bm25.exactWeight) { $0 == form }
                )
            }
        }
        let scale = QuantizedIDF(parts, bm25: bm25)
        let lengths = documents.values.map { $0.count { !$0.isStopWord } }
        let key = ImpactTable.Key(
            bm25,
            [SlotStatistics(documents: lengths.count { $0 > 0 }, words: lengths.reduce(0, +))],
            count: 1
        )
        return documents.compactMap { row, document -> TextHit? in
            let share = { (weight: UInt64, has: (QueryTerm) -> Bool) -> UInt32 in
                let frequency = document.count(where: has)
                if frequency == 0 { return 0 }
                let postingClass = FieldNormClass(
                    slot: 0,
                    frequency: frequency,
                    length: document.count { !$0.isStopWord }
                )
                return QuantizedIDF.product(weight, ImpactTable(key, [postingClass]).weights[0])
            }
            var sum: UInt32 = 0
            for (position, stem) in stems.enumerated() {
                var whole = scale.weights[stemIndexes[position]]
                let those = Set(document.filter { $0.stem == stem })
                for form in forms where form.stem == stem {
                    let weight = scale.weights[formIndexes[form] ?? 0]
                    if those == [form] {
                        whole += weight
                    } else {
                        sum += share(weight) { $0 == form }
                    }
                }
                sum += share(whole) { $0.stem == stem }
            }
            return sum == 0 ? nil : TextHit(row: row, score: scale.score(of: sum))
        }
        .sorted { first, second in
            first.score > second.score || (first.score == second.score && first.row < second.row)
        }
    }
}
