// SPDX-License-Identifier: Apache-2.0

package import LodestoneCore

/// A parsed text query, with NOT anywhere.
///
/// A query has three forms before a search:
///
///     ParsedQuery        the tree that the parser reads
///     BooleanQuery       the same with at most one negation, at the top: what `TextIndex` searches
///     BooleanExpression  its part without negations of their own: AND, OR, "this without that"
///
/// A scorer then looks the words up: as clauses of words in a row (`BooleanScorer.Clause`), or
/// plain words as a `BooleanExpression.Disjunction` for the `DisjunctionScorer`.
///
/// Words are as typed; the index folds and stems them. The lists of `and`, `or`, `phrase` and
/// `prefix` are never empty.
package enum ParsedQuery: Sendable, Equatable {
    /// Documents with this word.
    case word(String)
    /// Documents with this word, or with a word within some edits of it.
    case fuzzy(String, Fuzziness)
    /// Documents with a word that matches the pattern.
    case pattern(WordPattern)
    /// Documents with these words consecutively.
    case phrase([String])
    /// Documents with these words consecutively, the last one as a prefix: `["pyth"]` finds
    /// "python", `["rock", "n", "ro"]` finds "rock-n-roll".
    case prefix([String])
    /// Documents that match with the words of one field; of nested fields the inner one decides.
    indirect case field(ByteString, ParsedQuery)
    /// Documents that match every part.
    case and([ParsedQuery])
    /// Documents that match any part.
    case or([ParsedQuery])
    /// Documents that don't match.
    indirect case not(ParsedQuery)
    /// Documents with any of these words, at least one word.
    case anyOf([QueryTerm])

    /// A word, with similar words if it can have any.
    ///
    /// A run of Chinese, Japanese or Korean has none, because any two characters are within two
    /// edits of two others.
    static func word(_ word: String, fuzzy: Fuzziness?) -> ParsedQuery {
        if UnicodeTokenizer.isUnspaced(word) { return inRow([word]) }
        guard let fuzzy, fuzzy.edits(forLetters: word.unicodeScalars.count) > 0 else {
            return .word(word)
        }
        return .fuzzy(word, fuzzy)
    }

    /// Consecutive words.
    ///
    /// A single character of Chinese, Japanese or Korean is a prefix, because each occurrence in a
    /// text begins a word.
    static func inRow(_ words: [String]) -> ParsedQuery {
        if let last = words.last, UnicodeTokenizer.isUnspacedCharacter(last) {
            return .prefix(words)
        }
        return words.count == 1 ? .word(words[0]) : .phrase(words)
    }
}
