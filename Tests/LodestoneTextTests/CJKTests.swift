// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneText

/// Runs of characters, and a search in them by their characters alone.
private struct Characters {
    var random: SeededGenerator
    static let alphabet: [Character] = ["東", "京", "都", "の", "ア", "ー", "한", "국"]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func run(_ lengths: ClosedRange<Int>) -> String {
        String(
            (0..<Int.random(in: lengths, using: &random)).map { _ in
                Self.alphabet.randomElement(using: &random) ?? "東"
            }
        )
    }

    /// Runs, with Latin words among them that touch them or not.
    mutating func text() -> [[String]] {
        (0..<Int.random(in: 0...4, using: &random)).map { _ in
            (0..<Int.random(in: 1...2, using: &random)).map { position in
                position == 1 ? ["web", "x9"].randomElement(using: &random) ?? "" : run(1...6)
            }
        }
    }

    /// Whether words follow each other in a text with these words of its own.
    ///
    /// A run is found by any part of it; where another word follows, by its end.
    static func has(_ phrase: [String], in text: [String]) -> Bool {
        guard !phrase.isEmpty, phrase.count <= text.count else { return false }
        return (0...(text.count - phrase.count)).contains { start in
            phrase.indices.allSatisfy { position in
                let (word, found) = (phrase[position], text[start + position])
                let isLatin = word.allSatisfy(\.isASCII)
                if isLatin || found.allSatisfy(\.isASCII) { return word == found }
                let mustBegin = position > 0
                let mustEnd = position < phrase.count - 1
                if mustBegin && mustEnd { return word == found }
                if mustBegin { return found.hasPrefix(word) }
                if mustEnd { return found.hasSuffix(word) }
                return (0...max(0, found.count - word.count)).contains {
                    found.dropFirst($0).hasPrefix(word)
                }
            }
        }
    }
}

@Suite("Chinese, Japanese and Korean")
struct CJKTests {
    private func words(_ text: String) -> [String] {
        QueryWords.folded(text).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "Characters of a CJK run become overlapping pairs, separate from other scripts",
        arguments: [
            ("東京都", ["東京", "京都", "都"]),
            ("東", ["東"]),
            ("東 京", ["東", "京"]),
            ("Web東京tower用", ["web", "東京", "京", "tower", "用"]),
            ("한국어", ["한국", "국어", "어"]),
            ("ラーメン、人々", ["ラー", "ーメ", "メン", "ン", "人々", "々"]),
            ("𠀋𠮷", ["𠀋𠮷", "𠮷"]),
            // Hangul in its parts, and old syllables that have no other form.
            ("\u{1112}\u{1161}\u{11AB}", ["한"]),
            ("\u{1112}\u{119E}\u{11AB}\u{1112}", ["\u{1112}\u{119E}\u{11AB}\u{1112}", "\u{1112}"]),
            ("é東x", ["e", "東", "x"]),
            ("1東2京", ["1", "東", "2", "京"]),
        ]
    )
    func pairs(text: String, expected: [String]) {
        #expect(words(text) == expected)
        for language in [TextLanguage.none, .german, .tamil] {
            let analyzer = TextAnalyzer(TextOptions(language: language))
            let texts = analyzer.words(of: text).map {
                String(decoding: $0.form.bytes, as: UTF8.self)
            }
            #expect(texts == expected.map { $0 == "e" && language != .none ? "é" : $0 })
        }
    }

    @Test("Characters of unspaced scripts are letters and numbers of Unicode")
    func scripts() {
        for value in (0..<0x110000 as Range<UInt32>) {
            guard let scalar = Unicode.Scalar(value), UnicodeTokenizer.isUnspaced(scalar),
                scalar.properties.generalCategory != .unassigned
            else { continue }
            #expect(UnicodeTokenizer.begins(scalar), "\(String(value, radix: 16))")
        }
        #expect("ー々〇ゝヿꥠ㐀龿豈ｱﾡกາမ".unicodeScalars.allSatisfy { UnicodeTokenizer.isUnspaced($0) })
        #expect(!"・、。「￥aжㄅ๑".unicodeScalars.contains { UnicodeTokenizer.isUnspaced($0) })
    }

    @Test(
        "Parts of a CJK run are found as words and phrases and as FTS5 finds them",
        arguments: 1...4
    )
    func differential(seed: UInt64) throws {
        var characters = Characters(seed: seed)
        var index = PostingsTextIndex()
        let table = try FTS5Table(tokenizer: "ascii")
        var texts: [[String]] = []
        for row in 0..<200 {
            let pieces = characters.text()
            let text = pieces.map { $0.joined() }.joined(separator: ["、", " "][row % 2])
            texts.append(pieces.flatMap(\.self))
            index.add(index.analyze([text]), at: 0, row: RowID(row))
            try table.insert(row, QueryWords.forFTS5(text))
            if row == 120 {
                var sections = MemorySections()
                try index.write(to: &sections) { _ in true }
                index = try #require(PostingsTextIndex(from: sections, index.options))
            }
        }
        for round in 0..<600 {
            var phrase: [String] = []
            var query = characters.run(1...4)
            switch round % 4 {
            case 0: phrase = [query]
            case 3:
                phrase = ["web", query]
                query = "web" + query
            case 1:
                let second = characters.run(1...2)
                phrase = [query, second]
                query = "\"\(query) \(second)\""
            default:
                phrase = [query, "web"]
                query += "WEB"
            }
            let parsed = BooleanQuery(try TextQueryParser.parse(query, limits: .standard))
            let hits = try index.search(parsed, k: 1_000) { _ in true }
            let expected = Set(texts.indices.filter { Characters.has(phrase, in: texts[$0]) })
            #expect(Set(hits.map { Int($0.row) }) == expected, "\(query)")
            let expression = FTS5Expression.render(parsed.expression, QueryWords.analyzer)
            #expect(try table.rows(matching: expression) == expected, "\(query)")
        }
    }

    @Test("Plain words find texts with any pair of a CJK run, the whole run first")
    func plain() throws {
        var index = PostingsTextIndex()
        let texts = ["京都に行く", "東京都庁", "東の都", "大阪", "猫"]
        for (row, text) in texts.enumerated() {
            index.add(index.analyze([text]), at: 0, row: RowID(row))
        }
        func found(_ query: String, fuzzy: Fuzziness? = nil) throws -> [RowID] {
            let parsed = try TextQueryParser.anyWord(
                query,
                fuzzy: fuzzy,
                limits: .standard,
                analyzer: QueryWords.analyzer
            )
            return try parsed.map { query in
                try index.search(BooleanQuery(query), k: 10) { _ in true }.map(\.row)
            } ?? []
        }
        for fuzzy in [nil, Fuzziness.auto, Fuzziness.edits(1)] {
            #expect(try found("東京都", fuzzy: fuzzy) == [1, 0])
            #expect(try found("都", fuzzy: fuzzy).sorted() == [0, 1, 2])
            #expect(try found("東京 猫", fuzzy: fuzzy).sorted() == [1, 4])
            #expect(try found("犬", fuzzy: fuzzy) == [])
        }
    }

    @Test(
        "Stars around a CJK run change nothing, and stars inside are refused",
        arguments: ["東京*", "*東京", "*東京*", "東京~", "東京~2", "\"東京\"*"]
    )
    func stars(query: String) throws {
        let parsed = try TextQueryParser.parse(query, limits: .standard)
        #expect(
            FTS5Expression.render(BooleanQuery(parsed).expression, QueryWords.analyzer)
                .hasPrefix("\"東京\"")
        )
        #expect(!BooleanQuery(parsed).expression.needsVocabulary)
        let error = #expect(throws: LodestoneError.self) {
            try TextQueryParser.parse("x 東*京", limits: .standard)
        }
        #expect(error?.reason == .textSyntax && error?.message.contains("column 3") == true)
    }
}
