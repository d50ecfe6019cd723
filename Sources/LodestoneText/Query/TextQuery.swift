// SPDX-License-Identifier: Apache-2.0

package import LodestoneCore

/// A text query.
///
/// Words are as they were typed; the index folds and stems them. The lists of `and`, `or`, `phrase`
/// and `prefix` are never empty.
package enum TextQuery: Sendable, Equatable {
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
    indirect case field(ByteString, TextQuery)
    /// Documents that match every part.
    case and([TextQuery])
    /// Documents that match any part.
    case or([TextQuery])
    /// Documents that don't match.
    indirect case not(TextQuery)
    /// Documents with any of these words, at least one word.
    case anyOf([QueryTerm])

    /// A word, with the words like it when there may be any.
    ///
    /// A run of Chinese, Japanese or Korean has none, because two of its characters are always like
    /// two others.
    static func word(_ word: String, fuzzy: Fuzziness?) -> TextQuery {
        if Words.isUnspaced(word) { return inRow([word]) }
        guard let fuzzy, fuzzy.edits(forLetters: word.unicodeScalars.count) > 0 else {
            return .word(word)
        }
        return .fuzzy(word, fuzzy)
    }

    /// Words in a row.
    ///
    /// A single character of Chinese, Japanese or Korean stands for every word that begins with it,
    /// since each of its places in a text begins such a word.
    static func inRow(_ words: [String]) -> TextQuery {
        if let last = words.last, Words.isUnspacedCharacter(last) {
            return .prefix(words)
        }
        return words.count == 1 ? .word(words[0]) : .phrase(words)
    }
}
