// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

// Costs are times in nanoseconds, measured with 2,000 to 30,000 vectors of 64 and 384 elements. A
// search of 16 tables with 80 probes each took 300 microseconds, 3 to 9 times as long as a scan of
// 2,000 vectors.
extension LSHIndex {
    private static let costPerProbe = 200.0
    /// The cost of a row in the buckets: finding it, and comparing its signatures.
    private static let costPerRow = 14.0
    private static let scanCostPerRow = 2.0
    /// The cost of an element: in the caches, from memory in order, and from scattered memory.
    private static let costPerElement = (cached: 0.17, read: 0.4, gathered: 0.35)
    private static let cachedElements = 2 << 20

    /// The cost of a scan of all rows.
    private static func scanCost(_ count: Int, _ dimension: Int) -> Double {
        let perElement =
            count * dimension <= cachedElements ? costPerElement.cached : costPerElement.read
        return Double(count) * (scanCostPerRow + Double(dimension) * perElement)
    }

    /// The cost of a comparison with some scattered rows.
    private static func gatherCost(_ count: Int, _ dimension: Int) -> Double {
        Double(count) * (costPerRow + Double(dimension) * costPerElement.gathered)
    }

    /// The cost of a search of the tables.
    private func cost(_ query: VectorQuery) -> Double {
        Double(options.tables * options.probes) * Self.costPerProbe
            + Double(count) * Self.costPerRow
            + Self.gatherCost(Self.comparedCount(k: query.k), flat.dimension)
            + Double(options.tables * options.hyperplanes * flat.dimension)
            * Self.costPerElement.cached
    }

    /// Compares the query vectors with the few rows that may be found.
    private func compare(_ allowed: RowSet, _ query: VectorQuery, _ table: VectorTable)
        throws(LodestoneError) -> [VectorSearchResult]
    {
        var rows: [RowID] = []
        rows.reserveCapacity(allowed.count)
        var next = allowed.next(from: .first)
        while let row = next {
            rows.append(row)
            next = row < .max ? allowed.next(from: row + 1) : nil
        }
        var results: [VectorSearchResult] = []
        for vector in query.vectors {
            try query.context.check()
            var result = VectorSearchResult(
                neighbors: flat.nearest(vector, k: query.k, among: rows, of: table),
                strategy: "filtered scan"
            )
            result.computed = rows.count
            result.scanned = rows.count
            results.append(result)
        }
        return results
    }
}

/// Each write hashes its own rows, which costs microseconds.
extension LSHIndex: VectorIndex {
    package var name: String { "lsh" }
    package var indexesCheaply: Bool { true }

    /// Whether the tables find enough.
    ///
    /// New tables with the same options would not find more.
    package func isWanted(for count: Int) -> Bool { health.isUsable }

    package func search(_ query: VectorQuery, in table: VectorTable) throws(LodestoneError)
        -> [VectorSearchResult]
    {
        guard !query.isExact, count > 0, query.k > 0, health.isUsable,
            cost(query) < Self.scanCost(count, flat.dimension)
        else {
            return try flat.search(query, in: table.blocks)
        }
        if let allowed = query.allowed,
            Self.gatherCost(allowed.count, flat.dimension) <= cost(query)
        {
            return try compare(allowed, query, table)
        }
        var results: [VectorSearchResult] = []
        results.reserveCapacity(query.vectors.count)
        for vector in query.vectors {
            let found = try search(
                vector,
                k: query.k,
                vector: table.vector(of:),
                isAllowed: query.allows,
                context: query.context
            )
            var result = VectorSearchResult(neighbors: found.neighbors, strategy: name)
            result.visited = found.probedBuckets
            result.computed = found.computedDistances
            result.scanned = found.computedDistances
            results.append(result)
        }
        withExtendedLifetime(table) {}
        let uncovered = table.suffix(from: endRow)
        if uncovered.isEmpty { return results }
        for (index, late) in try flat.search(query, in: uncovered).enumerated() {
            results[index].merge(late, k: query.k)
        }
        return results
    }

    package mutating func indexMany(_ table: VectorTable, from row: RowID) {
        // If a write did not hash its rows, they and all later rows wait for the next compaction.
        guard let first = table.suffix(from: endRow).first, first.firstRow >= row else { return }
        let added = table.suffix(from: endRow).reduce(0) { $0 + $1.count }
        if mustFitAgain(with: added) {
            let measured = health
            self = LSHIndex(options, dimension: flat.dimension, metric: flat.metric)
            health = measured
        }
        var rows: [(row: RowID, vector: UnsafePointer<Float>)] = []
        table.forEach(from: endRow) { row, vector in rows.append((row, vector)) }
        append(rows)
        withExtendedLifetime(table) {}
        if health.isMeasurementDue(at: count) {
            health = measured(table, threads: 1, exists: { _ in true })
        }
    }

    /// The number of rows above which more rows hardly change the middle and the lengths.
    private static let fittedEnough = 1 << 14

    /// Whether, after `added` more rows, the hyperplanes that were fitted to the first rows may not
    /// fit all.
    ///
    /// Hashing all rows again takes no longer than all hashing before.
    private func mustFitAgain(with added: Int) -> Bool {
        flat.metric != .cosine && count > 0 && fittedCount < Self.fittedEnough
            && count + added >= max(64, 4 * fittedCount)
    }

    package mutating func drop(_ row: RowID) {}

    package var remark: String { health.isUsable ? "" : health.finding("The hash tables find") }

    /// The same tables with another number of probes; `nil` when the options need other tables.
    func adapted(to options: LSHOptions) -> LSHIndex? {
        guard options.tables == self.options.tables,
            options.hyperplanes == self.options.hyperplanes
        else { return nil }
        var adapted = LSHIndex(options, flat: flat, hyperplanes: hyperplanes)
        adapted.endRow = endRow
        adapted.runs = runs
        adapted.fittedCount = fittedCount
        // Another number of probes changes recall, which is measured when a measurement is due.
        if options == self.options { adapted.health = health }
        return adapted
    }

    package func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError)
        -> any VectorIndex
    {
        try work.check()
        // For Euclidean distance and dot product, the hyperplanes are fitted again to the current
        // rows.
        var index =
            flat.metric == .cosine
            ? compacted(keeping: work.exists)
            : LSHIndex(options, dimension: flat.dimension, metric: flat.metric)
        let total = table.blocks.reduce(0) { $0 + $1.count }
        var rows: [(row: RowID, vector: UnsafePointer<Float>)] = []
        table.forEach(from: index.endRow) { row, vector in
            if work.exists(row) { rows.append((row, vector)) }
        }
        work.onProgress(total - rows.count, total)
        index.append(rows)
        withExtendedLifetime(table) {}
        index.health = index.measured(table, threads: work.threads, exists: work.exists)
        work.onProgress(total, total)
        return index
    }

    /// The health of the index by sampled queries.
    private func measured(
        _ table: VectorTable,
        threads: Int,
        exists: @escaping @Sendable (RowID) -> Bool
    ) -> IndexHealth {
        var index = self
        index.health = IndexHealth()
        let sample = SampledQueries(table, flat.metric, threads: threads, exists: exists)
        index.health.measuredCount = sample.rowCount
        index.health.recall = sample.recall { query throws(LodestoneError) in
            try index.search(query, in: table)
        }
        return index.health
    }
}
