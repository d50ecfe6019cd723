// SPDX-License-Identifier: Apache-2.0

/// Cuts text into words and folds them, as FTS5's `unicode61` does.
///
/// A run of Chinese, Japanese and Korean, where no spaces say what a word is, becomes overlapping
/// words of two characters, and one of its last: each character begins a word, so that a part of
/// the run is found as words in a row, and a single character as the beginning of a word.
///
/// Words of ASCII, nearly all of them, are read eight bytes at a time from the text itself.
///
/// Threading: of one thread.
struct Tokenizer: ~Copyable {
    /// Bytes of a word that count; what follows is cut off.
    static let maxWordBytes = 32_768

    /// Whether accents and other marks stay in words, as stemmers of other languages need them.
    let keepsMarks: Bool
    private var buffer = WordBuffer()

    init(keepsMarks: Bool = false) {
        self.keepsMarks = keepsMarks
    }

    /// Calls `body` with each word of `text`, in order.
    ///
    /// Bytes that aren't UTF-8 separate words.
    @inline(__always)
    mutating func forEachWord(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (FoldedWord) -> Void
    ) {
        forEachPlacedWord(in: text) { word, _ in body(word) }
    }

    /// The same with where each word stands, in bytes; places rise, and overlap in runs of Chinese,
    /// Japanese and Korean.
    @inline(__always)
    mutating func forEachPlacedWord(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (FoldedWord, Range<Int>) -> Void
    ) {
        guard let bytes = text.baseAddress else { return }
        let count = text.count
        var start = 0
        while start < count {
            let byte = bytes[start]
            if !Self.isWordByte(byte) {
                if byte < 0x80 {
                    start += 1
                } else if byte >= Self.firstCJKByte, let pair = foldPair(text, from: start) {
                    body(buffer.word, start..<pair.end)
                    start = pair.next
                } else if let end = foldWord(text, from: start) {
                    body(buffer.word, start..<end)
                    start = end
                } else {
                    start = Self.decode(text, start).end
                }
                continue
            }
            var end = start + 1
            while end < count, Self.isWordByte(bytes[end]) { end += 1 }
            if end - start > FoldedWord.shortCount || (end < count && bytes[end] >= 0x80) {
                end = foldWord(text, from: start) ?? end
                body(buffer.word, start..<end)
            } else {
                body(
                    Self.shortWord(bytes + start, end - start, readable: count - start),
                    start..<end
                )
            }
            // The byte after a word separates.
            start = end
        }
    }

    @inline(__always)
    private static func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    /// A word of up to 16 ASCII letters and digits.
    @inline(__always)
    private static func shortWord(
        _ bytes: UnsafePointer<UInt8>,
        _ count: Int,
        readable: Int
    ) -> FoldedWord {
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
        // The bit tells upper from lower case, and digits have it.
        let lower: UInt64 = 0x2020_2020_2020_2020
        if count < 8 {
            return FoldedWord(
                low: (low | lower) & ((1 << UInt64(count * 8)) - 1),
                high: 0,
                count: count
            )
        }
        let rest = UInt64((count - 8) * 8)
        // Shifting by 64 gives 0, so that 16 bytes keep all of `high`.
        return FoldedWord(
            low: low | lower,
            high: (high | lower) & ((1 << rest) &- 1),
            count: count
        )
    }

    /// Puts the word that begins at `start` into the buffer.
    ///
    /// - Returns: Where it ends; `nil` when no word begins there.
    private mutating func foldWord(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        buffer.removeAll()
        var position = start
        while position < text.count {
            let byte = text[position]
            if byte < 0x80 {
                guard Self.isWordByte(byte) else { break }
                append(byte | 0x20)
                position += 1
                continue
            }
            let (scalar, end) = Self.decode(text, position)
            guard let scalar, !Words.isCJK(scalar) else { break }
            if Words.begins(scalar) {
                append(keepsMarks ? LetterFolding.lower(scalar) : LetterFolding.fold(scalar))
            } else if position == start {
                break
            } else if keepsMarks {
                guard Words.isMark(scalar) else { break }
                mark(scalar)
            } else if !LetterFolding.isDropped(scalar) {
                break
            }
            position = end
        }
        return buffer.count > 0 ? position : nil
    }

    /// No byte below it begins a character of Chinese, Japanese or Korean.
    private static let firstCJKByte: UInt8 = 0xE1

    /// Puts the character at `start` and the next one of its run into the buffer; of the last one
    /// of a run only itself.
    ///
    /// - Returns: Where the word ends, and where its second character or what follows begins;
    ///   `nil` when no run is there.
    private mutating func foldPair(_ text: UnsafeBufferPointer<UInt8>, from start: Int)
        -> (end: Int, next: Int)?
    {
        let (first, next) = Self.decode(text, start)
        guard let first, Words.isCJK(first) else { return nil }
        buffer.removeAll()
        append(first)
        guard next < text.count, text[next] >= Self.firstCJKByte else { return (next, next) }
        let (second, end) = Self.decode(text, next)
        guard let second, Words.isCJK(second) else { return (next, next) }
        append(second)
        return (end, next)
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        for byte in UTF8.encode(scalar) ?? .init() { append(byte) }
    }

    /// Adds a mark, which may make one letter of the last one.
    ///
    /// One of stress is left out: no stemmer knows an ending with it.
    private mutating func mark(_ mark: Unicode.Scalar) {
        var last = buffer.count - 1
        while last > 0, buffer.bytes[last] & 0xC0 == 0x80 { last -= 1 }
        let letter = UnsafeBufferPointer(start: buffer.bytes + last, count: buffer.count - last)
        let scalar =
            letter[0] < 0x80
            ? Unicode.Scalar(letter[0]) : Self.decode(letter, 0).scalar
        guard let scalar, let composed = LetterFolding.composed(scalar, mark) else {
            if !LetterFolding.isDropped(mark) { append(mark) }
            return
        }
        buffer.shorten(to: last)
        append(composed)
    }

    private mutating func append(_ byte: UInt8) {
        if buffer.count < Self.maxWordBytes { buffer.append(byte) }
    }

    /// The scalar at `start`, `nil` when there is none, and where the next one begins.
    private static func decode(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> (
        scalar: Unicode.Scalar?, end: Int
    ) {
        let first = text[start]
        let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        guard first >= 0xC2, start + length <= text.count else { return (nil, start + 1) }
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for byte in text[(start + 1)..<(start + length)] {
            guard byte & 0xC0 == 0x80 else { return (nil, start + 1) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard let scalar = Unicode.Scalar(value) else { return (nil, start + 1) }
        return (scalar, start + length)
    }
}
