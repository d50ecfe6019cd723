// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// The layout of sign codes: one bit per element of a record, and what estimates a distance by it
/// (RaBitQ: Gao & Long, arXiv:2405.12497).
///
/// A walk reads a sign code before the record of a node. Most nodes of a frontier are too far away
/// to be kept, and a sixth of the memory tells that of two thirds of them. A sign code is made from
/// the record alone. It lies within one cache line up to 416 elements.
///
/// Threading: a value.
struct SignShape: Sendable {
    /// Bytes of bits: one bit per byte of a query.
    let bitByteCount: Int
    /// Bytes from one sign code to the next.
    let stride: Int
    private let dimension: Int

    /// The dimension from which on sign codes pay.
    ///
    /// Fewer elements have codes of few cache lines, and estimates with large errors.
    static let leastDimension = 192
    /// The standard deviations by which an estimate must miss to lose a near node.
    ///
    /// Measured (recall and codes compared per query, ef 64): 40,000 vectors of WordNet: without
    /// sign codes 0.9913 and 1,960, 1.5 deviations 0.9914 and 531, 2 deviations 0.9914 and 619.
    /// 10,000 normally distributed vectors of 384 elements, all about equally far: without sign
    /// codes 0.6447 and 3,018, 1.5 deviations 0.6401 and 1,218, 2 deviations 0.6438 and 1,530.
    static let deviations: Float = 2

    /// The layout for records of a kind; `nil` where these have no sign codes.
    init?(_ dimension: Int, _ quantization: VectorQuantization, queryBytes: Int) {
        guard quantization == .int8, dimension >= Self.leastDimension else { return nil }
        self.dimension = dimension
        bitByteCount = queryBytes / 8
        let byteCount = bitByteCount + Int(LODE_SIGN_FLOATS) * MemoryLayout<Float>.stride
        // Whole cache lines, so that a sign code touches no more than it must.
        stride = (byteCount + 63) / 64 * 64
    }

    /// The layout, for the kernels, of sign codes that begin at `codes`.
    func layout(_ codes: UnsafePointer<UInt8>) -> lode_signs {
        lode_signs(codes: codes, stride: stride, bit_bytes: bitByteCount)
    }

    /// Makes the sign code of a record whose metric has its term at `termOffset` of the tail.
    func make(
        of record: CodeRecord,
        termOffset: Int,
        into code: UnsafeMutablePointer<UInt8>
    ) {
        lode_make_sign_code(
            record.codes,
            dimension,
            record.tail[RecordShape.scaleOffset],
            record.tail[termOffset],
            bitByteCount,
            code
        )
    }
}

/// The sign codes of a graph and a query, by which a walk leaves out nodes that are too far away.
struct SignFilter {
    let codes: lode_signs
    let query: lode_query
    /// The factor of the error of a sign code.
    let margin: Float
    private let kernel:
        @convention(c) (
            lode_signs, lode_query, Float, Float, UnsafeMutablePointer<UInt32>, Int
        ) -> Int

    /// A filter for an encoded query; `length` is that of its codes.
    init(_ codes: lode_signs, _ query: lode_query, length: Float, _ kernels: lode_code_kernels) {
        self.codes = codes
        self.query = query
        margin = SignShape.deviations * abs(query.scale_factor) * length
        kernel = kernels.keep_near
    }

    /// Moves the nodes that are probably nearer than the value of a key to the front of the first
    /// `count`, in their order; returns their number.
    @inline(__always)
    func keep(_ nodes: UnsafeMutablePointer<NodeID>, _ count: Int, nearerThan key: UInt32) -> Int {
        nodes.withMemoryRebound(to: UInt32.self, capacity: count) {
            kernel(codes, query, margin, RecordShape.value(key), $0, count)
        }
    }

    @inline(__always)
    func prefetch(_ node: NodeID) {
        HNSWBeam.prefetch(codes.codes + Int(node) &* codes.stride, codes.stride)
    }
}
