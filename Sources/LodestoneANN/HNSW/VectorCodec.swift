// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// Turns vectors into the records that a graph is walked over, and queries into what they are
/// compared with.
///
/// Every metric becomes squared Euclidean distance between prepared vectors: for cosine they have
/// length 1; for dot products a row gets further elements that bring all rows to one length, and a
/// query zeros there (Bachrach et al. 2014); for Euclidean they are as they are. Where a few
/// elements dominate, prepared vectors are rotated, so that one scale suits all elements.
///
/// Int8 codes have a scale of the whole collection: 2.4 times the queries/s of float32 at equal
/// recall, since the nearest are compared exactly afterwards. Int4 codes are clipped at 2.6
/// deviations and have half the bytes.
///
/// Threading: a value.
struct VectorCodec: Sendable, Equatable {
    let metric: Metric
    let dimension: Int
    let quantization: VectorQuantization
    /// Subtracted from every element; 0 unless Euclidean.
    private(set) var center: Float = 0
    /// One step of a row's codes.
    private(set) var rowScale: Float = 1
    /// The length that all rows are brought to; 0 for Euclidean.
    private(set) var rowLength: Float = 1
    private(set) var isRotated = false

    /// Elements that bring rows to one length, for dot products: spread over several, so that none
    /// dominates.
    private static let fillers = 16
    /// Steps of int4 codes to each side.
    private static let int4Steps: Float = 7
    /// Steps of a query within one of an int4 row: queries are int8.
    private static let int4QuerySteps: Float = 16
    /// Rotation pays where the largest element is so many times the usual one: below, the error of
    /// int8 codes is under a thousandth of the distances.
    private static let rotatedPeak: Float = 10
    /// Vectors looked at to find the scale.
    static let sampleCount = 20_000

    /// Elements of a prepared vector.
    var elements: Int { metric == .dotProduct ? dimension + Self.fillers : dimension }

    /// Elements, filled up with zeros to what the kernels take at once.
    private var paddedElements: Int {
        quantization == .none ? (elements + 15) / 16 * 16 : (elements + 63) / 64 * 64
    }

    private var codeBytes: Int {
        switch quantization {
        case .int8: elements
        case .int4: paddedElements / 2
        case .none: paddedElements * 4
        }
    }

    private var hasNorms: Bool { metric == .euclidean && quantization != .none }

    /// Bytes from one record to the next.
    var stride: Int { (codeBytes + (hasNorms ? 4 : 0) + 63) / 64 * 64 }

    /// Bytes of a query.
    var queryBytes: Int { quantization == .none ? paddedElements * 4 : paddedElements }

    private var normOffset: Int { hasNorms ? stride - 4 : 0 }

    private var queryScale: Float {
        quantization == .int4 ? rowScale / Self.int4QuerySteps : rowScale
    }

    /// What is added to a code to make it unsigned.
    private var codeOffset: Int32 { quantization == .int4 ? 8 : 128 }

    /// What the kernels need to know of records at `records`.
    func layout(_ records: UnsafePointer<UInt8>) -> lode_codes {
        lode_codes(
            records: records,
            stride: stride,
            query_bytes: queryBytes,
            norm_offset: normOffset
        )
    }

    /// The kernel that compares records.
    func keys(_ kernels: lode_code_kernels) -> CodeKeys {
        switch quantization {
        case .int8: kernels.int8_keys
        case .int4: kernels.int4_keys
        case .none: kernels.float_keys
        }
    }
}

/// Keys of one query to rows, smaller is nearer.
typealias CodeKeys =
    @convention(c) (
        lode_codes, UnsafeRawPointer, Int32, UnsafePointer<UInt32>, Int,
        UnsafeMutablePointer<UInt32>
    ) -> Void

extension VectorCodec {
    /// A codec for vectors like those of `sample`, whose elements may be `headroom` times as large.
    init(
        _ metric: Metric,
        dimension: Int,
        quantization: VectorQuantization,
        sample: some Collection<UnsafePointer<Float>>,
        headroom: Float = 1
    ) {
        self.metric = metric
        self.dimension = dimension
        self.quantization = quantization
        switch metric {
        case .cosine:
            rowLength = 1
        case .euclidean:
            rowLength = 0
        case .dotProduct:
            rowLength = sample.reduce(0) { max($0, Float(Self.length($1, dimension))) }
        }
        guard quantization != .none else { return }
        var range = ElementRange(sample, self)
        if range.peak(around: centerOf(range)) > Self.rotatedPeak * range.deviation {
            isRotated = true
            range = ElementRange(sample, self)
        }
        center = centerOf(range)
        let peak = range.peak(around: center) * headroom
        let step =
            quantization == .int4
            ? min(peak, 2.6 * range.deviation) / Self.int4Steps : peak / 127
        rowScale = step.isNormal ? step : 1
    }

    /// A codec as it was written.
    init(
        _ metric: Metric,
        dimension: Int,
        quantization: VectorQuantization,
        center: Float,
        rowScale: Float,
        rowLength: Float,
        isRotated: Bool
    ) {
        self.metric = metric
        self.dimension = dimension
        self.quantization = quantization
        self.center = center
        self.rowScale = rowScale
        self.rowLength = rowLength
        self.isRotated = isRotated
    }

    /// Whether codes made with the other one are nearly as good.
    func isClose(to other: VectorCodec) -> Bool {
        metric == other.metric && dimension == other.dimension
            && quantization == other.quantization && isRotated == other.isRotated
            && (0.8...1.1).contains(rowScale / other.rowScale)
            && abs(center - other.center) <= 8 * rowScale
            && (metric != .dotProduct || rowLength <= other.rowLength)
    }

    private func centerOf(_ range: ElementRange) -> Float {
        // Only differences count for Euclidean: a range like 0...255 uses all codes.
        metric == .euclidean && !isRotated && quantization == .int8
            ? range.minimum / 2 + range.maximum / 2 : 0
    }

    /// Writes the prepared form of a vector, `elements` floats.
    func prepare(
        _ vector: UnsafePointer<Float>,
        asRow: Bool,
        into prepared: UnsafeMutablePointer<Float>
    ) {
        switch metric {
        case .euclidean:
            prepared.update(from: vector, count: dimension)
        case .cosine:
            // By a double: lengths from 1e-38 to 1e38 are as good as any.
            let length = Self.length(vector, dimension)
            let factor = length > 0 ? 1 / length : 0
            for index in 0..<dimension { prepared[index] = Float(Double(vector[index]) * factor) }
        case .dotProduct:
            var rest: Float = 0
            if asRow {
                prepared.update(from: vector, count: dimension)
                let square = Double(rowLength) * Double(rowLength)
                let length = Self.length(vector, dimension)
                rest = Float(max(0, square - length * length).squareRoot())
            } else {
                // The length of a query doesn't matter: that of a row suits the scale.
                let length = Self.length(vector, dimension)
                let factor = length > 0 ? Double(rowLength) / length : 0
                for index in 0..<dimension {
                    prepared[index] = Float(Double(vector[index]) * factor)
                }
            }
            let filler = rest / Float(Self.fillers).squareRoot()
            (prepared + dimension).update(repeating: filler, count: Self.fillers)
        }
        if isRotated { Rotation.apply(to: prepared, count: elements) }
    }

    private static func length(_ vector: UnsafePointer<Float>, _ count: Int) -> Double {
        var sums = (0.0, 0.0, 0.0, 0.0)
        var index = 0
        while index &+ 4 <= count {
            let (a, b) = (Double(vector[index]), Double(vector[index &+ 1]))
            let (c, d) = (Double(vector[index &+ 2]), Double(vector[index &+ 3]))
            sums = (sums.0 + a * a, sums.1 + b * b, sums.2 + c * c, sums.3 + d * d)
            index &+= 4
        }
        while index < count {
            sums.0 += Double(vector[index]) * Double(vector[index])
            index &+= 1
        }
        return (sums.0 + sums.1 + sums.2 + sums.3).squareRoot()
    }

    /// Writes the record of a vector, `stride` bytes.
    func encode(
        _ vector: UnsafePointer<Float>,
        into record: UnsafeMutablePointer<UInt8>,
        _ scratch: CodecScratch
    ) {
        record.update(repeating: 0, count: stride)
        let prepared = scratch.prepared
        prepare(vector, asRow: true, into: prepared)
        switch quantization {
        case .none:
            UnsafeMutableRawPointer(record).copyMemory(from: prepared, byteCount: elements * 4)
        case .int8:
            scratch.kernels.quantize(prepared, elements, center, 1 / rowScale, record)
        case .int4:
            for index in 0..<elements {
                let step = (prepared[index] / rowScale).rounded()
                // Rotated, elements near 3e38 may be no numbers any more.
                let code = step >= -8 ? UInt8(min(step, 7) + 8) : 0
                let place = index / 64 * 32 + index % 32
                record[place] |= index % 64 < 32 ? code : code << 4
            }
        }
        if hasNorms {
            var sum = 0.0
            for index in 0..<elements {
                let value = Double(prepared[index] - center)
                sum += value * value
            }
            let norm = sum / (Double(rowScale) * Double(queryScale))
            UnsafeMutableRawPointer(record)
                .storeBytes(of: Self.steps(norm), toByteOffset: normOffset, as: Int32.self)
        }
    }

    /// Writes a vector as a query into `query`, `queryBytes` bytes aligned to 64.
    ///
    /// - Returns: Its base.
    func encodeQuery(
        _ vector: UnsafePointer<Float>,
        into query: UnsafeMutableRawPointer,
        _ scratch: CodecScratch
    ) -> Int32 {
        let prepared = scratch.prepared
        prepare(vector, asRow: false, into: prepared)
        if quantization == .none {
            query.copyMemory(from: prepared, byteCount: elements * 4)
            return 0
        }
        let codes = query.assumingMemoryBound(to: UInt8.self)
        scratch.kernels.quantize(prepared, elements, center, 1 / queryScale, codes)
        return finish(codes, query, scratch.kernels.sign_int8)
    }

    /// Makes the query of a record: the same that its vector would be, but for the rounding.
    func makeQuery(
        of record: UnsafePointer<UInt8>,
        into query: UnsafeMutableRawPointer,
        _ kernels: lode_code_kernels
    ) -> Int32 {
        switch quantization {
        case .none:
            query.copyMemory(from: record, byteCount: elements * 4)
            return 0
        case .int8: return finish(record, query, kernels.sign_int8)
        case .int4: return finish(record, query, kernels.sign_int4)
        }
    }

    private func finish(
        _ code: UnsafePointer<UInt8>,
        _ query: UnsafeMutableRawPointer,
        _ sign: lode_make_signed
    ) -> Int32 {
        var squares: Int32 = 0
        let sum = sign(
            code,
            elements,
            queryBytes,
            query.assumingMemoryBound(to: Int8.self),
            &squares
        )
        return 2 &* codeOffset &* sum &+ lengths(querySquare: squares)
    }

    /// The part of a distance that doesn't depend on the row's direction.
    private func lengths(querySquare: Int32) -> Int32 {
        let perStep = rowScale / queryScale
        if metric == .euclidean { return Self.steps(Double(Float(querySquare) / perStep)) }
        // Twice the square of the length that rows and queries have.
        return Self.steps(Double(2 * (rowLength / rowScale) * (rowLength / queryScale)))
    }

    /// A squared length as a number of a key: what is far beyond the range of the codes, or no number
    /// any more, is as far away as there is.
    private static func steps(_ square: Double) -> Int32 {
        square < 0x1p29 ? Int32(square) : 1 << 29
    }

    /// The squared distance that a key stands for, in a unit of the codec's own.
    @inline(__always) func distance(_ key: UInt32) -> Float {
        quantization == .none ? Float(bitPattern: key) : Float(key)
    }
}

/// What the elements of prepared vectors look like.
private struct ElementRange {
    var minimum: Float = .infinity
    var maximum: Float = -.infinity
    var deviation: Float = 0

    init(_ sample: some Collection<UnsafePointer<Float>>, _ codec: VectorCodec) {
        let scratch = CodecScratch(codec)
        var sum = 0.0
        var squares = 0.0
        for vector in sample {
            codec.prepare(vector, asRow: true, into: scratch.prepared)
            for index in 0..<codec.elements {
                let value = scratch.prepared[index]
                minimum = min(minimum, value)
                maximum = max(maximum, value)
                sum += Double(value)
                squares += Double(value) * Double(value)
            }
        }
        let count = Double(max(1, sample.count * codec.elements))
        let mean = sum / count
        deviation = Float(max(0, squares / count - mean * mean).squareRoot())
        if minimum > maximum { (minimum, maximum) = (0, 0) }
    }

    func peak(around center: Float) -> Float { max(maximum - center, center - minimum) }
}

/// Memory for one vector at a time.
///
/// Threading: one thread at a time. Unchecked for the pointer, which is its own.
final class CodecScratch: @unchecked Sendable {
    /// `elements` of the codec.
    let prepared: UnsafeMutablePointer<Float>
    let kernels: lode_code_kernels

    init(_ codec: VectorCodec, kernels: lode_code_kernels = lode_code_kernels_best().pointee) {
        prepared = .allocate(capacity: codec.elements)
        self.kernels = kernels
    }

    deinit { prepared.deallocate() }
}
