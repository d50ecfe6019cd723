// SPDX-License-Identifier: Apache-2.0

/// Extra words: exact spellings of tokens that are cut into several words or lose their signs.
extension Tokenizer {
    /// Calls `body` with the extra words of the last cut text, and their ranges.
    ///
    /// - Parameters:
    ///   - text: The same text.
    ///   - body: Gets a word and its range in bytes.
    mutating func forEachExtra(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (NormalizedToken, Range<Int>) -> Void
    ) {
        let extras = extras
        for extra in extras {
            buffer.removeAll()
            if let word = extra.word {
                buffer.append(contentsOf: word)
            } else {
                let spelling = spelling(text, extra.range)
                buffer.removeAll()
                buffer.append(contentsOf: spelling)
            }
            body(buffer.word, extra.range)
        }
    }

    /// Whether the last cut text has extra words.
    var hasExtras: Bool { !extras.isEmpty }

    /// Whether this byte may join two words to one token.
    @inline(__always)
    private static func joins(_ byte: UInt8) -> Bool {
        byte < 64
            ? ExactSpelling.joiningSigns >> UInt64(byte) & 1 != 0
            : byte == UInt8(ascii: "@") || byte == UInt8(ascii: "_")
    }

    /// Records the token that begins with the word from `start` to `end`, if its exact spelling
    /// counts.
    @inline(__always)
    mutating func lookAtToken(
        _ text: UnsafeBufferPointer<UInt8>,
        _ start: Int,
        _ end: Int
    ) {
        if end < text.count && Self.joins(text[end])
            || start > 0 && ExactSpelling.leads(text[start - 1])
        {
            noteToken(text, start..<end)
        }
    }

    private mutating func noteToken(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        guard range.lowerBound >= tokenEnd else { return }
        var scan = ExactSpelling(text, range)
        while let next = scan.next {
            let end: Int
            if Self.isWordByte(text[next]) {
                end = asciiEnd(text, from: next)
            } else {
                guard text[next] >= 0x80, let scalar = Self.decode(text, next).scalar,
                    table[scalar].kind == .letter, let wordEnd = foldWord(text, from: next)
                else { break }
                end = wordEnd
            }
            if !scan.add(next..<end) { break }
        }
        tokenEnd = scan.end
        if let token = scan.token { extras.append(Extra(range: token, word: nil)) }
    }

    private mutating func asciiEnd(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var end = start
        while end < text.count, Self.isWordByte(text[end]) { end += 1 }
        guard end < text.count, text[end] >= 0x80 || text[end] == Apostrophes.mark else {
            return end
        }
        return foldWord(text, from: start) ?? end
    }

    /// The exact spelling of the token at `range`: its words, folded, and its signs.
    private mutating func spelling(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>)
        -> [UInt8]
    {
        var spelling = ExactSpelling.marker
        var position = range.lowerBound
        while position < range.upperBound {
            let byte = text[position]
            if byte < 0x80, !Self.isWordByte(byte) {
                spelling += ExactSpelling.sign(byte)
                position += 1
            } else if let end = foldWord(text, from: position) {
                spelling += buffer.word.bytes.filter { $0 != Apostrophes.mark }
                position = end
            } else {
                position = Self.scalar(text, position).end
            }
        }
        return spelling
    }
}
