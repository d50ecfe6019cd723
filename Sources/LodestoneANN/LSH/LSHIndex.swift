// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Finds near rows by looking into hash buckets, and compares exactly what it finds there.
///
/// Hashing by orthogonal hyperplanes (`Hyperplanes`) with query-directed probing (`ProbeSequence`).
/// Of the candidates that share a probed bucket with the query, those whose signatures in all tables
/// promise most (`SignatureWeights`) are compared in float32 by the kernels of `FlatIndex`: distances
/// and ties are its own to the bit, and only rows may be missing. That choice is a departure from
/// the papers, which compare all candidates: for nine of ten true neighbors that was a fifth of all
/// rows of WordNet, and no faster than comparing all.
///
/// Rows that are appended together become a run (`LSHRun`): tables that are never changed. Runs of
/// similar size are merged, so that there are few, and each row is sorted again a few times only.
/// Runs that are large, or lie in a file, stay as they are until `compacted`.
///
/// Rows are never removed: a search asks `isAllowed`, and `compacted` leaves them out.
///
/// Threading: a value. A copy shares the runs and is not changed by what its source appends.
package struct LSHIndex: Sendable {
    /// Tables, hyperplanes and probes.
    package let options: LSHOptions
    /// The row after the last one that was appended: what is below needs no append.
    package internal(set) var endRow: UInt32 = 0
    package internal(set) var health = IndexHealth()
    /// Rows that the hyperplanes were fixed by.
    var fittedCount = 0
    let flat: FlatIndex
    private(set) var hyperplanes: Hyperplanes
    var runs: ContiguousArray<LSHRun> = []

    /// Runs of as many rows are not merged by `append`: that takes some 10 ms a table.
    private static let maxMergedCount = 1 << 16
    /// How often a search that is short of rows doubles its probes before it compares all rows.
    private static let maxDoublings = 4
    /// Candidates that are compared at most: so many, and these for each hit that is wanted.
    private static let comparedRows = 200
    private static let comparedRowsPerHit = 10

    static func comparedCount(k: Int) -> Int { comparedRows + comparedRowsPerHit * k }
    /// Distances between two looks at the context.
    private static let distancesPerCheck = 256

    /// Whether an index can have these options: 1 to 32 hyperplanes, at least one table and probe.
    package static func isValid(_ options: LSHOptions) -> Bool {
        (1...32).contains(options.hyperplanes) && (1...1_024).contains(options.tables)
            && options.probes >= 1
    }

    /// Creates an empty index of vectors of `dimension` elements, with options that are valid.
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

    /// Rows.
    package var count: Int { runs.reduce(0) { $0 + $1.count } }

    /// Bytes of tables and hyperplanes, in memory or in the base.
    package var byteCount: Int { runs.reduce(hyperplanes.byteCount) { $0 + $1.byteCount } }

    /// Adds rows, ascending and none below `endRow`, with vectors of `dimension` elements.
    ///
    /// The first call fixes what Euclidean distance and dot product take from the data: `indexMany`
    /// begins again with all rows while they are few.
    ///
    /// - Complexity: O(tables × hyperplanes × `dimension`) a row, and O(tables × log² rows) for
    ///   sorting.
    package mutating func append(_ rows: some Sequence<(row: UInt32, vector: UnsafePointer<Float>)>)
    {
        var numbers: ContiguousArray<UInt32> = []
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

    /// The same index in one run, without the rows that are gone.
    package func compacted(keeping isLive: (UInt32) -> Bool) -> LSHIndex {
        var index = self
        index.runs = [merge(runs, keeping: isLive)]
        return index
    }

    func merge(_ runs: ContiguousArray<LSHRun>, keeping isLive: (UInt32) -> Bool) -> LSHRun {
        var rows: ContiguousArray<UInt32> = []
        var signatures: ContiguousArray<UInt32> = []
        for run in runs { run.append(to: &rows, &signatures, keeping: isLive) }
        return makeRun(rows, signatures)
    }

    private func makeRun(_ rows: ContiguousArray<UInt32>, _ signatures: ContiguousArray<UInt32>)
        -> LSHRun
    {
        LSHRun(
            rows: rows,
            signatures: signatures,
            tables: options.tables,
            hyperplanes: options.hyperplanes
        )
    }

    /// Finds rows near to the query, hopefully the nearest.
    ///
    /// When the probed buckets have fewer than `k` rows, or of rows that are allowed fewer than are
    /// to be compared, more are probed, and at last, with fewer than `k`, all rows are compared: the
    /// answer is never short.
    ///
    /// - Parameters:
    ///   - query: `dimension` finite elements; not all zero for cosine.
    ///   - k: At least 0.
    ///   - vector: The vector of a row, which stays where it is during the call; `nil` only when
    ///     damage was found, and the answer is thrown away.
    ///   - isAllowed: Asked once of a row that is found; `nil` allows all.
    ///   - context: Asked about every hundred microseconds of work.
    /// - Returns: `k` rows, or all that are allowed; nearest first, ties by smaller row.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    package func search(
        _ query: [Float],
        k: Int,
        vector: (UInt32) -> UnsafePointer<Float>?,
        isAllowed: ((UInt32) -> Bool)?,
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
        // Where a filter excludes what is near, the few candidates that pass are any rows.
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
            // What was probed so far, once more.
            probes = result.probedBuckets / options.tables
        }
        var wanted = Self.comparedCount(k: k)
        if candidates.rows.count < k {
            candidates.insertAll()
            try candidates.take(from: runs, isAllowed: isAllowed, context: context)
            wanted = candidates.rows.count
        }
        var nearest = TopK(k: k, expected: count)
        for row in candidates.cheapest(wanted) {
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

/// What a search in an `LSHIndex` found, and what it took.
package struct LSHResult: Sendable {
    /// Nearest first.
    package var neighbors: [Neighbor] = []
    /// Buckets looked at in all tables.
    package var probedBuckets = 0
    /// Rows compared exactly.
    package var computedDistances = 0
}
