// SPDX-License-Identifier: Apache-2.0

/// Runs without spaces, each character a unit, and emoji.
extension Tokenizer {
    /// Appends the character of a run that begins at `start`, including its marks.
    ///
    /// - Returns: The end of the character; `nil` when the run does not continue there.
    mutating func appendUnit(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int? {
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

    /// Folds an emoji or a flag into the buffer.
    ///
    /// An emoji keeps everything that joiners attach to it, and loses skin tones.
    ///
    /// - Returns: The end of the emoji or flag.
    mutating func foldEmoji(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
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
}
