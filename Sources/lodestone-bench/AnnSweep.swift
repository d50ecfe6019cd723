// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStructures

/// Queries to a table with their true neighbors.
struct AnnQueries {
    let queries: [[Float]]
    let k: Int
    let table: VectorTable
    /// The rows that pass the filter; `nil`: all.
    let allowed: RowSet?
    /// The rows that exist; `nil`: all.
    let existing: RowSet?
    /// The `k` nearest rows of each query, by a comparison with all rows.
    let truth: [[RowID]]

    init(
        _ queries: [[Float]],
        k: Int,
        in table: VectorTable,
        metric: Metric,
        allowed: RowSet? = nil,
        existing: RowSet? = nil
    ) throws {
        self.queries = queries
        self.k = k
        self.table = table
        self.allowed = allowed
        self.existing = existing
        let rows = allowed ?? existing
        truth = try FlatIndex(dimension: table.dimension, metric: metric)
            .search(
                queries,
                k: k,
                in: table.blocks,
                isAllowed: rows.map { rows in { rows.contains($0) } },
                context: Self.context
            )
            .map { $0.map(\.row) }
    }

    /// Runs the first `count` queries, one after the other, as a server would; `nil`: all.
    func run(_ index: any VectorIndex, ef: Int?, count: Int? = nil) throws -> AnnPoint {
        let context = Self.context
        let existing = existing
        let exists: (RowID) -> Bool =
            existing.map { rows in { rows.contains($0) } } ?? { _ in true }
        let queries = queries.prefix(count ?? queries.count)
        var results: [VectorSearchResult] = []
        results.reserveCapacity(queries.count)
        let start = processorSeconds()
        for query in queries {
            var query = VectorQuery(
                [query],
                k: k,
                exists: exists,
                allowed: allowed,
                context: context
            )
            query.efSearch = ef
            results += try index.search(query, in: table)
        }
        let seconds = processorSeconds() - start
        return AnnPoint(results, truth, allowed ?? existing, seconds)
    }

    private static var context: CallContext { CallContext(timeout: .seconds(86_400)) }
}

/// The results of the queries with one setting.
struct AnnPoint {
    /// Queries per second of processor time.
    var qps = 0.0
    /// The share of the true neighbors that were found.
    var recall = 0.0
    /// Computed distances per query.
    var distances = 0.0
    /// The number of results with fewer neighbors than exist.
    var shortResults = 0
    /// The number of rows in results that don't pass the filter.
    var wrongRows = 0

    /// The worst possible point, which any measured point replaces.
    init() {}

    init(
        _ results: [VectorSearchResult],
        _ truth: [[RowID]],
        _ allowed: RowSet?,
        _ seconds: Double
    ) {
        var found = 0
        var expectedCount = 0
        for (result, expected) in zip(results, truth) {
            let rows = result.neighbors.map(\.row)
            found += Set(rows).intersection(expected).count
            expectedCount += expected.count
            distances += Double(result.computed)
            if rows.count < expected.count { shortResults += 1 }
            if let allowed { wrongRows += rows.count { !allowed.contains($0) } }
        }
        qps = Double(results.count) / seconds
        recall = expectedCount == 0 ? 1 : Double(found) / Double(expectedCount)
        distances /= Double(max(1, results.count))
    }
}

/// One setting of an index for its searches.
struct AnnSetting {
    /// The parameter that is varied, with its value.
    var parameter: (name: String, value: Int)?
    var index: any VectorIndex
    var ef: Int?
}

/// Searches with several settings; the best pass of each setting counts.
struct AnnSweep {
    let annQueries: AnnQueries
    let settings: [AnnSetting]
    private(set) var points: [AnnPoint]

    init(_ annQueries: AnnQueries, _ settings: [AnnSetting]) {
        self.annQueries = annQueries
        self.settings = settings
        points = Array(repeating: AnnPoint(), count: settings.count)
    }

    /// Measures one pass over all queries with every setting.
    mutating func pass() throws {
        for (index, setting) in settings.enumerated() {
            let point = try annQueries.run(setting.index, ef: setting.ef)
            if point.qps > points[index].qps { points[index] = point }
        }
    }
}
