// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Prefixes")
struct PrefixTests {
    /// An index with one document per text, some of them in the base; every seventh document is
    /// dropped.
    private func index(_ texts: [String], _ options: TextOptions) throws -> PostingsTextIndex {
        var index = PostingsTextIndex(options)
        for (row, text) in texts.enumerated() {
            if row == texts.count / 3 {
                var sections = MemorySections()
                try index.write(to: &sections) { _ in true }
                index = try #require(PostingsTextIndex(from: sections, options))
            }
            index.add(index.analyze([text]), at: 0, row: RowID(row))
        }
        for row in stride(from: 0, to: texts.count, by: 7) {
            index.remove(index.analyze([texts[row]]), at: 0)
        }
        return index
    }

    private func rows(_ query: ParsedQuery, _ index: PostingsTextIndex) throws -> Set<RowID> {
        let hits = try index.search(BooleanQuery(query), k: 10_000) { $0 % 7 != 0 }
        return Set(hits.map(\.row))
    }

    private static let beginnings = [
        "univers", "happi", "astrophys", "run", "general", "hop", "étud", "straß", "мир", "東京", "ह",
    ]
    private static let endings = [
        "", "e", "al", "ally", "ity", "ities", "ness", "nesses", "ning", "ization", "ed", "y",
        "ies",
        "é", "ées", "е", "ы", "都", "\u{93F}\u{928}\u{94D}\u{926}\u{940}",
    ]

    @Test("Prefixes of every length and with any accents find words in delta and base")
    func lengths() throws {
        let long = String(repeating: "l", count: 90)
        let texts = ["void", "x", "xyz", long, long + "m", "häuser", "éa", "void"]
        for language in [TextLanguage.none, .english, .german, .french] {
            let options = TextOptions(language: language)
            var index = PostingsTextIndex(options)
            for (row, text) in texts.enumerated() {
                index.add(index.analyze([text]), at: 0, row: RowID(row))
            }
            for _ in 0..<2 {
                let prefixes: [(String, Set<RowID>)] = [
                    ("x", [1, 2]), ("l", [3, 4]), (long, [3, 4]), (long + "m", [4]), ("h", [5]),
                    ("ha", [5]), ("hä", [5]), ("hau", [5]), ("häu", [5]), ("ea", [6]), ("é", [6]),
                ]
                for (start, expected) in prefixes {
                    #expect(try rows(.prefix([start]), index) == expected, "\(language) \(start)")
                }
                var sections = MemorySections()
                try index.write(to: &sections) { _ in true }
                index = try #require(PostingsTextIndex(from: sections, options))
            }
            // A word that has lost its last document does not count.
            index.remove(index.analyze(["xyz"]), at: 0)
            let explained = try index.explanation(
                of: BooleanQuery(try TextQueryParser.parse("x*", limits: .standard))
            )
            #expect(explained.flatMap(\.expansions).map(\.word) == ["x"])
        }
    }

    @Test(
        "Every prefix of a word finds it, and a longer prefix finds no more",
        arguments: [TextLanguage.english, .none, .french, .german, .russian, .hindi, .arabic]
    )
    func property(language: TextLanguage) throws {
        let options = TextOptions(language: language)
        let analyzer = TextAnalyzer(options)
        var random = SeededGenerator(seed: UInt64(language.rawValue) + 40)
        let words = Self.beginnings.flatMap { start in Self.endings.map { start + $0 } }
        let texts = (0..<400).map { _ in
            (0..<Int.random(in: 1...4, using: &random))
                .map { _ in words.randomElement(using: &random) ?? "" }.joined(separator: " ")
        }
        let index = try index(texts, options)
        // Accents make no difference, so that of words without any is that of their bytes.
        #expect(index.hasSoundVocabulary)
        let plain = { (word: String) in
            WordPrefix(Array(word.utf8), analyzer).bytes
        }
        let folded = texts.map { text in
            analyzer.words(of: text).map { plain(String(decoding: $0.form.bytes, as: UTF8.self)) }
        }
        for word in words.shuffled(using: &random).prefix(60) {
            var longer: Set<RowID> = []
            for count in (1...word.unicodeScalars.count).reversed() {
                let prefix = String(String.UnicodeScalarView(word.unicodeScalars.prefix(count)))
                let terms = analyzer.phraseTerms(of: [prefix])
                // Several words are words in a row; a mark alone is none.
                guard terms.count == 1, let last = terms.last else { continue }
                let start = plain(String(decoding: last.form.bytes, as: UTF8.self))
                let expected = Set(
                    folded.indices.filter { row in
                        row % 7 != 0 && folded[row].contains { $0.starts(with: start) }
                    }.map { RowID($0) }
                )
                let found = try rows(.prefix([prefix]), index)
                #expect(found == expected, "\(prefix)")
                #expect(longer.isSubset(of: found), "\(prefix)")
                longer = found
            }
        }
    }

    @Test("A word is found by its prefixes while it is typed")
    func typing() throws {
        let texts = [
            "gone", "state university", "happiness", "astrophysics", "running shoes",
            "generalization", "universal truth", "gone",
        ]
        let index = try index(texts, TextOptions())
        for (row, word) in [
            (1, "university"), (2, "happiness"), (3, "astrophysics"), (4, "running"),
            (5, "generalization"),
        ] {
            for count in 1...word.count {
                let prefix = String(word.prefix(count))
                let expected = texts.indices.filter { position in
                    position % 7 != 0
                        && texts[position].split(separator: " ").contains {
                            $0.hasPrefix(prefix)
                        }
                }
                #expect(expected.contains(row))
                #expect(try rows(.prefix([prefix]), index) == Set(expected.map { RowID($0) }))
            }
        }
        let truth = try rows(.prefix(["state", "universi"]), index)
        #expect(truth == [1])
        #expect(try rows(.prefix(["state", "universa"]), index).isEmpty)
    }

    @Test("Prefixes distinguish words with equal stems in one document, also in fields")
    func mixed() throws {
        var index = PostingsTextIndex()
        let documents = [
            [("title", "universal university"), ("body", "a universal thing")],
            [("title", "universal thing"), ("body", "a university")],
            [("title", "universities"), ("body", "universal")],
        ].map { $0.map { TextField(name: $0.0, text: $0.1) } }
        let found = { (query: String) in
            let parsed = BooleanQuery(try TextQueryParser.parse(query, limits: .standard))
            return try index.search(parsed, k: 10) { _ in true }.map(\.row).sorted()
        }
        for isInBase in [false, true] {
            if isInBase {
                var sections = MemorySections()
                try index.write(to: &sections) { _ in true }
                index = try #require(PostingsTextIndex(from: sections))
            } else {
                let texts = index.analyze(documents)
                for row in documents.indices { index.add(texts, at: row, row: RowID(row)) }
            }
            #expect(try found("universit*") == [0, 1, 2])
            #expect(try found("title:universit*") == [0, 2])
            #expect(try found("body:universit*") == [1])
            #expect(try found("body:universa*") == [0, 2])
            #expect(try found("title:*versity") == [0])
            #expect(try found("\"universal universit\"*") == [0])
            #expect(try found("\"a universit\"*") == [1])
            #expect(try found("title:universa* NOT title:universit*") == [1])
        }
    }
}
