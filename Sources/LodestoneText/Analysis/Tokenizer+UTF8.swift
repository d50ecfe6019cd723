// SPDX-License-Identifier: Apache-2.0

/// Decodes bytes to scalars; bytes that are not UTF-8 have no scalar.
extension Tokenizer {
    /// The same as `decode`, for any byte.
    static func scalar(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> (
        scalar: Unicode.Scalar?, end: Int
    ) {
        text[start] < 0x80 ? (Unicode.Scalar(text[start]), start + 1) : decode(text, start)
    }

    /// The scalar at `start`, or `nil` when there is none, and the index of the next one.
    static func decode(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> (
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
