// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneSystem
import TestSupport
import Testing

@testable import LodestoneANN

/// Data that real collections have, and benchmarks don't.
@Suite("HNSW on uneven vectors")
struct HNSWOddDataTests {
    /// Vectors with something odd about them.
    enum Oddity: CaseIterable, CustomTestStringConvertible {
        /// One row a hundred times as long as the others.
        case outlier
        /// Ten rows ten thousand times as long as the others.
        case outliers
        /// Lengths that vary by a quarter.
        case lengths
        /// Lengths that vary by a factor of e.
        case wideLengths
        /// One element a hundred times as large as the others.
        case largeElement
        /// One element with two hundred added.
        case shiftedElement
        /// All elements with two hundred added.
        case shifted
        /// Clusters fifty times as far apart as they are wide.
        case clusters
        /// A first row of zeros.
        case zerosFirst
        /// A first row a thousandth as long as the others.
        case smallFirst
        /// A first row a thousand times as long as the others.
        case largeFirst

        var testDescription: String { "\(self)" }

        /// The metrics of a short run: lengths and shifts change those that see them.
        var shortMetrics: [Metric] {
            switch self {
            case .outlier, .smallFirst, .zerosFirst, .wideLengths: [.euclidean]
            case .outliers, .lengths, .largeFirst: [.dotProduct]
            case .largeElement, .shiftedElement, .shifted: [.cosine]
            case .clusters: [.euclidean, .cosine]
            }
        }

        /// Rows, and queries like them.
        func vectors(_ count: Int) -> (rows: [[Float]], queries: [[Float]]) {
            var random = SeededGenerator(seed: 57)
            var rows = (0..<count).map { _ in random.normal(HNSWOddDataTests.dimension) }
            var queries = (0..<60).map { _ in random.normal(HNSWOddDataTests.dimension) }
            func change(_ body: ([Float]) -> [Float]) {
                rows = rows.map(body)
                queries = queries.map(body)
            }
            func scale(_ indices: [Int], by factor: Float) {
                for index in indices { rows[index] = rows[index].map { $0 * factor } }
            }
            switch self {
            case .outlier: scale([count / 2], by: 100)
            case .outliers: scale(Array(count / 2..<count / 2 + 10), by: 10_000)
            case .lengths, .wideLengths:
                let sigma: Float = self == .lengths ? 0.25 : 1
                for index in 0..<count {
                    scale([index], by: expf(sigma * random.normal(1)[0]))
                }
            case .largeElement: change { [$0[0] * 100] + $0.dropFirst() }
            case .shiftedElement: change { [$0[0] + 200] + $0.dropFirst() }
            case .shifted: change { $0.map { $0 + 200 } }
            case .clusters:
                let centers = (0..<20).map { _ in
                    random.normal(HNSWOddDataTests.dimension).map { $0 * 50 }
                }
                change { row in
                    zip(row, centers[Int(random.next() % 20)]).map { $0 + $1 }
                }
            case .zerosFirst: scale([0], by: 0)
            case .smallFirst: scale([0], by: 1e-3)
            case .largeFirst: scale([0], by: 1e3)
            }
            return (rows, queries)
        }
    }

    static let dimension = 24

    @Test(
        "The nearest of uneven vectors are found, built and inline",
        arguments: Oddity.allCases,
        Metric.allCases
    )
    func recall(oddity: Oddity, metric: Metric) throws {
        // A row of zeros has no cosine.
        if metric == .cosine && oddity == .zerosFirst { return }
        if !TestLength.isLong && !oddity.shortMetrics.contains(metric) { return }
        let count = TestLength.cases(800, long: 1_500)
        let (rows, queries) = oddity.vectors(count)
        var scene = Scene(rows, metric: metric)
        scene.options = HNSWOptions()
        // Among lengths that differ so much, distances are hard for every graph: faiss finds half.
        let floor = oddity == .wideLengths && metric == .euclidean ? 0.85 : 0.95
        let built = try scene.built()
        #expect(built.health.unreachable == 0)
        #expect(try recall(built, scene, queries, oddity) >= floor)
        let inline = scene.inline(first: 1, batch: 100)
        #expect(inline.unreachableCount <= count / 50)
        #expect(try recall(inline, scene, queries, oddity) >= floor)
    }

    /// The share of the nearest ten that walks find.
    private func recall(
        _ index: some HNSWIndex,
        _ scene: Scene,
        _ queries: [[Float]],
        _ oddity: Oddity? = nil
    ) throws -> Double {
        // Codes can't tell the rows of a whole cluster apart. By their angles, rows with a large
        // element form two clusters.
        let mayCompareAll =
            oddity == .clusters || oddity == .largeElement && scene.metric == .cosine
        var found = 0
        for query in queries {
            let truth = try scene.search(index, query, exact: true).neighbors
            let farthest = try #require(truth.last).distance
            let result = try scene.search(index, query)
            #expect(result.strategy == "hnsw" || mayCompareAll)
            found += result.neighbors.count { $0.distance <= farthest }
        }
        return Double(found) / Double(10 * queries.count)
    }

    @Test(
        "A healthy graph keeps its recall with new vectors five times as long",
        arguments: Metric.allCases
    )
    func growingScale(metric: Metric) throws {
        var random = SeededGenerator(seed: 58)
        let rows = (0..<2_000).map { row in
            random.normal(Self.dimension).map { row < 500 ? $0 : 5 * $0 }
        }
        var scene = Scene(rows, metric: metric)
        scene.options = HNSWOptions()
        let whole = scene.table
        scene.table = VectorTable(dimension: Self.dimension)
        scene.table.append(
            VectorBlock(
                base: scene.memory.base,
                firstRow: 0,
                count: 500,
                owner: scene.memory
            )
        )
        let built = try scene.built()
        scene.table = whole
        var index = HNSWInlineIndex(core: try #require(built.core.adapted(to: scene.options)))
        index.indexMany(whole, from: 500)
        #expect(index.count == 2_000)
        let queries = (0..<60).map { _ in random.normal(Self.dimension).map { 5 * $0 } }
        #expect(try recall(index, scene, queries) >= 0.95)
        // The next build finds as many, with the same links.
        #expect(try recall(scene.compacted(index, exists: { _ in true }), scene, queries) >= 0.95)
    }

    @Test("An HNSW base of an earlier format is not read")
    func olderFormat() throws {
        let scene = Scene(200)
        var sections = MemorySections()
        try scene.built().write(to: &sections)
        let header = try #require(sections.sections.firstIndex { $0.tag == "HNSH" })
        #expect(scene.opened(sections).count == 200)
        sections.overwrite(header, at: 0, with: 1)
        #expect(scene.opened(sections).count == 0)
    }
}

extension Scene {
    /// An index of all rows, written in batches; the first batch has `first` rows.
    func inline(first: Int, batch: Int) -> HNSWInlineIndex {
        var index = HNSWInlineIndex(options, dimension: dimension, metric: metric)
        var written = VectorTable(dimension: dimension)
        var start = 0
        while start < memory.rows.count {
            let count = min(start == 0 ? first : batch, memory.rows.count - start)
            written.append(
                VectorBlock(
                    base: memory.base + start * dimension,
                    firstRow: RowID(start),
                    count: count,
                    owner: memory
                )
            )
            index.indexMany(written, from: RowID(start))
            start += count
        }
        return index
    }
}
