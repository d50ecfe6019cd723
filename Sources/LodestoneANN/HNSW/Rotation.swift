// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A fixed rotation that spreads what a few elements hold over all of them.
///
/// Four rounds of random signs and a Walsh–Hadamard transform (Ailon & Chazelle 2009), by turns of
/// the first and of the last elements of the largest power of two that fits.
enum Rotation {
    private static let rounds = 4

    /// Rotates a vector in place.
    ///
    /// - Complexity: O(`count` log `count`), 3 µs for 384.
    static func apply(to vector: UnsafeMutablePointer<Float>, count: Int) {
        guard count > 1 else { return }
        let width = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
        for round in 0..<rounds {
            flipSigns(vector, count, round: round)
            transform(round % 2 == 0 ? vector : vector + (count - width), width)
        }
    }

    private static func flipSigns(_ vector: UnsafeMutablePointer<Float>, _ count: Int, round: Int) {
        var index = 0
        while index < count {
            var signs = UInt64(round &* 4_096 &+ index / 64 &+ 1).mixed(with: 0x51_6e5)
            for place in index..<min(index + 64, count) {
                if signs & 1 != 0 { vector[place] = -vector[place] }
                signs >>= 1
            }
            index += 64
        }
    }

    private static func transform(_ vector: UnsafeMutablePointer<Float>, _ width: Int) {
        var half = 1
        while half < width {
            var start = 0
            while start < width {
                for index in start..<start &+ half {
                    let (a, b) = (vector[index], vector[index &+ half])
                    vector[index] = a + b
                    vector[index &+ half] = a - b
                }
                start &+= 2 &* half
            }
            half *= 2
        }
        let scale = 1 / Float(width).squareRoot()
        for index in 0..<width { vector[index] *= scale }
    }
}
