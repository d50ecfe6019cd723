// SPDX-License-Identifier: Apache-2.0

package import LodestoneCore

/// What a text question asks for.
///
/// Words are as they were typed; folding case and stemming are the index's. The lists of `and`,
/// `or`, `phrase` and `prefix` are never empty.
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
    /// Documents that match with the words of one field; a field inside of another decides itself.
    indirect case field(String, TextQuery)
    /// Documents that match every part.
    case and([TextQuery])
    /// Documents that match any part.
    case or([TextQuery])
    /// Documents that don't match.
    indirect case not(TextQuery)
    /// Documents with any of these words, of which there is at least one.
    case anyOf([QueryWord])

    /// A word, with those that are like it when there may be any.
    static func word(_ word: String, fuzzy: Fuzziness?) -> TextQuery {
        guard let fuzzy, fuzzy.edits(forLetters: word.unicodeScalars.count) > 0 else {
            return .word(word)
        }
        return .fuzzy(word, fuzzy)
    }
}
