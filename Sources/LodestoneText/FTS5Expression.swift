// SPDX-License-Identifier: Apache-2.0

/// Writes expressions in the language of SQLite's FTS5, with words as `FTS5Words` has them.
package enum FTS5Expression {
    /// The right side of `MATCH` for `expression`.
    ///
    /// Every word is quoted, so FTS5 reads no word as syntax. Fields are left out: the table has all
    /// of them in one column, so `FieldMatcher` looks again at what was found. Fuzzy words and patterns
    /// are expanded before; their letters are looked for as they are.
    package static func render(_ expression: TextExpression, _ analyzer: TextAnalyzer) -> String {
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
        case .anyOf(let words): words.map { quote([$0]) }.joined(separator: " OR ")
        }
    }

    /// A word that no document has: two of the spaces that stand between fields.
    private static let nothing = "\"\u{A0}\u{A0}\""

    private static func operand(_ expression: TextExpression, _ analyzer: TextAnalyzer) -> String {
        switch expression {
        case .word, .fuzzy, .pattern, .phrase, .prefix: render(expression, analyzer)
        case .field(_, let expression): operand(expression, analyzer)
        case .and, .or, .andNot, .anyOf: "(\(render(expression, analyzer)))"
        }
    }

    private static func quote(_ words: [String], _ analyzer: TextAnalyzer) -> String {
        quote(analyzer.question(words))
    }

    /// Stems hold letters, digits and marks alone, so none has a quote to double.
    private static func quote(_ words: [QueryWord]) -> String {
        let stems = words.map { String(decoding: $0.stem.bytes, as: UTF8.self) }
        return "\"" + stems.joined(separator: " ") + "\""
    }
}
