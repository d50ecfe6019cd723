// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CVectorKernels
package import LodestoneCore
package import LodestoneStructures

/// An index that compares a query with every row: exact, and without state.
///
/// Distances are float32. Rows whose distances differ by less than float32's rounding (about 1e-6
/// of the sums) may come in another order than in exact arithmetic. The metrics:
///
/// - `.cosine`: 1 − q·x / (|q| |x|), clamped to 0...2. Lengths do not matter, for elements from
///   1e-38 to 1e38. A row of zeros has distance 1.
/// - `.euclidean`: |q − x|². Above 3.4e38 it is infinite, and such rows come last, by row.
/// - `.dotProduct`: −q·x. Beyond ±3.4e38 it is infinite, with the sign.
///
/// Threading: a value without state. Any number of searches may run at once, each on its caller's
/// thread.
package struct FlatIndex: Sendable {
    /// Elements of every vector.
    package let dimension: Int
    /// The measure of how near two vectors are.
    package let metric: Metric
    private let kernels: VectorKernels

    /// Creates an index of vectors of `dimension` elements, 1 to 16,384.
    package init(dimension: Int, metric: Metric) {
        self.init(dimension: dimension, metric: metric, kernels: VectorKernels(metric))
    }

    init(dimension: Int, metric: Metric, kernels: VectorKernels) {
        precondition((1...16_384).contains(dimension), "The engine checks the dimension.")
        self.dimension = dimension
        self.metric = metric
        self.kernels = kernels
    }

    /// Finds the `k` rows nearest to each query.
    ///
    /// One call with many queries is cheaper than many calls, because rows are read from memory
    /// once. The distances are the same to the bit.
    ///
    /// - Parameters:
    ///   - queries: `dimension` finite elements each; not all zero for cosine.
    ///   - k: At least 0.
    ///   - blocks: The rows, with finite elements. No row is in two blocks; blocks come in any
    ///     order.
    ///   - isAllowed: Whether a row may be found; `nil` allows all. It is called once per query,
    ///     and only for a row that is near enough to be among the `k` nearest so far.
    ///   - context: The call's context, checked about every half a millisecond of work.
    /// - Returns: For each query at most `k` neighbors, nearest first, ties by smaller row.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    /// - Complexity: O(queries × rows × `dimension`); memory for `k` rows per query.
    package func search(
        _ queries: [[Float]],
        k: Int,
        in blocks: [VectorBlock],
        isAllowed: ((RowID) -> Bool)?,
        context: CallContext
    ) throws(LodestoneError) -> [[Neighbor]] {
        precondition(k >= 0, "The engine checks k.")
        try context.check()
        let rows = blocks.reduce(0) { $0 + $1.count }
        guard k > 0, rows > 0 else { return queries.map { _ in [] } }

        var scan = FlatScan(
            PreparedQueries(queries, dimension: dimension, metric: metric),
            k: k,
            rows: rows,
            dimension: dimension,
            metric: metric,
            kernels: kernels
        )
        for block in blocks {
            try scan.run(over: block, isAllowed: isAllowed, context: context)
        }
        return scan.finish()
    }

    /// The distance between a query and one row, the same to the bit as in a search.
    ///
    /// Both have `dimension` elements.
    package func distance(_ query: [Float], _ row: UnsafePointer<Float>) -> Float {
        distance(PreparedQueries([query], dimension: dimension, metric: metric), row)
    }

    /// The distance between one prepared query and one row.
    func distance(_ query: PreparedQueries, _ row: UnsafePointer<Float>) -> Float {
        var distance = Float.infinity
        kernels.scan(
            query.elements,
            query.norms[0],
            row,
            dimension,
            1,
            dimension,
            &distance
        )
        return distance
    }

    /// The `k` rows nearest to a query among `rows`, which may come in any order.
    ///
    /// Rows without a vector are left out.
    package func nearest(_ query: [Float], k: Int, among rows: [RowID], of table: VectorTable)
        -> [Neighbor]
    {
        var neighbors = distances(query, to: rows, of: table)
        neighbors.sort { ($0.distance, $0.row) < ($1.distance, $1.row) }
        if neighbors.count > k { neighbors.removeLast(neighbors.count - k) }
        return neighbors
    }

    /// The distances between a query and some rows, in the order of `rows`.
    ///
    /// Rows without a vector are left out.
    package func distances(_ query: [Float], to rows: [RowID], of table: VectorTable)
        -> [Neighbor]
    {
        if rows.isEmpty { return [] }
        let prepared = PreparedQueries([query], dimension: dimension, metric: metric)
        var vectors: [UnsafePointer<Float>] = []
        var neighbors: [Neighbor] = []
        vectors.reserveCapacity(rows.count)
        neighbors.reserveCapacity(rows.count)
        for row in rows {
            guard let vector = table.vector(of: row) else { continue }
            for line in stride(from: 0, to: dimension, by: 16) { lode_prefetch(vector + line) }
            vectors.append(vector)
            neighbors.append(Neighbor(row: row, distance: .infinity))
        }
        prepared.elements.withUnsafeBufferPointer { elements in
            guard let elements = elements.baseAddress else { return }
            for index in vectors.indices {
                kernels.scan(
                    elements,
                    prepared.norms[0],
                    vectors[index],
                    dimension,
                    1,
                    dimension,
                    &neighbors[index].distance
                )
            }
        }
        withExtendedLifetime(table) {}
        return neighbors
    }

    /// Searches some blocks by comparing every row.
    package func search(_ query: VectorQuery, in blocks: [VectorBlock])
        throws(LodestoneError) -> [VectorSearchResult]
    {
        let found = try search(
            query.vectors,
            k: query.k,
            in: blocks,
            isAllowed: query.allows,
            context: query.context
        )
        let rows = blocks.reduce(0) { $0 + $1.count }
        return found.map { neighbors in
            var result = VectorSearchResult(
                neighbors: neighbors,
                strategy: query.isExact ? "exact" : "flat"
            )
            result.computed = rows
            result.scanned = rows
            return result
        }
    }
}
