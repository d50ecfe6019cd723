// SPDX-License-Identifier: Apache-2.0

/// The cut of text into words by the rules of `Tokenizer` without folding, and the characters of
/// words.
package enum UnicodeTokenizer {
    /// The words of `text`, in order, unfolded.
    ///
    /// A run without spaces between words is one word, in its form of the index.
    package static func split(_ text: some Sequence<Unicode.Scalar>) -> [String] {
        var string = String(String.UnicodeScalarView(text))
        var tokenizer = Tokenizer()
        return string.withUTF8 { text in
            var words: [String] = []
            tokenizer.forEachRawWord(in: text) { words.append($0) }
            return words
        }
    }

    /// Whether `scalar` is of a script that is written without spaces between words: Han, Hiragana,
    /// Katakana and Hangul, with their iteration and length marks, and those of Southeast Asia.
    ///
    /// Only letters and numbers count: those that Lucene's CJKBigramFilter pairs, and letters of
    /// the line break class SA (Unicode Standard Annex 14). Hangul has spaces, but endings and
    /// compounds hide words.
    static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Nearly all text of other scripts is below these.
        case 0..<0xE01: false
        case 0xE01...0xE3A, 0xE40...0xE4E, 0xE81...0xECE, 0xEDC...0xEDF, 0x1000...0x103F,
            0x1050...0x108F, 0x109A...0x109D, 0x1780...0x17D3, 0x17D7, 0x17DC...0x17DD,
            0x1950...0x1974, 0x1980...0x19C9, 0x1A20...0x1A7C, 0x1AA7, 0xA9E0...0xA9EF,
            0xA9FA...0xA9FE, 0xAA60...0xAA76, 0xAA7A...0xAADD, 0x11700...0x1172B:
            // Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham, Tai Viet, Ahom.
            begins(scalar)
        case 0xE3B..<0x1100: false
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

    /// Whether a word is a run of a script without spaces.
    static func isUnspaced(_ word: String) -> Bool {
        word.unicodeScalars.first.map { isUnspaced($0) } ?? false
    }

    /// Whether a word is one character of a script without spaces, with its marks.
    static func isUnspacedCharacter(_ word: String) -> Bool {
        guard isUnspaced(word) else { return false }
        return !word.unicodeScalars.dropFirst().contains {
            ScalarTable.folded[$0].kind == .unspaced
        }
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

    /// Whether `scalar` can continue a word but not begin one.
    static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return false
        }
    }
}
