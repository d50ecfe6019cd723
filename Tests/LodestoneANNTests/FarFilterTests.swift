// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Filter that excludes near rows")
struct FarFilterTests {
    private static let clusters = 100
    private static let dimension = 16

    /// Rows of clusters one after the other, and the clusters of each row.
    private static func rows(_ count: Int, _ random: inout SeededGenerator) -> (
        rows: [[Float]], clusters: [Int], centers: [[Float]]
    ) {
        let centers = random.vectors(clusters, dimension)
        let owners = (0..<count).map { _ in Int(random.next() % UInt64(clusters)) }
        let rows = owners.map { owner in
            zip(centers[owner], random.vector(dimension, scale: 0.5)).map { $0 + $1 }
        }
        return (rows, owners, centers)
    }

    private static func square(_ a: [Float], _ b: [Float]) -> Float {
        zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }

    @Test(
        "An HNSW search filtered to far clusters has a recall of at least 0.95",
        arguments: TestLength.isLong ? Metric.allCases : [.cosine]
    )
    func farClusters(metric: Metric) throws {
        var random = SeededGenerator(seed: 31)
        let (rows, owners, centers) = Self.rows(8_000, &random)
        var scene = Scene(rows, metric: metric)
        // The walk is so narrow that it costs less than a scan of so few rows.
        scene.options.efSearch = 10
        let index = try scene.built()
        var found = 0
        let queries = 60
        for number in 0..<queries {
            let center = centers[number]
            let passing = [20, 30, 60][number % 3]
            let query = zip(center, random.vector(Self.dimension, scale: 0.5)).map { $0 + $1 }
            let farthest = centers.indices
                .sorted { Self.square(centers[$0], center) > Self.square(centers[$1], center) }
                .prefix(passing)
            var allowed = RowSet(count: rows.count)
            for row in rows.indices where farthest.contains(owners[row]) {
                allowed.insert(RowID(row))
            }
            let truth = try scene.search(index, query, exact: true, allowed: allowed).neighbors
            let result = try scene.search(index, query, allowed: allowed).neighbors
            #expect(result.count == 10 && result.allSatisfy { allowed.contains($0.row) })
            let last = try #require(truth.last?.distance)
            found += result.count { $0.distance <= last }
        }
        #expect(Double(found) / Double(10 * queries) >= 0.95)
    }

    @Test("An HNSW search filtered to short rows has a recall of at least 0.95 under dot product")
    func shortRows() throws {
        var random = SeededGenerator(seed: 32)
        // A fifth of all rows are short; the nearest of all are long.
        let rows = (0..<8_000).map { row in
            random.vector(Self.dimension, scale: row % 5 == 0 ? 0.2 : 1 + Float(row % 4))
        }
        let scene = Scene(rows, metric: .dotProduct)
        let index = try scene.built()
        var allowed = RowSet(count: rows.count)
        for row in stride(from: 0 as RowID, to: 8_000, by: 5) { allowed.insert(row) }
        var found = 0
        for _ in 0..<40 {
            let query = random.vector(Self.dimension)
            let truth = try scene.search(index, query, exact: true, allowed: allowed).neighbors
            let result = try scene.search(index, query, allowed: allowed).neighbors
            let last = try #require(truth.last?.distance)
            found += result.count { $0.distance <= last }
        }
        #expect(Double(found) / 400 >= 0.95)
    }

    @Test(
        "An LSH search filtered to far clusters has a recall of at least 0.9",
        arguments: Metric.allCases
    )
    func hashTables(metric: Metric) throws {
        var random = SeededGenerator(seed: 33)
        let (rows, owners, centers) = Self.rows(8_000, &random)
        let scene = Scene(rows, metric: metric)
        let options = LSHOptions(tables: 6, hyperplanes: 10, probes: 12)
        var index: any VectorIndex = LSHIndex(options, dimension: 16, metric: metric)
        index.indexMany(scene.table, from: 0)
        var found = 0
        for number in 0..<20 {
            let center = centers[number]
            let far = centers.indices
                .sorted { Self.square(centers[$0], center) > Self.square(centers[$1], center) }
                .prefix(20)
            var allowed = RowSet(count: rows.count)
            for row in rows.indices where far.contains(owners[row]) { allowed.insert(RowID(row)) }
            let truth = try scene.search(index, center, exact: true, allowed: allowed).neighbors
            let result = try scene.search(index, center, allowed: allowed).neighbors
            #expect(result.count == 10)
            let last = try #require(truth.last?.distance)
            found += result.count { $0.distance <= last }
        }
        #expect(Double(found) / 200 >= 0.9)
    }
}
