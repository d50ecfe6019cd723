// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// The C kernels of one metric.
///
/// `@unchecked Sendable`: functions without state.
package struct VectorKernels: @unchecked Sendable {
    typealias Scan =
        @convention(c) (
            UnsafePointer<Float>, Float, UnsafePointer<Float>, Int, Int, Int,
            UnsafeMutablePointer<Float>
        ) -> Void
    typealias ScanBlock =
        @convention(c) (
            UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, Int, Int, Int,
            UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int
        ) -> Void
    typealias Prefilter =
        @convention(c) (
            UnsafePointer<Float>, Int, UnsafePointer<Float>, Int, Int, Int,
            UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<UInt64>
        ) -> Void
    typealias SquaredNorms =
        @convention(c) (
            UnsafePointer<Float>, Int, Int, Int, UnsafeMutablePointer<Float>
        ) -> Void
    typealias FirstWithin = @convention(c) (UnsafePointer<Float>, Int, Int, Float) -> Int

    typealias SignatureCosts =
        @convention(c) (
            UnsafePointer<Float>, Int, Int, UnsafePointer<UInt32>, UnsafePointer<UInt32>, Int,
            UnsafeMutablePointer<Float>
        ) -> Void

    /// One query against rows.
    let scan: Scan
    /// `blockQueries` queries against rows.
    let scanBlock: ScanBlock
    /// A panel of queries against rows: finds the pairs that need a scan.
    let prefilter: Prefilter
    /// Computes the squared norms of rows, from which `scanBlock` and `prefilter` get their
    /// factors.
    let squaredNorms: SquaredNorms
    /// Finds the first distance within a bound.
    let firstWithin: FirstWithin

    /// Ranks rows by their hash signatures.
    let signatureCosts: SignatureCosts
    /// Queries of one `scanBlock`.
    static let blockQueries = Int(LODE_BLOCK_QUERIES)
    /// The most queries of a panel.
    let panelWidth: Int
    /// A panel's width is a multiple of this number.
    let panelStep: Int

    /// The factor of a row for `scanBlock`: 1 / |x|, or 0 if the kernel must compute by the
    /// definition.
    static func inverseNorm(squaredNorm: Float) -> Float {
        squaredNorm > LODE_MIN_SQUARED_NORM && squaredNorm < LODE_MAX_SQUARED_NORM
            ? 1 / squaredNorm.squareRoot() : 0
    }

    /// The kernels of `isa`, or `nil` if this processor does not have it.
    init?(_ metric: Metric, isa: lode_isa) {
        guard let table = lode_kernels_for(isa) else { return nil }
        self.init(metric, table: table.pointee)
    }

    /// The fastest kernels of this processor.
    init(_ metric: Metric) {
        self.init(metric, table: lode_kernels_best().pointee)
    }

    /// The instruction sets for which kernels exist.
    package enum InstructionSet: String, CaseIterable, Sendable {
        case scalar, avx2, avx512
    }

    /// Limits all indexes of this process to these and older instructions, to measure as on another
    /// processor.
    ///
    /// It must be called before the first index is created.
    package static func limit(to most: InstructionSet) {
        switch most {
        case .scalar: lode_limit_isa(LODE_ISA_SCALAR)
        case .avx2: lode_limit_isa(LODE_ISA_AVX2)
        case .avx512: lode_limit_isa(LODE_ISA_AVX512)
        }
    }

    private init(_ metric: Metric, table: lode_kernels) {
        switch metric {
        case .cosine:
            scan = table.cosine
            scanBlock = table.cosine_block
            prefilter = table.prefilter_products
        case .euclidean:
            scan = table.squared_euclidean
            scanBlock = table.squared_euclidean_block
            prefilter = table.prefilter_differences
        case .dotProduct:
            scan = table.negative_dot
            scanBlock = table.negative_dot_block
            prefilter = table.prefilter_products
        }
        squaredNorms = table.squared_norms
        firstWithin = table.first_within
        signatureCosts = table.signature_costs
        panelWidth = table.panel_width
        panelStep = table.panel_step
    }
}
