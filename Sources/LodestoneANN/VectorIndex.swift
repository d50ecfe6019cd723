// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// An index that finds the nearest vectors of a collection.
///
/// The source of truth is a `VectorTable` with the vectors. An index is derived from it, and finds
/// only candidates. It covers the rows below `endRow`. Searches compare later rows exactly, one by
/// one, so that each strategy finds a write at once.
///
/// Calls are synchronous, on the caller's thread. The engine has its own threads, and
/// `Engine+Async` has the asynchronous calls for programs.
///
/// Threading: a value. The one writer changes its own copy; copies that readers hold stay valid.
package protocol VectorIndex: Sendable {
    /// The strategy's name in explanations.
    var name: String { get }
    /// The first row that is not covered.
    var endRow: RowID { get }
    /// The number of covered vectors, including dropped ones.
    var count: Int { get }
    /// The bytes in use, without the vectors.
    var byteCount: Int { get }
    /// The measured quality of the index.
    var health: IndexHealth { get }
    /// The reason why the index isn't used or differs from its options, for display; else empty.
    var remark: String { get }
    /// Whether an index of `count` vectors may find enough to be used.
    func isWanted(for count: Int) -> Bool
    /// Whether `indexMany` costs only microseconds per row.
    ///
    /// If not, a start postpones the rows of a long log.
    var indexesCheaply: Bool { get }

    /// Finds the vectors nearest to each vector of a query, nearest first, ties by smaller row.
    ///
    /// Each result has `k` neighbors, or all allowed rows if there are fewer.
    func search(_ query: VectorQuery, in table: VectorTable) throws(LodestoneError)
        -> [VectorSearchResult]

    /// Estimates the distances between a vector and some rows by codes: much cheaper than exact
    /// distances.
    ///
    /// - Parameters:
    ///   - vector: The query vector.
    ///   - rows: The rows, in any order.
    /// - Returns: The estimates, in the order of `rows`. Rows without codes are left out; a
    ///   strategy without codes leaves out all.
    func estimates(_ vector: [Float], of rows: [RowID]) -> [EstimatedNeighbor]

    /// Indexes just written rows, if the strategy indexes inside of writes.
    ///
    /// The rows ascend, and are above all earlier ones.
    mutating func indexMany(_ table: VectorTable, from row: RowID)

    /// Indexes more rows of a table outside of writes; searches and writes continue meanwhile.
    ///
    /// One thread at a time may call this. Other copies of this index still cover the rows that
    /// they covered.
    ///
    /// - Parameters:
    ///   - table: The table of this index's state.
    ///   - count: The number of rows to read.
    ///   - work: The work, with one thread. Rows that don't exist are skipped.
    /// - Returns: The index that covers these rows; `nil` if only a compaction can cover them.
    /// - Throws: The error of the work's `check`. The next call continues from there.
    func extended(over table: VectorTable, by count: Int, _ work: IndexWork) throws(LodestoneError)
        -> (any VectorIndex)?

    /// Continues with the index that `extended` made from an earlier copy of this one.
    ///
    /// - Parameters:
    ///   - extended: The extended index. It was made from an earlier state than this index has now.
    ///   - exists: Whether a row exists now.
    /// - Returns: Whether this index now covers more rows; `false` after another index replaced
    ///   this one.
    mutating func adopt(_ extended: any VectorIndex, exists: (RowID) -> Bool) -> Bool

    /// Records that a row was dropped or replaced.
    mutating func drop(_ row: RowID)

    /// An index made from this one that covers exactly the existing rows.
    func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError)
        -> any VectorIndex

    /// Writes the sections that `VectorIndexStrategy.openIndex` reads.
    func write(to sink: inout some SectionSink) throws(LodestoneError)
}

extension VectorIndex {
    package var remark: String { "" }
    package func isWanted(for count: Int) -> Bool { true }

    package func estimates(_ vector: [Float], of rows: [RowID]) -> [EstimatedNeighbor] { [] }

    package func extended(over table: VectorTable, by count: Int, _ work: IndexWork)
        throws(LodestoneError) -> (any VectorIndex)?
    { nil }

    package mutating func adopt(_ extended: any VectorIndex, exists: (RowID) -> Bool) -> Bool {
        false
    }
}

/// Settings of work on an index: its threads, its cancellation and its progress.
package struct IndexWork: Sendable {
    /// The number of threads, at least 1.
    package var threads: Int
    /// Called between nodes, by any thread; throws to end the work.
    package var check: @Sendable () throws(LodestoneError) -> Void
    /// Whether a row exists.
    package var exists: @Sendable (RowID) -> Bool
    /// Called with the number of finished rows and of all rows, by any thread.
    package var onProgress: @Sendable (_ done: Int, _ total: Int) -> Void

    /// Creates a description of work.
    package init(
        threads: Int,
        check: @escaping @Sendable () throws(LodestoneError) -> Void,
        exists: @escaping @Sendable (RowID) -> Bool,
        onProgress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) {
        self.threads = threads
        self.check = check
        self.exists = exists
        self.onProgress = onProgress
    }
}
