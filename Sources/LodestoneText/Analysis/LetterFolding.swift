// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The mapping of the variants of a letter to one form.
///
/// This is the definition per scalar; `ScalarTable` caches the results. Canonically equal texts
/// (Unicode Standard Annex 15) have equal words in either form:
///
/// - lowered, for the stemmers of Snowball: small letters of usual width, composed, with accents;
/// - folded: the same without accents, and with the plain letters for letters such as `ł` and `ß`.
enum LetterFolding {
    /// A letter or digit in lower case, composed.
    static func lowered(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        let letters = LetterVariants.letter(of: scalar)?.flatMap(small) ?? small(scalar)
        let composed = composed(letters)
        // Hebrew has composed letters with points.
        return composed.count == 1 ? composed : composed.filter { !isSilent($0) }
    }

    /// A letter or digit in lower case, without accents.
    static func folded(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        let letters = decomposed(lowered(scalar)).filter { !isAccent($0) }
        return composed(letters.flatMap { LetterVariants.plain($0) ?? [$0] }).flatMap { letter in
            // Many texts omit a hamza or a madda on an alef.
            switch letter.value {
            case 0x622, 0x623, 0x625, 0x671: [Unicode.Scalar]("\u{627}".unicodeScalars)
            default: [letter]
            }
        }
    }

    private static func small(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        if scalar.properties.generalCategory == .decimalNumber,
            let value = scalar.properties.numericValue,
            let digit = Unicode.Scalar(0x30 + UInt32(value))
        {
            return [digit]
        }
        let lower = scalar == "İ" ? ["i"] : Array(scalar.properties.lowercaseMapping.unicodeScalars)
        return lower.map { LetterVariants.greek($0) ?? $0 }
    }

    /// Normalization form C.
    static func composed(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        if scalars.count == 1, isItsOwnForm(scalars[0]) { return scalars }
        let text = String(String.UnicodeScalarView(scalars))
        return Array(text.precomposedStringWithCanonicalMapping.unicodeScalars)
    }

    private static func decomposed(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        // Hangul stays in syllables, because nothing is dropped from it.
        if scalars.count == 1, isItsOwnForm(scalars[0]) { return scalars }
        let text = String(String.UnicodeScalarView(scalars))
        return Array(text.decomposedStringWithCanonicalMapping.unicodeScalars)
    }

    /// Whether a scalar is not changed by composing or folding: ASCII, and most of Han and Hangul.
    private static func isItsOwnForm(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x80, 0x3400..<0xA000, 0xAC00..<0xD7A4: true
        default: false
        }
    }

    /// Whether `scalar` is an accent: a mark that the comparison of words ignores.
    ///
    /// Only marks of alphabets that stay readable without them count.
    static func isAccent(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x300...0x36F, 0x1AB0...0x1AFF, 0x1DC0...0x1DFF, 0x20D0...0x20FF, 0xFE20...0xFE2F: true
        case 0x483...0x489, 0x2DE0...0x2DFF, 0xA66F...0xA672, 0xA674...0xA67D, 0xA69E...0xA69F:
            true  // Cyrillic
        case 0x302A...0x302F: true  // tones of Han and Hangul
        default: false
        }
    }

    /// Whether `scalar` has no meaning inside a word, in either form.
    ///
    /// Such scalars are points and vowels that most texts omit, selectors of a character's variant,
    /// joiners, and soft hyphens.
    static func isSilent(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x591...0x5BD, 0x5BF, 0x5C1...0x5C2, 0x5C4...0x5C5, 0x5C7: true  // Hebrew
        case 0x610...0x61A, 0x640, 0x64B...0x652, 0x656...0x65F, 0x670, 0x6D6...0x6DC,
            0x6DF...0x6E4, 0x6E7...0x6E8, 0x6EA...0x6ED, 0x8CA...0x8E1, 0x8E3...0x8FF:
            true  // Arabic
        case 0x711, 0x730...0x74A: true  // Syriac
        case 0x951...0x954, 0x1CD0...0x1CD2, 0x1CD4...0x1CE8, 0x1CED, 0x1CF4, 0x1CF7...0x1CF9:
            true  // Vedic accents
        case 0x34F, 0x180B...0x180D, 0x180F, 0xFE00...0xFE0F, 0xE0100...0xE01EF: true
        case 0xAD, 0x61C, 0x180E, 0x200C...0x200F, 0x202A...0x202E, 0x2060...0x2064,
            0x2066...0x2069, 0xFEFF:
            true
        default: false
        }
    }
}
