// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// Encodes vectors as records of a graph, and queries for the comparison with records.
///
/// A row is p = P(v - m), where v has length 1 for cosine, m is the median of the rows, and P is a
/// rotation that makes all elements of p about equally large. Its codes are c = p / s, rounded,
/// with a step s of its own. So neither a row of a thousand times the usual length nor one large
/// element costs the others resolution. Int8 codes have 127 steps to each side. Int4 codes have 7,
/// clipped at 2.6 deviations. Without quantization c is p without the rotation, and s is 1.
///
/// A record's tail is s and t, float32 each. For cosine and Euclidean distance t is the square of
/// the vector s * c of the codes, and not of the true vector. Measured (tight clusters, where the
/// rounding of s * c is as large as distances are; recall): with the true square 0.12, with this
/// one 0.89. For dot products t is (s * c).Pm. Then 1 / |s * c + Pm| and the square of s * c follow
/// it.
///
/// A graph has one node for all rows with equal records. The step is rounded up to 8 bits of
/// mantissa, so that nearly equal rows have equal records.
///
/// Threading: a value.
struct VectorCodec: Sendable {
    let metric: Metric
    let dimension: Int
    let quantization: VectorQuantization
    let center: CodecCenter
    private let rotation: Rotation?

    /// Steps of int4 codes to each side.
    private static let int4Steps: Float = 7
    /// The range of int4 codes to each side, in deviations.
    private static let int4Reach: Float = 2.6
    /// The step below which a row counts as zeros, because the square of a step must not underflow.
    private static let smallestStep = Float(sign: .plus, exponent: -60, significand: 1)

    /// The layout of the codec's records.
    let shape: RecordShape

    private init(
        _ metric: Metric,
        _ dimension: Int,
        _ quantization: VectorQuantization,
        _ makeCenter: (Rotation?) -> CodecCenter
    ) {
        let rotation = quantization == .none ? nil : Rotation(dimension)
        self.metric = metric
        self.dimension = dimension
        self.quantization = quantization
        self.rotation = rotation
        center = makeCenter(rotation)
        shape = RecordShape(metric, dimension, quantization, center)
    }
}

extension VectorCodec {
    /// A codec for vectors like those of `sample`.
    init(
        _ metric: Metric,
        dimension: Int,
        quantization: VectorQuantization,
        sample: CodecSample
    ) {
        self.init(metric, dimension, quantization) { CodecCenter(sample, $0) }
    }

    /// A codec from its stored values.
    init(
        _ metric: Metric,
        dimension: Int,
        quantization: VectorQuantization,
        unit: Float,
        median: [Float]
    ) {
        self.init(metric, dimension, quantization) {
            CodecCenter(unit: unit, median: median, $0)
        }
    }

    /// The factor by which the usual squared distance of rows from this center may exceed that from
    /// their own center.
    private static let acceptedSpread = 1.2

    /// A codec for vectors like those of a sample; `nil` where this one is about as good.
    func refitted(to sample: CodecSample) -> VectorCodec? {
        let fresh = VectorCodec(
            metric,
            dimension: dimension,
            quantization: quantization,
            sample: sample
        )
        let unit = Double(center.unit / fresh.center.unit)
        let accepted = Self.acceptedSpread * sample.spread(around: fresh.center) * unit * unit
        let isStillGood =
            (0x1p-10...0x1p10).contains(unit) && sample.spread(around: center) <= accepted
        return isStillGood ? nil : fresh
    }

    /// Writes the `dimension` floats that the codes quantize.
    func prepare(
        _ vector: UnsafePointer<Float>,
        asRow: Bool,
        into prepared: UnsafeMutablePointer<Float>,
        _ kernels: lode_code_kernels
    ) {
        if metric == .cosine || metric == .dotProduct && !asRow {
            // The factor is a double, so all lengths from 1e-38 to 1e38 work equally well.
            let factor = Self.inverseLength(vector, dimension)
            for index in 0..<dimension { prepared[index] = Float(Double(vector[index]) * factor) }
        } else {
            let unit = center.unit
            for index in 0..<dimension { prepared[index] = vector[index].inUnits(of: unit) }
        }
        if asRow || metric != .dotProduct {
            center.median.withUnsafeBufferPointer { median in
                for index in 0..<dimension { prepared[index] -= median[index] }
            }
        }
        rotation?.apply(to: prepared, kernels)
    }

    /// 1 / the length of a vector; 0 when it has none.
    static func inverseLength(_ vector: UnsafePointer<Float>, _ count: Int) -> Double {
        let square = Self.square(vector, count)
        return square > 0 ? 1 / square.squareRoot() : 0
    }

    private static func square(_ vector: UnsafePointer<Float>, _ count: Int) -> Double {
        product(vector, vector, count)
    }

    private static func product(
        _ first: UnsafePointer<Float>,
        _ second: UnsafePointer<Float>,
        _ count: Int
    ) -> Double {
        var sums = SIMD4<Double>.zero
        var index = 0
        while index &+ 4 <= count {
            let a = SIMD4(first[index], first[index &+ 1], first[index &+ 2], first[index &+ 3])
            let b = SIMD4(second[index], second[index &+ 1], second[index &+ 2], second[index &+ 3])
            sums += SIMD4<Double>(a) * SIMD4<Double>(b)
            index &+= 4
        }
        var sum = sums.sum()
        while index < count {
            sum += Double(first[index]) * Double(second[index])
            index &+= 1
        }
        return sum
    }

    /// The least step from `step` on that has 8 bits of mantissa; 0 below `smallestStep`.
    static func rounded(_ step: Float) -> Float {
        step < smallestStep ? 0 : Float(bitPattern: (step.bitPattern &+ 0x7FFF) & ~0x7FFF)
    }

    /// Writes the record of a vector.
    func encode(
        _ vector: UnsafePointer<Float>,
        into record: MutableCodeRecord,
        _ scratch: CodecScratch
    ) {
        let (codes, tail) = (record.codes, record.tail)
        codes.update(repeating: 0, count: shape.stride)
        let (prepared, kernels) = (scratch.prepared, scratch.kernels)
        prepare(vector, asRow: true, into: prepared, kernels)
        var scale: Float = 1
        switch quantization {
        case .none:
            UnsafeMutableRawPointer(codes).copyMemory(from: prepared, byteCount: dimension * 4)
        case .int8:
            scale = Self.rounded(kernels.peak(prepared, dimension) / 127)
            let inverse = scale > 0 ? 1 / scale : 0
            kernels.quantize(prepared, dimension, inverse, codes)
            for index in 0..<dimension { prepared[index] = (Float(codes[index]) - 128) * scale }
        case .int4:
            let deviation = (Self.square(prepared, dimension) / Double(dimension)).squareRoot()
            let reach = min(kernels.peak(prepared, dimension), Self.int4Reach * Float(deviation))
            scale = Self.rounded(reach / Self.int4Steps)
            let inverse = scale > 0 ? 1 / scale : 0
            for index in 0..<dimension {
                let step = (prepared[index] * inverse).rounded()
                let code = UInt8(max(-8, min(7, step)) + 8)
                let byte = index / 64 * 32 + index % 32
                codes[byte] |= index % 64 < 32 ? code : code << 4
                prepared[index] = max(-8, min(7, step)) * scale
            }
        }
        // From here on, `prepared` is the decoded vector of the codes.
        let square = Self.square(prepared, dimension)
        tail[RecordShape.scaleOffset] = scale
        tail[shape.squareOffset] = Float(square)
        guard metric == .dotProduct else { return }
        let term = center.rotated.withUnsafeBufferPointer { rotated in
            rotated.baseAddress.map { Self.product(prepared, $0, dimension) } ?? 0
        }
        let length = max(0, square + 2 * term + center.square).squareRoot()
        tail[RecordShape.termOffset] = Float(term)
        // A vector of a length below the rounding of its terms has no direction.
        let hasNoDirection = length * length <= 0x1p-20 * square
        tail[RecordShape.inverseLengthOffset] = hasNoDirection ? 0 : Float(1 / length)
    }
}

/// Memory for one vector at a time.
///
/// Threading: one thread at a time. Unchecked because of the pointer, which only this object has.
final class CodecScratch: @unchecked Sendable {
    /// The prepared vector, with the codec's `dimension` elements.
    let prepared: UnsafeMutablePointer<Float>
    let kernels: lode_code_kernels

    init(_ codec: VectorCodec, kernels: lode_code_kernels = lode_code_kernels_best().pointee) {
        prepared = .allocate(capacity: codec.dimension)
        self.kernels = kernels
    }

    deinit { prepared.deallocate() }
}
