// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// A running search of a `FlatIndex`.
///
/// The scan reads rows in chunks that stay in the second-level cache, and compares each chunk with
/// all queries before the next. A prefilter compares the queries of a panel together, once each
/// query has found `k` rows. The scan measures only the pairs that pass the prefilter: a few of a
/// thousand. Queries that don't fill a panel are measured in groups of four, which share each
/// loaded row, and the last ones one by one. All three ways give distances, and so results, that
/// are the same to the bit.
struct FlatScan {
    private let queries: PreparedQueries
    private let panels: GEMMPrefilter
    private let dimension: Int
    private let kernels: VectorKernels
    private let needsNorms: Bool
    private let chunkRows: Int
    private var nearest: [TopK]
    private var distances: [Float]
    private var inverseNorms: [Float]
    private var largestSquaredNorm: Float = 0
    private var scales: [Float]
    private var limits: [Float]
    private var masks: [UInt64]
    private var multiplicationsSinceCheck = 0

    /// Multiplications between two checks of the context.
    ///
    /// They take 0.05 to 0.5 ms with vector instructions, and a few times as long without.
    private static let multiplicationsPerCheck = 2 << 20
    /// Elements of a chunk for several queries: 256 KiB, a quarter of a usual second-level cache.
    private static let elementsPerCachedChunk = 64 << 10
    /// The most rows of a chunk, which bounds the memory for distances.
    private static let maxChunkRows = 4_096
    /// Rows of a step of the prefilter, which reads up to eight at once; chunks have whole steps.
    private static let chunkStep = 8

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
        panels = GEMMPrefilter(queries, dimension: dimension, metric: metric, kernels: kernels)
        let count = queries.norms.count
        // A single query reads each row once, so only the checks of the context limit its chunks.
        let elements = count > 1 ? Self.elementsPerCachedChunk : Self.multiplicationsPerCheck
        let rowsOfElements = elements / dimension / Self.chunkStep * Self.chunkStep
        chunkRows = min(max(rowsOfElements, 16), Self.maxChunkRows, rows)
        // Panels of every metric need the pass of the norms: it reads row after row, and so loads a
        // chunk into the cache twice as fast as the prefilter, which reads eight rows at once.
        needsNorms =
            panels.count > 0 || metric == .cosine && count >= VectorKernels.blockQueries
        nearest = Array(repeating: TopK(k: k, expected: rows), count: count)
        distances = Array(repeating: 0, count: min(count, VectorKernels.blockQueries) * chunkRows)
        inverseNorms = Array(repeating: 0, count: needsNorms ? chunkRows : 1)
        scales = Array(repeating: 0, count: panels.count > 0 ? chunkRows : 0)
        limits = Array(repeating: 0, count: panels.width)
        masks = Array(repeating: 0, count: panels.count > 0 ? chunkRows : 0)
    }

    /// Compares all queries with the rows of `block`.
    mutating func run(
        over block: VectorBlock,
        isAllowed: ((RowID) -> Bool)?,
        context: CallContext
    ) throws(LodestoneError) {
        let group = VectorKernels.blockQueries
        let count = queries.norms.count
        var start = 0
        while start < block.count {
            let rows = start..<min(start + chunkRows, block.count)
            // The caller reads `isDamaged` afterwards.
            guard block.check(rows: rows, dimension: dimension) else { return }
            if needsNorms { prepareNorms(of: rows, in: block) }
            for panel in 0..<panels.panelCount {
                scanPrefiltered(panel, rows, of: block, isAllowed: isAllowed)
                try checkIfDue(context)
            }
            var query = panels.count
            while query < count {
                let width = query + group <= count ? group : 1
                scan(query, width: width, rows, of: block, isAllowed: isAllowed)
                query += width
                try checkIfDue(context)
            }
            start += rows.count
        }
        // The memory must outlive the last use of `base`, which the compiler does not see.
        withExtendedLifetime(block.owner) {}
    }

    /// The neighbors of each query, nearest first.
    consuming func finish() -> [[Neighbor]] {
        nearest.map { $0.sorted() }
    }

    private mutating func checkIfDue(_ context: CallContext) throws(LodestoneError) {
        guard multiplicationsSinceCheck >= Self.multiplicationsPerCheck else { return }
        multiplicationsSinceCheck = 0
        try context.check()
    }

    private mutating func prepareNorms(of rows: Range<Int>, in block: VectorBlock) {
        let base = block.base + rows.lowerBound * dimension
        kernels.squaredNorms(base, dimension, rows.count, dimension, &inverseNorms)
        largestSquaredNorm = 0
        for index in 0..<rows.count {
            largestSquaredNorm = max(largestSquaredNorm, inverseNorms[index])
            inverseNorms[index] = VectorKernels.inverseNorm(squaredNorm: inverseNorms[index])
            if !scales.isEmpty { scales[index] = panels.scale(inverseNorm: inverseNorms[index]) }
        }
    }

    // Measures the pairs that pass the prefilter, and all pairs of queries without a limit.
    private mutating func scanPrefiltered(
        _ panel: Int,
        _ rows: Range<Int>,
        of block: VectorBlock,
        isAllowed: ((RowID) -> Bool)?
    ) {
        var prefiltered: UInt64 = 0
        for (lane, query) in panels.queries(of: panel).enumerated() {
            let bound = nearest[query].bound
            let limit = panels.limit(query, bound: bound, largestSquaredNorm: largestSquaredNorm)
            if let limit {
                limits[lane] = limit
                prefiltered |= 1 << UInt64(lane)
            } else {
                scan(query, width: 1, rows, of: block, isAllowed: isAllowed)
            }
        }
        guard prefiltered != 0 else { return }

        let base = block.base + rows.lowerBound * dimension
        let width = panels.stride(of: panel)
        panels.withElements(of: panel) { elements in
            kernels.prefilter(
                elements,
                width,
                base,
                dimension,
                rows.count,
                dimension,
                scales,
                limits,
                &masks
            )
        }
        multiplicationsSinceCheck += width * rows.count * dimension
        for index in 0..<rows.count {
            var mask = masks[index] & prefiltered
            while mask != 0 {
                let query = panel * panels.width + mask.trailingZeroBitCount
                mask &= mask - 1
                let row = rows.lowerBound + index
                scan(query, width: 1, row..<row + 1, of: block, isAllowed: isAllowed)
            }
        }
    }

    // Measures `width` queries from `query` on: one, or as many as `scanBlock` compares.
    private mutating func scan(
        _ query: Int,
        width: Int,
        _ rows: Range<Int>,
        of block: VectorBlock,
        isAllowed: ((RowID) -> Bool)?
    ) {
        let base = block.base + rows.lowerBound * dimension
        measure(query, width: width, base: base, rows: rows.count)
        for offset in 0..<width {
            collect(
                query + offset,
                from: offset * chunkRows,
                rows: rows.count,
                of: block,
                start: rows.lowerBound,
                isAllowed: isAllowed
            )
        }
        multiplicationsSinceCheck += width * rows.count * dimension
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

    // Few rows pass `firstWithin` once `k` are found, so this costs little compared with `measure`.
    private mutating func collect(
        _ query: Int,
        from offset: Int,
        rows: Int,
        of block: VectorBlock,
        start: Int,
        isAllowed: ((RowID) -> Bool)?
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
