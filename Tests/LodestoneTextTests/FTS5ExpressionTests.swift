// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneText

@Suite("FTS5 expression")
struct FTS5ExpressionTests {
    @Test(
        "An FTS5 expression has quoted words and no leading negation",
        arguments: [
            ("swift", "\"swift\"", false),
            ("rock-n-roll NEAR", "\"rock n roll\" AND \"near\"", false),
            ("pyth* OR \"a b\"*", "\"pyth\"* OR \"a b\"*", false),
            ("NOT java", "\"java\"", true),
            ("NOT NOT java", "\"java\"", false),
            ("python NOT java", "\"python\" NOT \"java\"", false),
            ("NOT a NOT b", "\"a\" OR \"b\"", true),
            ("NOT a OR NOT b", "\"a\" AND \"b\"", true),
            ("a OR NOT b", "\"b\" NOT \"a\"", true),
            ("a (b (c d))", "\"a\" AND \"b\" AND \"c\" AND \"d\"", false),
            ("a NOT (b OR NOT c)", "\"a\" AND (\"c\" NOT \"b\")", false),
            ("(a OR b) NOT c NOT d", "(\"a\" OR \"b\") NOT (\"c\" OR \"d\")", false),
        ]
    )
    func rendering(query: String, expected: String, isComplement: Bool) throws {
        let parsed = try TextQueryParser.parse(query, limits: .standard)
        let normalized = BooleanQuery(parsed)
        #expect(FTS5Expression.render(normalized.expression, QueryWords.analyzer) == expected)
        #expect(normalized.isComplement == isComplement)
    }

    @Test("Quotes inside of words don't end them in an FTS5 expression")
    func quotes() {
        #expect(FTS5Expression.render(.word("a\"b\""), QueryWords.analyzer) == "\"a b\"")
    }

    @Test("An FTS5 expression finds exactly what its query means", arguments: 1...4)
    func differential(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let table = try FTS5Table(tokenizer: "ascii")
        var texts: [[String]] = []
        for row in 0..<60 {
            let words = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                TextOracle.vocabulary.randomElement(using: &random) ?? ""
            }
            texts.append(words)
            try table.insert(row, words.joined(separator: " "))
        }
        let every = Set(texts.indices)
        for _ in 0..<TestLength.cases(300, long: 1_500) {
            let query = TextOracle.randomQuery(depth: 4, using: &random)
            let normalized = BooleanQuery(query)
            let rows = try table.rows(
                matching: FTS5Expression.render(normalized.expression, QueryWords.analyzer)
            )
            let found = normalized.isComplement ? every.subtracting(rows) : rows
            let truth = every.filter { TextOracle.matches(texts[$0], query) }
            #expect(found == truth, "\(query)")
        }
    }

    @Test("A query as deep as the limits is not too deep for FTS5")
    func deepest() throws {
        let table = try FTS5Table(tokenizer: "ascii")
        try table.insert(1, "w")
        for pattern in [["AND", "OR"], ["NOT"], ["AND NOT", "OR NOT"], ["OR", "AND NOT"]] {
            for leading in [false, true] {
                var query = "w"
                for level in 0..<31 {
                    let joint = pattern[level % pattern.count]
                    query = leading ? "w \(joint) (\(query))" : "(\(query)) \(joint) w"
                }
                // NOT and its parenthesis are one level each.
                var limits = Limits.standard
                limits.maxNesting = 64
                let parsed = try TextQueryParser.parse(query, limits: limits)
                let normalized = BooleanQuery(parsed)
                _ = try table.rows(
                    matching: FTS5Expression.render(normalized.expression, QueryWords.analyzer)
                )
            }
        }
    }

    @Test("Any text finds itself through an FTS5 expression")
    func words() throws {
        let samples = [
            "rock-n-roll", "don't", "a_b", "x1½Ⅷ", "日本語", "e\u{301}te\u{301}", "naïve", "東京tower用",
            "カ\u{3099}キ",
            "हिन्दी", "\u{E000}x", "a\u{AD}b", "a\u{200D}b", "3.14", "ﬁ", "İstanbul", "ß",
        ]
        for sample in samples {
            let table = try FTS5Table(tokenizer: "ascii")
            try table.insert(1, QueryWords.forFTS5(sample))
            let parsed = try TextQueryParser.parse(sample, limits: .standard)
            let expression = FTS5Expression.render(
                BooleanQuery(parsed).expression,
                QueryWords.analyzer
            )
            #expect(try table.rows(matching: expression) == [1], "\(sample)")
        }
    }
}

/// The meaning of a query, without an engine.
enum TextOracle {
    static let vocabulary = ["ab", "abc", "b", "bc", "c"]

    static func matches(_ text: [String], _ query: ParsedQuery) -> Bool {
        switch query {
        case .word(let word): text.contains(word)
        case .fuzzy(let word, let fuzziness):
            text.contains {
                plainDistance($0, word) <= fuzziness.edits(forLetters: word.unicodeScalars.count)
            }
        case .pattern(let pattern): text.contains { looksLike(pattern, $0.unicodeScalars[...]) }
        case .phrase(let words): occurs(words, in: text) { $0 == $1 }
        case .prefix(let words): occurs(words, in: text) { $0.hasPrefix($1) }
        case .and(let parts): parts.allSatisfy { matches(text, $0) }
        case .or(let parts): parts.contains { matches(text, $0) }
        case .not(let query): !matches(text, query)
        case .anyOf(let words): words.contains { text.contains($0.text) }
        // A text has one field here.
        case .field(_, let query): matches(text, query)
        }
    }

    private static func occurs(
        _ words: [String],
        in text: [String],
        lastMatches: (String, String) -> Bool
    ) -> Bool {
        guard text.count >= words.count, let last = words.last else { return false }
        return (0...(text.count - words.count)).contains { start in
            let end = start + words.count - 1
            return text[start..<end].elementsEqual(words.dropLast()) && lastMatches(text[end], last)
        }
    }

    static func randomQuery(depth: Int, using random: inout SeededGenerator) -> ParsedQuery {
        func words(_ counts: ClosedRange<Int>) -> [String] {
            (0..<Int.random(in: counts, using: &random)).map { _ in
                vocabulary.randomElement(using: &random) ?? ""
            }
        }
        func parts() -> [ParsedQuery] {
            (0..<Int.random(in: 1...3, using: &random)).map { _ in
                randomQuery(depth: depth - 1, using: &random)
            }
        }
        switch Int.random(in: depth > 0 ? 0...8 : 0...2, using: &random) {
        case 0: return .word(words(1...1)[0])
        case 1: return .phrase(words(1...3))
        case 2: return .prefix(words(1...2))
        case 3, 4: return .and(parts())
        case 5, 6: return .or(parts())
        default: return .not(randomQuery(depth: depth - 1, using: &random))
        }
    }
}
