// SPDX-License-Identifier: Apache-2.0

/// Sums of mixed numbers compare sets of things without ordering them: two sets that differ have
/// the same sum by chance only.
extension UInt64 {
    /// The FNV-1a hash of some bytes.
    package init(hashing bytes: some Sequence<UInt8>) {
        self = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// A hash of some bytes, spread over all bits; without `seed` nobody can predict it.
    ///
    /// It is the folded product of two words, as in wyhash.
    package init(hashing bytes: UnsafeRawBufferPointer, seed: UInt64) {
        let stir: UInt64 = 0x9E37_79B9_7F4A_7C15
        var state = seed ^ Self.folded(UInt64(bytes.count) ^ stir, seed | 1)
        var place = 0
        while place + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            state = Self.folded(state ^ word, stir ^ seed)
            place += 8
        }
        var rest: UInt64 = 0
        while place < bytes.count {
            rest = rest << 8 | UInt64(bytes[place])
            place += 1
        }
        self = Self.folded(state ^ rest, stir ^ seed)
        self = Self.folded(self ^ stir, seed | 1)
    }

    private static func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// This number mixed with another one, both spread over all bits.
    ///
    /// The mix is the finish of SplitMix64 (Steele, Lea and Flood, 2014).
    package func mixed(with other: UInt64) -> UInt64 {
        var mixed = self &+ other &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
