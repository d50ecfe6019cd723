// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Many queries, transposed into panels for the screen of the kernels, and what their pairs must
/// not exceed to be worth a scan.
///
/// A screen finds no distances, it leaves pairs out: those of which it is certain that a scan would
/// find them farther than a bound. Both add up the same numbers in another order, in float32. With
/// u = 2^-24, any order of n additions differs from the exact sum by less than γ(n) = nu / (1 − nu)
/// times the sum of magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, section
/// 3.1), which is at most 1.001 nu for 16,384 elements. The limits allow for 4n + 64 roundings:
///
/// - Cosine: the sum over q/|q| · x/|x|, whose magnitudes add up to 1 at most, takes n + 4 roundings
///   in the screen and n + 8 in the scan, the row's length another n/2 + 3 in each.
/// - Dot product: the sum over q/|q| · x, whose magnitudes add up to |x| at most, takes n + 4 in the
///   screen and n in the scan.
/// - Euclidean: n + 3 in each, of magnitudes that add up to the distance.
struct QueryPanels {
    /// Queries of a panel, but for the last; one bit each of a mask.
    let width: Int
    /// How many queries are in panels, counted from the first.
    let count: Int
    private let step: Int
    private let dimension: Int
    private let metric: Metric
    private var elements: [Float] = []
    // Of the queries, for dot products.
    private var lengths: [Double] = []

    /// Transposes queries, but for the last ones when they are too few to fill a panel's smallest
    /// width by three quarters: a screen takes the same time for one query as for all of that.
    init(_ queries: PreparedQueries, dimension: Int, metric: Metric, kernels: VectorKernels) {
        width = kernels.panelWidth
        step = kernels.panelStep
        let rest = queries.norms.count % width
        count = queries.norms.count - (4 * rest < 3 * step ? rest : 0)
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
            var place = panel * width * dimension + query % width
            for element in own {
                elements[place] = Float(Double(element) * factor)
                place += stride
            }
        }
    }

    /// How many panels there are.
    var panelCount: Int { (count + width - 1) / width }

    /// The queries of a panel.
    func queries(of panel: Int) -> Range<Int> {
        panel * width..<min((panel + 1) * width, count)
    }

    /// How wide a panel is: its queries, rounded up to what the kernels can do.
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

    /// What the kernels multiply the sum over q/|q| · x with, to get a value that grows with the
    /// distance; NaN, which no limit excludes, where the sum says nothing.
    func scale(inverseNorm: Float) -> Float {
        guard metric == .cosine else { return -1 }
        return inverseNorm > 0 ? -inverseNorm : .nan
    }

    /// The value beyond which no pair has a distance within a bound.
    ///
    /// - Parameters:
    ///   - query: Its number.
    ///   - bound: A distance.
    ///   - largestSquaredNorm: Of the rows to be screened.
    /// - Returns: `nil` when no value says so.
    func limit(_ query: Int, bound: Float, largestSquaredNorm: Float) -> Float? {
        guard bound.isFinite else { return nil }
        let bound = Double(bound)
        let slack = Double(4 * dimension + 64) * 0x1p-24
        // What underflow may take away, in a screen and in a scan.
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
