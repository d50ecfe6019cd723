// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A tokenizer that cuts text into words and folds them.
///
/// A word begins with a letter or number, and continues with letters, numbers, marks, and
/// apostrophes between letters (Unicode Standard Annex 29). Everything else separates. An
/// abbreviation of single letters with dots is one word without the dots. Each emoji is a word.
///
/// A run of Chinese, Japanese, Korean, Thai and similar scripts has no spaces between words. The
/// run becomes overlapping words of two characters, and a word of its last character. So each
/// character begins a word: a part of the run is found as a phrase, and a single character as the
/// prefix of a word.
///
/// A text also has *extra* words (`forEachExtra`): exact spellings of tokens that are cut into
/// several words or lose their signs (`C++`, `ada@example.com`).
///
/// Words of ASCII, nearly all, are read eight bytes at a time from the text itself.
///
/// Threading: one thread.
struct Tokenizer: ~Copyable {
    /// The most bytes of a word; the rest is cut off.
    static let maxWordBytes = 32_768

    let language: TextLanguage
    let table: ScalarTable
    var buffer = WordBuffer()
    /// The ranges of the apostrophes in the current word.
    var apostrophes: [Range<Int>] = []
    var extras: [Extra] = []
    /// The end of the part of the text that was searched for tokens.
    var tokenEnd = 0

    struct Extra {
        let range: Range<Int>
        /// The extra word; `nil` if it is the exact spelling of the text in its range.
        let word: [UInt8]?
    }

    /// - Parameters:
    ///   - language: The language whose rules for apostrophes apply.
    ///   - keepsAccents: Whether accents stay in words, as stemmers of other languages need them.
    init(_ language: TextLanguage = .english, keepsAccents: Bool = false) {
        self.language = language
        table = keepsAccents ? .lowered : .folded
    }

    /// Calls `body` with each word of `text`, in order.
    ///
    /// Bytes that aren't UTF-8 separate words.
    @inline(__always)
    mutating func forEachWord(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (NormalizedToken) -> Void
    ) {
        forEachWordRange(in: text) { word, _ in body(word) }
    }

    /// Calls `body` with each word of `text`, in order, and with its range in bytes.
    ///
    /// The ranges ascend, and overlap in runs without spaces.
    @inline(__always)
    mutating func forEachWordRange(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (NormalizedToken, Range<Int>) -> Void
    ) {
        if !extras.isEmpty { extras.removeAll(keepingCapacity: true) }
        tokenEnd = 0
        guard let bytes = text.baseAddress else { return }
        let count = text.count
        var start = 0
        while start < count {
            if !Self.isWordByte(bytes[start]) {
                if bytes[start] < 0x80 {
                    start += 1
                    continue
                }
                let other = otherWord(text, from: start)
                guard other.range.upperBound > other.range.lowerBound else {
                    start = other.next
                    continue
                }
                body(buffer.word, other.range)
                if other.isInToken { lookAtToken(text, start, other.next) }
                start = other.next
                continue
            }
            var end = start + 1
            while end < count, Self.isWordByte(bytes[end]) { end += 1 }
            // Spaces, quotes, commas and parentheses end most words.
            let goesOn = end < count && Self.mayGoOn(bytes[end])
            if end - start > NormalizedToken.shortCount || (goesOn && continues(text, start, end)) {
                let token = foldToken(text, from: start) ?? Token(range: start..<end, end: end)
                body(buffer.word, token.range)
                end = token.end
            } else {
                body(
                    Self.shortWord(bytes + start, end - start, readable: count - start),
                    start..<end
                )
            }
            lookAtToken(text, start, end)
            start = end
        }
    }

    @inline(__always)
    static func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    /// Whether a word may continue at this byte: an apostrophe, a dot, or a byte beyond ASCII.
    @inline(__always)
    private static func mayGoOn(_ byte: UInt8) -> Bool {
        byte >= 0x80 || byte == UInt8(ascii: "'") || byte == UInt8(ascii: ".")
    }

    /// Whether a word of ASCII continues at `end`.
    private func continues(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        switch text[end] {
        case UInt8(ascii: "'"): isLetter(text, at: end + 1)
        case UInt8(ascii: "."): end == start + 1 && abbreviation(text, from: start) != nil
        default: true
        }
    }

    /// A word of up to 16 ASCII letters and digits.
    @inline(__always)
    private static func shortWord(
        _ bytes: UnsafePointer<UInt8>,
        _ count: Int,
        readable: Int
    ) -> NormalizedToken {
        var low: UInt64 = 0
        var high: UInt64 = 0
        if readable >= 16 {
            let raw = UnsafeRawPointer(bytes)
            low = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
            high = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        } else {
            for index in 0..<min(count, 8) {
                low |= UInt64(bytes[index]) << UInt64(index * 8)
            }
            if count > 8 {
                for index in 8..<count {
                    high |= UInt64(bytes[index]) << UInt64((index - 8) * 8)
                }
            }
        }
        // One bit distinguishes upper from lower case, and digits have it.
        let lower: UInt64 = 0x2020_2020_2020_2020
        if count < 8 {
            return NormalizedToken(
                low: (low | lower) & ((1 << UInt64(count * 8)) - 1),
                high: 0,
                count: count
            )
        }
        let rest = UInt64((count - 8) * 8)
        // Shifting by 64 gives 0, so that 16 bytes keep all of `high`.
        return NormalizedToken(
            low: low | lower,
            high: (high | lower) & ((1 << rest) &- 1),
            count: count
        )
    }

    /// Calls `body` with each unfolded word, and with each run without spaces, composed.
    mutating func forEachRawWord(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (String) -> Void
    ) {
        var start = 0
        while start < text.count {
            let (scalar, end) = Self.scalar(text, start)
            switch scalar.map({ table[$0].kind }) {
            case .letter?:
                let wordEnd = foldToken(text, from: start)?.end ?? end
                body(String(decoding: text[start..<wordEnd], as: UTF8.self))
                start = wordEnd
            case .unspaced?, .extending?:
                buffer.removeAll()
                while let next = appendUnit(text, at: start) { start = next }
                body(String(decoding: buffer.word.bytes, as: UTF8.self))
            case .emoji?, .regional?:
                let emojiEnd = foldEmoji(text, from: start)
                body(String(decoding: text[start..<emojiEnd], as: UTF8.self))
                start = emojiEnd
            case .separator?, .mark?, .ordered?, .combining?, .dropped?, .apostrophe?, nil:
                start = end
            }
        }
        extras.removeAll()
    }
}
