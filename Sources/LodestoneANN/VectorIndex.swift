// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// Finds near vectors among those of a collection.
///
/// The vectors themselves lie in a `VectorTable`, which is the truth. An index is derived from them
/// and finds only candidates. It covers the rows below `endRow`. Searches compare later rows
/// exactly, one by one, so that every strategy finds a write at once.
///
/// Calls are synchronous and run on their caller's thread: the engine has threads of its own, and
/// `Engine+Async` is the door for programs.
///
/// Threading: a value. The one writer changes its own copy; copies that readers hold stay valid.
package protocol VectorIndex: Sendable {
    /// The strategy's name, as explanations give it.
    var name: String { get }
    /// Rows from here on are not covered.
    var endRow: UInt32 { get }
    /// Vectors that are covered, dropped ones among them.
    var count: Int { get }
    /// Bytes in use, without those of the vectors.
    var byteCount: Int { get }
    /// Whether the index can be relied on.
    var health: IndexHealth { get }
    /// A remark for people on why the index isn't used, or why it differs from its options; else
    /// empty.
    var remark: String { get }
    /// Whether an index of `count` vectors may find enough to be used.
    func isWanted(for count: Int) -> Bool
    /// Whether `indexMany` costs only microseconds per row.
    ///
    /// Otherwise a start leaves the rows of a long log for later.
    var indexesCheaply: Bool { get }

    /// Finds the vectors nearest to each vector of a query, nearest first, ties by smaller row.
    ///
    /// Each result has `k` neighbors where so many rows are allowed.
    func search(_ query: VectorQuery, in table: VectorTable) throws(LodestoneError)
        -> [VectorSearchResult]

    /// Estimates the distances between a vector and some rows by codes, which is much cheaper than
    /// exact distances.
    ///
    /// - Parameters:
    ///   - vector: The query vector.
    ///   - rows: The rows, in any order.
    /// - Returns: The estimates, in the order of `rows`. Rows without codes are left out: all of
    ///   them where the strategy has no codes.
    func estimates(_ vector: [Float], of rows: [UInt32]) -> [EstimatedNeighbor]

    /// Indexes rows that were just written, if the strategy does so inside the write.
    ///
    /// The rows ascend and lie above all earlier ones.
    mutating func indexMany(_ table: VectorTable, from row: UInt32)

    /// Indexes more rows of a table outside of writes, while searches and writes go on.
    ///
    /// One thread at a time may call this. Other copies of this index still cover the rows that
    /// they covered.
    ///
    /// - Parameters:
    ///   - table: The table of this index's state.
    ///   - count: The number of rows to read.
    ///   - work: The work, with one thread. Rows that don't exist are skipped.
    /// - Returns: The index that covers these rows; `nil` where only a compaction can cover them.
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
    mutating func adopt(_ extended: any VectorIndex, exists: (UInt32) -> Bool) -> Bool

    /// Notes that a row was dropped or replaced.
    mutating func drop(_ row: UInt32)

    /// An index made from this one that covers all rows that exist, without dropped rows.
    func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError)
        -> any VectorIndex

    /// Writes the sections that `VectorIndexStrategy.openIndex` reads.
    func write(to sink: inout some SectionSink) throws(LodestoneError)
}

extension VectorIndex {
    package var remark: String { "" }
    package func isWanted(for count: Int) -> Bool { true }

    package func estimates(_ vector: [Float], of rows: [UInt32]) -> [EstimatedNeighbor] { [] }

    package func extended(over table: VectorTable, by count: Int, _ work: IndexWork)
        throws(LodestoneError) -> (any VectorIndex)?
    { nil }

    package mutating func adopt(_ extended: any VectorIndex, exists: (UInt32) -> Bool) -> Bool {
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
    package var exists: @Sendable (UInt32) -> Bool
    /// Called with the number of rows that are done, and of all rows; by any thread.
    package var onProgress: @Sendable (_ done: Int, _ total: Int) -> Void

    /// Creates a description of work.
    package init(
        threads: Int,
        check: @escaping @Sendable () throws(LodestoneError) -> Void,
        exists: @escaping @Sendable (UInt32) -> Bool,
        onProgress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) {
        self.threads = threads
        self.check = check
        self.exists = exists
        self.onProgress = onProgress
    }
}
