// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Finds near vectors among those of a collection.
///
/// The vectors themselves lie in a `VectorTable`, which is the truth; an index is derived from them
/// and says only where to look. It covers the rows below `endRow`; what was written since is
/// compared one by one, exactly, so that a write is found at once whatever the strategy.
///
/// Calls are synchronous and run on their caller's thread: the engine has threads of its own, and
/// `Engine+Async` is the door for programs.
///
/// Threading: a value. The one writer changes its own copy; copies that readers hold go on.
package protocol VectorIndex: Sendable {
    /// The strategy's name, as explanations give it.
    var name: String { get }
    /// Rows from here on are not covered.
    var endRow: UInt32 { get }
    /// Vectors that are covered, dropped ones among them.
    var count: Int { get }
    /// Bytes in use beside the vectors.
    var byteCount: Int { get }
    /// How the index is.
    var health: IndexHealth { get }
    /// What a person should know of that: why the index isn't used, or isn't as asked for; or nothing.
    var remark: String { get }
    /// Whether an index that is made of so many vectors may find enough to be used.
    func isWanted(for count: Int) -> Bool
    /// Whether `indexMany` costs microseconds a row: else a start leaves the rows of a long log for
    /// later.
    var indexesCheaply: Bool { get }

    /// Finds the nearest vectors to each query, nearest first, ties by smaller row.
    ///
    /// Never fewer than `k` where so many are allowed.
    func search(_ questions: VectorQuestions, in table: VectorTable) throws(LodestoneError)
        -> [VectorAnswer]

    /// Takes in rows that were just written, if the strategy does so inside the write.
    ///
    /// Rows ascend and lie above all before.
    mutating func indexMany(_ table: VectorTable, from row: UInt32)

    /// Takes more rows of a table in apart from the writes, while searches and writes go on.
    ///
    /// By one thread at a time. Other copies of this index cover what they did.
    ///
    /// - Parameters:
    ///   - table: Of the state that this index is of.
    ///   - count: Rows to look at.
    ///   - work: Of one thread; rows that don't exist are left out.
    /// - Returns: The index that covers them; `nil` where only a compaction can do that.
    /// - Throws: What the work's `check` does; the next call goes on from there.
    func extended(over table: VectorTable, by count: Int, _ work: IndexWork) throws(LodestoneError)
        -> (any VectorIndex)?

    /// Goes on with what `extended` made of an earlier copy of this index.
    ///
    /// - Parameters:
    ///   - extended: Made since, of a state that this index's came after.
    ///   - exists: Whether a row exists now.
    /// - Returns: Whether more is covered by that; not after another index has taken this one's place.
    mutating func adopt(_ extended: any VectorIndex, exists: (UInt32) -> Bool) -> Bool

    /// Takes notice that a row was dropped or replaced.
    mutating func drop(_ row: UInt32)

    /// An index of the rows that exist, made from this one: dropped rows gone, all others covered.
    func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError)
        -> any VectorIndex

    /// Writes what `VectorIndexStrategy.openIndex` reads.
    func write(to sink: inout some SectionSink) throws(LodestoneError)
}

extension VectorIndex {
    package var remark: String { "" }
    package func isWanted(for count: Int) -> Bool { true }

    package func extended(over table: VectorTable, by count: Int, _ work: IndexWork)
        throws(LodestoneError) -> (any VectorIndex)?
    { nil }

    package mutating func adopt(_ extended: any VectorIndex, exists: (UInt32) -> Bool) -> Bool {
        false
    }
}

/// Questions of one kind.
package struct VectorQuestions {
    /// `dimension` finite elements each.
    package var queries: [[Float]]
    /// Neighbors wanted.
    package var k: Int
    /// Compare with every vector.
    package var isExact = false
    /// Beam width; `nil`: the collection's.
    package var efSearch: Int?
    /// Whether a row exists.
    package var exists: (UInt32) -> Bool
    /// The rows that may be found, which all exist; `nil`: all that exist.
    package var allowed: RowSet?
    /// Asked about every half a millisecond of work.
    package var context: CallContext

    /// Creates questions.
    package init(
        _ queries: [[Float]],
        k: Int,
        exists: @escaping (UInt32) -> Bool,
        allowed: RowSet? = nil,
        context: CallContext
    ) {
        self.queries = queries
        self.k = k
        self.exists = exists
        self.allowed = allowed
        self.context = context
    }

    /// Whether a row may be found.
    package func allows(_ row: UInt32) -> Bool { allowed?.contains(row) ?? exists(row) }
}

/// What was found for one query, and what it took.
package struct VectorAnswer: Sendable {
    /// Nearest first.
    package var neighbors: [Neighbor]
    /// How it was found.
    package var strategy: String
    /// Nodes of a graph, or buckets, that were looked into.
    package var visited = 0
    /// Distances, exact ones and those between codes.
    package var computed = 0
    /// Vectors that were compared exactly.
    package var scanned = 0
}

/// Work on an index: how many threads it may take, and whom to tell.
package struct IndexWork: Sendable {
    /// Threads, at least 1.
    package var threads: Int
    /// Asked between nodes, by any thread; throws to end the work.
    package var check: @Sendable () throws(LodestoneError) -> Void
    /// Whether a row exists.
    package var exists: @Sendable (UInt32) -> Bool
    /// Told how many rows are done, and of how many; by any thread.
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
