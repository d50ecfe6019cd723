// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Languages")
struct LanguageTests {
    /// Lines of words; each word of a line finds the others of its line and no words of other
    /// lines.
    private static let forms: [(language: TextLanguage, lines: [String])] = [
        (
            .french,
            [
                "mangé mangée mangés mangées manger mangeait",
                "école écoles École E\u{301}cole",
                "continuellement continuelle continuel continuels",
                "naturellement naturelle naturel",
                "cheval", "vérité vérités", "grande grandes",
            ]
        ),
        (
            .german,
            [
                "Häuser Häusern Hauses Haus",
                "Straße Straßen strasse STRASSE",
                "schöne schöner schönes schönen",
                "Bücher Büchern", "laufen laufe", "Kind Kinder Kindern Kindes",
            ]
        ),
        (
            .spanish,
            [
                "habitación habitaciones", "hablar hablaba hablamos hablaron",
                "niño niños niña niñas", "rápida rápidas rápido", "árbol árboles",
            ]
        ),
        (
            .russian,
            [
                "книга книги книгу книгой КНИГИ", "собака собаки собаку",
                "читать читал читала", "красивый красивая красивые",
            ]
        ),
        (.finnish, ["talo talossa talot", "kissa kissat kissalla"]),
        (.turkish, ["kitap kitaplar", "evler ev EVLERİ", "gözlük gözlükler", "şehir ŞEHİRLER"]),
        (.greek, ["θάλασσα θάλασσες ΘΑΛΑΣΣΑ", "ταΐζω ταΐζει"]),
        (.hindi, ["किताब किताबें किताबों", "लड़का लड़के"]),
        (.arabic, ["كتاب الكتاب كِتَاب"]),
    ]

    @Test("Forms of a word have one stem in each language", arguments: forms.indices)
    func stems(number: Int) {
        let (language, lines) = Self.forms[number]
        let analyzer = TextAnalyzer(TextOptions(language: language))
        var stems: [TermKey: String] = [:]
        for line in lines {
            let found = Set(analyzer.words(of: line).map(\.stem))
            #expect(found.count == 1, "\(language) \(line)")
            for stem in found {
                #expect(stems.updateValue(line, forKey: stem) == nil, "\(line)")
                let text = String(decoding: stem.bytes, as: UTF8.self)
                #expect(!text.unicodeScalars.contains { "éäöüñáó".unicodeScalars.contains($0) })
            }
        }
    }

    @Test("Every language has a stemmer that survives any text")
    func all() {
        var random = SeededGenerator(seed: 5)
        let pieces = [
            "a", "éx", "e\u{301}", "книг", "ق", "ـ", "\u{64B}", "हि", "न्दी", "தமிழ்", "װאָ", "ση", "ς",
            "ñ", "Ж",
            "ı", "İ", "ß", "\u{301}", "1", "東", "\u{E000}", "𝔘", "\u{5B0}",
        ]
        for language in TextLanguage.allCases {
            #expect(TextAnalyzer.knows(language), "\(language)")
            let analyzer = TextAnalyzer(TextOptions(language: language))
            for _ in 0..<500 {
                let count = Int.random(in: 1...200, using: &random)
                let text = (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }
                    .joined()
                for word in analyzer.words(of: text) {
                    #expect(!word.stem.bytes.isEmpty)
                    #expect(analyzer.stem(of: word.form.bytes) == word.stem)
                }
            }
        }
    }

    private func stems(_ text: String, _ language: TextLanguage) -> [String] {
        TextAnalyzer(TextOptions(language: language)).words(of: text)
            .map { String(decoding: $0.stem.bytes, as: UTF8.self) }
    }

    @Test(
        "Accents within and behind a letter give equal stems",
        arguments: forms.indices
    )
    func accentsBehindLetters(number: Int) {
        let (language, lines) = Self.forms[number]
        for line in lines {
            let apart = line.decomposedStringWithCanonicalMapping
            #expect(stems(apart, language) == stems(line, language), "\(language) \(line)")
        }
    }

    @Test("Letters of each alphabet equal their base letter with marks")
    func letters() {
        for value in [0xE0...0x24F, 0x370...0x45F, 0x1E00...0x1EFF].joined() {
            guard let scalar = Unicode.Scalar(value), scalar.properties.isLowercase else {
                continue
            }
            let word = "π\(scalar)π"
            let apart = word.decomposedStringWithCanonicalMapping
            let parts = Array(apart.unicodeScalars.dropFirst().dropLast())
            // No language here has Latin letters with two marks, or marks on letters other than a
            // to z.
            let isOfOthers = value > 0x45F || value < 0x370
            if isOfOthers && !(parts.count == 2 && parts[0].isASCII) { continue }
            #expect(stems(apart, .russian) == stems(word, .russian), "\(word)")
        }
    }

    @Test("Marks that no letter has, such as stress, are left out")
    func stress() {
        #expect(stems("за\u{301}мок", .russian) == stems("замок", .russian))
        #expect(stems("кни\u{301}га книги\u{301}", .russian) == stems("книга книга", .russian))
        #expect(stems("x\u{304}y", .german) == ["xy"])
    }

    @Test("Accents are folded in words too long for a stemmer, too")
    func longWords() {
        let accented = String(repeating: "é", count: SnowballStemmer.longest)
        let plain = String(repeating: "e", count: SnowballStemmer.longest + 1)
        #expect(stems(accented + "e", .french) == [plain])
        #expect(stems(plain, .french) == [plain])
    }

    @Test("One analyzer is used by several threads at once")
    func threads() async {
        let analyzer = TextAnalyzer(TextOptions(language: .german))
        let expected = analyzer.words(of: "Häusern").map(\.stem)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 {
                group.addTask {
                    (0..<500).allSatisfy { _ in
                        analyzer.words(of: "Häusern").map(\.stem) == expected
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test("Words, phrases, prefixes, patterns and fuzzy words find French texts, with highlights")
    func queries() throws {
        let options = TextOptions(language: .french)
        let analyzer = TextAnalyzer(options)
        var index = PostingsTextIndex(options)
        let texts = ["Les pommes mangées à l'école", "Il mange une pomme", "Écoles du soir"]
        for (row, text) in texts.enumerated() {
            index.add(index.analyze([text]), at: 0, row: RowID(row))
        }
        func found(_ query: String) throws -> [RowID] {
            let parsed = BooleanQuery(try TextQueryParser.parse(query, limits: .standard))
            return try index.search(parsed, k: 10) { _ in true }.map(\.row).sorted()
        }
        #expect(try found("manger") == [0, 1])
        #expect(try found("\"pomme mangé\"") == [0])
        #expect(try found("ecole") == [0, 2])
        #expect(try found("éco*") == [0, 2])
        #expect(try found("*cole*") == [0, 2])
        #expect(try found("écloe~1") == [0, 2])
        let query = BooleanQuery(
            try TextQueryParser.parse("école manger", limits: .standard)
        )
        let words = try HighlightTerms([query], analyzer: analyzer, index: index, context: nil)
        let highlight = Highlight(fragmentSize: 0, before: "<", after: ">")
        #expect(
            Highlighter(words, highlight).fragments(of: TextField(name: "text", text: texts[0]))
                .map(\.text)
                == ["Les pommes <mangées> à l'<école>"]
        )
        let explained = try index.explanation(of: query)
        #expect(explained.map(\.documents) == [2, 2])
    }

    @Test("Only English has stop words")
    func stopWords() {
        for language in TextLanguage.allCases {
            let words = TextAnalyzer(TextOptions(language: language)).words(of: "the der la и")
            #expect(words.filter(\.isStopWord).count == (language == .english ? 1 : 0))
        }
    }
}
