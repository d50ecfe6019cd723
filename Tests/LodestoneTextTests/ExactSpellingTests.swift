// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Exact spellings")
struct ExactSpellingTests {
    private func tokens(_ text: String) -> [String] {
        let analyzer = TextAnalyzer(TextOptions(language: .none))
        return analyzer.allWords(of: text).map(\.form.bytes)
            .filter { $0.withUnsafeBufferPointer { ExactSpelling.isOne($0) } }
            .map { bytes in
                let scalars = String(decoding: bytes.dropFirst(3), as: UTF8.self).unicodeScalars
                return String(
                    String.UnicodeScalarView(
                        scalars.compactMap { scalar in
                            0xFF01...0xFF5E ~= scalar.value
                                ? Unicode.Scalar(scalar.value - 0xFEE0) : scalar
                        }
                    )
                )
            }
    }

    @Test(
        "Codes, addresses, versions and dates have exact spellings",
        arguments: [
            ("C++, C# and (F#)", ["c++", "c#", "f#"]), ("C++17 g++", ["c++17", "g++"]),
            (".NET and ASP.NET", [".net", "asp.net"]), ("ada@example.com.", ["ada@example.com"]),
            ("Mary-Jane.O'Neil@Ex-ample.co.uk", ["mary-jane.oneil@ex-ample.co.uk"]),
            ("1.2.3 v1.2", ["1.2.3", "v1.2"]), ("on 2024-05-01.", ["2024-05-01"]),
            ("KX-7731/B", ["kx-7731/b"]), ("COVID-19", ["covid-19"]),
            ("24/7 12:30", ["24/7", "12:30"]),
            ("AT&T R&D", ["at&t", "r&d"]), ("snake_case", ["snake_case"]),
            ("#Hashtag @ada", ["#hashtag", "@ada"]), ("müller@café.fr", ["muller@cafe.fr"]),
            ("https://example.com/a/b", ["example.com"]),
            ("a well-known and/or state-of-the-art he/she", ["well-known", "state-of-the-art"]),
            ("wi-fi, e-mail - and -so- on--and", ["wi-fi", "e-mail"]),
            ("$100 or 5% of $1.50, 20%off US$3 a$b", ["$100", "5%", "$1.50"]),
            ("#1 .5 @2 a..b x/#y -@z", []),
            ("node.js x86_64 I.B.M. camelCase", ["node.js", "x86_64"]), ("End. Next", []),
            ("1+1=2", []),
            ("x", []), ("+ # .", []), (String(repeating: "a.", count: 90) + "bc", []),
        ]
    )
    func found(text: String, expected: [String]) {
        #expect(tokens(text) == expected)
    }

    @Test("A query for an exact spelling ranks it first")
    func ranks() throws {
        let texts = [
            "c", "C#", "C++", "see example.com for ada and com", "write to ada@example.com",
            "com.example ada", "05 01 2024", "2024-05-01", "01.05.2024", "3 2 1", "1.2.3", "1.3.2",
            "KX 7731 B", "kx-7731/b", "B 7731", "NET", ".NET", "AT&T", "t",
        ]
        for language in [TextLanguage.english, .none, .german] {
            let index = try ScriptIndex(language, texts)
            for (query, first) in [
                ("C++", 2), ("c#", 1), ("C", 0), ("ada@example.com", 4), ("2024-05-01", 7),
                ("01.05.2024", 8), ("1.2.3", 10), ("KX-7731/B", 13), (".net", 16), ("net", 15),
                ("AT&T", 17),
            ] {
                #expect(try index.ranked(query).first == first, "\(language) \(query)")
            }
            // The parts find the same words as without extra words.
            #expect(try Set(index.ranked("C++")) == [0, 1, 2])
            #expect(try index.found("\"example com\"") == [3, 4])
        }
    }

    @Test(
        "An exact spelling ranks before any text with its parts alone",
        arguments: [
            ("C++", "c"), ("C#", "c"), (".NET", "net"), ("node.js", "node js"),
            ("a@b.com", "a b com"), ("ada@example.com", "ada example com"),
            ("10.0.0.1", "10 0 0 1"), ("2024-05-01", "2024 05 01"), ("AT&T", "at t"),
            ("R&D", "r d"), ("state-of-the-art", "state of the art"), ("wi-fi", "wi fi"),
            ("e-mail", "e mail"), ("#hashtag", "hashtag"), ("@ada", "ada"), ("$100", "100"),
            ("100%", "100"), ("x86_64", "x86 64"), ("snake_case", "snake case"),
            ("KX-7731/B", "kx 7731 b"), ("v1.2.3", "v1 2 3"), ("C++17", "c 17"),
        ]
    )
    func ranksBeforeParts(token: String, parts: String) throws {
        let words = parts.split(separator: " ")
        let backwards = words.reversed().joined(separator: " ")
        let texts =
            [
                "they wrote a report of the usual length with nothing in it", parts, backwards,
                "\(backwards) and \(backwards) and \(backwards)", "\(parts), \(parts)",
                "after lunch some of them went on with what they had begun in spring, and of \(token), "
                    + "which nobody had asked for, there was a word at the end of the second page",
                "another text of some length that says nothing about any of this at all",
            ] + words.map(String.init)
        for language in [TextLanguage.english, .none, .german, .french] {
            let index = try ScriptIndex(language, texts)
            for query in [token, token.uppercased(), "\(token) \(token)", "(\(token))."] {
                let ranked = try index.ranked(query)
                #expect(ranked.first == 5, "\(language) \(query) \(ranked)")
                let byFTS5 = try index.rankedByFTS5(query)
                #expect(byFTS5.first == 5, "FTS5 \(language) \(query) \(byFTS5)")
                #expect(Set(byFTS5) == Set(ranked))
            }
        }
    }

    @Test("Parts of a token lose weight only where a document has its exact spelling")
    func parts() throws {
        let texts = ["KX 7731 B", "a manual", "manual of the pump", "c", "net"]
        for language in [TextLanguage.english, .none, .german] {
            let index = try ScriptIndex(language, texts)
            #expect(try index.ranked("manual KX-7731/B").first == 0, "\(language)")
            let known = try ScriptIndex(language, texts + ["the kx-7731/b is in it", "7731"])
            let ranked = try known.ranked("manual KX-7731/B").filter { $0 < 2 }
            #expect(ranked == [1, 0], "\(language)")
        }
    }

    @Test("Exact spellings have no other forms, match in no phrase and rank fuzzy queries, too")
    func forms() throws {
        for (language, one, other) in [
            (TextLanguage.german, "haus", "häuser"), (.english, "run", "runs"),
            (.russian, "книга", "книги"),
        ] {
            let index = try ScriptIndex(language, ["ab.\(one)", "\(one) ab ab \(one) ab.x"])
            #expect(try index.ranked("ab.\(other)") == [1, 0], "\(language)")
            #expect(try index.ranked("ab.\(one)") == [0, 1], "\(language)")
        }
        // Words in two forms also stand behind all others.
        let index = try ScriptIndex(.english, ["d'angelo fox", "fox dangelo"])
        #expect(try index.found("\"fox dangelo\"") == [1])
        #expect(try index.found("dangelo") == [0, 1])

        var words = PostingsTextIndex()
        for (row, text) in ["kx 7731 b", "kx-7731/b"].enumerated() {
            words.add(words.analyze([text]), at: 0, row: RowID(row))
        }
        let parsed = try TextQueryParser.anyWord(
            "KX-7731/B",
            fuzzy: .auto,
            limits: .standard,
            analyzer: TextAnalyzer(TextOptions())
        )
        let query = BooleanQuery(try #require(parsed))
        #expect(try words.search(query, k: 2) { _ in true }.map(\.row) == [1, 0])
    }

    @Test("Exact spellings are no words for patterns, prefixes and fuzzy words")
    func vocabulary() throws {
        let index = try ScriptIndex(.none, ["ada@example.com", "c++"])
        #expect(try index.found("ada*") == [0])
        #expect(try index.found("\"ada example com\"") == [0])
        var words = PostingsTextIndex(TextOptions(language: .none))
        words.add(words.analyze(["ada@example.com c++ a.b"]), at: 0, row: 0)
        for _ in 0..<2 {
            for query in ["*a*c*", "*e*c*", "a*m", "*ex*m*", "xample~2", "xaxb~2", "a*"] {
                let parsed = try TextQueryParser.parse(query, limits: .standard)
                let explained = try words.explanation(of: BooleanQuery(parsed))
                for word in explained.flatMap(\.expansions) {
                    #expect(!word.word.contains("＝"), "\(query)")
                }
            }
            // The searches find the same from a base.
            var sections = MemorySections()
            try words.write(to: &sections) { _ in true }
            words = try #require(PostingsTextIndex(from: sections, TextOptions(language: .none)))
        }
    }
}
