// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Cuts text into words and folds them.
///
/// A word begins with a letter or number and goes on with those, with marks, and with apostrophes
/// between letters (Unicode Standard Annex 29); everything else separates. Abbreviations of single
/// letters with dots are one word without them, and so is each emoji.
///
/// A run of Chinese, Japanese, Korean, Thai and others, where no spaces say what a word is, becomes
/// overlapping words of two characters, and one of its last: each character begins a word, so that a
/// part of the run is found as words in a row, and a single character as the beginning of a word.
///
/// Beyond the words in a row a text has *extra* words (`forEachExtra`): exact spellings of tokens that
/// are cut into several words or lose their signs (`C++`, `ada@example.com`).
///
/// Words of ASCII, nearly all of them, are read eight bytes at a time from the text itself.
///
/// Threading: of one thread.
struct Tokenizer: ~Copyable {
    /// Bytes of a word that count; what follows is cut off.
    static let maxWordBytes = 32_768

    private let language: TextLanguage
    private let table: ScalarTable
    private var buffer = WordBuffer()
    /// Where the apostrophes of the word under way stand.
    private var apostrophes: [Range<Int>] = []
    private var extras: [Extra] = []
    /// Up to where tokens were looked at as a whole.
    private var tokenEnd = 0

    private struct Extra {
        let place: Range<Int>
        /// What it is, if it isn't the exact spelling of what is there.
        let word: [UInt8]?
    }

    /// - Parameters:
    ///   - language: Decides what is made of apostrophes.
    ///   - keepsAccents: Whether accents stay in words, as stemmers of other languages need them.
    init(_ language: TextLanguage = .english, keepsAccents: Bool = false) {
        self.language = language
        table = keepsAccents ? .lowered : .folded
    }

    // MARK: Words

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

    /// The same with where each word stands, in bytes; places rise, and overlap in runs without
    /// spaces.
    @inline(__always)
    mutating func forEachPlacedWord(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (FoldedWord, Range<Int>) -> Void
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
                guard other.place.upperBound > other.place.lowerBound else {
                    start = other.next
                    continue
                }
                body(buffer.word, other.place)
                if other.isInToken { lookAtToken(text, start, other.next) }
                start = other.next
                continue
            }
            var end = start + 1
            while end < count, Self.isWordByte(bytes[end]) { end += 1 }
            // Spaces, quotes, commas and parentheses end most words.
            let goesOn = end < count && Self.mayGoOn(bytes[end])
            if end - start > FoldedWord.shortCount || (goesOn && continues(text, start, end)) {
                let token = foldToken(text, from: start) ?? Token(place: start..<end, end: end)
                body(buffer.word, token.place)
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
    private static func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    /// Whether the word before this byte may go on: an apostrophe, a dot, or no ASCII.
    @inline(__always)
    private static func mayGoOn(_ byte: UInt8) -> Bool {
        byte >= 0x80 || byte == UInt8(ascii: "'") || byte == UInt8(ascii: ".")
    }

    /// Whether a word of ASCII goes on at `end`.
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

    // MARK: Words beyond ASCII

    private struct Other {
        /// Where a word stands, which lies in the buffer; empty when there is none.
        let place: Range<Int>
        /// Where to go on.
        let next: Int
        /// Whether it may be part of a token with signs.
        var isInToken = false
    }

    /// The word that begins at a byte outside ASCII.
    private mutating func otherWord(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Other {
        let (scalar, end) = Self.decode(text, start)
        guard let scalar else { return Other(place: end..<end, next: end) }
        switch table[scalar].kind {
        case .letter:
            guard let token = foldToken(text, from: start) else { break }
            return Other(place: token.place, next: token.end, isInToken: true)
        case .unspaced, .extending:
            buffer.removeAll()
            guard let next = appendUnit(text, at: start) else { break }
            let last = appendUnit(text, at: next) ?? next
            return Other(place: start..<last, next: next)
        case .emoji, .regional:
            let end = foldEmoji(text, from: start)
            return Other(place: start..<end, next: end)
        case .separator, .mark, .ordered, .combining, .dropped, .apostrophe: break
        }
        return Other(place: end..<end, next: end)
    }

    /// A word or an abbreviation.
    private struct Token {
        /// Without what is left out of it at its start and end.
        let place: Range<Int>
        let end: Int
    }

    /// Puts the word or abbreviation that begins at `start` into the buffer.
    ///
    /// - Returns: Where it stands; `nil` when no word begins there.
    private mutating func foldToken(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Token? {
        if let end = abbreviation(text, from: start) {
            buffer.removeAll()
            var position = start
            while position < end {
                let (scalar, next) = Self.scalar(text, position)
                if let scalar, table[scalar].kind == .letter { append(table[scalar]) }
                position = next
            }
            return Token(place: start..<end, end: end + possessive(text, at: end))
        }
        guard let end = foldWord(text, from: start) else { return nil }
        if apostrophes.isEmpty { return Token(place: start..<end, end: end) }
        let parts = UnsafeBufferPointer(start: buffer.bytes, count: buffer.count)
            .split(separator: Apostrophes.mark).map { Array($0) }
        // An apostrophe may have been cut off with what is too long.
        guard parts.count == apostrophes.count + 1 else {
            buffer.removeAll()
            buffer.append(contentsOf: parts.joined())
            return Token(place: start..<end, end: end)
        }
        let result = Apostrophes.resolve(parts, language)
        buffer.removeAll()
        buffer.append(contentsOf: parts[result.kept].joined())
        if result.isJoinedToo {
            extras.append(Extra(place: start..<end, word: parts.flatMap(\.self)))
        }
        let first = result.kept.lowerBound
        let last = result.kept.upperBound
        return Token(
            place: (first == 0 ? start : apostrophes[first - 1].upperBound)
                ..< (last == parts.count ? end : apostrophes[last - 1].lowerBound),
            end: end
        )
    }

    /// Puts the word that begins at `start` into the buffer, with apostrophes.
    ///
    /// - Returns: Where it ends; `nil` when no word begins there.
    private mutating func foldWord(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        buffer.removeAll()
        if !apostrophes.isEmpty { apostrophes.removeAll() }
        var position = start
        var isComposed = true
        var wasOrdered = false
        loop: while position < text.count {
            let byte = text[position]
            if Self.isWordByte(byte) {
                append(byte | 0x20)
                position += 1
                wasOrdered = false
                continue
            }
            let (scalar, end) = Self.scalar(text, position)
            guard let scalar else { break }
            let entry = table[scalar]
            let kind = entry.kind
            switch kind {
            case .letter:
                append(entry)
                wasOrdered = entry.isLong
            case .mark, .ordered, .combining:
                guard position > start else { break loop }
                append(entry)
                isComposed = isComposed && kind != .combining && !(kind == .ordered && wasOrdered)
                wasOrdered = kind != .mark
            case .dropped:
                guard position > start else { break loop }
            case .apostrophe:
                guard position > start, isLetter(text, at: end) else { break loop }
                append(Apostrophes.mark)
                apostrophes.append(position..<end)
                wasOrdered = false
            case .separator, .unspaced, .extending, .emoji, .regional:
                break loop
            }
            position = end
        }
        if !isComposed { compose(from: 0) }
        if language == .romanian { Romanian.unify(&buffer) }
        return buffer.count > 0 ? position : nil
    }

    /// Where an abbreviation of single letters with dots ends: `U.S.A.`, `e.g.`
    ///
    /// The last dot may be missing behind three letters. No word follows at once, so that addresses
    /// and names like `a.b.com` aren't meant.
    private func abbreviation(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        let dot = UInt8(ascii: ".")
        var position = start
        var letters = 0
        var end: Int?
        while position < text.count {
            let (scalar, next) = Self.scalar(text, position)
            guard let scalar else { break }
            let entry = table[scalar]
            guard entry.kind == .letter, !entry.isNumber else { break }
            letters += 1
            guard next < text.count, text[next] == dot else {
                end = letters >= 3 ? next : nil
                position = next
                break
            }
            position = next + 1
            end = letters >= 2 ? position : nil
        }
        guard let end, position >= text.count || !isPartOfWord(text, at: position) else {
            return nil
        }
        return end
    }

    /// Bytes of an English possessive.
    private func possessive(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
        guard start < text.count else { return 0 }
        let (scalar, end) = Self.scalar(text, start)
        guard let scalar, table[scalar].kind == .apostrophe, end < text.count,
            text[end] | 0x20 == UInt8(ascii: "s"),
            end + 1 == text.count || !isPartOfWord(text, at: end + 1)
        else { return 0 }
        return end + 1 - start
    }

    private func isLetter(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> Bool {
        guard place < text.count, let scalar = Self.scalar(text, place).scalar else { return false }
        let entry = table[scalar]
        return entry.kind == .letter && !entry.isNumber
    }

    private func isPartOfWord(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> Bool {
        guard let scalar = Self.scalar(text, place).scalar else { return false }
        switch table[scalar].kind {
        case .letter, .mark, .ordered, .combining, .dropped: return true
        default: return false
        }
    }

    /// Appends the character of a run that begins at `start`, with its marks.
    ///
    /// - Returns: Where it ends; `nil` when no run goes on there.
    private mutating func appendUnit(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int? {
        guard start < text.count, text[start] >= 0x80 else { return nil }
        let (scalar, end) = Self.decode(text, start)
        guard let scalar else { return nil }
        let entry = table[scalar]
        guard entry.kind == .unspaced || entry.kind == .extending else { return nil }
        let before = buffer.count
        append(entry)
        var position = end
        var isComposed = true
        var wasOrdered = false
        loop: while position < text.count, text[position] >= 0x80 {
            let (scalar, end) = Self.decode(text, position)
            guard let scalar else { break }
            let entry = table[scalar]
            switch entry.kind {
            case .extending, .combining:
                append(entry)
                isComposed = false
            case .mark:
                append(entry)
                wasOrdered = false
            case .ordered:
                append(entry)
                isComposed = isComposed && !wasOrdered
                wasOrdered = true
            case .dropped: break
            case .separator, .letter, .unspaced, .apostrophe, .emoji, .regional: break loop
            }
            position = end
        }
        if !isComposed { compose(from: before) }
        return position
    }

    /// Puts an emoji into the buffer: with all that joiners tie to it, without tones of skin; or a
    /// flag.
    ///
    /// - Returns: Where it ends.
    private mutating func foldEmoji(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        buffer.removeAll()
        var position = start
        var joins = true
        var flag = 0
        while position < text.count, text[position] >= 0x80 {
            let (scalar, end) = Self.decode(text, position)
            guard let scalar else { break }
            switch (scalar.value, table[scalar].kind) {
            case (0x200D, _):
                joins = true
                position = end
                continue
            case (0x1F3FB...0x1F3FF, _) where position > start, (0xFE0E...0xFE0F, _), (0x20E3, _):
                position = end
                continue
            case (0xE0020...0xE007F, _) where position > start: append(scalar)
            case (_, .regional) where flag == 0 && joins, (_, .regional) where flag == 1:
                append(scalar)
                flag += 1
            case (_, .emoji) where joins && flag == 0:
                if position > start { append("\u{200D}") }
                append(scalar)
            default: return position
            }
            joins = false
            position = end
        }
        return position
    }

    /// Makes one form of letters and marks that can be written in several, from a place in the buffer
    /// on.
    private mutating func compose(from start: Int) {
        let bytes = UnsafeBufferPointer(start: buffer.bytes + start, count: buffer.count - start)
        let scalars = LetterFolding.composed(
            Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
        )
        buffer.shorten(to: start)
        for scalar in scalars {
            let entry = table[scalar]
            // No stemmer knows an ending with a stress.
            if entry.kind == .combining, LetterFolding.isAccent(scalar) { continue }
            append(entry)
        }
    }

    @inline(__always)
    private mutating func append(_ entry: ScalarTable.Entry) {
        entry.forEachScalar { value in
            if let scalar = Unicode.Scalar(value) { append(scalar) }
        }
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        if scalar.isASCII { return append(UInt8(truncatingIfNeeded: scalar.value)) }
        guard buffer.count + 4 <= Self.maxWordBytes else { return }
        for byte in UTF8.encode(scalar) ?? .init() { buffer.append(byte) }
    }

    private mutating func append(_ byte: UInt8) {
        if buffer.count < Self.maxWordBytes { buffer.append(byte) }
    }

    /// Calls `body` with each word as it is written, and with each run without spaces, composed.
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

    // MARK: Extra words

    /// Calls `body` with the extra words of the text that was cut last, and where they stand.
    ///
    /// - Parameter text: The same text.
    mutating func forEachExtra(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (FoldedWord, Range<Int>) -> Void
    ) {
        let extras = extras
        for extra in extras {
            buffer.removeAll()
            if let word = extra.word {
                buffer.append(contentsOf: word)
            } else {
                let spelling = spelling(text, extra.place)
                buffer.removeAll()
                buffer.append(contentsOf: spelling)
            }
            body(buffer.word, extra.place)
        }
    }

    /// Whether the text that was cut last has extra words.
    var hasExtras: Bool { !extras.isEmpty }

    /// Whether this byte may join a word with what follows to one token.
    @inline(__always)
    private static func joins(_ byte: UInt8) -> Bool {
        byte < 64
            ? ExactSpelling.joiningSigns >> UInt64(byte) & 1 != 0
            : byte == UInt8(ascii: "@") || byte == UInt8(ascii: "_")
    }

    /// Whether this byte may begin a token before a word.
    @inline(__always)
    private static func leads(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "#") || byte == UInt8(ascii: "@")
    }

    /// Takes note of the token that begins with the word from `start` to `end`, if its exact spelling
    /// counts.
    @inline(__always)
    private mutating func lookAtToken(
        _ text: UnsafeBufferPointer<UInt8>,
        _ start: Int,
        _ end: Int
    ) {
        if end < text.count && Self.joins(text[end]) || start > 0 && Self.leads(text[start - 1]) {
            noteToken(text, start..<end)
        }
    }

    private mutating func noteToken(_ text: UnsafeBufferPointer<UInt8>, _ place: Range<Int>) {
        guard place.lowerBound >= tokenEnd else { return }
        var scan = ExactSpelling(text, place)
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
        if let token = scan.token { extras.append(Extra(place: token, word: nil)) }
    }

    private mutating func asciiEnd(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var end = start
        while end < text.count, Self.isWordByte(text[end]) { end += 1 }
        guard end < text.count, text[end] >= 0x80 || text[end] == Apostrophes.mark else {
            return end
        }
        return foldWord(text, from: start) ?? end
    }

    /// The exact spelling of the token at `place`: its words, folded, and its signs.
    private mutating func spelling(_ text: UnsafeBufferPointer<UInt8>, _ place: Range<Int>)
        -> [UInt8]
    {
        var spelling = ExactSpelling.marker
        var position = place.lowerBound
        while position < place.upperBound {
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

    // MARK: UTF-8

    /// As `decode`, of any byte.
    private static func scalar(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> (
        scalar: Unicode.Scalar?, end: Int
    ) {
        text[start] < 0x80 ? (Unicode.Scalar(text[start]), start + 1) : decode(text, start)
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
