// SPDX-License-Identifier: Apache-2.0

/// The translation of expressions to the language of SQLite's FTS5, with words in the form of
/// `DocumentWords`.
package enum FTS5Expression {
    /// The right side of `MATCH` for `expression`.
    ///
    /// Every word is quoted, so FTS5 reads no word as syntax. Fields are left out, because the
    /// table has all fields in one column; `DocumentMatcher` checks the documents that FTS5 finds.
    /// Fuzzy words, patterns and prefixes must be expanded first. An unexpanded one is searched for
    /// by its letters.
    package static func render(_ expression: BooleanExpression, _ analyzer: TextAnalyzer) -> String
    {
        switch expression {
        case .word(let word): quote([word], analyzer)
        case .fuzzy(let word, _): quote([word], analyzer)
        case .pattern(let pattern): quote(pattern.parts, analyzer)
        case .phrase(let words): quote(words, analyzer)
        case .prefix(let words): quote(words, analyzer) + "*"
        case .field(_, let expression): render(expression, analyzer)
        case .and(let parts): parts.map { operand($0, analyzer) }.joined(separator: " AND ")
        case .or(let parts): parts.map { operand($0, analyzer) }.joined(separator: " OR ")
        case .andNot(let wanted, let unwanted):
            "\(operand(wanted, analyzer)) NOT \(operand(unwanted, analyzer))"
        case .anyOf(let words) where words.isEmpty: nothing
        case .anyOf(let words):
            // A query may have a word any number of times.
            Set(words.map(\.stem)).map { quote([$0.bytes]) }.sorted().joined(separator: " OR ")
        case .found(let original, let found): render(original, found, analyzer)
        }
    }

    /// A phrase whose last word has one of the found stems.
    private static func render(
        _ original: BooleanExpression,
        _ found: FoundStems,
        _ analyzer: TextAnalyzer
    ) -> String {
        var before: [[UInt8]] = []
        if case .prefix(let words) = original {
            before = analyzer.phraseTerms(of: words).dropLast().map(\.stem.bytes)
        }
        var rows = found.stems.map { quote(before + [$0.bytes]) }.sorted()
        if let prefix = found.prefix { rows.append(quote(before + [prefix]) + "*") }
        return rows.isEmpty ? nothing : rows.joined(separator: " OR ")
    }

    /// A word that no document has: the gap between fields, twice.
    private static let nothing = "\"\u{A0}\u{A0}\""

    private static func operand(_ expression: BooleanExpression, _ analyzer: TextAnalyzer) -> String
    {
        switch expression {
        case .word, .fuzzy, .pattern, .phrase, .prefix: render(expression, analyzer)
        case .field(_, let expression): operand(expression, analyzer)
        case .and, .or, .andNot, .anyOf, .found: "(\(render(expression, analyzer)))"
        }
    }

    private static func quote(_ words: [String], _ analyzer: TextAnalyzer) -> String {
        quote(analyzer.phraseTerms(of: words).map(\.stem.bytes))
    }

    /// Stems have only letters, digits and marks, so there is no quote to escape.
    private static func quote(_ stems: [[UInt8]]) -> String {
        let stems = stems.map { String(decoding: $0, as: UTF8.self) }
        return "\"" + stems.joined(separator: " ") + "\""
    }
}
