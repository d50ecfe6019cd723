// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneStructures

/// A fixed rotation that spreads the magnitude of a few elements over all.
///
/// It has four rounds of random signs and a Walsh–Hadamard transform (Ailon & Chazelle 2009). The
/// transform's width is the largest power of two that fits. The rounds transform the first and the
/// last elements in turn.
///
/// Threading: immutable.
final class Rotation: Sendable {
    private let count: Int
    private let width: Int
    /// One sign per element and round, times the scale of the transform where the round transforms
    /// the element.
    private let factors: [Float]

    /// The rotation of vectors of `count` elements.
    init(_ count: Int) {
        self.count = count
        let width = 1 << (Int.bitWidth - 1 - max(1, count).leadingZeroBitCount)
        let scale = 1 / Float(width).squareRoot()
        var factors: [Float] = []
        factors.reserveCapacity(Int(LODE_ROTATION_ROUNDS) * count)
        for round in 0..<Int(LODE_ROTATION_ROUNDS) {
            let part = round % 2 == 0 ? 0..<width : count - width..<count
            var signs: UInt64 = 0
            for index in 0..<count {
                if index % 64 == 0 {
                    signs = UInt64(round &* 4_096 &+ index / 64 &+ 1).mixed(with: 0x51_6e5)
                }
                let factor = part.contains(index) ? scale : 1
                factors.append(signs & 1 != 0 ? -factor : factor)
                signs >>= 1
            }
        }
        self.width = width
        self.factors = factors
    }

    /// Rotates a vector in place.
    ///
    /// - Complexity: O(`count` log `count`), 0.3 µs for 384 with AVX2.
    func apply(to vector: UnsafeMutablePointer<Float>, _ kernels: lode_code_kernels) {
        kernels.rotate(vector, count, width, factors)
    }
}
