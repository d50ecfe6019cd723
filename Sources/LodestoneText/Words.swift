// SPDX-License-Identifier: Apache-2.0

/// Cuts text into words the way FTS5's `unicode61` tokenizer does, and at the borders of runs of
/// Chinese, Japanese and Korean.
///
/// A word begins with a letter, a number or a private-use character and goes on with those and
/// with marks; everything else separates: `rock-n-roll` is three words, `don't` two.
package enum Words {
    /// The words of `text`, in order; a run of Chinese, Japanese or Korean is one.
    package static func split(_ text: some Sequence<Unicode.Scalar>) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var isInRun = false
        for scalar in text {
            let isOfRun = isCJK(scalar)
            if isOfRun != isInRun, !word.isEmpty, !isMark(scalar) {
                words.append(String(word))
                word = String.UnicodeScalarView()
            }
            if isOfRun || begins(scalar) {
                word.append(scalar)
                isInRun = isOfRun
            } else if !word.isEmpty && isMark(scalar) {
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

    /// Whether `scalar` is of a script that is written without spaces between words: Han, Hiragana,
    /// Katakana and Hangul, with their iteration and length marks.
    ///
    /// Letters and numbers only; the same that Lucene's CJKBigramFilter pairs.
    static func isCJK(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Below them lies nearly every text of other scripts.
        case 0..<0x1100: false
        case 0x1100...0x11FF, 0x3131...0x318E, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xD7B0...0xD7FB,
            0xFFA0...0xFFDC:
            true  // Hangul
        case 0x3041...0x3096, 0x309D...0x309F, 0x1B001...0x1B11F, 0x1B150...0x1B152: true
        case 0x30A1...0x30FA, 0x30FC...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9F,
            0x1AFF0...0x1B000, 0x1B120...0x1B122, 0x1B155, 0x1B164...0x1B167:
            true  // Katakana
        case 0x3005...0x3007, 0x3021...0x3029, 0x3031...0x3035, 0x3038...0x303C, 0x3400...0x4DBF,
            0x4E00...0x9FFF, 0xF900...0xFAD9, 0x20000...0x3FFFD:
            true  // Han
        default: false
        }
    }

    /// Whether a word is a run of Chinese, Japanese or Korean.
    static func isCJK(_ word: String) -> Bool { word.unicodeScalars.first.map(isCJK) ?? false }

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
