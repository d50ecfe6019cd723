// SPDX-License-Identifier: Apache-2.0

/// Hashes whose sums compare sets without ordering them: two different sets have the same sum by
/// chance only.
extension UInt64 {
    /// The FNV-1a hash of some bytes.
    package init(hashing bytes: some Sequence<UInt8>) {
        self = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// A hash of some bytes, spread over all bits; unpredictable without `seed`.
    ///
    /// It is the folded product of two words, as in wyhash.
    package init(hashing bytes: UnsafeRawBufferPointer, seed: UInt64) {
        let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
        var state = seed ^ Self.foldedMultiply(UInt64(bytes.count) ^ increment, seed | 1)
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = Self.foldedMultiply(state ^ word, increment ^ seed)
            offset += 8
        }
        var remaining: UInt64 = 0
        while offset < bytes.count {
            remaining = remaining << 8 | UInt64(bytes[offset])
            offset += 1
        }
        self = Self.foldedMultiply(state ^ remaining, increment ^ seed)
        self = Self.foldedMultiply(self ^ increment, seed | 1)
    }

    private static func foldedMultiply(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// A hash of this number and another one.
    ///
    /// The mix is the finish of SplitMix64 (Steele, Lea and Flood, 2014).
    package func mixed(with other: UInt64) -> UInt64 {
        var mixed = self &+ other &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
