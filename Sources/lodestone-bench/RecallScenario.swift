// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Data that are hard for indexes: vectors in the order of writing, with queries.
struct RecallScenario {
    typealias Make = (_ count: Int, _ queries: Int, _ random: inout SplitMix64) -> Vectors

    struct Vectors {
        var rows: [[Float]]
        var queries: [[Float]]
    }

    let name: String
    let dimension: Int
    let metrics: [AnnBench.MetricName]
    private let make: Make

    private init(
        _ name: String,
        dimension: Int = 64,
        metrics: [AnnBench.MetricName] = [.euclidean, .dot],
        make: @escaping Make
    ) {
        self.name = name
        self.dimension = dimension
        self.metrics = metrics
        self.make = make
    }

    /// Makes the vectors of the scenario; the same arguments give the same vectors.
    func vectors(count: Int, queries: Int, seed: UInt64) -> Vectors {
        var random = SplitMix64(state: seed)
        return make(count, queries, &random)
    }

    /// Every scenario, in the order of the report.
    static var all: [Self] {
        [0, 0.1, 0.25, 0.5, 1].map { normal("normal-\($0)", sigma: $0) }
            + [(1, 5), (1, 20), (1, 100), (1, 10_000), (10, 5), (10, 100), (10, 10_000)]
            .map { outliers($0.0, factor: $0.1) }
            + [0, 1e-3, 1e3].map(first)
            + [clusters, columns, offset, copies, popularity]
            + [32, 128, 384].map { normal("elements-\($0)", dimension: $0, sigma: 0.25) }
    }

    /// Normally distributed elements; each row is multiplied by exp(`sigma` x a normal number).
    private static func normal(_ name: String, dimension: Int = 64, sigma: Float) -> Self {
        Self(name, dimension: dimension) { count, queries, random in
            var vectors = normalVectors(count, queries, dimension, &random)
            for row in 0..<count {
                let factor = expf(sigma * random.normal(1)[0])
                vectors.rows[row] = vectors.rows[row].map { $0 * factor }
            }
            return vectors
        }
    }

    /// Some longer rows, at any position.
    private static func outliers(_ outliers: Int, factor: Float) -> Self {
        Self("outliers-\(outliers)x\(Int(factor))") { count, queries, random in
            var vectors = normalVectors(count, queries, 64, &random)
            for _ in 0..<outliers {
                let row = Int.random(in: 0..<count, using: &random)
                vectors.rows[row] = vectors.rows[row].map { $0 * factor }
            }
            return vectors
        }
    }

    /// A first row of another length than all others.
    private static func first(factor: Float) -> Self {
        Self("first-\(factor)") { count, queries, random in
            var vectors = normalVectors(count, queries, 64, &random)
            vectors.rows[0] = vectors.rows[0].map { $0 * factor }
            return vectors
        }
    }

    /// Clusters that are 50 times as far from each other as they are wide.
    private static var clusters: Self {
        Self("clusters-50", metrics: [.euclidean, .dot, .cosine]) { count, queries, random in
            let centers = (0..<20).map { _ in random.normal(64).map { $0 * 50 } }
            var vectors = normalVectors(count, queries, 64, &random)
            let move = { (vector: [Float], random: inout SplitMix64) in
                let center = centers[Int.random(in: 0..<20, using: &random)]
                return zip(vector, center).map { $0 + $1 }
            }
            for row in 0..<count { vectors.rows[row] = move(vectors.rows[row], &random) }
            for query in 0..<queries {
                vectors.queries[query] = move(vectors.queries[query], &random)
            }
            return vectors
        }
    }

    /// Raw columns of a table: each has its own scale, from 0.01 to 10,000.
    private static var columns: Self {
        Self("columns", dimension: 32, metrics: [.euclidean, .dot, .cosine]) {
            count,
            queries,
            random in
            let scales = random.normal(32).map { powf(10, min(max(1 + 1.5 * $0, -2), 4)) }
            let vectors = normalVectors(count, queries, 32, &random)
            let scaled = { (vector: [Float]) in zip(vector, scales).map { $0 * $1 } }
            return Vectors(rows: vectors.rows.map(scaled), queries: vectors.queries.map(scaled))
        }
    }

    /// One column far from zero.
    private static var offset: Self {
        Self("column-200", metrics: [.euclidean, .dot, .cosine]) { count, queries, random in
            var vectors = normalVectors(count, queries, 64, &random)
            for row in 0..<count { vectors.rows[row][7] += 200 }
            for query in 0..<queries { vectors.queries[query][7] += 200 }
            return vectors
        }
    }

    /// Two rows in five are copies of one of 20 rows.
    private static var copies: Self {
        Self("copies-20", metrics: [.euclidean, .dot, .cosine]) { count, queries, random in
            let copied = (0..<20).map { _ in random.normal(64) }
            var vectors = normalVectors(count, queries, 64, &random)
            for row in 0..<count where Int.random(in: 0..<5, using: &random) < 2 {
                vectors.rows[row] = copied[Int.random(in: 0..<20, using: &random)]
            }
            return vectors
        }
    }

    /// Factors of a few tastes with long rows for popular items, like the vectors of recommenders.
    private static var popularity: Self {
        Self("popularity", metrics: [.dot]) { count, queries, random in
            let (rank, dimension) = (32, 64)
            let tastes = (0..<rank).map { taste in
                let weight = (2 - 1.7 * Float(taste) / Float(rank - 1)) / Float(rank).squareRoot()
                return random.normal(dimension).map { $0 * weight }
            }
            let bias = random.normal(dimension).map { $0 * 0.7 }
            let mixed = { (random: inout SplitMix64) in
                var vector = [Float](repeating: 0, count: dimension)
                for (weight, taste) in zip(random.normal(rank), tastes) {
                    for index in 0..<dimension { vector[index] += weight * taste[index] }
                }
                return vector
            }
            let rows = (0..<count).map { _ in
                let popularity = powf(-logf(Float.random(in: 1e-6..<1, using: &random)), 1.5)
                let noise = random.normal(dimension)
                let taste = mixed(&random)
                return (0..<dimension).map { index in
                    (taste[index] + 0.1 * noise[index]) * (0.3 + 0.35 * popularity)
                        + popularity * bias[index] * 0.3
                }
            }
            let queryVectors = (0..<queries).map { _ in
                zip(mixed(&random), bias).map { $0 * 0.8 + $1 }
            }
            return Vectors(rows: rows, queries: queryVectors)
        }
    }

    private static func normalVectors(
        _ count: Int,
        _ queries: Int,
        _ dimension: Int,
        _ random: inout SplitMix64
    ) -> Vectors {
        Vectors(
            rows: (0..<count).map { _ in random.normal(dimension) },
            queries: (0..<queries).map { _ in random.normal(dimension) }
        )
    }
}

extension SplitMix64 {
    /// Normally distributed elements.
    mutating func normal(_ dimension: Int) -> [Float] {
        var vector = [Float](repeating: 0, count: dimension)
        vector.withUnsafeMutableBufferPointer { addNormal(to: $0) }
        return vector
    }
}
