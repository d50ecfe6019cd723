// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@testable import LodestoneText

@Suite("Apostrophes and abbreviations")
struct ApostropheTests {
    private func words(_ text: String, _ language: TextLanguage = .english) -> [String] {
        TextAnalyzer(TextOptions(language: language)).words(of: text)
            .map { String(decoding: $0.form.bytes, as: UTF8.self) }
    }

    @Test(
        "English words with apostrophes leave no single letters",
        arguments: [
            ("baker's dozen", ["baker", "dozen"]),
            ("it's what's-his-name’s", ["it", "what", "his", "name"]),
            ("don't DON’T donʼt don＇t", ["dont", "dont", "dont", "dont"]),
            ("O'Brien and o’Brien's", ["obrien", "and", "obrien"]),
            ("I'm he'd they've we'll you're", ["i", "he", "they", "we", "you"]),
            ("rock'n'roll", ["rocknroll"]),
            ("the dogs' 'quoted' word's'", ["the", "dogs", "quoted", "word"]),
            ("1980's", ["1980"]),
            ("5'10", ["5", "10"]),
            ("can't've", ["cant"]),
            ("'", []), ("a'", ["a"]), ("'a", ["a"]), ("a''b", ["a", "b"]),
        ]
    )
    func english(text: String, expected: [String]) {
        #expect(words(text) == expected)
    }

    @Test(
        "Apostrophes follow the rules of each language",
        arguments: [
            (
                TextLanguage.french, "l'homme d’accord aujourd'hui Qu'il",
                "homme accord aujourdhui il"
            ),
            (.french, "jusqu'à presqu'île McDonald's", "à presquîle mcdonald"),
            (.italian, "dell'arte un'altra l'amico", "arte altra amico"),
            (.catalan, "l'home d'aigua dona'm porta'ls", "home aigua dona porta"),
            (.irish, "d'fhear b'fhearr", "fhear fhearr"),
            (.turkish, "İstanbul'da Ali’nin", "istanbul ali"),
            (.dutch, "foto's auto’s", "foto auto"),
            (.german, "Peter's geht's", "peter geht"),
            (.russian, "об'єкт", "обєкт"),
            (.none, "м'ясо О’Генри", "мясо огенри"),
        ]
    )
    func languages(language: TextLanguage, text: String, expected: String) {
        #expect(words(text, language) == expected.split(separator: " ").map(String.init))
    }

    @Test(
        "Words with and without an apostrophe find each other",
        arguments: [TextLanguage.english, .none]
    )
    func bothWays(language: TextLanguage) throws {
        let texts = [
            "Levi's jeans", "levis jeans", "O'Brien here", "obrien here", "we don't", "we dont",
            "L'Oréal", "loreal", "D'Angelo", "dangelo", "l'homme", "homme",
        ]
        let index = try ScriptIndex(language, texts)
        for (query, expected) in [
            ("levis", [0, 1] as Set), ("obrien", [2, 3]), ("o'brien", [2, 3]), ("dont", [4, 5]),
            ("don’t", [4, 5]), ("loreal", [6, 7]), ("dangelo", [8, 9]), ("homme", [10, 11]),
            ("l'homme", [10, 11]),
        ] {
            #expect(try Set(index.ranked(query)) == expected, "\(query)")
            #expect(try index.found(query) == expected, "\(query)")
        }
        #expect(try Set(index.ranked("levi's")) == [0, 1])
        #expect(try Set(index.ranked("L'Oréal")) == [6, 7])
        for letter in ["s", "t", "o", "d", "l"] { #expect(try index.found(letter) == []) }
    }

    @Test(
        "Single letters with dots are one word",
        arguments: [
            ("U.S.A.", ["usa"]), ("U.S.A", ["usa"]), ("the U.S. army", ["the", "us", "army"]),
            ("e.g. i.e.", ["eg", "ie"]), ("U.S.'s U.S.A.’s", ["us", "usa"]), ("С.С.С.Р.", ["ссср"]),
            ("J. R. R.", ["j", "r", "r"]), ("a.b.com", ["a", "b", "com"]), ("A. Go", ["a", "go"]),
            ("a.b", ["a", "b"]), ("1.2.3.", ["1", "2", "3"]), ("(N.A.S.A.)", ["nasa"]),
        ]
    )
    func abbreviations(text: String, expected: [String]) {
        #expect(words(text) == expected)
        #expect(UnicodeTokenizer.split(text.unicodeScalars).flatMap { words($0) } == expected)
    }
}
