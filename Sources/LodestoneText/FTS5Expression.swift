// SPDX-License-Identifier: Apache-2.0

/// Writes expressions in the language of SQLite's FTS5.
package enum FTS5Expression {
    /// The right side of `MATCH` for `expression`.
    ///
    /// Every word is quoted, so FTS5 reads no word as syntax. It has no fuzzy words and patterns:
    /// their letters are looked for as they are, so whoever asks leaves these out before.
    package static func render(_ expression: TextExpression) -> String {
        switch expression {
        case .word(let word): quote([word])
        case .fuzzy(let word, _): quote([word])
        case .pattern(let pattern): quote(pattern.parts)
        case .phrase(let words): quote(words)
        case .prefix(let words): quote(words) + "*"
        // The table has all fields in one column.
        case .field(_, let expression): render(expression)
        case .and(let parts): parts.map(operand).joined(separator: " AND ")
        case .or(let parts): parts.map(operand).joined(separator: " OR ")
        case .andNot(let wanted, let unwanted): "\(operand(wanted)) NOT \(operand(unwanted))"
        case .anyOf(let words): words.map { quote([$0.text]) }.joined(separator: " OR ")
        }
    }

    private static func operand(_ expression: TextExpression) -> String {
        switch expression {
        case .word, .fuzzy, .pattern, .phrase, .prefix: render(expression)
        case .field(_, let expression): operand(expression)
        case .and, .or, .andNot, .anyOf: "(\(render(expression)))"
        }
    }

    private static func quote(_ words: [String]) -> String {
        var quoted = "\""
        for character in words.joined(separator: " ").unicodeScalars {
            quoted.unicodeScalars.append(character)
            if character == "\"" { quoted.unicodeScalars.append(character) }
        }
        return quoted + "\""
    }
}
