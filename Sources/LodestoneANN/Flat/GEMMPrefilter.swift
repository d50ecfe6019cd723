// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Queries transposed into panels for a matrix product with rows, and the limits beyond which a
/// pair of query and row needs no scan.
///
/// The prefilter computes no distances. It excludes the pairs whose distance is certainly beyond a
/// bound. Prefilter and scan add up the same numbers in different orders, in float32. With u =
/// 2^-24, any order of n additions differs from the exact sum by less than γ(n) = nu / (1 − nu)
/// times the sum of magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, section
/// 3.1). This γ(n) is at most 1.001 nu for 16,384 elements. The limits allow for 4n + 64 roundings:
///
/// - Cosine: the sum over q/|q| · x/|x|, whose magnitudes add up to 1 at most, takes n + 4
///   roundings in the prefilter and n + 8 in the scan. The row's length takes another n/2 + 3 in
///   each.
/// - Dot product: the sum over q/|q| · x, whose magnitudes add up to |x| at most, takes n + 4
///   roundings in the prefilter and n in the scan.
/// - Euclidean: the sum, whose magnitudes add up to the distance, takes n + 3 roundings in each.
struct GEMMPrefilter {
    /// The queries of each panel but the last; a mask has one bit per query.
    let width: Int
    /// The number of queries in panels, counted from the first query.
    let count: Int
    private let step: Int
    private let dimension: Int
    private let metric: Metric
    private var elements: [Float] = []
    // Lengths of the queries, for dot products only.
    private var lengths: [Double] = []

    /// Transposes queries into panels.
    ///
    /// The last queries are left out if they fill less than three quarters of a panel's smallest
    /// width, because the prefilter takes as long for one query as for that width.
    init(_ queries: PreparedQueries, dimension: Int, metric: Metric, kernels: VectorKernels) {
        width = kernels.panelWidth
        step = kernels.panelStep
        let remaining = queries.norms.count % width
        count = queries.norms.count - (4 * remaining < 3 * step ? remaining : 0)
        self.dimension = dimension
        self.metric = metric
        elements = Array(repeating: 0, count: (count + step - 1) / step * step * dimension)
        for query in 0..<count {
            let own = queries.elements[query * dimension..<(query + 1) * dimension]
            var factor = 1.0
            switch metric {
            case .cosine:
                factor = 1 / Double(queries.norms[query])
            case .dotProduct:
                let length = own.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                lengths.append(length)
                factor = length > 0 ? 1 / length : 1
            case .euclidean:
                break
            }
            let panel = query / width
            let stride = self.stride(of: panel)
            var index = panel * width * dimension + query % width
            for element in own {
                elements[index] = Float(Double(element) * factor)
                index += stride
            }
        }
    }

    /// The number of panels.
    var panelCount: Int { (count + width - 1) / width }

    /// The queries of a panel.
    func queries(of panel: Int) -> Range<Int> {
        panel * width..<min((panel + 1) * width, count)
    }

    /// The width of a panel: its queries, rounded up to a multiple of the kernels' step.
    func stride(of panel: Int) -> Int {
        (queries(of: panel).count + step - 1) / step * step
    }

    /// The elements of a panel.
    func withElements(of panel: Int, _ body: (UnsafePointer<Float>) -> Void) {
        elements.withUnsafeBufferPointer { elements in
            guard let elements = elements.baseAddress else { return }
            body(elements + panel * width * dimension)
        }
    }

    /// The factor that turns the sum over q/|q| · x into a value that grows with the distance.
    ///
    /// It is NaN where the sum is meaningless: no limit excludes NaN.
    func scale(inverseNorm: Float) -> Float {
        guard metric == .cosine else { return -1 }
        return inverseNorm > 0 ? -inverseNorm : .nan
    }

    /// The value beyond which a pair's distance exceeds a bound.
    ///
    /// - Parameters:
    ///   - query: The number of the query.
    ///   - bound: The largest distance that counts.
    ///   - largestSquaredNorm: The largest squared norm of the rows to be compared.
    /// - Returns: The value; `nil` when there is no such value.
    func limit(_ query: Int, bound: Float, largestSquaredNorm: Float) -> Float? {
        guard bound.isFinite else { return nil }
        let bound = Double(bound)
        let slack = Double(4 * dimension + 64) * 0x1p-24
        // The largest loss by underflow, in the prefilter and in a scan.
        let lost = Double(dimension) * 0x1p-147
        let limit: Double
        switch metric {
        case .cosine:
            limit = bound - 1 + slack
        case .dotProduct:
            let length = lengths[query]
            guard length > 0 else { return nil }
            let largestNorm = (Double(largestSquaredNorm) * (1 + slack) + lost).squareRoot()
            limit = bound / length + slack * largestNorm + lost * (1 + 1 / length)
        case .euclidean:
            limit = bound * (1 + slack) + lost
        }
        let rounded = Float(limit).nextUp
        return rounded.isFinite ? rounded : nil
    }
}
