// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// An LSH index: it finds rows by hash buckets, and compares them exactly.
///
/// The index hashes by orthogonal hyperplanes (`Hyperplanes`) with query-directed probing
/// (`ProbeSequence`). The candidates are the rows in the probed buckets. The candidates whose
/// signatures cost least (`SignatureWeights`) are compared in float32 by the kernels of
/// `FlatIndex`. So distances and ties are those of `FlatIndex` to the bit; a result can only lack
/// rows. The papers compare all candidates. Measured (WordNet, nine of ten true neighbors): all
/// candidates were a fifth of all rows, and comparing them was no faster than comparing all rows.
///
/// Rows that are appended together become a run (`LSHRun`): immutable tables. Runs of similar size
/// are merged, so that there are few runs and each row is sorted only a few times. Large runs, and
/// runs in a file, stay until `compacted`.
///
/// Dropped rows stay in the runs until `compacted`; a search skips them by `isAllowed`.
///
/// Threading: a value. A copy shares the runs, and appends to one copy don't change the other.
package struct LSHIndex: Sendable {
    /// Tables, hyperplanes and probes.
    package let options: LSHOptions
    /// The row after the last appended one.
    package internal(set) var endRow: RowID = .first
    package internal(set) var health = IndexHealth()
    /// The number of rows to which the hyperplanes were fitted.
    var fittedCount = 0
    let flat: FlatIndex
    private(set) var hyperplanes: Hyperplanes
    var runs: ContiguousArray<LSHRun> = []

    /// The size from which on `append` no longer merges a run: merging it takes some 10 ms per
    /// table.
    private static let maxMergedCount = 1 << 16
    /// The number of times that a search with too few rows doubles its probes before it compares
    /// all rows.
    private static let maxDoublings = 4
    /// The most candidates that are compared: a fixed number, plus a number per hit.
    private static let comparedRows = 200
    private static let comparedRowsPerHit = 10

    static func comparedCount(k: Int) -> Int { comparedRows + comparedRowsPerHit * k }
    /// Distances between two checks of the context.
    private static let distancesPerCheck = 256

    /// Whether an index can have these options: 1 to 32 hyperplanes, at least one table and probe.
    package static func isValid(_ options: LSHOptions) -> Bool {
        (1...32).contains(options.hyperplanes) && (1...1_024).contains(options.tables)
            && options.probes >= 1
    }

    /// Creates an empty index of vectors of `dimension` elements; the options must be valid.
    package init(_ options: LSHOptions, dimension: Int, metric: Metric) {
        self.init(
            options,
            flat: FlatIndex(dimension: dimension, metric: metric),
            hyperplanes: Hyperplanes(
                count: options.tables * options.hyperplanes,
                dimension: dimension,
                metric: metric
            )
        )
    }

    init(_ options: LSHOptions, flat: FlatIndex, hyperplanes: Hyperplanes) {
        precondition(Self.isValid(options), "The engine checks the options.")
        self.options = options
        self.flat = flat
        self.hyperplanes = hyperplanes
    }

    /// The number of rows.
    package var count: Int { runs.reduce(0) { $0 + $1.count } }

    /// Bytes of tables and hyperplanes, in memory or in the base.
    package var byteCount: Int { runs.reduce(hyperplanes.byteCount) { $0 + $1.byteCount } }

    /// Adds rows, ascending and none below `endRow`, with vectors of `dimension` elements.
    ///
    /// The first call fits the hyperplanes to its rows. While there are few rows, `indexMany`
    /// repeats this with all of them.
    ///
    /// - Complexity: O(tables × hyperplanes × `dimension`) per row, and O(tables × log² rows) for
    ///   sorting.
    package mutating func append(_ rows: some Sequence<(row: RowID, vector: UnsafePointer<Float>)>)
    {
        var numbers: ContiguousArray<RowID> = []
        var vectors: [UnsafePointer<Float>] = []
        for (row, vector) in rows {
            precondition(row >= endRow && row < .max, "Rows ascend.")
            endRow = row + 1
            numbers.append(row)
            vectors.append(vector)
        }
        guard !numbers.isEmpty else { return }
        if count == 0 {
            hyperplanes.fit(to: vectors)
            fittedCount = vectors.count
        }
        let signatures = hyperplanes.signatures(of: vectors, hyperplanes: options.hyperplanes)
        var run = makeRun(numbers, signatures)
        while let last = runs.last, last.count <= 2 * run.count, last.count < Self.maxMergedCount,
            !last.isInBase
        {
            runs.removeLast()
            run = merge([last, run]) { _ in true }
        }
        runs.append(run)
    }

    /// The same index in one run, with the rows that `isLive` keeps.
    package func compacted(keeping isLive: (RowID) -> Bool) -> LSHIndex {
        var index = self
        index.runs = [merge(runs, keeping: isLive)]
        return index
    }

    func merge(_ runs: ContiguousArray<LSHRun>, keeping isLive: (RowID) -> Bool) -> LSHRun {
        var rows: ContiguousArray<RowID> = []
        var signatures: ContiguousArray<UInt32> = []
        for run in runs { run.append(to: &rows, &signatures, keeping: isLive) }
        return makeRun(rows, signatures)
    }

    private func makeRun(_ rows: ContiguousArray<RowID>, _ signatures: ContiguousArray<UInt32>)
        -> LSHRun
    {
        LSHRun(
            rows: rows,
            signatures: signatures,
            tables: options.tables,
            hyperplanes: options.hyperplanes
        )
    }

    /// Finds rows near to the query; some of the nearest may be missing.
    ///
    /// A search probes more buckets while it has too few allowed rows: fewer than `k`, or with
    /// `isAllowed` fewer than the number to compare. If there are still fewer than `k`, it compares
    /// all rows. So the result is never short.
    ///
    /// - Parameters:
    ///   - query: `dimension` finite elements; not all zero for cosine.
    ///   - k: At least 0.
    ///   - vector: Returns the vector of a row, valid during the call. It returns `nil` only after
    ///     damage, and the caller then discards the result.
    ///   - isAllowed: Whether a row may be found, called once per found row; `nil` allows all.
    ///   - context: The call's context, checked about every hundred microseconds of work.
    /// - Returns: `k` rows, or all that are allowed; nearest first, ties by smaller row.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    package func search(
        _ query: [Float],
        k: Int,
        vector: (RowID) -> UnsafePointer<Float>?,
        isAllowed: ((RowID) -> Bool)?,
        context: CallContext
    ) throws(LodestoneError) -> LSHResult {
        precondition(k >= 0 && query.count == flat.dimension, "The engine checks the query.")
        try context.check()
        var result = LSHResult()
        guard k > 0, count > 0 else { return result }

        let prepared = PreparedQueries([query], dimension: flat.dimension, metric: flat.metric)
        let projections = hyperplanes.projections(of: query)
        var sequences = (0..<options.tables).map { table in
            ProbeSequence(
                projections[table * options.hyperplanes..<(table + 1) * options.hyperplanes]
            )
        }
        var candidates = CandidateSet(
            count: count,
            weights: SignatureWeights(
                projections,
                hyperplanes: options.hyperplanes,
                kernels: VectorKernels(flat.metric)
            )
        )
        var probes = options.probes
        // If a filter excludes the near rows, a few passing candidates may be far ones.
        let enough = isAllowed == nil ? k : Self.comparedCount(k: k)
        for _ in 0...Self.maxDoublings where candidates.rows.count < enough {
            for table in 0..<options.tables {
                for _ in 0..<probes {
                    guard let bucket = sequences[table].next() else { break }
                    result.probedBuckets += 1
                    candidates.insert(bucket, of: table, in: runs)
                }
            }
            try candidates.take(from: runs, isAllowed: isAllowed, context: context)
            // The next round probes as many buckets as all earlier rounds.
            probes = result.probedBuckets / options.tables
        }
        var targetCount = Self.comparedCount(k: k)
        if candidates.rows.count < k {
            candidates.insertAll()
            try candidates.take(from: runs, isAllowed: isAllowed, context: context)
            targetCount = candidates.rows.count
        }
        var nearest = TopK(k: k, expected: count)
        for row in candidates.cheapest(targetCount) {
            guard let vector = vector(row) else { continue }
            let distance = flat.distance(prepared, vector)
            result.computedDistances += 1
            if result.computedDistances % Self.distancesPerCheck == 0 { try context.check() }
            if nearest.wouldKeep(row: row, distance: distance) {
                nearest.add(row: row, distance: distance)
            }
        }
        result.neighbors = nearest.sorted()
        return result
    }
}

/// The neighbors that a search of an `LSHIndex` found, and its cost.
package struct LSHResult: Sendable {
    /// The neighbors, nearest first.
    package var neighbors: [Neighbor] = []
    /// Buckets probed in all tables.
    package var probedBuckets = 0
    /// Rows compared exactly.
    package var computedDistances = 0
}
