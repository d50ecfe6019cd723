// SPDX-License-Identifier: Apache-2.0

/// Folds one word at a time into the buffer: composed, without the signs inside it.
extension Tokenizer {
    struct Other {
        /// The range in the text of the word in the buffer; empty when there is no word.
        let range: Range<Int>
        /// The index at which the search for words continues.
        let next: Int
        /// Whether the word may be part of a token with signs.
        var isInToken = false
    }

    /// The word that begins at a byte outside ASCII.
    mutating func otherWord(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Other {
        let (scalar, end) = Self.decode(text, start)
        guard let scalar else { return Other(range: end..<end, next: end) }
        switch table[scalar].kind {
        case .letter:
            guard let token = foldToken(text, from: start) else { break }
            return Other(range: token.range, next: token.end, isInToken: true)
        case .unspaced, .extending:
            buffer.removeAll()
            guard let next = appendUnit(text, at: start) else { break }
            let last = appendUnit(text, at: next) ?? next
            return Other(range: start..<last, next: next)
        case .emoji, .regional:
            let end = foldEmoji(text, from: start)
            return Other(range: start..<end, next: end)
        case .separator, .mark, .ordered, .combining, .dropped, .apostrophe: break
        }
        return Other(range: end..<end, next: end)
    }

    /// A word or an abbreviation.
    struct Token {
        /// The range of the word, without the dropped parts at its start and end.
        let range: Range<Int>
        let end: Int
    }

    /// Folds the word or abbreviation that begins at `start` into the buffer.
    ///
    /// - Returns: The token; `nil` when no word begins there.
    mutating func foldToken(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Token? {
        if let end = abbreviation(text, from: start) {
            buffer.removeAll()
            var position = start
            while position < end {
                let (scalar, next) = Self.scalar(text, position)
                if let scalar, table[scalar].kind == .letter { append(table[scalar]) }
                position = next
            }
            return Token(range: start..<end, end: end + possessive(text, at: end))
        }
        guard let end = foldWord(text, from: start) else { return nil }
        if apostrophes.isEmpty { return Token(range: start..<end, end: end) }
        let parts = UnsafeBufferPointer(start: buffer.bytes, count: buffer.count)
            .split(separator: Apostrophes.mark).map { Array($0) }
        // The cut of a word that is too long may have removed an apostrophe.
        guard parts.count == apostrophes.count + 1 else {
            buffer.removeAll()
            buffer.append(contentsOf: parts.joined())
            return Token(range: start..<end, end: end)
        }
        let result = Apostrophes.resolve(parts, language)
        buffer.removeAll()
        buffer.append(contentsOf: parts[result.remaining].joined())
        if result.isJoinedToo {
            extras.append(Extra(range: start..<end, word: parts.flatMap(\.self)))
        }
        let first = result.remaining.lowerBound
        let last = result.remaining.upperBound
        let rangeStart = first == 0 ? start : apostrophes[first - 1].upperBound
        let rangeEnd = last == parts.count ? end : apostrophes[last - 1].lowerBound
        return Token(range: rangeStart..<rangeEnd, end: end)
    }

    /// Folds the word that begins at `start` into the buffer, with its apostrophes.
    ///
    /// - Returns: The end of the word; `nil` when no word begins there.
    mutating func foldWord(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
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

    /// The end of an abbreviation of single letters with dots, such as `U.S.A.` or `e.g.`.
    ///
    /// After three letters the last dot may be missing. No word may follow directly, so addresses
    /// and names such as `a.b.com` are no abbreviations.
    func abbreviation(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
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

    /// The number of bytes of an English possessive.
    private func possessive(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
        guard start < text.count else { return 0 }
        let (scalar, end) = Self.scalar(text, start)
        guard let scalar, table[scalar].kind == .apostrophe, end < text.count,
            text[end] | 0x20 == UInt8(ascii: "s"),
            end + 1 == text.count || !isPartOfWord(text, at: end + 1)
        else { return 0 }
        return end + 1 - start
    }

    func isLetter(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        guard index < text.count, let scalar = Self.scalar(text, index).scalar else { return false }
        let entry = table[scalar]
        return entry.kind == .letter && !entry.isNumber
    }

    private func isPartOfWord(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        guard let scalar = Self.scalar(text, index).scalar else { return false }
        switch table[scalar].kind {
        case .letter, .mark, .ordered, .combining, .dropped: return true
        default: return false
        }
    }

    /// Composes the letters and marks in the buffer, from an offset on, to one form.
    mutating func compose(from start: Int) {
        let bytes = UnsafeBufferPointer(start: buffer.bytes + start, count: buffer.count - start)
        let scalars = LetterFolding.composed(
            Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
        )
        buffer.shorten(to: start)
        for scalar in scalars {
            let entry = table[scalar]
            // No stemmer knows an ending with a stress mark.
            if entry.kind == .combining, LetterFolding.isAccent(scalar) { continue }
            append(entry)
        }
    }

    @inline(__always)
    mutating func append(_ entry: ScalarTable.Entry) {
        entry.forEachScalar { value in
            if let scalar = Unicode.Scalar(value) { append(scalar) }
        }
    }

    mutating func append(_ scalar: Unicode.Scalar) {
        if scalar.isASCII { return append(UInt8(truncatingIfNeeded: scalar.value)) }
        guard buffer.count + 4 <= Self.maxWordBytes else { return }
        for byte in UTF8.encode(scalar) ?? .init() { buffer.append(byte) }
    }

    private mutating func append(_ byte: UInt8) {
        if buffer.count < Self.maxWordBytes { buffer.append(byte) }
    }
}
