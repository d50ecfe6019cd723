// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// The center of codes, a median of the vectors, and their unit of measure.
///
/// The center is the median of each element, so that a few outliers don't move it. Measured (100
/// rows of length 10,000 before 6,000 others, recall): mean 0.07, median 0.99.
///
/// Threading: immutable.
final class CodecCenter: Sendable {
    /// The most rows in the sample from which the center is computed.
    static let sampleCount = 1_000
    /// The largest magnitude of an element in units: larger ones are clamped, so that sums of their
    /// squares stay finite.
    static let largest = Float(sign: .plus, exponent: 48, significand: 1)

    /// The power of two that scales vectors, so that elements are about 1.
    let unit: Float
    /// The median of each element, in that unit.
    let median: [Float]
    /// The median, rotated like records.
    let rotated: [Float]
    /// The square of the median's length.
    let square: Double

    init(unit: Float, median: [Float], _ rotation: Rotation?) {
        self.unit = unit
        self.median = median
        var rotated = median
        if let rotation {
            rotated.withUnsafeMutableBufferPointer { elements in
                guard let start = elements.baseAddress else { return }
                rotation.apply(to: start, lode_code_kernels_best().pointee)
            }
        }
        self.rotated = rotated
        square = median.reduce(0) { $0 + Double($1) * Double($1) }
    }

    /// Computes the center of a sample, whose vectors have length 1 for cosine.
    convenience init(_ sample: CodecSample, _ rotation: Rotation?) {
        let unit = sample.unit
        var column = [Float](repeating: 0, count: sample.count)
        let median = (0..<sample.dimension).map { element in
            for row in 0..<sample.count {
                column[row] = sample[row, element].inUnits(of: unit)
            }
            column.sort()
            return column.isEmpty ? 0 : column[column.count / 2]
        }
        self.init(unit: unit, median: median, rotation)
    }
}

/// A sample of vectors, to compute a center.
struct CodecSample {
    let dimension: Int
    let count: Int
    private let elements: [Float]
    private let isCosine: Bool

    /// A sample of `vectors`, spread evenly over them.
    init(
        of vectors: some RandomAccessCollection<UnsafePointer<Float>>,
        dimension: Int,
        _ metric: Metric
    ) {
        self.dimension = dimension
        isCosine = metric == .cosine
        count = min(vectors.count, CodecCenter.sampleCount)
        var elements: [Float] = []
        elements.reserveCapacity(count * dimension)
        for number in 0..<count {
            let index = vectors.index(
                vectors.startIndex,
                offsetBy: number * vectors.count / count
            )
            let vector = UnsafeBufferPointer(start: vectors[index], count: dimension)
            let factor =
                metric == .cosine ? VectorCodec.inverseLength(vectors[index], dimension) : 1
            elements += vector.lazy.map { Float(Double($0) * factor) }
        }
        self.elements = elements
    }

    /// A sample of the vectors of a table.
    init(of table: VectorTable, _ metric: Metric) {
        let count = table.blocks.reduce(0) { $0 + $1.count }
        var vectors: [UnsafePointer<Float>] = []
        var first = 0
        for block in table.blocks {
            // Every `step`-th row of all blocks.
            let step = max(1, count / CodecCenter.sampleCount)
            for index in stride(from: (step - first % step) % step, to: block.count, by: step)
            where block.check(rows: index..<index + 1, dimension: table.dimension) {
                vectors.append(block.base + index * table.dimension)
            }
            first += block.count
        }
        self.init(of: vectors, dimension: table.dimension, metric)
    }

    subscript(row: Int, element: Int) -> Float { elements[row * dimension + element] }

    /// The power of two that scales the largest element of a usual row to about 1.
    var unit: Float {
        if isCosine { return 1 }
        let peaks = (0..<count).map { row in
            elements[row * dimension..<(row + 1) * dimension].reduce(0) { max($0, abs($1)) }
        }
        let usual = peaks.filter { $0.isNormal }.sorted()
        guard !usual.isEmpty else { return 1 }
        let exponent = Int(usual[usual.count / 2].exponent)
        return Float(sign: .plus, exponent: -max(-120, min(120, exponent)), significand: 1)
    }

    /// The median of the squared distances of rows from a center, in the center's unit.
    func spread(around center: CodecCenter) -> Double {
        let squares = (0..<count).map { row in
            var sum = 0.0
            for element in 0..<dimension {
                let value = self[row, element].inUnits(of: center.unit) - center.median[element]
                sum += Double(value) * Double(value)
            }
            return sum
        }
        return squares.isEmpty ? 0 : squares.sorted()[squares.count / 2]
    }
}

extension Float {
    /// The number in another unit, clamped to the range of codes.
    @inline(__always) func inUnits(of unit: Float) -> Float {
        max(-CodecCenter.largest, min(CodecCenter.largest, self * unit))
    }
}
