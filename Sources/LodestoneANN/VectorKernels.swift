// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// The C kernels of one metric.
///
/// `@unchecked Sendable`: functions without state.
struct VectorKernels: @unchecked Sendable {
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
    typealias InverseNorms =
        @convention(c) (
            UnsafePointer<Float>, Int, Int, Int, UnsafeMutablePointer<Float>
        ) -> Void
    typealias FirstWithin = @convention(c) (UnsafePointer<Float>, Int, Int, Float) -> Int

    /// One query against rows.
    let scan: Scan
    /// `blockQueries` queries against rows.
    let scanBlock: ScanBlock
    /// What `scanBlock` wants to know of the rows for cosine.
    let inverseNorms: InverseNorms
    /// Finds distances worth a closer look.
    let firstWithin: FirstWithin

    /// Queries of one `scanBlock`.
    static let blockQueries = Int(LODE_BLOCK_QUERIES)

    /// The kernels of `isa`, or `nil` if this processor does not have it.
    init?(_ metric: Metric, isa: lode_isa) {
        guard let table = lode_kernels_for(isa) else { return nil }
        self.init(metric, table: table.pointee)
    }

    /// The fastest kernels of this processor.
    init(_ metric: Metric) {
        self.init(metric, table: lode_kernels_best().pointee)
    }

    private init(_ metric: Metric, table: lode_kernels) {
        switch metric {
        case .cosine:
            scan = table.cosine
            scanBlock = table.cosine_block
        case .euclidean:
            scan = table.squared_euclidean
            scanBlock = table.squared_euclidean_block
        case .dotProduct:
            scan = table.negative_dot
            scanBlock = table.negative_dot_block
        }
        inverseNorms = table.inverse_norms
        firstWithin = table.first_within
    }
}
