// SPDX-License-Identifier: Apache-2.0

/// The mask of a word: its letters and digits in 64 bits, which exclude most words that can't
/// match.
///
/// Letters have 26 slots; letters of other alphabets share them by their number. A slot has one bit
/// for "occurs" and one for "occurs twice". Each digit has one bit. An edit changes the count of
/// one letter by one; a replacement does so for two letters. So of two words within k edits,
/// neither has more than k bits that the other lacks. A word with all letters of a pattern has all
/// bits of the pattern. So no matching word is excluded.
enum CharacterMask {
    private static let letters: UInt64 = 26

    /// A mask with the bits of another scalar.
    @inline(__always)
    static func adding(_ scalar: UInt32, to mask: UInt64) -> UInt64 {
        let index: UInt64
        switch scalar {
        case 0x61...0x7A:
            index = UInt64(scalar - 0x61)
        case 0x30...0x39:
            return mask | 1 << (2 * letters + UInt64(scalar - 0x30))
        default:
            // Neighbors in an alphabet get different slots.
            index = UInt64(scalar) % letters
        }
        let once: UInt64 = 1 << index
        return mask | once | (mask & once) << letters
    }

    /// The mask of a folded word in UTF-8.
    static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var mask: UInt64 = 0
        WordScalars.forEach(in: bytes) { mask = adding($0, to: mask) }
        return mask
    }
}

/// A test for the masks of words that may match.
enum MaskFilter {
    /// Words within 1 or 2 edits of a word with this mask.
    case near(UInt64, edits: Int)
    /// Words with all letters of a word with this mask.
    case containing(UInt64)

    /// Calls `body` with the indexes of masks that pass, until `body` returns false.
    ///
    /// - Returns: False if `body` returned false.
    @inline(__always)
    func forEachIndex(in masks: UnsafeBufferPointer<UInt64>, _ body: (Int) -> Bool) -> Bool {
        switch self {
        case .near(let queryMask, edits: 1):
            let queryMask = Lanes(repeating: queryMask)
            return Self.forEachZero(masks, body) { mask in
                Self.withoutLowest(mask & ~queryMask) | Self.withoutLowest(queryMask & ~mask)
            }
        case .near(let queryMask, edits: _):
            let queryMask = Lanes(repeating: queryMask)
            return Self.forEachZero(masks, body) { mask in
                Self.withoutLowest(Self.withoutLowest(mask & ~queryMask))
                    | Self.withoutLowest(Self.withoutLowest(queryMask & ~mask))
            }
        case .containing(let queryMask):
            let queryMask = Lanes(repeating: queryMask)
            return Self.forEachZero(masks, body) { queryMask & ~$0 }
        }
    }

    private typealias Lanes = SIMD8<UInt64>

    /// The bits without the lowest set bit.
    @inline(__always)
    private static func withoutLowest(_ bits: Lanes) -> Lanes { bits & (bits &- Lanes.one) }

    /// Tests eight masks at a time, twice as fast as one by one.
    @inline(__always)
    private static func forEachZero(
        _ masks: UnsafeBufferPointer<UInt64>,
        _ body: (Int) -> Bool,
        _ bits: (Lanes) -> Lanes
    ) -> Bool {
        guard let start = masks.baseAddress else { return true }
        let raw = UnsafeRawPointer(start)
        var index = 0
        while index < masks.count {
            let count = min(Lanes.scalarCount, masks.count - index)
            var lanes = Lanes.zero
            if count == Lanes.scalarCount {
                lanes = raw.loadUnaligned(fromByteOffset: index * 8, as: Lanes.self)
            } else {
                for lane in 0..<count { lanes[lane] = masks[index + lane] }
            }
            let missing = bits(lanes)
            // The upper bit of a lane is set if the lane is zero; not every CPU has 64-bit
            // comparisons.
            let zeros = (missing &- Lanes.one) & ~missing
            let four = zeros.lowHalf | zeros.highHalf
            let two = four.lowHalf | four.highHalf
            if (two[0] | two[1]) >> 63 != 0 {
                for lane in 0..<count where missing[lane] == 0 {
                    guard body(index + lane) else { return false }
                }
            }
            index += count
        }
        return true
    }
}

/// The scalars of folded words, which are kept as UTF-8.
enum WordScalars {
    /// Calls `body` with each scalar.
    ///
    /// Bytes that aren't UTF-8, which only a damaged base has, count as some scalar.
    @inline(__always)
    static func forEach(in bytes: UnsafeBufferPointer<UInt8>, _ body: (UInt32) -> Void) {
        var index = 0
        while index < bytes.count {
            let first = UInt32(bytes[index])
            if first < 0x80 {
                body(first)
                index += 1
                continue
            }
            let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
            var scalar = first & (0x7F >> UInt32(length))
            let end = min(index + length, bytes.count)
            index += 1
            while index < end {
                scalar = scalar << 6 | UInt32(bytes[index] & 0x3F)
                index += 1
            }
            body(scalar)
        }
    }

    /// The number of scalars.
    @inline(__always)
    static func count(in bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var count = 0
        for byte in bytes where byte & 0xC0 != 0x80 { count += 1 }
        return count
    }

    /// All scalars.
    static func all(in bytes: UnsafeBufferPointer<UInt8>) -> ContiguousArray<UInt32> {
        var scalars: ContiguousArray<UInt32> = []
        forEach(in: bytes) { scalars.append($0) }
        return scalars
    }
}
