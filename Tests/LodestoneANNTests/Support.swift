// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneANN
import LodestoneCore
import LodestoneStructures
import TestSupport

extension SeededGenerator {
    mutating func vector(_ dimension: Int, scale: Float = 1) -> [Float] {
        (0..<dimension).map { _ in
            scale * (Float(Int32(truncatingIfNeeded: next())) / Float(Int32.max))
        }
    }

    /// Normally distributed elements, as sums of twelve.
    mutating func normal(_ dimension: Int) -> [Float] {
        (0..<dimension).map { _ in
            (0..<12).reduce(-6) { sum, _ in sum + Float(next() >> 40) / Float(1 << 24) }
        }
    }

    mutating func vectors(_ count: Int, _ dimension: Int) -> [[Float]] {
        (0..<count).map { _ in vector(dimension) }
    }
}

/// Rows in memory of their own, at an address that is aligned like a `Float` and no better.
///
/// `@unchecked Sendable`: written by `init` only.
final class RowMemory: @unchecked Sendable {
    let stride: Int
    let rows: [[Float]]
    private let storage: UnsafeMutableBufferPointer<Float>
    private let misalignment: Int

    /// NaNs lie between the rows and around them: a read too far brings them into the result.
    init(_ rows: [[Float]], padding: Int = 0, misalignment: Int = 1) {
        self.rows = rows
        self.misalignment = misalignment
        let dimension = rows.first?.count ?? 0
        stride = dimension + padding
        storage = .allocate(capacity: misalignment + rows.count * stride + 16)
        storage.initialize(repeating: .nan)
        for (index, row) in rows.enumerated() {
            for (position, element) in row.enumerated() {
                storage[misalignment + index * stride + position] = element
            }
        }
    }

    deinit { storage.deallocate() }

    var base: UnsafePointer<Float> {
        UnsafePointer(storage.baseAddress.unsafelyUnwrapped + misalignment)
    }

    func block(firstRow: RowID) -> VectorBlock {
        VectorBlock(base: base, firstRow: firstRow, count: rows.count, owner: self)
    }
}

/// Distances in float64, and the sum of magnitudes to which their rounding is relative.
enum Exact {
    static func distance(_ metric: Metric, _ query: [Float], _ row: [Float])
        -> (distance: Double, magnitude: Double)
    {
        var dot = 0.0, magnitudes = 0.0, difference = 0.0, queryNorm = 0.0, rowNorm = 0.0
        for index in 0..<query.count {
            let q = Double(query[index]), x = Double(row[index])
            dot += q * x
            magnitudes += (q * x).magnitude
            difference += (q - x) * (q - x)
            queryNorm += q * q
            rowNorm += x * x
        }
        switch metric {
        case .cosine: return (1 - dot / (queryNorm.squareRoot() * rowNorm.squareRoot()), 1)
        case .euclidean: return (difference, difference)
        case .dotProduct: return (-dot, magnitudes)
        }
    }

    /// The distances of all rows, nearest first.
    static func nearest(_ metric: Metric, _ query: [Float], _ rows: [[Float]]) -> [Double] {
        rows.map { distance(metric, query, $0).distance }.sorted()
    }
}

/// A few roundings of float32, as a part of the magnitude.
let tolerance = 1e-6

extension lode_isa {
    /// All instruction sets that this processor has.
    static var available: [lode_isa] {
        [LODE_ISA_SCALAR, LODE_ISA_NEON, LODE_ISA_AVX2, LODE_ISA_AVX512]
            .filter { lode_kernels_for($0) != nil }
    }
}
