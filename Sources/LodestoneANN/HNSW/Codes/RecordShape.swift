// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// A kernel that computes the keys of nodes for one query; a smaller key is nearer.
struct CodeKeys {
    /// The kernel, which reads a node as its number.
    let kernel:
        @convention(c) (
            lode_codes, lode_query, UnsafePointer<UInt32>, Int, UnsafeMutablePointer<UInt32>
        ) -> Void

    /// Writes the keys of the first `count` of `nodes`.
    @inline(__always)
    func callAsFunction(
        _ codes: lode_codes,
        _ query: lode_query,
        _ nodes: UnsafePointer<NodeID>,
        _ count: Int,
        _ keys: UnsafeMutablePointer<UInt32>
    ) {
        nodes.withMemoryRebound(to: UInt32.self, capacity: count) {
            kernel(codes, query, $0, count, keys)
        }
    }
}

/// The codes of a record, and its tail.
///
/// Codes and tails are in separate arrays. Codes of 384 elements are six whole cache lines, and the
/// tails of all rows stay in the cache. In one array, codes and tail took seven or eight lines, and
/// each load touched two.
struct CodeRecord {
    let codes: UnsafePointer<UInt8>
    let tail: UnsafePointer<Float>

    @inline(__always) init(_ record: MutableCodeRecord) {
        codes = UnsafePointer(record.codes)
        tail = UnsafePointer(record.tail)
    }
}

/// The writable memory of a record.
struct MutableCodeRecord {
    let codes: UnsafeMutablePointer<UInt8>
    let tail: UnsafeMutablePointer<Float>
}

/// The layout of records in codes and tails, and the comparison of records.
///
/// Threading: a value, without references: inner loops copy it.
struct RecordShape: Sendable {
    /// The measure by which nodes are ranked.
    enum Ranking {
        /// The metric.
        case metric
        /// The Euclidean distance between rows, for any metric.
        case distance
    }

    private let isDot: Bool
    private let dimension: Int
    private let quantization: VectorQuantization
    /// Bytes from one record's codes to the next.
    let stride: Int
    /// Floats of a tail.
    let tailCount: Int
    /// Bytes of a query.
    let queryBytes: Int
    /// The layout of sign codes; `nil` where records have none.
    let signs: SignShape?
    // Offsets in a tail, in floats.
    static let scaleOffset = 0
    static let termOffset = 1
    static let inverseLengthOffset = 2
    let squareOffset: Int
    /// The constants of a separation: one added to the product, one added to the key's value inside
    /// of it.
    private let separationBase: Float
    private let separationShift: Float

    /// Steps of a query per step of an int4 row: queries are int8.
    private static let int4QuerySteps: Float = 16
    /// Bytes after the last codes that kernels may read.
    static let margin = Int(LODE_CODE_MARGIN)

    init(
        _ metric: Metric,
        _ dimension: Int,
        _ quantization: VectorQuantization,
        _ center: CodecCenter
    ) {
        // The number of elements, with zeros up to a multiple of what the kernels read at once.
        let padded = quantization == .none ? (dimension + 15) / 16 * 16 : (dimension + 63) / 64 * 64
        let codeBytes =
            switch quantization {
            case .int8: dimension
            case .int4: padded / 2
            case .none: padded * 4
            }
        isDot = metric == .dotProduct
        self.dimension = dimension
        self.quantization = quantization
        queryBytes = quantization == .none ? padded * 4 : padded
        signs = SignShape(dimension, quantization, queryBytes: queryBytes)
        // Whole cache lines, so that a load of 64 bytes touches only one.
        stride = (codeBytes + 63) / 64 * 64
        squareOffset = isDot ? 3 : Self.termOffset
        tailCount = squareOffset + 1
        separationBase = isDot ? 1 : 0
        separationShift = isDot ? -Float(center.square) : 0
    }

    /// The number that is added to a code to make it unsigned.
    var codeOffset: Int32 { quantization == .int4 ? 8 : 128 }

    /// Bytes of a record.
    var byteCount: Int { stride + tailCount * MemoryLayout<Float>.stride }

    /// The layout, for the kernels, of records that begin with `first`.
    func layout(_ first: CodeRecord, by ranking: Ranking = .metric) -> lode_codes {
        lode_codes(
            codes: first.codes,
            stride: stride,
            tails: first.tail,
            tail_stride: tailCount,
            term_offset: termOffset(ranking),
            query_bytes: queryBytes
        )
    }

    private func termOffset(_ ranking: Ranking) -> Int {
        ranking == .metric ? Self.termOffset : squareOffset
    }

    /// The kernel that compares records.
    func keys(_ kernels: lode_code_kernels, by ranking: Ranking = .metric) -> CodeKeys {
        switch quantization {
        case .int8: CodeKeys(kernel: kernels.int8_keys)
        case .int4: CodeKeys(kernel: kernels.int4_keys)
        case .none where isDot && ranking == .metric: CodeKeys(kernel: kernels.float_keys)
        case .none: CodeKeys(kernel: kernels.difference_keys)
        }
    }

    /// The step of a record's codes.
    func scale(of record: CodeRecord) -> Float { record.tail[Self.scaleOffset] }

    /// The length of the codes of a record's query, in steps.
    func queryLength(of record: CodeRecord) -> Float {
        let scale = scale(of: record)
        return scale > 0 ? record.tail[squareOffset].squareRoot() / scale : 0
    }

    /// Makes a query from a record: the query of its vector, apart from rounding.
    func makeQuery(
        of record: CodeRecord,
        into query: UnsafeMutableRawPointer,
        _ kernels: lode_code_kernels,
        by ranking: Ranking = .metric
    ) -> lode_query {
        var scale = scale(of: record)
        var base: Int32 = 0
        var squares: Int32 = 0
        switch quantization {
        case .none:
            query.copyMemory(from: record.codes, byteCount: dimension * 4)
        case .int8:
            base = codeOffset &* sign(record.codes, query, kernels.sign_int8, &squares)
        case .int4:
            base = codeOffset &* sign(record.codes, query, kernels.sign_int4, &squares)
            scale /= Self.int4QuerySteps
        }
        let isProduct = isDot && ranking == .metric
        let term = record.tail[termOffset(ranking)]
        return lode_query(
            codes: UnsafeRawPointer(query),
            base: base,
            term_factor: isProduct ? -1 : 1,
            scale_factor: isProduct ? -scale : -2 * scale,
            constant: isProduct ? -term : term
        )
    }

    /// Converts a record's codes to signed ones; returns their sum, and the sum of their squares in
    /// `squares`.
    func sign(
        _ code: UnsafePointer<UInt8>,
        _ query: UnsafeMutableRawPointer,
        _ kernel: lode_make_signed,
        _ squares: inout Int32
    ) -> Int32 {
        kernel(code, dimension, queryBytes, query.assumingMemoryBound(to: Int8.self), &squares)
    }

    /// The value of a key.
    @inline(__always) static func value(_ key: UInt32) -> Float {
        Float(bitPattern: key & 0x8000_0000 != 0 ? key ^ 0x8000_0000 : ~key)
    }

    /// Makes the sign code of a record, in a shape that has sign codes.
    func makeSignCode(of record: CodeRecord, into code: UnsafeMutablePointer<UInt8>) {
        signs?.make(of: record, termOffset: termOffset(.metric), into: code)
    }

    // MARK: Angles

    /// The direction of a record, from which its angles to others are computed.
    @inline(__always) func direction(of record: CodeRecord) -> CodeDirection {
        if isDot {
            return CodeDirection(length: 0, factor: record.tail[Self.inverseLengthOffset])
        }
        let square = record.tail[Self.termOffset]
        let inverse = square > 0 ? 1 / square.squareRoot() : 0
        return CodeDirection(length: square * inverse, factor: inverse * Float(0.5).squareRoot())
    }

    /// 1 - the cosine of the angle between two records: about the origin for dot products, else
    /// about the center.
    ///
    /// `key` is the key of one record for the other as the query. The result is computed from a
    /// distance, because the rounding of a cosine would lose small angles. A record at the center
    /// has the separation 1 from all others.
    @inline(__always)
    func separation(_ key: UInt32, _ one: CodeDirection, _ other: CodeDirection) -> Float {
        let factor = one.factor * other.factor
        if factor == 0 { return 1 }
        let difference = one.length - other.length
        let value = Self.value(key) + separationShift - difference * difference
        return separationBase + value * factor
    }

    /// The kernel's input for the angles between one record and others; eight elements of `lengths`
    /// and `factors` must be readable.
    @inline(__always)
    func angles(
        _ one: CodeDirection,
        _ lengths: UnsafePointer<Float>,
        _ factors: UnsafePointer<Float>
    ) -> lode_angles {
        lode_angles(
            base: separationBase,
            shift: separationShift,
            length: one.length,
            factor: one.factor,
            lengths: lengths,
            factors: factors
        )
    }
}

/// The part of a record that, with a key, determines its angle to another.
struct CodeDirection {
    /// The record's distance from the center; not used for dot products.
    let length: Float
    /// 1 / the length, divided by the square root of 2 except for dot products; 0 without a length.
    let factor: Float
}
