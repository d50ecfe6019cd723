// SPDX-License-Identifier: Apache-2.0

/// What a posting says for its score: how often the word occurs in the document, and how many words
/// the document has.
///
/// Both in buckets: exact up to 15 and 1,023, a half and 1/32 of a power of two beyond. The length
/// is above, so that a collection of short documents has small classes.
enum PostingClass {
    static let frequencyBits = 5

    static func of(frequency: Int, length: Int) -> UInt16 {
        UInt16(bucket(ofLength: length) << frequencyBits | bucket(ofFrequency: frequency))
    }

    private static func bucket(ofFrequency frequency: Int) -> Int {
        guard frequency >= 16 else { return frequency }
        let octave = Int.bitWidth - 1 - frequency.leadingZeroBitCount
        return min(31, 16 + (octave - 4) * 2 + frequency >> (octave - 1) & 1)
    }

    private static func bucket(ofLength length: Int) -> Int {
        guard length >= 1_024 else { return length }
        let octave = Int.bitWidth - 1 - length.leadingZeroBitCount
        return min(2_047, 1_024 + (octave - 10) * 32 + length >> (octave - 5) & 31)
    }

    /// The least frequency of a class.
    static func frequency(of postingClass: Int) -> Int {
        let bucket = postingClass & (1 << frequencyBits - 1)
        guard bucket >= 16 else { return bucket }
        return (2 | bucket & 1) << ((bucket - 16) / 2 + 3)
    }

    /// The least length of a class.
    static func length(of postingClass: Int) -> Int {
        let bucket = postingClass >> frequencyBits
        guard bucket >= 1_024 else { return bucket }
        return (32 | bucket & 31) << ((bucket - 1_024) / 32 + 5)
    }
}
