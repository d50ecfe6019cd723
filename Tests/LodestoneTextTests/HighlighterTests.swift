// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Highlighter")
struct HighlighterTests {
    /// An index that knows the words of `text`.
    private func index(_ text: String) -> PostingsTextIndex {
        var index = PostingsTextIndex()
        index.add(index.analyze([text]), at: 0, row: 0)
        return index
    }

    private func fragments(
        _ query: String,
        _ text: String,
        _ highlight: Highlight = Highlight(fragmentSize: 0, before: "<", after: ">")
    ) throws -> [HighlightedField.Fragment] {
        let parsed = BooleanQuery(try TextQueryParser.parse(query, limits: .standard))
        let words = try HighlightTerms(
            [parsed],
            analyzer: QueryWords.analyzer,
            index: index(text),
            context: nil
        )
        return Highlighter(words, highlight).fragments(of: TextField(name: "text", text: text))
    }

    @Test(
        "Highlights mark words, phrases, prefixes and patterns, not negated words",
        arguments: [
            ("running", "He ran, runs; Running!", "He ran, <runs>; <Running>!"),
            ("\"a dog\"", "A dog, a cat and a dog.", "<A> <dog>, a cat and <a> <dog>."),
            ("pyth*", "Pythons and a pyth", "<Pythons> and a <pyth>"),
            ("\"big pyth\"*", "big, big pythons, pythons", "big, <big> <pythons>, pythons"),
            ("universi*", "universal university", "universal <university>"),
            ("\"a universi\"*", "a universal a university", "a universal <a> <university>"),
            ("*ytho*", "some pythons", "some <pythons>"),
            ("*rsity", "universities, a university", "universities, a <university>"),
            ("pytohn~", "a python's eye", "a <python>'s eye"),
            ("eye NOT python", "a python's eye", "a python's <eye>"),
            ("eye OR (café AND nothing)", "Cafe\u{301} eye", "<Cafe\u{301}> <eye>"),
            ("日本 рус*", "日本 и русский", "<日本> и <русский>"),
            ("東京都", "大東京都庁、京都", "大<東京都>庁、京都"),
            ("東京 OR 都庁", "大東京都庁", "大<東京都庁>"),
            ("東京 OR 庁舎", "東京都庁舎", "<東京>都<庁舎>"),
            ("京", "東京と京都、web京", "東<京>と<京>都、web<京>"),
            ("\"web 京\"", "新web京都", "新<web京>都"),
            ("京 OR 京都", "京都", "<京都>"),
        ]
    )
    func matches(query: String, text: String, expected: String) throws {
        let fragments = try fragments(query, text)
        #expect(fragments.map(\.text) == [expected])
        let bytes = Array(expected.utf8)
        for match in try #require(fragments.first).matches {
            #expect(bytes[match.lowerBound - 1] == UInt8(ascii: "<"))
            #expect(bytes[match.upperBound] == UInt8(ascii: ">"))
        }
    }

    @Test(
        "Highlights are in the field that the query names",
        arguments: [
            ("body:fox", ["body: a <fox>"]),
            ("body:fox OR red", ["title: <red> fox", "body: a <fox>"]),
            ("fox", ["title: red <fox>", "body: a <fox>"]),
            ("title:(red body:fox)", ["title: <red> fox", "body: a <fox>"]),
            ("fox NOT title:a", ["title: red <fox>", "body: a <fox>"]),
            ("title:(fox NOT red)", ["title: red <fox>"]),
            ("title:\"red fox\"", ["title: <red> <fox>"]),
            ("body:\"red fox\"", []),
            ("title:\"a fox\"", []),
            ("body:fo*", ["body: a <fox>"]),
            ("title:*o*", ["title: red <fox>"]),
            ("title:foy~", ["title: red <fox>"]),
            ("note:fox", []),
            ("fox OR NOT red", ["title: red <fox>", "body: a <fox>"]),
        ]
    )
    func fields(query: String, expected: [String]) throws {
        let parsed = BooleanQuery(try TextQueryParser.parse(query, limits: .standard))
        let words = try HighlightTerms(
            [parsed],
            analyzer: QueryWords.analyzer,
            index: index("red fox a fox"),
            context: nil
        )
        let highlight = Highlight(fragmentSize: 0, before: "<", after: ">")
        let document = [
            TextField(name: "title", text: "red fox"), TextField(name: "body", text: "a fox"),
        ]
        let found = Highlighter(words, highlight).fields(of: document)
        #expect(found.map { "\($0.field): \($0.fragments[0].text)" } == expected)
    }

    @Test("Highlights are empty where no positive word matches")
    func none() throws {
        #expect(try fragments("cat", "A dog.").isEmpty)
        #expect(try fragments("NOT cat", "A dog.").isEmpty)
        #expect(try fragments("cat", "").isEmpty)
    }

    @Test("Highlights choose the fragments with the most distinct words of the query")
    func best() throws {
        let filler = String(repeating: "filler ", count: 30)
        let text = "red red red. \(filler)red fox. \(filler)fox. \(filler)The end is red."
        let best = try fragments("red fox", text, Highlight(fragmentSize: 16, maxFragments: 1))
        #expect(best.map(\.text) == ["red fox. filler"])
        let two = try fragments("red OR fox", text, Highlight(fragmentSize: 16, maxFragments: 2))
        #expect(two.map(\.text) == ["red red red", "red fox. filler"])
        #expect(two.map(\.offset) == [0, 223])
        let end = try fragments("end", text, Highlight(fragmentSize: 17, maxFragments: 2))
        #expect(end.map(\.text) == ["The end is red."])
    }

    @Test("Highlights stay within the text and the limits for any text", arguments: 1...4)
    func anything(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let pieces = ["fox", "foxes", "red", "é", "日本", "語", " ", ", ", "-", "👩‍👩‍👧", "e\u{301}", "x"]
        for _ in 0..<400 {
            let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            let size = Int.random(in: 0...40, using: &random)
            let count = Int.random(in: 1...4, using: &random)
            let found = try fragments(
                "fox* OR é OR \"red 日本\" OR 語日 OR 本",
                text,
                Highlight(fragmentSize: size, maxFragments: count)
            )
            let bytes = Array(text.utf8)
            #expect(found.count <= count)
            var end = 0
            for fragment in found {
                #expect(fragment.offset >= end && !fragment.matches.isEmpty)
                let piece = Array(fragment.text.utf8)
                end = fragment.offset + piece.count
                #expect(Array(bytes[fragment.offset..<end]) == piece)
                let longest = max(size, fragment.matches[0].count)
                #expect(size == 0 || fragment.text.unicodeScalars.count <= 2 * longest)
            }
        }
    }
}
