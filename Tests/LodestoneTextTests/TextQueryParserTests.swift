// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import Testing

@testable import LodestoneText

@Suite("Text query parser")
struct TextQueryParserTests {
    @Test(
        "A query in query syntax is parsed to its meaning",
        arguments: [
            ("swift", .word("swift")),
            ("Swift", .word("Swift")),
            ("  swift\t\n", .word("swift")),
            ("swift server", .and([.word("swift"), .word("server")])),
            ("swift AND server", .and([.word("swift"), .word("server")])),
            ("swift OR rust", .or([.word("swift"), .word("rust")])),
            ("NOT java", .not(.word("java"))),
            ("NOT NOT java", .not(.not(.word("java")))),
            ("python NOT java", .and([.word("python"), .not(.word("java"))])),
            ("python AND NOT java", .and([.word("python"), .not(.word("java"))])),
            ("python OR NOT java", .or([.word("python"), .not(.word("java"))])),
            ("and or not And", .and(["and", "or", "not", "And"].map { .word($0) })),
            ("\"machine learning\"", .phrase(["machine", "learning"])),
            ("\"swift\"", .word("swift")),
            ("\"AND\" OR \"(x)\"", .or([.word("AND"), .word("x")])),
            ("a\"b c\"d", .and([.word("a"), .phrase(["b", "c"]), .word("d")])),
            ("pyth*", .prefix(["pyth"])),
            ("pyth* (ru*)", .and([.prefix(["pyth"]), .prefix(["ru"])])),
            ("AND*", .prefix(["AND"])),
            ("\"machine lear\"*", .prefix(["machine", "lear"])),
            ("rock-n-ro*", .prefix(["rock", "n", "ro"])),
            ("rock-n-roll", .phrase(["rock", "n", "roll"])),
            ("don't", .word("don't")),
            ("c++ .net, $100!", .and([.word("c"), .word("net"), .word("100")])),
            ("title:swift", .field("title", .word("swift"))),
            ("title:rock-n-roll", .field("title", .phrase(["rock", "n", "roll"]))),
            ("title:AND", .field("title", .word("AND"))),
            ("title:\"a (b\"", .field("title", .phrase(["a", "b"]))),
            ("title:pre*", .field("title", .prefix(["pre"]))),
            (
                "x_1.é-b:(a OR NOT b) c",
                .and([.field("x_1.é-b", .or([.word("a"), .not(.word("b"))])), .word("c")])
            ),
            ("NOT a:b:c", .not(.field("a", .phrase(["b", "c"])))),
            ("12:30", .phrase(["12", "30"])), ("http://host", .phrase(["http", "host"])),
            ("http://host/", .phrase(["http", "host"])), ("std::list", .phrase(["std", "list"])),
            ("title: red", .field("title", .word("red"))),
            (
                "title:\u{3000} \"red fox\" a",
                .and([.field("title", .phrase(["red", "fox"])), .word("a")])
            ),
            ("title: (a OR b)", .field("title", .or([.word("a"), .word("b")]))),
            ("price:€5", .field("price", .word("5"))),
            ("!red", .not(.word("red"))), ("a !red", .and([.word("a"), .not(.word("red"))])),
            ("a ! red", .and([.word("a"), .not(.word("red"))])),
            ("!\"a b\" !(c)", .and([.not(.phrase(["a", "b"])), .not(.word("c"))])),
            ("!title:red", .not(.field("title", .word("red")))), ("!!a", .not(.not(.word("a")))),
            ("Yahoo! wow!!", .and([.word("Yahoo"), .word("wow")])), ("red !", .word("red")),
            ("a || b", .or([.word("a"), .word("b")])), ("a | b", .or([.word("a"), .word("b")])),
            ("a||b|c", .or([.word("a"), .word("b"), .word("c")])),
            ("a && b", .and([.word("a"), .word("b")])), ("a&&b", .and([.word("a"), .word("b")])),
            ("AT&T", .phrase(["AT", "T"])),
            ("a & b | c", .or([.and([.word("a"), .word("b")]), .word("c")])),
            ("+a +b", .and([.word("a"), .word("b")])),
            ("c++ OR d", .or([.word("c"), .word("d")])),
            ("what ? a \"b?[c]^2\"", .and([.word("what"), .word("a"), .phrase(["b", "c", "2"])])),
            ("and/or /usr/bin", .and([.phrase(["and", "or"]), .phrase(["usr", "bin"])])),
            ("शीर्षक:alpha", .field("शीर्षक", .word("alpha"))),
            ("ชื่อ:alpha", .field("ชื่อ", .word("alpha"))),
            ("தலைப்பு:(a b)", .field("தலைப்பு", .and([.word("a"), .word("b")]))),
            ("e\u{301}t:a", .field("e\u{301}t", .word("a"))),
            ("نمی\u{200C}خواهم:a", .field("نمی\u{200C}خواهم", .word("a"))),
            ("a - b", .and([.word("a"), .word("b")])),
            ("a\0b", .phrase(["a", "b"])),
            ("Ａ\u{3000}日本語", .and([.word("Ａ"), .word("日本語")])),
            ("e\u{301}te\u{301} हिन्दी", .and([.word("e\u{301}te\u{301}"), .word("हिन्दी")])),
            ("(a)", .word("a")),
            ("((a b))", .and([.word("a"), .word("b")])),
            (
                "(a OR b)(c OR d)",
                .and([.or([.word("a"), .word("b")]), .or([.word("c"), .word("d")])])
            ),
        ] as [(String, ParsedQuery)]
    )
    func syntax(query: String, expected: ParsedQuery) throws {
        #expect(try TextQueryParser.parse(query, limits: .standard) == expected)
    }

    @Test(
        "NOT binds tighter than AND, and AND tighter than OR",
        arguments: [
            ("a OR b c", "a OR (b AND c)"),
            ("a b OR c", "(a AND b) OR c"),
            ("a AND b OR c AND d", "(a AND b) OR (c AND d)"),
            ("NOT a b", "(NOT a) AND b"),
            ("NOT a OR b", "(NOT a) OR b"),
            ("a NOT b OR c", "(a AND (NOT b)) OR c"),
            ("a NOT b NOT c", "a AND (NOT b) AND (NOT c)"),
            ("a NOT (b OR c)", "a AND (NOT (b OR c))"),
        ]
    )
    func precedence(query: String, explicit: String) throws {
        #expect(
            try TextQueryParser.parse(query, limits: .standard)
                == TextQueryParser.parse(explicit, limits: .standard)
        )
    }

    @Test(
        "Stars in a word make a pattern",
        arguments: [
            ("*ytho*", ["ytho"], true, true), ("*thon", ["thon"], true, false),
            ("p*thon", ["p", "thon"], false, false), ("p*t*", ["p", "t"], false, true),
            ("py**", ["py"], false, true), ("**é", ["é"], true, false),
            ("'p*n", ["p", "n"], false, false), ("p*n.", ["p", "n"], false, false),
        ]
    )
    func patterns(query: String, parts: [String], start: Bool, end: Bool) throws {
        #expect(
            try TextQueryParser.parse(query, limits: .standard)
                == .pattern(WordPattern(parts, isOpenAtStart: start, isOpenAtEnd: end))
        )
    }

    @Test(
        "A tilde behind a word makes it fuzzy",
        arguments: [
            ("~ word", .word("word")), ("~1", .word("1")),
            ("word~", .fuzzy("word", .auto)), ("word~1", .fuzzy("word", .edits(1))),
            ("(it~2)", .fuzzy("it", .edits(2))), ("it~", .word("it")), ("word~0", .word("word")),
        ] as [(String, ParsedQuery)]
    )
    func likeness(query: String, expected: ParsedQuery) throws {
        #expect(try TextQueryParser.parse(query, limits: .standard) == expected)
    }

    @Test("A fuzziness for the whole query applies to all words that can be fuzzy")
    func fuzzyWords() throws {
        let fuzzy = Fuzziness(.edits(2), prefixLength: 1, maxExpansions: 7)
        let one = Fuzziness(.edits(1), prefixLength: 1, maxExpansions: 7)
        let query = "word other~1 third~0 fourth~ \"fifth\" six-th sev* *eigh"
        #expect(
            try TextQueryParser.parse(query, fuzzy: fuzzy, limits: .standard)
                == .and([
                    .fuzzy("word", fuzzy), .fuzzy("other", one), .word("third"),
                    .fuzzy("fourth", fuzzy), .word("fifth"), .phrase(["six", "th"]),
                    .prefix(["sev"]),
                    .pattern(WordPattern(["eigh"], isOpenAtStart: true, isOpenAtEnd: false)),
                ])
        )
        #expect(
            try plainWords("a word", fuzzy: .auto) == .or([.word("a"), .fuzzy("word", .auto)])
        )
    }

    @Test(
        "A malformed query is refused with the column of the error",
        arguments: [
            ("", "The query holds no word."),
            (" .,; ", "The query holds no word."),
            ("a \"b c", "The quote at column 3 is not closed."),
            ("\"", "The quote at column 1 is not closed."),
            ("a \"!?\"", "The phrase at column 3 holds no word."),
            ("(a", "The ( at column 1 is not closed."),
            ("a (b OR (c)", "The ( at column 3 is not closed."),
            ("a (", "The ( at column 3 is not closed."),
            ("a)", "The ) at column 2 closes nothing."),
            (")", "The ) at column 1 closes nothing."),
            ("a ()", "The parentheses at column 3 are empty."),
            ("AND a", "AND at column 1 has no term before it."),
            ("OR", "OR at column 1 has no term before it."),
            ("a OR AND b", "AND at column 6 has no term before it."),
            ("(OR a)", "OR at column 2 has no term before it."),
            ("a AND", "AND at column 3 has no term after it."),
            ("a AND !", "AND at column 3 has no term after it."),
            ("(a OR) b", "OR at column 4 has no term after it."),
            ("NOT", "NOT at column 1 has no term after it."),
            ("日本 NOT", "NOT at column 4 has no term after it."),
            ("* a", "The * at column 1 stands alone."),
            ("a *", "The * at column 3 stands alone."),
            ("a **", "The * at column 3 stands alone."),
            ("+*", "The * at column 2 stands alone."),
            ("a *+*", "The * at column 3 stands alone."),
            ("a rock-n*roll", "The pattern at column 3 goes beyond one word."),
            ("*.py*", "The pattern at column 1 goes beyond one word."),
            ("p*.", "The pattern at column 1 goes beyond one word."),
            ("*a-b", "The pattern at column 1 goes beyond one word."),
            ("\"a b\"*c", "The * at column 6 is not at the end of a word."),
            ("\"a b\"~", "The ~ at column 6 follows a phrase."),
            ("\"a\"~2", "The ~ at column 4 follows a phrase."),
            ("x rock-n-roll~", "The ~ at column 14 does not follow a single word."),
            ("rock-n~1", "The ~ at column 7 does not follow a single word."),
            ("wow!~", "The ~ at column 5 does not follow a single word."),
            ("word~3", "The ~ at column 5 allows more than 2 edits."),
            ("word~10000000000000000000", "The ~ at column 5 allows more than 2 edits."),
            ("word~0.8", "The ~ at column 5 is not at the end of a word."),
            ("a~b", "The ~ at column 2 is not at the end of a word."),
            ("x ~word", "The ~ at column 3 is not at the end of a word."),
            ("a ||", "|| at column 3 has no term after it."),
            ("| a", "| at column 1 has no term before it."),
            ("a && | b", "| at column 6 has no term before it."),
            ("! AND a", "AND at column 3 has no term before it."),
            ("red^2", "The ^ at column 4 is a weight, or the start of a text, elsewhere."),
            ("\"a b\"^0.5", "The ^ at column 6 is a weight, or the start of a text, elsewhere."),
            ("(a b)^2", "The ^ at column 6 is a weight, or the start of a text, elsewhere."),
            ("^red", "The ^ at column 1 is a weight, or the start of a text, elsewhere."),
            ("pyth*^2", "The ^ at column 6 is a weight, or the start of a text, elsewhere."),
            ("x fo?", "The ? at column 5 stands for one letter elsewhere."),
            ("?ox", "The ? at column 1 stands for one letter elsewhere."),
            ("title:f?x", "The ? at column 8 stands for one letter elsewhere."),
            ("year:[1 TO 2]", "The [ at column 6 is of a range, which texts don't have."),
            ("[a TO z]", "The [ at column 1 is of a range, which texts don't have."),
            ("a {b", "The { at column 3 is of a range, which texts don't have."),
            ("a]", "The ] at column 2 is of a range, which texts don't have."),
            ("a}", "The } at column 2 is of a range, which texts don't have."),
            (
                "/re/",
                "The / at column 1 begins a regular expression, which text queries do not have."
            ),
            (
                "a title:/r e/",
                "The / at column 9 begins a regular expression, which text queries do not have."
            ),
            ("title:", "The field at column 1 has no term after it."),
            ("a title: ", "The field at column 3 has no term after it."),
            ("(title:)", "The field at column 2 has no term after it."),
            ("title: AND a", "The field at column 1 has no term after it."),
            ("title:.,", "The field at column 1 has no term after it."),
            ("title:-red", "The term of the field at column 1 begins with -."),
            ("title: !red", "The term of the field at column 1 begins with !."),
            ("year:>2000", "The term of the field at column 1 begins with >."),
            ("title : red", "The : at column 7 has no name of a field right before it."),
            ("\"title\":red", "The : at column 8 has no name of a field right before it."),
            ("NEAR(a b)", "The NEAR at column 1 asks for words near each other."),
            ("+a OR b", "The term at column 1 begins with +, and the query has an OR."),
            ("a | +\"b c\"", "The term at column 5 begins with +, and the query has an OR."),
            ("-*thon", "The term at column 1 begins with -."),
            ("python -java", "The term at column 8 begins with -."),
            ("-\"a b\"", "The term at column 1 begins with -."),
            ("-(a b)", "The term at column 1 begins with -."),
        ]
    )
    func faults(query: String, message: String) throws {
        let error = try #require(throws: LodestoneError.self) {
            try TextQueryParser.parse(query, limits: .standard)
        }
        #expect(error.code == .invalidArgument)
        #expect(error.reason == .textSyntax)
        #expect(error.field == "query")
        #expect(error.message == message)
        #expect(!error.recovery.isEmpty)
    }

    @Test("A text query over a limit is refused with the value and the limit")
    func limits() throws {
        func error(_ query: String) throws -> LodestoneError {
            try #require(throws: LodestoneError.self) {
                try TextQueryParser.parse(query, limits: .standard)
            }
        }
        let tooLong = try error(String(repeating: "é", count: 2_049))
        #expect(tooLong.reason == .limit)
        #expect(tooLong.message == "query is 4098 bytes; the limit is 4096 bytes.")

        let words = Array(repeating: "w", count: 32).joined(separator: " ")
        _ = try TextQueryParser.parse(words, limits: .standard)
        #expect(try error(words + " w").message == "query is 33 terms; the limit is 32 terms.")
        #expect(try error("\"\(words) w\"").message == "query is 33 terms; the limit is 32 terms.")

        func nested(_ levels: Int) -> String {
            String(repeating: "(", count: levels) + "a" + String(repeating: ")", count: levels)
        }
        #expect(try TextQueryParser.parse(nested(32), limits: .standard) == .word("a"))
        #expect(try error(nested(33)).reason == .limit)
        #expect(try error(String(repeating: "NOT ", count: 33) + "a").reason == .limit)
        #expect(try error(String(repeating: "(", count: 4_096)).reason == .limit)
        #expect(try error(String(repeating: "NOT ", count: 1_023) + "a").reason == .limit)
    }
}

/// Reads plain words where no word is a stop word.
private func plainWords(_ query: String, fuzzy: Fuzziness? = nil) throws -> ParsedQuery? {
    try TextQueryParser.anyWord(
        query,
        fuzzy: fuzzy,
        limits: .standard,
        analyzer: TextAnalyzer(TextOptions(keepsStopWords: true))
    )
}

private struct Frequencies: StemFrequencies {
    let of: @Sendable (String) -> Int

    func frequency(ofStem stem: [UInt8]) -> Int { of(String(decoding: stem, as: UTF8.self)) }
}

@Suite("Plain words")
struct PlainWordsTests {
    @Test(
        "Plain words match any of the words and have no syntax",
        arguments: [
            ("swift", ["swift"]),
            ("NOT (a AND \"b\") c*", ["NOT", "a", "AND", "b", "c"]),
            ("don't -stop", ["don't", "stop"]),
            ("the the", ["the", "the"]),
        ]
    )
    func anyWord(query: String, words: [String]) throws {
        guard case .anyOf(let parsed) = try plainWords(query) else {
            Issue.record("no plain words")
            return
        }
        #expect(parsed.map(\.text) == words)
    }

    @Test(
        "A text without a word is no plain query",
        arguments: ["", " ", "!?\"*()", "\u{301}", "\0"]
    )
    func empty(query: String) throws {
        #expect(try plainWords(query) == nil)
    }

    @Test("Plain words over the term limit are left out, over the byte limit refused")
    func limits() throws {
        let words = (0..<40).map { "w\($0)" }
        guard case .anyOf(let parsed) = try plainWords(words.joined(separator: " ")) else {
            Issue.record("no plain words")
            return
        }
        #expect(parsed.map(\.text) == Array(words.prefix(32)))
        let rare = try PlainWords(
            of: (words + words).joined(separator: " ") + " w0 w0s",
            fuzzy: nil,
            limits: .standard,
            analyzer: TextAnalyzer(TextOptions()),
            // The first ten are in no document; of the others, later ones are in fewer documents.
            rarestBy: Frequencies { Int($0.dropFirst()).map { $0 < 10 ? 0 : 100 - $0 } ?? 0 }
        )
        guard case .anyOf(let rarest)? = rare.query else {
            Issue.record("no plain words")
            return
        }
        let expected = Array(words[..<2] + words[10...])
        #expect(rarest.map(\.text) == expected + expected + ["w0", "w0s"])
        #expect(rare.leftOut == Array(words[2..<10]))
        #expect(!rare.isPartial)
        // A word that was given twice finds its typing errors once.
        let once = try TextQueryParser.anyWord(
            "pump valve",
            fuzzy: .auto,
            limits: .standard,
            analyzer: TextAnalyzer(TextOptions())
        )
        let twice = try TextQueryParser.anyWord(
            "pump Pump valve pump",
            fuzzy: .auto,
            limits: .standard,
            analyzer: TextAnalyzer(TextOptions())
        )
        #expect(twice == once)
        // Forms of a stem share one list, but each form has typing errors of its own.
        for (fuzzy, count) in [(nil, 0), (.auto, 8)] as [(Fuzziness?, Int)] {
            let forms = try PlainWords(
                of: (0..<20).map { "word\($0)a word\($0)as" }.joined(separator: " "),
                fuzzy: fuzzy,
                limits: .standard,
                analyzer: TextAnalyzer(TextOptions()),
                rarestBy: nil
            )
            #expect(forms.leftOut.count == count)
        }
        let frequent = try PlainWords(
            of: words.joined(separator: " "),
            fuzzy: .auto,
            limits: .standard,
            analyzer: TextAnalyzer(TextOptions()),
            rarestBy: Frequencies { $0 == "w3" ? 9 : 8 }
        )
        #expect(frequent.leftOut == ["w3"] + words[33...] && frequent.isPartial)
        let repeated = try plainWords(String(repeating: "pump ", count: 40) + "valve")
        guard case .anyOf(let pumps)? = repeated else {
            Issue.record("no plain words")
            return
        }
        #expect(pumps.count == 41)
        let error = #expect(throws: LodestoneError.self) {
            try plainWords(String(repeating: "a", count: 4_097))
        }
        #expect(error?.reason == .limit)
    }
}
