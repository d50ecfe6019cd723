// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Reads text questions.
///
/// What it returns holds words only, so nothing of a question reaches an engine as syntax.
package enum TextQueryParser {
    /// Reads a question in query syntax.
    ///
    /// Words, `"phrases in quotes"`, `prefix*`, `*substring*`, `p*n`, `typo~` and `typo~1` or `~2`
    /// for so many edits, `AND`, `OR` and `NOT` in upper case, and parentheses. Terms side by side
    /// mean AND; NOT binds tighter than AND, AND tighter than OR; `python NOT java` is
    /// `python AND NOT java`. A term with separators inside is a phrase: `rock-n-roll`.
    /// `title:word`, `title:"a phrase"`, `title:pre*` and `title:(a OR b)` ask for words of one
    /// field. Other punctuation counts as space. A run of Chinese, Japanese or Korean is found where
    /// a text has it, also inside of a longer one, so stars around it change nothing.
    ///
    /// - Parameters:
    ///   - query: At most `maxQueryBytes`.
    ///   - fuzzy: What words find that aren't followed by a distance; `~` alone takes it over.
    ///   - limits: What is accepted.
    /// - Returns: The question, which asks for at least one word.
    /// - Throws: `.invalidArgument`: `TEXT_SYNTAX` with the column, counted in Unicode scalars
    ///   from 1; `LIMIT` for more than `maxQueryBytes`, `maxQueryTerms` words in all, or
    ///   `maxNesting` levels of parentheses and NOT.
    package static func parse(
        _ query: String,
        fuzzy: Fuzziness? = nil,
        limits: Limits
    ) throws(LodestoneError) -> TextQuery {
        try checkBytes(query, limits)
        var lexer = TextQueryLexer(query, fuzzy: fuzzy)
        let tokens = try lexer.tokens()
        guard lexer.wordCount <= limits.maxQueryTerms else {
            throw .limit("query", lexer.wordCount, limits.maxQueryTerms, unit: "terms")
        }
        guard !tokens.isEmpty else {
            throw .textSyntax("The query holds no word.", "Ask for at least one word.")
        }
        var grammar = TextQueryGrammar(tokens: tokens, maxNesting: limits.maxNesting)
        return try grammar.parse()
    }

    /// Reads plain words: a question for documents with any of them.
    ///
    /// Nothing in it is syntax. Stop words are left out, unless there are no other words.
    ///
    /// - Returns: `nil` when it holds no word. Words beyond `maxQueryTerms` are left out.
    /// - Throws: `.invalidArgument` for more than `maxQueryBytes`.
    package static func anyWord(
        _ query: String,
        fuzzy: Fuzziness? = nil,
        limits: Limits,
        analyzer: TextAnalyzer
    ) throws(LodestoneError) -> TextQuery? {
        try checkBytes(query, limits)
        let all = analyzer.allWords(of: query).filter { !$0.isEndOfRun }
        let others = all.filter { !$0.isStopWord }
        let words = Array((others.isEmpty ? all : others).prefix(limits.maxQueryTerms))
        if words.isEmpty { return nil }
        // Single characters stand for several words.
        let characters = words.filter { Words.isUnspacedCharacter($0.text) }
        guard fuzzy != nil || !characters.isEmpty else { return .anyOf(words) }
        var parts = words.map { TextQuery.word($0.text, fuzzy: fuzzy) }
        if fuzzy == nil {
            let whole = words.filter { !characters.contains($0) }
            parts = whole.isEmpty ? [] : [.anyOf(whole)]
            parts += characters.map { .inRow([$0.text]) }
        }
        return parts.count == 1 ? parts[0] : .or(parts)
    }

    private static func checkBytes(_ query: String, _ limits: Limits) throws(LodestoneError) {
        let byteCount = query.utf8.count
        guard byteCount <= limits.maxQueryBytes else {
            throw .limit("query", byteCount, limits.maxQueryBytes, unit: "bytes")
        }
    }
}

extension LodestoneError {
    /// A question that can't be read: what is wrong, and what to write instead.
    static func textSyntax(_ message: String, _ recovery: String) -> LodestoneError {
        .invalid("TEXT_SYNTAX", message, recovery: recovery, field: "query")
    }
}
