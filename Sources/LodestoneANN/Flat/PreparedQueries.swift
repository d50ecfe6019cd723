// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Queries in one array, in the form that the kernels read.
struct PreparedQueries {
    /// The elements, `dimension` per query.
    private(set) var elements: [Float] = []
    /// The length of each query; 1 for metrics that don't use it.
    private(set) var norms: [Float] = []

    init(_ queries: [[Float]], dimension: Int, metric: Metric) {
        elements.reserveCapacity(queries.count * dimension)
        norms.reserveCapacity(queries.count)
        for query in queries {
            precondition(query.count == dimension, "The engine checks the dimension.")
            append(query, metric: metric)
        }
    }

    private mutating func append(_ query: [Float], metric: Metric) {
        guard metric == .cosine, let peak = query.lazy.map(\.magnitude).max(), peak > 0 else {
            elements += query
            norms.append(1)
            return
        }
        // The angle does not depend on the length. A power of two scales the largest element to
        // 1..<2 without rounding, and keeps the sums of any query in range.
        let scale = Double(sign: .plus, exponent: -Int(peak.exponent), significand: 1)
        var squaredNorm = 0.0
        for element in query {
            let scaled = Double(element) * scale
            squaredNorm += scaled * scaled
            elements.append(Float(scaled))
        }
        norms.append(Float(squaredNorm.squareRoot()))
    }
}
