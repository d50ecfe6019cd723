// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Restricted text index")
struct RestrictedIndexTests {
    private static let words = [
        "search", "searching", "seed", "sea", "graph", "graphs", "grape", "tree", "trees", "the",
        "C++", "wi-fi", "中文",
    ]
    private static let queries: [MatchText] = [
        MatchText("search trees the"), MatchText("C++ wi-fi"),
        MatchText("sead graf", fuzzy: Fuzziness()),
        MatchText("gr* OR sea", mode: .querySyntax),
        MatchText("*ear* AND tree", mode: .querySyntax),
        MatchText("\"tree graph\" OR title:seed", mode: .querySyntax),
        MatchText("tre~2", mode: .querySyntax),
    ]
    private static let options = TextOptions(fields: [TextFieldOptions("title", weight: 3)])

    private static func texts(_ count: Int, _ random: inout SeededGenerator) -> [[TextField]] {
        (0..<count).map { _ in
            ["title", "body"].filter { _ in Bool.random(using: &random) }.map { name in
                let length = Int.random(in: 0...90, using: &random)
                let text = (0..<length).map { _ in words.randomElement(using: &random) ?? "" }
                return TextField(name: name, text: text.joined(separator: " "))
            }
        }
    }

    /// An index of texts; those before `end` are in its base.
    private static func index(_ texts: [[TextField]], baseEnd end: Int = 0) throws
        -> PostingsTextIndex
    {
        var index = PostingsTextIndex(options)
        for (row, text) in texts.enumerated() {
            if row == end, row > 0 {
                var sections = MemorySections()
                try index.write(to: &sections) { _ in true }
                index = try #require(PostingsTextIndex(from: sections, options))
            }
            index.add(index.analyze([text]), at: 0, row: RowID(row))
        }
        return index
    }

    @Test(
        "A text restricted to some rows has the scores and words of an index of these alone",
        arguments: 0..<20
    )
    func sameAsAlone(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let texts = Self.texts(24, &random)
        let end = Int.random(in: 0...20, using: &random)
        var whole = try Self.index(texts, baseEnd: end)
        let dropped = Set((0..<24).filter { _ in Int.random(in: 0..<5, using: &random) == 0 })
        for row in dropped { whole.remove(whole.analyze([texts[row]]), at: 0) }
        let shown = (0..<24).filter { !dropped.contains($0) && Bool.random(using: &random) }
        var rows = RowSet(count: 24)
        for row in shown { rows.insert(RowID(row)) }
        let restricted = whole.restricted(to: VisibleRows(rows))
        let alone: any TextIndex = try Self.index(shown.map { texts[$0] })
        for query in Self.queries {
            let found = try Self.answer(restricted, query, 24) { rows.contains($0) }
            let expected = try Self.answer(alone, query, shown.count) { _ in true }
            #expect(found.words == expected.words, "\(query)")
            #expect(found.hits.map(\.score) == expected.hits.map(\.score), "\(query)")
            #expect(
                found.hits.map { Int($0.row) } == expected.hits.map { shown[Int($0.row)] },
                "\(query)"
            )
        }
    }

    private static func answer(
        _ index: any TextIndex,
        _ query: MatchText,
        _ bound: Int,
        _ isAllowed: (RowID) -> Bool
    ) throws -> (hits: [TextHit], words: [TextExplanation.Word]?) {
        let scope = TextScope(rowBound: RowID(bound))
        guard let parsed = try index.parse(query, limits: .standard, in: scope)?.query else {
            return ([], nil)
        }
        let hits = try index.search(parsed, k: 10, scoring: [], in: scope, isAllowed: isAllowed)
        return (hits.hits, try index.explanation(of: parsed, in: scope))
    }

    @Test("A word that only dropped documents have corrects no typing error")
    func droppedWord() throws {
        let texts = ["graph", "graphs"].map { [TextField(name: "body", text: $0)] }
        var index = try Self.index(texts)
        let nearest = { (index: PostingsTextIndex) in
            let word = Array("graph".utf8)
            return try index.expansions(
                of: word,
                edits: 2,
                prefixLength: 0,
                limit: 5,
                context: nil
            ).map { String(decoding: $0.word, as: UTF8.self) }
        }
        #expect(try nearest(index) == ["graph"])
        index.remove(index.analyze([texts[0]]), at: 0)
        #expect(try nearest(index) == ["graphs"])
    }
}
