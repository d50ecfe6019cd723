// SPDX-License-Identifier: Apache-2.0
// The source of truth of a Lodestone store: rows, vectors and the change log, committed by batch.
// All derived indexes can be rebuilt from it.
package import LodestoneCore
package import LodestoneStructures

/// The number of a collection in the store; it is never given twice.
package typealias CollectionNumber = UInt32

/// The durable form of all collections.
///
/// Several processes may have one store open. Each process notices by `sharedSequenceNumber` that
/// another has committed, and catches up from the log. A process writes only inside `exclusively`.
///
/// Threading: any thread.
package protocol Store: AnyObject, Sendable {
    /// The name and version of the underlying database, for display.
    var version: String { get }
    /// The failures that an acknowledged write survives.
    var durability: Durability { get }
    /// Whether this process only reads; other processes may write.
    var isReadOnly: Bool { get }
    /// Throws `.failedPrecondition` `READ_ONLY` where this process only reads.
    func refuseIfReadOnly() throws(LodestoneError)
    /// The failed write since which the store refuses all writes; `nil`: none failed.
    var failedWrite: LodestoneError? { get }

    /// The collections whose words were rebuilt when the store was opened.
    ///
    /// Another analysis had made their earlier words.
    var remadeWords: [String] { get }

    /// The sequence number of the last batch that any process has made visible.
    var sharedSequenceNumber: UInt64 { get }

    /// Runs `body` while no other thread or process writes to the store.
    ///
    /// - Parameters:
    ///   - end: The end of the wait for the lock; `nil`: after `lockTimeout`.
    ///   - check: Called every few milliseconds of the wait; an error that it throws ends the wait.
    ///   - body: Gets the sequence number of the last committed batch.
    /// - Returns: The result of `body`.
    /// - Throws: The errors of `body` and `check`. `.unavailable` with `STORE_BUSY` at `end`.
    ///   `.failedPrecondition` with `READ_ONLY` where this process only reads.
    func exclusively<T>(
        until end: ContinuousClock.Instant?,
        while check: () throws(LodestoneError) -> Void,
        _ body: (UInt64) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T

    /// The longest wait for another holder of the lock, because a stopped process may hold it.
    var lockTimeout: Duration { get }

    /// Makes committed batches visible to all processes; this process must have applied them.
    ///
    /// Call it inside `exclusively`.
    func publish(_ sequenceNumber: UInt64)

    /// Commits batches in their order, all in one transaction, and makes them durable.
    ///
    /// Call it inside `exclusively`.
    ///
    /// - Returns: For each batch its sequence number and the location of its vectors.
    /// - Throws: With outcome `.notApplied`, none of the batches is in the store. With `.unknown`,
    ///   they may be in the store, and the store refuses all later writes.
    func commit(_ batches: [StoredBatch]) throws(LodestoneError) -> [CommittedBatch]

    /// The receipt of a request id; `nil` if it was never committed, or is already deleted.
    ///
    /// A request id is kept for at least a day and 1,000,000 sequence numbers.
    func receipt(of requestID: RequestID) throws(LodestoneError) -> StoredReceipt?

    /// Begins a read of the state after the last commit.
    func beginRead(context: CallContext?) throws(LodestoneError) -> any StoreReader

    /// Writes the content of one state into an archive; writes continue meanwhile.
    func createSnapshot(_ name: String, context: CallContext) throws(LodestoneError)
        -> SnapshotDescription
    /// The existing snapshots, in the order of their names.
    func snapshots(context: CallContext?) throws(LodestoneError) -> [SnapshotDescription]

    /// Reads a part of a snapshot's file.
    ///
    /// - Throws: `.notFound`; `.invalidArgument` for an offset beyond its end.
    func readSnapshot(_ name: String, at offset: UInt64, maxBytes: Int) throws(LodestoneError)
        -> SnapshotPart

    /// Removes what crashed snapshots left, then runs `body` while no process writes a snapshot.
    ///
    /// - Throws: `.resourceExhausted` when one is being written.
    func withoutSnapshotting<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T

    /// Removes the snapshot of that name, if there is one.
    func deleteSnapshot(_ name: String) throws(LodestoneError)

    /// Runs `body` unless another holder compacts the collection; returns `nil` in that case.
    func compacting<T>(
        _ collection: CollectionNumber,
        _ body: () throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T?

    /// The path for the base of a collection at a sequence number.
    func basePath(of collection: CollectionNumber, sequenceNumber: UInt64) -> String

    /// Replaces a collection's base by a new one, and forgets the log rows that the bases now
    /// contain.
    ///
    /// The new base must be at its `basePath`. Live vectors move to new segments when 30 percent of
    /// the bytes in the collection's segments belong to removed rows. When `garbageBytes` is `nil`,
    /// they move out of every segment with garbage.
    ///
    /// Call it inside `compacting` and outside of `exclusively`.
    ///
    /// - Parameters:
    ///   - collection: The collection of the base.
    ///   - sequenceNumber: The sequence number of the base.
    ///   - garbageBytes: The least bytes of removed vectors for a move, in addition to the 30
    ///     percent; `nil`: no garbage may stay.
    ///   - isLive: Whether the base has a row.
    /// - Throws: `.dataLoss` when a vector fails its checksum while its location moves from the log
    ///   to the base's record.
    func adoptBase(
        of collection: CollectionNumber,
        sequenceNumber: UInt64,
        garbageBytes: Int?,
        isLive: (RowID) -> Bool
    ) throws(LodestoneError)

    /// Forgets the log rows that no base needs, and returns unused pages to the file system, in
    /// steps.
    ///
    /// Call it outside of `exclusively`.
    func reclaimSpace() throws(LodestoneError)

    /// Erases dropped rows from all files except bases and segments, which compactions rewrite
    /// before.
    ///
    /// Call it outside of `exclusively`. Writes wait while the database is rewritten. The call
    /// waits for the readers that began earlier.
    ///
    /// - Returns: The sequence number of the last batch before the erasure.
    func eraseFreed(context: CallContext) throws(LodestoneError) -> UInt64

    /// Copies the write-ahead log into the database and truncates it, unless it is short.
    ///
    /// Call it outside of `exclusively`.
    ///
    /// - Returns: Whether the log is short now. It stays long while another holder has the lock, or
    ///   a reader needs the log's content.
    func shortenWriteAheadLog() throws(LodestoneError) -> Bool

    /// Closes the segments of an unused collection; mappings in use stay valid.
    func closeSegments(of collection: CollectionNumber)

    /// The bytes of each part: `database`, `write_ahead_log`, `segments`, `bases`, `snapshots`.
    func byteCounts() -> [(part: String, bytes: UInt64)]

    /// Closes the files of the store.
    func close()
}

/// A read of the rows in one state.
///
/// Use from one thread at a time; `end` ends the read.
package protocol StoreReader: AnyObject {
    /// The sequence number of the last batch in this state.
    var sequenceNumber: UInt64 { get }
    /// All collections, in the order of their numbers.
    func collections() throws(LodestoneError) -> [CollectionRecord]
    /// One collection; `nil` when it doesn't exist.
    func record(of collection: CollectionNumber) throws(LodestoneError) -> CollectionRecord?
    /// The number of the next collection: one above all numbers ever given.
    func nextCollectionNumber() throws(LodestoneError) -> CollectionNumber
    /// The base of a collection; `nil` before the first compaction.
    func base(of collection: CollectionNumber) throws(LodestoneError) -> StoredBase?
    /// The bytes of each collection's log after its base, mostly replaced texts.
    ///
    /// - Complexity: O(rows of the log).
    func uncompactedLogBytes() throws(LodestoneError) -> [CollectionNumber: Int]

    /// The collections with log rows after their base, or whose base must be built.
    func uncompactedCollections() throws(LodestoneError) -> [CollectionNumber]
    /// The number of rows in the log.
    func logRowCount() throws(LodestoneError) -> UInt64
    /// The counts of each collection's log after its base, for collections with such a log.
    func logSummaries() throws(LodestoneError) -> [CollectionNumber: LogSummary]
    /// Whether any row from `row` on has edges.
    func hasEdges(_ collection: CollectionNumber, from row: RowID) throws(LodestoneError)
        -> Bool
    /// Reads the changes of the batches after `sequenceNumber`, oldest first.
    ///
    /// - Parameters:
    ///   - sequenceNumber: The last batch that the caller knows.
    ///   - collection: The only collection to read; `nil`: all collections.
    ///   - readsVectors: Whether to read the vectors of a collection's batch, which opens segments;
    ///     it is called before each batch.
    ///   - body: Gets each change.
    /// - Throws: The errors of `body`. `.outOfRange` when the log begins later, because bases
    ///   contain the earlier batches.
    func forEachChange(
        after sequenceNumber: UInt64,
        of collection: CollectionNumber?,
        readingVectors readsVectors: (CollectionNumber) -> Bool,
        _ body: (LoggedChange) throws(LodestoneError) -> Void
    ) throws(LodestoneError)
    /// The locations of the vectors in a collection's base, in row order.
    ///
    /// - Throws: `.aborted` with `VECTORS_MOVED` when a compaction has moved the vectors since this
    ///   state; the caller must begin another read. `forEachChange` throws the same.
    func vectorRuns(of collection: CollectionNumber) throws(LodestoneError) -> [VectorRun]
    /// The next row id of a collection.
    func nextRow(of collection: CollectionNumber) throws(LodestoneError) -> RowID
    /// The sequence number of the last batch that touched a collection.
    func lastSequenceNumber(of collection: CollectionNumber) throws(LodestoneError) -> UInt64
    /// One row; `nil` when it was dropped or replaced.
    ///
    /// - Throws: `.dataLoss` when the row fails its checksum.
    func row(_ row: RowID, of collection: CollectionNumber) throws(LodestoneError) -> StoredRow?
    /// All edges that leave the document of a row, in the order of writing.
    ///
    /// - Throws: `.dataLoss` when an edge is missing or fails its checksum.
    func edges(of row: StoredRow, in collection: CollectionNumber) throws(LodestoneError) -> [Edge]
    /// Calls `body` with all edges that leave the document of a row, some per call.
    ///
    /// The memory does not depend on the number of edges. Edges in the row come in one call. Edges
    /// of a hub come in the order of label and target.
    ///
    /// - Throws: The errors of `body`; `.dataLoss` when an edge is missing or fails its checksum.
    func forEachEdges(
        of row: StoredRow,
        in collection: CollectionNumber,
        _ body: ([Edge]) throws(LodestoneError) -> Void
    ) throws(LodestoneError)
    /// The number and size of the edges that leave the document of a row, without reading them.
    ///
    /// - Throws: `.dataLoss` when the hub's header fails its checksum.
    func edgeCounts(of row: StoredRow, in collection: CollectionNumber) throws(LodestoneError)
        -> EdgeCounts
    /// A page of the edges that leave the document of a row, in the byte order of label and target.
    ///
    /// If several edges have the same label and target, the last one counts.
    ///
    /// - Parameters:
    ///   - row: The row; a row that does not exist has no edges.
    ///   - collection: The collection of the row.
    ///   - labels: The labels of the edges; `nil`: all labels.
    ///   - position: The label and target after which the page begins; `nil`: the first edge.
    ///   - limit: The most edges.
    ///   - maxBytes: The page ends with the edge that reaches this many bytes.
    /// - Returns: The edges, and whether the page is the last one.
    /// - Throws: `.dataLoss` when the row or an edge fails its checksum.
    func edges(
        of row: RowID,
        in collection: CollectionNumber,
        labels: [String]?,
        after position: (label: String, target: DocumentID)?,
        limit: Int,
        maxBytes: Int
    ) throws(LodestoneError) -> (edges: [Edge], isLast: Bool)
    /// Calls `body` with the rows after `after`, ascending, until it returns false.
    func forEachRow(
        of collection: CollectionNumber,
        after: RowID?,
        _ body: (StoredRow) throws(LodestoneError) -> Bool
    ) throws(LodestoneError)
    /// The words of a collection with the `fts5` text strategy.
    ///
    /// - Parameters:
    ///   - collection: The collection.
    ///   - visible: The rows whose words count; `nil`: all.
    /// - Returns: The words, valid until the read ends.
    func words(of collection: CollectionNumber, among visible: VisibleRows?) -> any WordTables
    /// Recomputes the chain of the log, and reports each row where it differs.
    func verifyLog(_ report: inout VerifyReport) throws(LodestoneError)
    /// Compares rows, words, vectors and log of a collection in this state, and reports
    /// differences.
    ///
    /// `body` gets every intact row.
    func verify(
        _ record: CollectionRecord,
        _ report: inout VerifyReport,
        _ body: (StoredRow) throws(LodestoneError) -> Void
    ) throws(LodestoneError)
    /// Reads the base of a collection from the disk, and reports its damages.
    ///
    /// Call it inside `compacting`: then no compaction removes the base meanwhile.
    func verifyBase(of record: CollectionRecord, _ report: inout VerifyReport)
        throws(LodestoneError)
    /// Ends the read.
    func end()
}

extension StoreReader {
    /// Reads the changes of batches with all their vectors.
    package func forEachChange(
        after sequenceNumber: UInt64,
        of collection: CollectionNumber?,
        _ body: (LoggedChange) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        try forEachChange(
            after: sequenceNumber,
            of: collection,
            readingVectors: { _ in true },
            body
        )
    }
}
