// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The hyperplanes of all tables, and the transformation of vectors before the hash.
///
/// Each bit of a signature is the side of a hyperplane (Charikar 2002): two vectors differ in it
/// with a probability of their angle / π. Normals are drawn from a normal distribution and made
/// orthogonal in groups as large as the dimension. This spreads the bits of a signature more evenly
/// than independent normals do (Ji et al. 2012).
///
/// - Cosine: the hyperplanes go through the origin.
/// - Euclidean: the hyperplanes go through the middle of the rows: the median of each element,
///   which outliers don't move. About the middle, vectors that are near to each other have a small
///   angle, for any origin.
/// - Dot product: a row x becomes (x, √(M² − |x|²)) and a query (q, 0), where M is a length that
///   few rows exceed. (Neyshabur & Srebro 2015 take the largest length: then one long row makes all
///   others alike.) The angle between these two decreases as the inner product increases, unlike
///   the angle between x and q. For rows of equal length the two angles are the same. Rows longer
///   than M are hashed by their direction.
struct Hyperplanes: Sendable {
    let dimension: Int
    let metric: Metric
    let count: Int
    /// The normals, `dimension` elements each.
    private let normals: ContiguousArray<Float>
    /// The additional element of each normal, for the element that dot products add to a vector.
    private let tails: ContiguousArray<Float>
    /// The threshold of each projection for a set bit: the projection of the middle.
    private var offsets: ContiguousArray<Float>
    // M²
    private var largestSquaredNorm: Float = 0
    private let kernels = VectorKernels(.dotProduct)

    /// Draws `count` hyperplanes; the same ones for the same arguments, on every machine.
    init(count: Int, dimension: Int, metric: Metric) {
        self.count = count
        self.dimension = dimension
        self.metric = metric
        let length = metric == .dotProduct ? dimension + 1 : dimension
        var random = NormalNumbers()
        var normals: ContiguousArray<Float> = []
        var tails: ContiguousArray<Float> = []
        normals.reserveCapacity(count * dimension)
        for first in stride(from: 0, to: count, by: length) {
            for vector in Self.orthogonal(min(length, count - first), length, &random) {
                normals += vector.prefix(dimension).map(Float.init)
                tails.append(metric == .dotProduct ? Float(vector[dimension]) : 0)
            }
        }
        self.normals = normals
        self.tails = tails
        offsets = ContiguousArray(repeating: 0, count: count)
    }

    /// Vectors of length 1, each orthogonal to all earlier ones.
    private static func orthogonal(
        _ count: Int,
        _ length: Int,
        _ random: inout NormalNumbers
    ) -> [[Double]] {
        var vectors: [[Double]] = []
        for _ in 0..<count {
            var vector = (0..<length).map { _ in random.next() }
            for other in vectors {
                var dot = 0.0
                for index in 0..<length { dot += vector[index] * other[index] }
                for index in 0..<length { vector[index] -= dot * other[index] }
            }
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            // Random vectors don't coincide; in one dimension only the sign is left.
            vectors.append(vector.map { $0 / norm })
        }
        return vectors
    }

    /// The number of rows in the sample for the middle and M.
    private static let sampledRows = 512
    /// The largest factor of M over the length that nineteen of twenty rows don't exceed.
    ///
    /// M is the length of the longest row up to this bound.
    private static let longestWithinM: Float = 2

    /// Computes the middle, or M, from some of `rows`; there must be at least one.
    ///
    /// - Complexity: O(`sampledRows` × `dimension`), some ten milliseconds for 384 elements.
    mutating func fit(to rows: [UnsafePointer<Float>]) {
        let step = max(1, rows.count / Self.sampledRows)
        let sample = stride(from: 0, to: rows.count, by: step).map { rows[$0] }
        switch metric {
        case .cosine:
            break
        case .euclidean:
            let middle = (0..<dimension).map { index in
                sample.map { $0[index] }.sorted()[sample.count / 2]
            }
            offsets = ContiguousArray(products(of: middle))
        case .dotProduct:
            let squares = sample.map(squaredNorm).sorted()
            let usual = squares[(squares.count - 1) * 19 / 20]
            let longest = rows.reduce(0) { max($0, squaredNorm(of: $1)) }
            largestSquaredNorm = min(longest, usual * Self.longestWithinM * Self.longestWithinM)
        }
    }

    /// Bytes of memory.
    var byteCount: Int {
        (normals.count + tails.count + offsets.count) * MemoryLayout<Float>.stride
    }

    /// The query's signed distance from each hyperplane.
    func projections(of query: [Float]) -> [Float] {
        zip(products(of: query), offsets).map { $0 - $1 }
    }

    /// The signatures of rows: one per row and table, with one bit per hyperplane of the table.
    func signatures(of rows: [UnsafePointer<Float>], hyperplanes: Int) -> ContiguousArray<UInt32> {
        let group = VectorKernels.blockQueries
        var signatures: ContiguousArray<UInt32> = []
        signatures.reserveCapacity(rows.count * count / hyperplanes)
        var vectors = Array(repeating: Float(0), count: group * dimension)
        var distances = Array(repeating: Float(0), count: group * count)
        for first in stride(from: 0, to: rows.count, by: group) {
            let width = min(group, rows.count - first)
            vectors.withUnsafeMutableBufferPointer { vectors in
                // In the last group, unused lanes keep vectors of the previous group, which are not
                // read.
                for lane in 0..<width {
                    vectors.baseAddress.map {
                        ($0 + lane * dimension).update(from: rows[first + lane], count: dimension)
                    }
                }
            }
            normals.withUnsafeBufferPointer { normals in
                guard let normals = normals.baseAddress else { return }
                kernels.scanBlock(
                    vectors,
                    Self.noNorms,
                    normals,
                    dimension,
                    count,
                    dimension,
                    Self.noNorms,
                    &distances,
                    count
                )
            }
            for lane in 0..<width {
                let tail = tail(of: rows[first + lane])
                for table in 0..<count / hyperplanes {
                    var signature: UInt32 = 0
                    for bit in 0..<hyperplanes {
                        let plane = table * hyperplanes + bit
                        let product = tail * tails[plane] - distances[lane * count + plane]
                        if product - offsets[plane] > 0 { signature |= 1 << UInt32(bit) }
                    }
                    signatures.append(signature)
                }
            }
        }
        return signatures
    }

    private static let noNorms = Array(repeating: Float(1), count: VectorKernels.blockQueries)

    // The inner products of the vector and all normals.
    private func products(of vector: [Float]) -> [Float] {
        var distances = Array(repeating: Float(0), count: count)
        normals.withUnsafeBufferPointer { normals in
            guard let normals = normals.baseAddress else { return }
            kernels.scan(vector, 1, normals, dimension, count, dimension, &distances)
        }
        return distances.map { -$0 }
    }

    // The element that dot products add to a row.
    private func tail(of row: UnsafePointer<Float>) -> Float {
        guard metric == .dotProduct else { return 0 }
        let remaining = largestSquaredNorm - squaredNorm(of: row)
        return remaining > 0 && remaining.isFinite ? remaining.squareRoot() : 0
    }

    private func squaredNorm(of row: UnsafePointer<Float>) -> Float {
        var norm: Float = 0
        kernels.squaredNorms(row, dimension, 1, dimension, &norm)
        return norm
    }
}

/// The hyperplanes in a base: normals, tails, offsets and M², one after the other.
extension Hyperplanes {
    /// Writes the hyperplanes, so that a vector keeps its hash.
    func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.write("LSHP", normals + tails + offsets + [largestSquaredNorm])
    }

    /// Reads the hyperplanes; `nil` when the section has another size, or is damaged.
    init?(from source: some SectionSource, count: Int, dimension: Int, metric: Metric) {
        guard let section = source.section("LSHP", of: Float.self),
            section.count == count * (dimension + 2) + 1
        else { return nil }
        let elements = section.elements(0..<section.count)
        guard elements.count == section.count else { return nil }
        self.count = count
        self.dimension = dimension
        self.metric = metric
        normals = ContiguousArray(elements[..<(count * dimension)])
        tails = ContiguousArray(elements[(count * dimension)..<(count * (dimension + 1))])
        offsets = ContiguousArray(elements[(count * (dimension + 1))..<(count * (dimension + 2))])
        largestSquaredNorm = elements[count * (dimension + 2)]
    }
}

/// Numbers drawn from a normal distribution.
private struct NormalNumbers {
    private var drawn: UInt64 = 0

    // The sum of twelve uniform numbers is normal enough, and needs no logarithm, whose rounding
    // may differ by machine.
    mutating func next() -> Double {
        var sum = -6.0
        for _ in 0..<12 {
            drawn += 1
            sum += Double((0x4C53_4820 as UInt64).mixed(with: drawn) >> 11) * 0x1p-53
        }
        return sum
    }
}
