// SPDX-License-Identifier: Apache-2.0

package import LodestoneCore

/// A text query as it was read, with NOT anywhere.
///
/// A query has three forms on its way to a search:
///
///     ParsedQuery        the tree that the parser reads
///     BooleanQuery       the same with at most one negation, at the top: what `TextIndex` searches
///     BooleanExpression  its part without negations of their own: AND, OR, "this without that"
///
/// A scorer then looks the words up: as clauses of words in a row (`BooleanScorer.Clause`), or
/// plain words as a `BooleanExpression.Disjunction` for the `DisjunctionScorer`.
///
/// Words are as they were typed; the index folds and stems them. The lists of `and`, `or`, `phrase`
/// and `prefix` are never empty.
package enum ParsedQuery: Sendable, Equatable {
    /// Documents with this word.
    case word(String)
    /// Documents with this word, or with one that is only some edits away.
    case fuzzy(String, Fuzziness)
    /// Documents with a word that looks like this.
    case pattern(WordPattern)
    /// Documents with these words in a row.
    case phrase([String])
    /// Documents with these words in a row, where the last one may go on: `["pyth"]` finds
    /// "python", `["rock", "n", "ro"]` finds "rock-n-roll".
    case prefix([String])
    /// Documents that match with the words of one field; of fields inside each other the inner one
    /// decides.
    indirect case field(ByteString, ParsedQuery)
    /// Documents that match every part.
    case and([ParsedQuery])
    /// Documents that match any part.
    case or([ParsedQuery])
    /// Documents that don't match.
    indirect case not(ParsedQuery)
    /// Documents with any of these words, at least one word.
    case anyOf([QueryTerm])

    /// A word, with the words like it when there may be any.
    ///
    /// A run of Chinese, Japanese or Korean has none, because two of its characters are always like
    /// two others.
    static func word(_ word: String, fuzzy: Fuzziness?) -> ParsedQuery {
        if UnicodeTokenizer.isUnspaced(word) { return inRow([word]) }
        guard let fuzzy, fuzzy.edits(forLetters: word.unicodeScalars.count) > 0 else {
            return .word(word)
        }
        return .fuzzy(word, fuzzy)
    }

    /// Words in a row.
    ///
    /// A single character of Chinese, Japanese or Korean stands for every word that begins with it,
    /// since each of its occurrences in a text begins such a word.
    static func inRow(_ words: [String]) -> ParsedQuery {
        if let last = words.last, UnicodeTokenizer.isUnspacedCharacter(last) {
            return .prefix(words)
        }
        return words.count == 1 ? .word(words[0]) : .phrase(words)
    }
}
