// SPDX-License-Identifier: Apache-2.0

/// A scanner for tokens that mean more than their words: `C++`, `.NET`, `ada@example.com`, `1.2.3`,
/// `2024-05-01`, `KX-7731/B`, `AT&T`, `wi-fi`, `$100`.
///
/// Such a token is an extra word of a text, and of a query in plain words. In a query it has the
/// weight of a rare word, and its parts have small weights, so a document with the exact token
/// comes first. In the index the token begins with a sign that no other word has. Its own signs are
/// replaced by full-width ones, so FTS5 does not cut it.
///
///     token = [ . # @ $ ] word { sign word } [ + ++ # % ]
///
/// A token counts if it has one of `. @ _ & -`, a sign at an end, or a digit. `/` and `:` join a
/// word to digits only, so `and/or` and paths are no tokens.
struct ExactSpelling {
    /// The sign that begins a token in the index: a full-width equals sign, which folds to no
    /// letter.
    static let marker = Array("\u{FF1D}".utf8)
    private static let markerBits: UInt64 = 0x9D_BCEF
    /// The most bytes of a token; longer ones don't count.
    private static let longest = 128

    /// The signs below 64 that may be between or after words, one bit per sign.
    ///
    /// They are `# % & + - . / :`. The value is a compile-time constant, because the tokenizer
    /// tests it after every word.
    @inline(__always)
    static var joiningSigns: UInt64 {
        // & - . / : between words, # % + after them.
        let between: UInt64 = 1 << 0x26 | 1 << 0x2D | 1 << 0x2E | 1 << 0x2F | 1 << 0x3A
        let behind: UInt64 = 1 << 0x23 | 1 << 0x25 | 1 << 0x2B
        return between | behind
    }

    /// The form of a sign in the index: its full-width variant.
    static func sign(_ byte: UInt8) -> String.UTF8View {
        String(Unicode.Scalar(UInt32(byte) + 0xFEE0) ?? "\u{FF1D}").utf8
    }

    /// Whether a folded word is an exact spelling.
    @inline(__always)
    static func isOne(_ word: NormalizedToken) -> Bool { word.low & 0xFF_FFFF == markerBits }

    /// Whether the bytes of a folded word are an exact spelling.
    @inline(__always)
    static func isOne(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        word.count > 3 && word[0] == 0xEF && word[1] == 0xBC && word[2] == 0x9D
    }

    private let text: UnsafeBufferPointer<UInt8>
    private let start: Int
    private var last: Range<Int>
    /// The sign before the next word.
    private var sign: UInt8 = 0
    private var wordCount = 1
    private var hasSign = false
    private var hasDigit: Bool

    /// Begins a token with a word and the sign before it.
    init(_ text: UnsafeBufferPointer<UInt8>, _ word: Range<Int>) {
        self.text = text
        last = word
        hasDigit = Self.hasDigit(text[word])
        let lead = word.lowerBound > 0 ? text[word.lowerBound - 1] : 0
        let hasLead =
            Self.leads(lead)
            && (lead == UInt8(ascii: "$") || !Self.isDigit(text[word.lowerBound]))
            && (word.lowerBound == 1 || Self.opens(text[word.lowerBound - 2]))
        start = word.lowerBound - (hasLead ? 1 : 0)
        hasSign = hasLead
    }

    /// The index at which the next word of the token must begin.
    var next: Int? {
        mutating get {
            let index = last.upperBound
            guard index + 1 < text.count else { return nil }
            sign = text[index]
            switch sign {
            case UInt8(ascii: "."), UInt8(ascii: "@"), UInt8(ascii: "_"), UInt8(ascii: "&"),
                UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: ":"):
                return index + 1
            case UInt8(ascii: "+"), UInt8(ascii: "#"):
                // `C++17`, but not `1+1`.
                let end = index + signs
                return end < text.count && Self.isDigit(text[end])
                    && !text[last].allSatisfy(Self.isDigit) ? end : nil
            default: return nil
            }
        }
    }

    /// Adds the word that begins at `next`.
    ///
    /// - Returns: Whether it belongs to the token.
    mutating func add(_ word: Range<Int>) -> Bool {
        let hasDigit = Self.hasDigit(text[word])
        switch sign {
        case UInt8(ascii: "/"), UInt8(ascii: ":"):
            guard hasDigit || Self.hasDigit(text[last]) else { return false }
        default: hasSign = true
        }
        self.hasDigit = self.hasDigit || hasDigit
        wordCount += 1
        last = word
        return true
    }

    /// The end of the token, including the signs after its last word.
    var end: Int {
        let count = signs
        let end = last.upperBound + count
        guard count > 0, end == text.count || !Self.isWord(text[end]) else {
            return last.upperBound
        }
        return end
    }

    /// The range of the token in the text; `nil` when the token does not count.
    var token: Range<Int>? {
        let isExact = hasSign || end > last.upperBound || (hasDigit && wordCount > 1)
        return isExact && end - start <= Self.longest ? start..<end : nil
    }

    /// The number of signs after the last word: one or two `+` or `#`, or one `%`.
    private var signs: Int {
        let behind = text[last.upperBound...].prefix(2)
        if behind.first == UInt8(ascii: "%") { return 1 }
        return behind.prefix { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }.count
    }

    /// Whether this byte may begin a token, before its first word.
    @inline(__always)
    static func leads(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "#") || byte == UInt8(ascii: "@")
            || byte == UInt8(ascii: "$")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private static func hasDigit(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        bytes.contains(where: isDigit)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte >= 0x80 || isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 26
    }

    /// Whether a token may begin after this byte.
    private static func opens(_ byte: UInt8) -> Bool {
        !isWord(byte) && !".#@$_-/:&+".utf8.contains(byte)
    }
}
