// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

extension VectorCodec {
    /// Writes a vector as a query into `query`, `shape.queryBytes` bytes aligned to 64.
    func encodeQuery(
        _ vector: UnsafePointer<Float>,
        into query: UnsafeMutableRawPointer,
        _ scratch: CodecScratch
    ) -> EncodedQuery {
        let (prepared, kernels) = (scratch.prepared, scratch.kernels)
        prepare(vector, asRow: false, into: prepared, kernels)
        var scale: Float = 1
        var base: Int32 = 0
        var square: Float = 0
        var length: Float = 0
        if quantization == .none {
            query.copyMemory(from: prepared, byteCount: dimension * 4)
        } else {
            scale = Self.rounded(kernels.peak(prepared, dimension) / 127)
            let inverse = scale > 0 ? 1 / scale : 0
            let codes = query.assumingMemoryBound(to: UInt8.self)
            kernels.quantize(prepared, dimension, inverse, codes)
            var squares: Int32 = 0
            base = shape.codeOffset &* shape.sign(codes, query, kernels.sign_int8, &squares)
            square = scale * scale * Float(squares)
            length = Float(squares).squareRoot()
        }
        let isDot = metric == .dotProduct
        let kernel = lode_query(
            codes: UnsafeRawPointer(query),
            base: base,
            term_factor: isDot ? 0 : 1,
            scale_factor: isDot ? -scale : -2 * scale,
            constant: isDot ? 0 : square
        )
        return EncodedQuery(kernel, length: length, scale: scale, vector, self)
    }
}

/// An encoded query, with bounds of exact distances by its keys.
struct EncodedQuery {
    let kernel: lode_query
    /// The length of the query's codes; 0 without quantization.
    let length: Float
    /// An exact distance is about `factor` * (value + `offset`).
    private let factor: Double
    private let offset: Double
    /// The variance of an element by the rounding of codes: of the query, and of a row with step 1.
    private let queryVariance: Double
    private let rowVariance: Double
    private let elements: Double
    private let isProduct: Bool

    /// The assumed bound of a key's error, in standard deviations.
    private static let deviations = 4.0
    /// The factor by which a query's error may exceed that of a row of its length.
    private static let coarserQuery = 1.25
    /// The relative error of a distance by float32's rounding.
    private static let rounding = 4e-6

    init(
        _ kernel: lode_query,
        length: Float,
        scale: Float,
        _ vector: UnsafePointer<Float>,
        _ codec: VectorCodec
    ) {
        self.kernel = kernel
        self.length = length
        isProduct = codec.metric == .dotProduct
        elements = Double(codec.dimension)
        let isExact = codec.quantization == .none
        queryVariance = isExact ? 0 : Double(scale) * Double(scale) / 12
        rowVariance = isExact ? 0 : 1 / 12.0
        let unit = Double(codec.center.unit)
        switch codec.metric {
        case .cosine: (factor, offset) = (0.5, 0)
        case .euclidean: (factor, offset) = (1 / (unit * unit), 0)
        case .dotProduct:
            let inverse = VectorCodec.inverseLength(vector, codec.dimension)
            var sum = 0.0
            for index in 0..<codec.dimension {
                sum += Double(vector[index]) * Double(codec.center.median[index])
            }
            offset = -sum * inverse
            factor = inverse > 0 ? 1 / (inverse * unit) : 0
        }
    }

    /// The estimated distance of a row by its key and the step of its codes, and the bound of its
    /// error.
    func estimate(_ key: UInt32, scale: Float) -> (distance: Float, error: Float) {
        let value = Double(RecordShape.value(key))
        let row = Double(scale) * Double(scale) * rowVariance
        let distance: Double
        var error: Double
        if isProduct {
            distance = factor * (value + offset)
            // The row's variance stands for both, but the query's codes may be coarser.
            error = factor * Self.coarserQuery * Self.deviations * (2 * row).squareRoot()
        } else {
            let variance = row + queryVariance
            distance = factor * max(0, value - elements * variance)
            error = factor * Self.deviations * 2 * (max(0, value) * variance).squareRoot()
        }
        // Float32 has an error, too, where codes have none.
        error += Self.rounding * max(abs(distance), factor)
        return (Float(distance), Float(error))
    }

    /// A lower bound of a row's exact distance, by its key and the step of its codes; the exact
    /// distance is rarely below it.
    func leastDistance(_ key: UInt32, scale: Float) -> Double {
        let value = Double(RecordShape.value(key))
        let row = Double(scale) * Double(scale) * rowVariance
        if isProduct {
            // Rows and queries are assumed to have equal lengths, so a query has about the error of
            // a row.
            return factor * (value + offset - Self.deviations * (2 * row).squareRoot())
        }
        // The rounding of both: on average, it increases distances by its square.
        let variance = row + queryVariance
        let spread = 2 * (max(0, value) * variance).squareRoot()
        return factor * (value - elements * variance - Self.deviations * spread)
    }
}
