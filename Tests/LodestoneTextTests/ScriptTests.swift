// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneText

/// Documents in both text strategies, searched in query syntax.
struct ScriptIndex {
    private let options: TextOptions
    private let count: Int
    private var index: PostingsTextIndex
    private let table: FTS5Table

    init(_ language: TextLanguage, _ texts: [String]) throws {
        options = TextOptions(language: language)
        count = texts.count
        index = PostingsTextIndex(options)
        table = try FTS5Table(tokenizer: "ascii")
        for (row, text) in texts.enumerated() {
            index.add(index.analyze([text]), at: 0, row: RowID(row))
            let words = DocumentWords(of: [TextField(name: "", text: text)], TextAnalyzer(options))
            try table.insert(row, words?.stems ?? "")
        }
    }

    /// The rows that match; both strategies must give the same.
    func found(_ query: String, _ location: SourceLocation = #_sourceLocation) throws -> Set<Int> {
        let parsed = BooleanQuery(try TextQueryParser.parse(query, limits: .standard))
        let hits = try index.search(parsed, k: max(1, count)) { _ in true }
        let rows = Set(hits.map { Int($0.row) })
        let expression = FTS5Expression.render(parsed.expression, TextAnalyzer(options))
        #expect(try table.rows(matching: expression) == rows, "\(query)", sourceLocation: location)
        return rows
    }

    /// The rows for a query in plain words, best first.
    func ranked(_ query: String) throws -> [Int] {
        try plain(query).map { parsed in
            try index.search(parsed, k: max(1, count)) { _ in true }.map { Int($0.row) }
        } ?? []
    }

    /// The rows for a query in plain words by FTS5, which has its own ranks.
    func rankedByFTS5(_ query: String) throws -> [Int] {
        try plain(query).map { parsed in
            try table.ranked(
                matching: FTS5Expression.render(parsed.expression, TextAnalyzer(options))
            )
        } ?? []
    }

    private func plain(_ query: String) throws -> BooleanQuery? {
        try TextQueryParser.anyWord(query, limits: .standard, analyzer: TextAnalyzer(options))
            .map { BooleanQuery($0) }
    }
}

@Suite("Words of every script")
struct ScriptTests {
    /// Spellings of one word, and other words that look like it.
    private struct Script {
        let name: String
        /// The word with its marks.
        let word: String
        /// Other ways to write the word.
        var alike: [String] = []
        var others: [String] = []
    }

    private static let scripts = [
        Script(name: "French", word: "été", alike: ["ete", "ÉTÉ"], others: ["eta", "état"]),
        Script(
            name: "Vietnamese",
            word: "Nguyễn",
            alike: ["nguyen", "NGUYEN", "nguyên"],
            others: ["nguyet", "nguy"]
        ),
        Script(name: "Pinyin", word: "lǚ", alike: ["lu", "lü"], others: ["lo"]),
        Script(name: "Greek", word: "Αθήνα", alike: ["αθηνα", "ΑΘΗΝΑ"], others: ["αθηνων"]),
        Script(name: "Polytonic", word: "ᾧτινι", alike: ["ωτινι"], others: ["οτινι"]),
        Script(name: "Cyrillic", word: "йод", alike: ["иод", "ЙОД"], others: ["код"]),
        Script(name: "Russian", word: "ёлка", alike: ["елка", "ё\u{301}лка"], others: ["олка"]),
        Script(name: "Hebrew", word: "שָׁלוֹם", alike: ["שלום"], others: ["שלו"]),
        Script(name: "Titlo", word: "сл\u{483}нце", alike: ["слнце"], others: ["слн", "нце"]),
        Script(name: "Sukun", word: "مَكْتَب", alike: ["مكتب"], others: ["مكت"]),
        Script(name: "Vedic", word: "अ\u{951}ग्नि", alike: ["अग्नि"], others: ["अग्न"]),
        Script(name: "Yiddish", word: "אַײַז", alike: ["אײז"], others: ["אוז"]),
        Script(name: "Arabic", word: "مُحَمَّد", alike: ["محمد", "محـمد"], others: ["محمود"]),
        Script(name: "Alef", word: "آدم", alike: ["ادم", "أدم"], others: ["دم"]),
        Script(name: "Hamza", word: "مؤمن", others: ["من"]),
        Script(name: "Persian", word: "می\u{200C}خواهم", alike: ["میخواهم"], others: ["خواهم"]),
        Script(name: "Hindi", word: "दिन", others: ["दान", "दीन", "दन", "द", "न"]),
        Script(name: "Nukta", word: "\u{958}लम", others: ["कलम", "लम"]),
        Script(name: "Bengali", word: "কাল", others: ["কুল", "কল"]),
        Script(name: "Bengali ko", word: "কো", others: ["কে", "কা"]),
        Script(name: "Tamil", word: "கால்", others: ["கூல்", "கல்"]),
        Script(name: "Tamil ko", word: "கொடி", others: ["கெடி", "காடி"]),
        Script(name: "Telugu", word: "కాలం", others: ["కలం"]),
        Script(name: "Kannada", word: "ಕೋಟಿ", others: ["ಕೊಟಿ", "ಕಟಿ"]),
        Script(name: "Malayalam", word: "പൊടി", others: ["പെടി", "പാടി"]),
        Script(name: "Sinhala", word: "කෝටි", others: ["කොටි"]),
        Script(name: "Thai", word: "กิน", others: ["กัน", "กน"]),
        Script(name: "Thai order", word: "กุ\u{E48}น", alike: ["ก\u{E48}\u{E38}น"], others: ["กุน"]),
        Script(name: "Lao", word: "ກິນ", others: ["ກັນ"]),
        Script(name: "Khmer", word: "ទឹក", others: ["ទុក"]),
        Script(name: "Burmese", word: "ကို", others: ["ကိ"]),
        Script(name: "Korean", word: "한국어", others: ["하국어"]),
        Script(name: "Japanese", word: "がくせい", others: ["かくせい"]),
        Script(name: "Kana", word: "ガタカナ", alike: ["ｶﾞﾀｶﾅ"], others: ["カタカナ"]),
        Script(name: "Han", word: "\u{FA1B}", alike: ["福"], others: ["富"]),
        Script(name: "Width", word: "ＴＯＫＹＯ", alike: ["tokyo"], others: ["kyoto"]),
        Script(name: "Digits", word: "２０２６", alike: ["2026", "٢٠٢٦"], others: ["2025"]),
        Script(name: "Polish", word: "Łódź", alike: ["lodz", "łódz"], others: ["loda"]),
        Script(name: "Danish", word: "Køl", alike: ["kol"], others: ["kul"]),
        Script(name: "Đà", word: "Đà", alike: ["da", "đà"], others: ["ba"]),
        Script(name: "German", word: "Straße", alike: ["strasse", "STRASSE"], others: ["strase"]),
        Script(name: "Œ", word: "Œuvre", alike: ["oeuvre"], others: ["uvre"]),
        Script(name: "Icelandic", word: "Þórður", alike: ["thordur"], others: ["tordur"]),
        Script(name: "Turkish", word: "ılık", alike: ["ilik"], others: ["alik"]),
        Script(name: "Ligature", word: "ﬁsh", alike: ["fish"], others: ["sh"]),
        Script(name: "Hyphenated", word: "co\u{AD}op", alike: ["coop"], others: ["op"]),
        Script(
            name: "Ukrainian",
            word: "м'ясо",
            alike: ["м’ясо", "мʼясо", "мясо"],
            others: ["ясо"]
        ),
        Script(name: "Hebrew short", word: "צה״ל", alike: ["צהל"], others: ["צה"]),
        Script(name: "Emoji", word: "🎉", others: ["🎈", "🐈"]),
        Script(name: "Thumb", word: "👍🏽", alike: ["👍"], others: ["👎"]),
        Script(name: "Family", word: "👨‍👩‍👧", others: ["👨", "👩‍👧"]),
        Script(name: "Heart", word: "❤️", alike: ["❤"], others: ["💔"]),
        Script(name: "Flag", word: "🇩🇪", others: ["🇫🇷", "🇪🇩"]),
    ]

    private static let languages: [TextLanguage] = [
        .english, .none, .german, .russian, .hindi, .arabic, .tamil, .greek, .yiddish,
    ]

    @Test(
        "Words of every script are whole and equal in every canonical form",
        arguments: scripts.indices
    )
    func table(number: Int) throws {
        let script = Self.scripts[number]
        for language in Self.languages {
            let stems = { (text: String) in
                TextAnalyzer(TextOptions(language: language)).words(of: text).map(\.stem)
            }
            let forms = [
                script.word, script.word.precomposedStringWithCanonicalMapping,
                script.word.decomposedStringWithCanonicalMapping,
            ]
            let spaced = "a \(forms[1]) b"
            for form in forms {
                #expect(stems(form) == stems(script.word), "\(language) \(script.name)")
                #expect(stems("a \(form) b") == stems(spaced), "\(language) \(script.name)")
            }
            // A stemmer may see another word in a word without its marks.
            guard language == .english || language == .none else { continue }
            let texts = forms + script.alike + script.others
            let index = try ScriptIndex(language, texts)
            let expected = Set(0..<forms.count + script.alike.count)
            for query in forms + script.alike {
                #expect(try index.found(query) == expected, "\(language) \(script.name) \(query)")
                #expect(
                    try index.found("\"\(query)\"") == expected,
                    "\(language) \(script.name) \(query)"
                )
                #expect(try Set(index.ranked(query)).isSuperset(of: expected), "\(script.name)")
            }
            for (position, other) in script.others.enumerated() {
                let found = try index.found(other)
                #expect(found.contains(expected.count + position), "\(language) \(script.name)")
                let isCharacter = UnicodeTokenizer.isUnspacedCharacter(
                    UnicodeTokenizer.split(other.unicodeScalars)[0]
                )
                if !isCharacter {
                    #expect(found.isDisjoint(with: expected), "\(language) \(script.name) \(other)")
                }
            }
        }
    }

    @Test("Latin, Greek and Cyrillic words lose their accents")
    func accents() {
        for value in [0xC0...0x24F, 0x370...0x52F, 0x1E00...0x1FFF].joined() {
            guard let scalar = Unicode.Scalar(value), UnicodeTokenizer.begins(scalar) else {
                continue
            }
            let word = "x\(scalar)x"
            let bare = String(
                String.UnicodeScalarView(
                    word.decomposedStringWithCanonicalMapping.unicodeScalars.filter {
                        !$0.properties.isDiacritic || UnicodeTokenizer.begins($0)
                    }
                )
            )
            let stems = QueryWords.stems(of: word)
            #expect(stems.count == 1 && stems == QueryWords.stems(of: bare), "\(word)")
            let marks = String(decoding: stems[0], as: UTF8.self).unicodeScalars
                .filter { UnicodeTokenizer.isMark($0) }
            #expect(marks.isEmpty, "\(word)")
        }
    }

    @Test("Letters and digits of half, full and usual width are equal")
    func widths() {
        var usual: [String: Unicode.Scalar] = [:]
        for value in 0x20...0x3200 as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value), let name = scalar.properties.name else {
                continue
            }
            usual[name] = scalar
        }
        var count = 0
        for value in 0xFF00...0xFFEF as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value), UnicodeTokenizer.begins(scalar),
                let name = scalar.properties.name,
                let other = usual[name.split(separator: " ").dropFirst().joined(separator: " ")]
            else { continue }
            for form in ["\(scalar)", "\(scalar)x", "x\(scalar)"] {
                let plain = form.replacingOccurrences(of: "\(scalar)", with: "\(other)")
                #expect(QueryWords.folded(form) == QueryWords.folded(plain), "\(name)")
            }
            count += 1
        }
        // 62 of ASCII, 55 of Kana, 52 of Hangul.
        #expect(count >= 160)
    }

    @Test("Ligatures, superscripts and subscripts equal their compatible letters and digits")
    func compatibility() {
        for scalar in "ªº¹²³⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉ĿŀŉſĳĲǆǅǄǉǈǇǌǋǊǳǲǱﬀﬁﬂﬃﬄﬅﬆẛև".unicodeScalars {
            let plain = String(scalar).precomposedStringWithCompatibilityMapping
            #expect(QueryWords.folded("\(scalar)") == QueryWords.folded(plain), "\(scalar)")
        }
        #expect(QueryWords.folded("H₂O m² oﬃce") == QueryWords.folded("h2o m2 office"))
    }

    @Test("Words of any text are equal in normal forms C and D", arguments: 1...3)
    func normalForms(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x24F, 0x300...0x345, 0x370...0x52F, 0x591...0x5F4, 0x620...0x6FF,
            0x900...0xDFF, 0xE01...0xEDF, 0xF40...0xFBC, 0x1000...0x109D, 0x1100...0x11FF,
            0x1780...0x17DD, 0x1E00...0x1FFF, 0x3041...0x30FF, 0xAC00...0xAD00, 0xF900...0xFA6D,
            0xFB1D...0xFB4E, 0xFF61...0xFFDC, 0x1F300...0x1F5FF,
        ]
        for _ in 0..<4_000 {
            let near = ranges.randomElement(using: &random) ?? 0x20...0x7F
            let scalars = (0..<Int.random(in: 1...8, using: &random)).compactMap { _ in
                let range =
                    Int.random(in: 0..<8, using: &random) == 0
                    ? ranges.randomElement(using: &random) ?? near : near
                return Unicode.Scalar(UInt32.random(in: range, using: &random))
            }
            let text = String(String.UnicodeScalarView(scalars))
            let composed = text.precomposedStringWithCanonicalMapping
            let apart = text.decomposedStringWithCanonicalMapping
            for language in [TextLanguage.english, .none, .german, .tamil, .french] {
                let analyzer = TextAnalyzer(TextOptions(language: language))
                let words = { (text: String) in analyzer.allWords(of: text).map(\.form.bytes) }
                let expected = words(text)
                let hex = scalars.map { String($0.value, radix: 16) }
                #expect(words(composed) == expected, "\(language) \(hex)")
                #expect(words(apart) == expected, "\(language) \(hex)")
                let raw = UnicodeTokenizer.split(text.unicodeScalars)
                #expect(
                    raw.flatMap { analyzer.words(of: $0).map(\.stem) }
                        == analyzer.words(of: text).map(\.stem),
                    "raw \(language) \(hex)"
                )
            }
        }
    }

    @Test(
        "Words inside of a run without spaces are found",
        arguments: [
            ("ฉันกินข้าวทุกวัน", ["กิน", "ข้าว", "กินข้าว", "ทุก", "วัน"], ["กัน", "วิน"]),
            ("ຂ້ອຍກິນເຂົ້າ", ["ກິນ", "ເຂົ້າ"], ["ກັນ"]),
            ("ខ្ញុំទៅផ្សារ", ["ទៅ", "ផ្សារ", "ខ្ញុំ"], ["ទេ"]),
            ("ကျွန်တော်စားတယ်", ["စား", "တယ်"], ["စိုး"]),
        ]
    )
    func insideRuns(text: String, parts: [String], others: [String]) throws {
        for language in [TextLanguage.english, .none, .german] {
            let index = try ScriptIndex(language, [text])
            for part in parts { #expect(try index.found(part) == [0], "\(part)") }
            for other in others { #expect(try index.found(other) == [], "\(other)") }
        }
    }

    @Test("Emoji and flags are words and separate other words")
    func emoji() {
        let words = { (text: String) in
            QueryWords.folded(text).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(words("party🎉🎈now") == ["party", "🎉", "🎈", "now"])
        #expect(words("🇩🇪🇫🇷🇮") == ["🇩🇪", "🇫🇷", "🇮"])
        #expect(words("👩🏽‍💻 👩‍💻") == ["👩‍💻", "👩‍💻"])
        #expect(words("Acme™ © 2024 → 1️⃣") == ["acme", "2024", "1"])
        #expect(words("▪ one ◾ two ⬅ three") == ["one", "two", "three"])
        #expect(UnicodeTokenizer.split("a🎉🎈 b🇩🇪🇫🇷".unicodeScalars) == ["a", "🎉", "🎈", "b", "🇩🇪", "🇫🇷"])
    }

    @Test("Romanian words with a cedilla and with a comma are equal")
    func romanian() throws {
        let comma = ["informație", "informația", "informații", "informațiile", "orașul", "orașe"]
        let cedilla = comma.map {
            $0.replacingOccurrences(of: "ț", with: "ţ").replacingOccurrences(of: "ș", with: "ş")
        }
        let index = try ScriptIndex(.romanian, comma + cedilla + ["infirm"])
        for query in comma[..<4] + cedilla[..<4] {
            #expect(try index.found(query) == [0, 1, 2, 3, 6, 7, 8, 9], "\(query)")
        }
        for query in comma[4...] + cedilla[4...] {
            #expect(try index.found(query).isSuperset(of: [4, 10]), "\(query)")
        }
        // Endings with a comma or a cedilla, which the stemmer must know.
        let verbs = ["vorbești", "vorbeşti", "vorbesc", "vorbiți", "vorbiţi"]
        let spoken = try ScriptIndex(.romanian, verbs)
        for query in verbs { #expect(try spoken.found(query) == [0, 1, 2, 3, 4], "\(query)") }
        let analyzer = TextAnalyzer(TextOptions(language: .romanian))
        for (one, other) in zip(comma, cedilla) {
            #expect(analyzer.words(of: one).map(\.form) == analyzer.words(of: other).map(\.form))
        }
    }
}
