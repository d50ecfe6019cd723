// SPDX-License-Identifier: Apache-2.0

/// Sums of mixed numbers compare sets of things without ordering them: two sets that differ have
/// the same sum by chance only.
extension UInt64 {
    /// FNV-1a of some bytes.
    package init(hashing bytes: some Sequence<UInt8>) {
        self = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// This number with another one, both spread over all bits.
    ///
    /// The finish of SplitMix64 (Steele, Lea and Flood, 2014).
    package func mixed(with other: UInt64) -> UInt64 {
        var mixed = self &+ other &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
