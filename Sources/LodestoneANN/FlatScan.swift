// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// One search of a `FlatIndex` under way.
///
/// Rows are taken in chunks that stay in the second-level cache, and every chunk meets all queries
/// before the next: in groups of four, which share each row that is loaded, then one by one.
struct FlatScan {
    private let queries: PreparedQueries
    private let dimension: Int
    private let kernels: VectorKernels
    private let needsNorms: Bool
    private let chunkRows: Int
    private var nearest: [TopK]
    private var distances: [Float]
    private var inverseNorms: [Float]
    private var multiplicationsSinceCheck = 0

    /// Multiplications between two looks at the context: 0.05 to 0.5 ms with vector instructions,
    /// a few times that without.
    private static let multiplicationsPerCheck = 2 << 20
    /// Elements of a chunk for several queries: 256 KiB, a quarter of a usual second-level cache.
    private static let elementsPerCachedChunk = 64 << 10
    /// Rows of a chunk at most: bounds the memory for distances.
    private static let maxChunkRows = 4_096

    init(
        _ queries: PreparedQueries,
        k: Int,
        rows: Int,
        dimension: Int,
        metric: Metric,
        kernels: VectorKernels
    ) {
        self.queries = queries
        self.dimension = dimension
        self.kernels = kernels
        let count = queries.norms.count
        // A single query reads each row once: its chunks are as long as the context may wait.
        let elements = count > 1 ? Self.elementsPerCachedChunk : Self.multiplicationsPerCheck
        chunkRows = min(max(elements / dimension, 16), Self.maxChunkRows, rows)
        needsNorms = metric == .cosine && count >= VectorKernels.blockQueries
        nearest = Array(repeating: TopK(k: k, expected: rows), count: count)
        distances = Array(repeating: 0, count: min(count, VectorKernels.blockQueries) * chunkRows)
        inverseNorms = Array(repeating: 0, count: needsNorms ? chunkRows : 1)
    }

    /// Compares all queries with the rows of `block`.
    mutating func run(
        over block: VectorBlock,
        isAllowed: ((UInt32) -> Bool)?,
        context: CallContext
    ) throws(LodestoneError) {
        let group = VectorKernels.blockQueries
        let count = queries.norms.count
        var start = 0
        while start < block.count {
            let rows = min(chunkRows, block.count - start)
            // Who searches looks at `isDamaged` afterwards.
            guard block.check(rows: start..<start + rows, dimension: dimension) else { return }
            let base = block.base + start * dimension
            if needsNorms {
                kernels.inverseNorms(base, dimension, rows, dimension, &inverseNorms)
            }
            var query = 0
            while query < count {
                let width = query + group <= count ? group : 1
                measure(query, width: width, base: base, rows: rows)
                for offset in 0..<width {
                    collect(
                        query + offset,
                        from: offset * chunkRows,
                        rows: rows,
                        of: block,
                        start: start,
                        isAllowed: isAllowed
                    )
                }
                query += width
                multiplicationsSinceCheck += width * rows * dimension
                if multiplicationsSinceCheck >= Self.multiplicationsPerCheck {
                    multiplicationsSinceCheck = 0
                    try context.check()
                }
            }
            start += rows
        }
        // The memory must outlive the last use of `base`, which the compiler cannot know.
        withExtendedLifetime(block.owner) {}
    }

    /// What was found.
    consuming func finish() -> [[Neighbor]] {
        nearest.map { $0.sorted() }
    }

    // Distances of query + i go to `distances` from i * chunkRows on.
    private mutating func measure(
        _ query: Int,
        width: Int,
        base: UnsafePointer<Float>,
        rows: Int
    ) {
        queries.elements.withUnsafeBufferPointer { elements in
            queries.norms.withUnsafeBufferPointer { norms in
                guard let elements = elements.baseAddress, let norms = norms.baseAddress else {
                    return
                }
                if width == 1 {
                    kernels.scan(
                        elements + query * dimension,
                        norms[query],
                        base,
                        dimension,
                        rows,
                        dimension,
                        &distances
                    )
                } else {
                    kernels.scanBlock(
                        elements + query * dimension,
                        norms + query,
                        base,
                        dimension,
                        rows,
                        dimension,
                        inverseNorms,
                        &distances,
                        chunkRows
                    )
                }
            }
        }
    }

    // Few rows get past `firstWithin` once `k` are found, so this costs little beside `measure`.
    private mutating func collect(
        _ query: Int,
        from offset: Int,
        rows: Int,
        of block: VectorBlock,
        start: Int,
        isAllowed: ((UInt32) -> Bool)?
    ) {
        distances.withUnsafeBufferPointer { distances in
            guard let distances = distances.baseAddress.map({ $0 + offset }) else { return }
            var index = kernels.firstWithin(distances, 0, rows, nearest[query].bound)
            while index < rows {
                let row = block.row(at: start + index)
                let distance = distances[index]
                if nearest[query].wouldKeep(row: row, distance: distance),
                    isAllowed?(row) ?? true
                {
                    nearest[query].add(row: row, distance: distance)
                }
                index = kernels.firstWithin(
                    distances,
                    index + 1,
                    rows,
                    nearest[query].bound
                )
            }
        }
    }
}
