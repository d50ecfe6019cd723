// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Questions like those of users, made from a collection's own vectors, with their true neighbors.
///
/// A question lies between a vector and a similar one: it is the sum of their directions, or under
/// Euclidean distance their mean. The vectors themselves would be easier questions, because the
/// index is made of them. A graph that finds every vector by itself may find only a third of the
/// neighbors of users' queries.
struct SampledQueries {
    /// The number of neighbors that each question wants.
    private static let neighborCount = 10
    /// The number of questions in the first round.
    ///
    /// Where recall is 0.95 or more, its deviation is about 0.1 per question, so 100 questions
    /// measure it to within 0.02.
    private static let firstCount = 100
    /// The number of questions in all, where the first round leaves it open whether recall is
    /// enough.
    private static let fullCount = 400
    private static let openRecall = 0.8..<IndexHealth.recallGoal
    /// The number of drawn vectors from which the one most similar to the first is taken.
    private static let choice = 32
    /// The most multiplications of the exact scan, some hundreds of milliseconds of one core, and
    /// the fewest questions at any cost.
    private static let multiplications = 1 << 33
    private static let fewest = 25

    private let table: VectorTable
    private let metric: Metric
    private let flat: FlatIndex
    private let threads: Int
    private let exists: @Sendable (UInt32) -> Bool
    /// The number of vectors whose rows exist.
    let rowCount: Int

    init(
        _ table: VectorTable,
        _ metric: Metric,
        threads: Int,
        exists: @escaping @Sendable (UInt32) -> Bool
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
    /// Any of several equally near neighbors counts.
    ///
    /// - Complexity: an exact scan and a call of `search` for each of 100 to 400 questions. There
    ///   are fewer questions where so many would take long.
    func recall(_ search: ([Float]) -> [Neighbor]) -> Double {
        guard rowCount > 0 else { return 1 }
        let affordable = Self.multiplications / max(1, rowCount * table.dimension)
        let limit = max(Self.fewest, affordable)
        var found = (right: 0, wanted: 0)
        var random = Numbers()
        var asked = 0
        for count in [Self.firstCount, Self.fullCount] {
            let queries = (asked..<max(asked, min(count, limit))).compactMap { _ in
                question(&random)
            }
            guard !queries.isEmpty else { break }
            asked += queries.count
            for (query, bound) in zip(queries, bounds(queries)) {
                let near = search(query).prefix(Self.neighborCount).count {
                    $0.distance <= bound.distance
                }
                found.right += min(near, bound.count)
                found.wanted += bound.count
            }
            let share = Double(found.right) / Double(max(1, found.wanted))
            if !Self.openRecall.contains(share) { break }
        }
        return found.wanted == 0 ? 1 : Double(found.right) / Double(found.wanted)
    }

    /// The number of each query's true neighbors, at most `neighborCount`, and the last one's
    /// distance.
    private func bounds(_ queries: [[Float]]) -> [(count: Int, distance: Float)] {
        let share = (queries.count + threads - 1) / threads
        let parts = stride(from: 0, to: queries.count, by: share).map {
            Array(queries[$0..<min($0 + share, queries.count)])
        }
        var bounds = [[(count: Int, distance: Float)]](repeating: [], count: parts.count)
        bounds.withUnsafeMutableBufferPointer { bounds in
            // Unchecked: each thread writes a part of its own.
            nonisolated(unsafe) let bounds = bounds
            ParallelWork.perform(parts: parts.count) { part in
                let found = try? flat.search(
                    parts[part],
                    k: Self.neighborCount,
                    in: table.blocks,
                    isAllowed: exists,
                    context: CallContext(timeout: .seconds(86_400))
                )
                bounds[part] = (found ?? []).map { ($0.count, $0.last?.distance ?? 0) }
            }
        }
        return bounds.flatMap { $0 }
    }

    /// A question; `nil` when hardly any row exists, so that some tries met none.
    private func question(_ random: inout Numbers) -> [Float]? {
        guard let first = vector(&random) else { return nil }
        var nearest: (likeness: Double, vector: [Float])?
        for _ in 0..<Self.choice {
            guard let other = vector(&random), other != first else { continue }
            let likeness = likeness(first, other)
            if likeness > nearest?.likeness ?? -.infinity { nearest = (likeness, other) }
        }
        guard let second = nearest?.vector else { return first }
        if metric == .euclidean { return zip(first, second).map { $0 / 2 + $1 / 2 } }
        let sum = zip(direction(first), direction(second)).map { $0 + $1 }
        return sum.contains { $0 != 0 } ? sum : first
    }

    /// The vector of a row that exists; `nil` when some tries met none.
    private func vector(_ random: inout Numbers) -> [Float]? {
        let total = table.blocks.reduce(0) { $0 + $1.count }
        for _ in 0..<64 {
            var place = Int(random.next() % UInt64(max(1, total)))
            for block in table.blocks {
                guard place >= block.count else {
                    let row = block.row(at: place)
                    guard exists(row), let vector = table.vector(of: row) else { break }
                    return Array(UnsafeBufferPointer(start: vector, count: table.dimension))
                }
                place -= block.count
            }
        }
        return nil
    }

    private func likeness(_ a: [Float], _ b: [Float]) -> Double {
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

    /// Pseudorandom numbers that are the same each time, so that a measurement can be repeated.
    private struct Numbers {
        private var drawn: UInt64 = 0

        mutating func next() -> UInt64 {
            drawn += 1
            return (0x5341_4D50 as UInt64).mixed(with: drawn)
        }
    }
}

extension VectorIndex {
    /// The neighbors that the index finds for a sampled question.
    func answers(
        _ query: [Float],
        _ exists: @escaping (UInt32) -> Bool,
        _ table: VectorTable
    ) -> [Neighbor] {
        let questions = VectorQuery(
            [query],
            k: 10,
            exists: exists,
            context: CallContext(timeout: .seconds(86_400))
        )
        return (try? search(questions, in: table))?.first?.neighbors ?? []
    }
}
