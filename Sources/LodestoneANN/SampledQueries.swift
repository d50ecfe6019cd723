// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Synthetic queries like those of users, made from a collection's vectors, with their true
/// neighbors.
///
/// A query is between a vector and a similar one: the sum of their directions, or their mean for
/// Euclidean distance. The vectors themselves would be easier queries: a graph that finds each
/// vector that is its own query may find only a third of the neighbors of users' queries.
struct SampledQueries {
    /// The number of neighbors to find per query.
    private static let neighborCount = 10
    /// The number of queries in the first round.
    ///
    /// At a recall of 0.95 or more, its deviation is about 0.1 per query, so 100 queries measure it
    /// to within 0.02.
    private static let firstCount = 100
    /// The number of queries after further rounds, if the first round is not decisive.
    private static let fullCount = 400
    private static let openRecall = 0.8..<IndexHealth.recallGoal
    /// The number of random vectors from which the vector most similar to a query's first vector is
    /// chosen.
    private static let choice = 32
    /// The most multiplications of the exact scan, some hundreds of milliseconds of one core; and
    /// the fewest queries, even if they need more.
    private static let multiplications = 1 << 33
    private static let fewest = 25

    private let table: VectorTable
    private let metric: Metric
    private let flat: FlatIndex
    private let threads: Int
    private let exists: @Sendable (RowID) -> Bool
    /// The number of existing rows with a vector.
    let rowCount: Int

    init(
        _ table: VectorTable,
        _ metric: Metric,
        threads: Int,
        exists: @escaping @Sendable (RowID) -> Bool
    ) {
        self.table = table
        self.metric = metric
        self.threads = threads
        self.exists = exists
        flat = FlatIndex(dimension: table.dimension, metric: metric)
        rowCount = table.blocks.reduce(0) { sum, block in
            sum + (0..<block.count).count { exists(block.row(at: $0)) }
        }
    }

    /// The share of the true neighbors that `search` finds; 1 without vectors.
    ///
    /// Any of several equally near neighbors counts as a true one. A search that throws finds none.
    ///
    /// - Complexity: an exact scan and a call of `search` for each of 100 to 400 queries. Fewer
    ///   queries run if 100 would take too long.
    func recall(_ search: (VectorQuery) throws(LodestoneError) -> [VectorSearchResult]) -> Double {
        guard rowCount > 0 else { return 1 }
        let affordable = Self.multiplications / max(1, rowCount * table.dimension)
        let limit = max(Self.fewest, affordable)
        var (foundCount, trueCount) = (0, 0)
        var random = Numbers()
        var drawn = 0
        for count in [Self.firstCount, Self.fullCount] {
            let vectors = (drawn..<max(drawn, min(count, limit))).compactMap { _ in
                queryVector(&random)
            }
            guard !vectors.isEmpty else { break }
            drawn += vectors.count
            for (vector, bound) in zip(vectors, bounds(vectors)) {
                let query = VectorQuery(
                    [vector],
                    k: Self.neighborCount,
                    exists: exists,
                    context: Self.context
                )
                let neighbors = (try? search(query))?.first?.neighbors ?? []
                foundCount += min(neighbors.count { $0.distance <= bound.distance }, bound.count)
                trueCount += bound.count
            }
            let recall = Double(foundCount) / Double(max(1, trueCount))
            if !Self.openRecall.contains(recall) { break }
        }
        return trueCount == 0 ? 1 : Double(foundCount) / Double(trueCount)
    }

    private static var context: CallContext { CallContext(timeout: .seconds(86_400)) }

    /// The number of each query's true neighbors, at most `neighborCount`, and the last one's
    /// distance.
    private func bounds(_ queries: [[Float]]) -> [(count: Int, distance: Float)] {
        let partCount = (queries.count + threads - 1) / threads
        let parts = stride(from: 0, to: queries.count, by: partCount).map {
            Array(queries[$0..<min($0 + partCount, queries.count)])
        }
        var bounds = [[(count: Int, distance: Float)]](repeating: [], count: parts.count)
        bounds.withUnsafeMutableBufferPointer { bounds in
            // Unchecked: each thread writes its own part.
            nonisolated(unsafe) let bounds = bounds
            ParallelWork.perform(parts: parts.count) { part in
                let found = try? flat.search(
                    parts[part],
                    k: Self.neighborCount,
                    in: table.blocks,
                    isAllowed: exists,
                    context: Self.context
                )
                bounds[part] = (found ?? []).map { ($0.count, $0.last?.distance ?? 0) }
            }
        }
        return bounds.flatMap { $0 }
    }

    /// A query vector; `nil` when some tries met no existing row.
    private func queryVector(_ random: inout Numbers) -> [Float]? {
        guard let first = vector(&random) else { return nil }
        var nearest: (similarity: Double, vector: [Float])?
        for _ in 0..<Self.choice {
            guard let other = vector(&random), other != first else { continue }
            let similarity = similarity(first, other)
            if similarity > nearest?.similarity ?? -.infinity { nearest = (similarity, other) }
        }
        guard let second = nearest?.vector else { return first }
        if metric == .euclidean { return zip(first, second).map { $0 / 2 + $1 / 2 } }
        let sum = zip(direction(first), direction(second)).map { $0 + $1 }
        return sum.contains { $0 != 0 } ? sum : first
    }

    /// The vector of a random existing row; `nil` when some tries met none.
    private func vector(_ random: inout Numbers) -> [Float]? {
        let total = table.blocks.reduce(0) { $0 + $1.count }
        for _ in 0..<64 {
            var index = Int(random.next() % UInt64(max(1, total)))
            for block in table.blocks {
                guard index >= block.count else {
                    let row = block.row(at: index)
                    guard exists(row), let vector = table.vector(of: row) else { break }
                    return Array(UnsafeBufferPointer(start: vector, count: table.dimension))
                }
                index -= block.count
            }
        }
        return nil
    }

    private func similarity(_ a: [Float], _ b: [Float]) -> Double {
        var (dot, square, difference) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            let (x, y) = (Double(x), Double(y))
            dot += x * y
            square += y * y
            difference += (x - y) * (x - y)
        }
        return metric == .euclidean ? -difference : square > 0 ? dot / square.squareRoot() : 0
    }

    private func direction(_ vector: [Float]) -> [Float] {
        let square = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
        let factor = square > 0 ? 1 / square.squareRoot() : 0
        return vector.map { Float(Double($0) * factor) }
    }

    /// Pseudorandom numbers from a fixed seed, so that a measurement can be repeated.
    private struct Numbers {
        private var drawn: UInt64 = 0

        mutating func next() -> UInt64 {
            drawn += 1
            return (0x5341_4D50 as UInt64).mixed(with: drawn)
        }
    }
}
