// SPDX-License-Identifier: Apache-2.0

/// Cuts text into words the way FTS5's `unicode61` tokenizer does.
///
/// A word begins with a letter, a number or a private-use character and goes on with those and
/// with marks; everything else separates: `rock-n-roll` is three words, `don't` two.
package enum Words {
    /// The words of `text`, in order.
    package static func split(_ text: some Sequence<Unicode.Scalar>) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        for scalar in text {
            if begins(scalar) || (!word.isEmpty && isMark(scalar)) {
                word.append(scalar)
            } else if !word.isEmpty {
                words.append(String(word))
                word = String.UnicodeScalarView()
            }
        }
        if !word.isEmpty {
            words.append(String(word))
        }
        return words
    }

    /// Whether a word can begin with `scalar`.
    static func begins(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9": return true
            default: return false
            }
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .decimalNumber, .letterNumber, .otherNumber, .privateUse:
            return true
        default:
            return false
        }
    }

    /// Whether a word can go on with `scalar`, though not begin.
    static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return false
        }
    }
}
