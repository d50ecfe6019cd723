// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The parser of text queries.
///
/// The result has only words, so no text of a query reaches an engine as syntax.
package enum TextQueryParser {
    /// Reads a query in query syntax.
    ///
    /// Words, `"phrases in quotes"`, `prefix*`, `*substring*`, `p*n`, `typo~` and `typo~1` or `~2`
    /// for so many edits, `AND`, `OR` and `NOT` in upper case, and parentheses. Adjacent terms mean
    /// AND; NOT binds tighter than AND, AND tighter than OR; `python NOT java` is `python AND NOT
    /// java`. A term with separators inside is a phrase: `rock-n-roll`. `title:word`, `title:"a
    /// phrase"`, `title:pre*` and `title:(a OR b)` search for words of one field; spaces may follow
    /// the colon. `&&`, `||`, `|` and `!` before a term are AND, OR and NOT. Syntax that means
    /// something else in other query languages is refused: `-term`, `term^2`, `te?m`, `[a TO b]`,
    /// `/expression/`, `NEAR(a b)`. Other punctuation counts as space. A run of Chinese, Japanese
    /// or Korean is found anywhere in a longer run, so stars around it change nothing.
    ///
    /// - Parameters:
    ///   - query: The query, at most `maxQueryBytes`.
    ///   - fuzzy: The distance of words without their own, and of words with `~` alone.
    ///   - limits: The limits of the query.
    /// - Returns: The query, which has at least one word.
    /// - Throws: `.invalidArgument`: `TEXT_SYNTAX` with the column, counted in Unicode scalars
    ///   from 1; `LIMIT` for more than `maxQueryBytes`, `maxQueryTerms` words in all, or
    ///   `maxNesting` levels of parentheses and NOT.
    package static func parse(
        _ query: String,
        fuzzy: Fuzziness? = nil,
        limits: Limits
    ) throws(LodestoneError) -> ParsedQuery {
        try checkBytes(query, limits)
        var lexer = TextQueryLexer(query, fuzzy: fuzzy)
        let tokens = try lexer.read()
        guard lexer.wordCount <= limits.maxQueryTerms else {
            throw .limit("query", lexer.wordCount, limits.maxQueryTerms, unit: "terms")
        }
        guard !tokens.isEmpty else {
            throw .textSyntax("The query holds no word.", "Ask for at least one word.")
        }
        var grammar = TextQueryGrammar(tokens: tokens, maxNesting: limits.maxNesting)
        return try grammar.parse()
    }

    /// Reads plain words as a query for documents with any of them.
    ///
    /// All words count as equally rare.
    ///
    /// - Returns: `nil` when it has no word.
    /// - Throws: The errors of `PlainWords`.
    package static func anyWord(
        _ query: String,
        fuzzy: Fuzziness? = nil,
        limits: Limits,
        analyzer: TextAnalyzer
    ) throws(LodestoneError) -> ParsedQuery? {
        try PlainWords(
            of: query,
            fuzzy: fuzzy,
            limits: limits,
            analyzer: analyzer,
            rarestBy: nil
        ).query
    }

    static func checkBytes(_ query: String, _ limits: Limits) throws(LodestoneError) {
        let byteCount = query.utf8.count
        guard byteCount <= limits.maxQueryBytes else {
            throw .limit("query", byteCount, limits.maxQueryBytes, unit: "bytes")
        }
    }
}

extension LodestoneError {
    /// The error for a malformed query: what is wrong, and what to write instead.
    static func textSyntax(_ message: String, _ recovery: String) -> LodestoneError {
        .invalid(.textSyntax, message, recovery: recovery, field: "query")
    }
}
