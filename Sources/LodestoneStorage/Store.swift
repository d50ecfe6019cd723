// SPDX-License-Identifier: Apache-2.0
// The truth of a Lodestone store: rows, vectors and the change log, committed batch by batch.
// Everything above this protocol is derived from it and can be rebuilt.
package import LodestoneCore
package import LodestoneText

/// Names a collection inside the store; never given twice.
package typealias CollectionNumber = UInt32

/// One version of a document in its collection.
///
/// Numbers rise in the order of writing and are never given twice; a replaced document gets a new
/// one.
package typealias RowNumber = UInt32

/// A place where batches become durable.
///
/// Several processes may have one store open. Each notices by `sharedSequenceNumber` that others
/// have committed, and catches up from the log; each writes only inside `exclusively`.
///
/// Threading: any thread.
package protocol Store: AnyObject, Sendable {
    /// What the store is built on, with its version, for people.
    var version: String { get }
    /// What an acknowledged write survives.
    var durability: Durability { get }
    /// Whether this process only reads; others may write.
    var isReadOnly: Bool { get }
    /// Throws `.failedPrecondition` `READ_ONLY` where this process only reads.
    func refuseIfReadOnly() throws(LodestoneError)

    /// The collections whose words, which the store keeps, were made again when it was opened, because
    /// they were those of another analysis.
    var remadeWords: [String] { get }

    /// The sequence number of the last batch that any process has made visible.
    var sharedSequenceNumber: UInt64 { get }

    /// Runs `body` while no other thread or process writes to the store.
    ///
    /// - Parameters:
    ///   - end: When the wait for others ends; `nil`: after `patience`.
    ///   - check: Called every few milliseconds of it; what it throws ends it.
    ///   - body: Gets the sequence number of the last committed batch.
    /// - Returns: What `body` does.
    /// - Throws: What `body` and `check` do; `.unavailable` `STORE_BUSY` at `end`;
    ///   `.failedPrecondition` `READ_ONLY` where this process only reads.
    func exclusively<T>(
        until end: ContinuousClock.Instant?,
        while check: () throws(LodestoneError) -> Void,
        _ body: (UInt64) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T

    /// How long a holder of the store is waited for at most; it may have been stopped.
    var patience: Duration { get }

    /// Shows batches that are committed, and applied here, to all processes.
    ///
    /// Inside `exclusively`.
    func publish(_ sequenceNumber: UInt64)

    /// Makes batches durable in one go, in their order.
    ///
    /// Inside `exclusively`.
    ///
    /// - Returns: A sequence number and the place of its vectors for each batch.
    /// - Throws: With outcome `.notApplied` none of the batches is in the store; with `.unknown`
    ///   their fate can't be told, and the store refuses every further write.
    func commit(_ batches: [StoredBatch]) throws(LodestoneError) -> [CommittedBatch]

    /// What a request id did, if it was ever committed.
    func receipt(of requestID: RequestID) throws(LodestoneError) -> StoredReceipt?

    /// A consistent state of all rows, as of the last commit.
    func beginRead(context: CallContext?) throws(LodestoneError) -> any StoreReader

    /// Writes everything that one state holds into an archive, while writes go on.
    func createSnapshot(_ name: String, context: CallContext) throws(LodestoneError)
        -> SnapshotDescription
    /// The snapshots that there are, by name.
    func snapshots(context: CallContext?) throws(LodestoneError) -> [SnapshotDescription]

    /// Reads a part of a snapshot's file.
    ///
    /// - Throws: `.notFound`; `.invalidArgument` for an offset beyond its end.
    func readSnapshot(_ name: String, at offset: UInt64, maxBytes: Int) throws(LodestoneError)
        -> SnapshotPart

    /// Runs `body` while no process writes a snapshot, and without what a crash has left of one.
    ///
    /// - Throws: `.resourceExhausted` when one is being written.
    func withoutSnapshotting<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T

    /// Removes a snapshot, if there is one of that name.
    func deleteSnapshot(_ name: String) throws(LodestoneError)

    /// Runs `body` unless another thread or process is compacting the collection; `nil` then.
    func compacting<T>(
        _ collection: CollectionNumber,
        _ body: () throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T?

    /// Where the base of a collection at a sequence number belongs.
    func basePath(of collection: CollectionNumber, sequenceNumber: UInt64) -> String

    /// Points to a base that lies at its `basePath`, removes the one before, and forgets what
    /// bases now hold of the log.
    ///
    /// Vectors are written together when 30 percent of a collection's belong to rows that are gone;
    /// without `garbageBytes`, wherever any does.
    ///
    /// Inside `compacting`, not inside `exclusively`.
    ///
    /// - Parameters:
    ///   - collection: Whose base it is.
    ///   - sequenceNumber: Of the base.
    ///   - garbageBytes: What vectors of rows that are gone must come to, too; `nil` when none of
    ///     them may stay.
    ///   - isLive: Whether the base has a row.
    /// - Throws: `.dataLoss` when vectors that the base takes over are damaged.
    func adoptBase(
        of collection: CollectionNumber,
        sequenceNumber: UInt64,
        garbageBytes: Int?,
        isLive: (RowNumber) -> Bool
    ) throws(LodestoneError)

    /// Forgets what is not needed of the log, and gives unused pages of the database back to the
    /// file system, some at a time.
    ///
    /// Not inside `exclusively`.
    func reclaimSpace() throws(LodestoneError)

    /// Erases dropped rows from all files, except the bases and segments that name them.
    ///
    /// Must not run inside `exclusively`. Writes wait while the database is rewritten. The call
    /// waits for readers that began before.
    ///
    /// - Returns: The sequence number of the last batch by then.
    func eraseFreed(context: CallContext) throws(LodestoneError) -> UInt64

    /// Moves the write-ahead log into the database and cuts it off, unless it is short.
    ///
    /// Not inside `exclusively`.
    ///
    /// - Returns: Whether it is short now; not while somebody else holds the store, or a reader needs
    ///   what is in it.
    func shortenWriteAheadLog() throws(LodestoneError) -> Bool

    /// Closes the files of a collection that nobody uses; mappings in use stay good.
    func letGo(of collection: CollectionNumber)

    /// Bytes by part: `database`, `write_ahead_log`, `segments`, `bases`, `snapshots`.
    func byteCounts() -> [(part: String, bytes: UInt64)]

    /// Lets go of the files.
    func close()
}

/// One state of the rows.
///
/// Use from one thread at a time; `end` gives it back.
package protocol StoreReader: AnyObject {
    /// Of the last batch that this state holds.
    var sequenceNumber: UInt64 { get }
    /// Every collection that exists, in the order of numbers.
    func collections() throws(LodestoneError) -> [CollectionRecord]
    /// One collection; `nil` when it doesn't exist.
    func record(of collection: CollectionNumber) throws(LodestoneError) -> CollectionRecord?
    /// The number after the highest that was ever given to a collection.
    func nextCollectionNumber() throws(LodestoneError) -> CollectionNumber
    /// The base of a collection's views; `nil` before the first compaction.
    func base(of collection: CollectionNumber) throws(LodestoneError) -> StoredBase?
    /// Bytes of the log, replaced texts above all, that a collection's base doesn't have.
    ///
    /// - Complexity: O(rows of the log).
    func unfoldedLogBytes() throws(LodestoneError) -> [CollectionNumber: Int]

    /// Collections of which the log has more than their bases, or whose base has to be made.
    func unfoldedCollections() throws(LodestoneError) -> [CollectionNumber]
    /// Rows of the log.
    func logRowCount() throws(LodestoneError) -> UInt64
    /// Counts of each collection's log beyond its base, where there is any.
    func logSummaries() throws(LodestoneError) -> [CollectionNumber: LogSummary]
    /// Whether edges leave documents in rows from `row` on.
    func hasEdges(_ collection: CollectionNumber, from row: RowNumber) throws(LodestoneError)
        -> Bool
    /// What batches after `sequenceNumber` changed, oldest first; those of one collection, or all.
    ///
    /// - Parameters:
    ///   - sequenceNumber: The last batch that is known.
    ///   - collection: The one collection; `nil`: all.
    ///   - readsVectors: Whether a batch of a collection has its vectors read, which opens segments;
    ///     asked before each.
    ///   - body: Gets each batch.
    /// - Throws: What `body` does; `.outOfRange` when the log begins later, because bases hold what
    ///   it said.
    func forEachChange(
        after sequenceNumber: UInt64,
        of collection: CollectionNumber?,
        readingVectors readsVectors: (CollectionNumber) -> Bool,
        _ body: (LoggedChange) throws(LodestoneError) -> Void
    ) throws(LodestoneError)
    /// Where the vectors of a collection's base lie, in row order.
    ///
    /// - Throws: `.aborted` with `VECTORS_MOVED` when a compaction has moved them since this state:
    ///   begin another. So does `forEachChange`.
    func vectorRuns(of collection: CollectionNumber) throws(LodestoneError) -> [VectorRun]
    /// The row after the highest that was ever given in a collection.
    func nextRow(of collection: CollectionNumber) throws(LodestoneError) -> RowNumber
    /// The last batch that touched a collection.
    func lastSequenceNumber(of collection: CollectionNumber) throws(LodestoneError) -> UInt64
    /// One row; `nil` when it has been dropped or replaced.
    ///
    /// - Throws: `.dataLoss` when the row fails its checksum.
    func row(_ row: RowNumber, of collection: CollectionNumber) throws(LodestoneError) -> StoredRow?
    /// All edges that leave the document of a row, in the order of writing.
    ///
    /// - Throws: `.dataLoss` when one is missing or fails its checksum.
    func edges(of row: StoredRow, in collection: CollectionNumber) throws(LodestoneError) -> [Edge]
    /// All edges that leave the document of a row, some at a time, which takes no more memory however many
    /// there are: those in the row at once, those of a hub by label and target.
    ///
    /// - Throws: What `body` does; `.dataLoss` when one is missing or fails its checksum.
    func forEachEdges(
        of row: StoredRow,
        in collection: CollectionNumber,
        _ body: ([Edge]) throws(LodestoneError) -> Void
    ) throws(LodestoneError)
    /// How many edges leave the document of a row, without reading them.
    ///
    /// - Throws: `.dataLoss` when what is known of them fails its checksum.
    func edgeCounts(of row: StoredRow, in collection: CollectionNumber) throws(LodestoneError)
        -> EdgeCounts
    /// Some of the edges that leave the document of a row, in the order of the bytes of label and
    /// target; of edges with the same label and target the last one.
    ///
    /// - Parameters:
    ///   - row: The row; one that is not there has no edges.
    ///   - collection: Where it is.
    ///   - labels: Those that are asked for; `nil`: all.
    ///   - place: What they follow; `nil`: from the first on.
    ///   - limit: How many at most.
    ///   - maxBytes: The one that reaches so many bytes is the last one.
    /// - Returns: The edges, and whether none follow.
    /// - Throws: `.dataLoss` when the row or an edge fails its checksum.
    func edges(
        of row: RowNumber,
        in collection: CollectionNumber,
        labels: [String]?,
        after place: (label: String, target: DocumentID)?,
        limit: Int,
        maxBytes: Int
    ) throws(LodestoneError) -> (edges: [Edge], isLast: Bool)
    /// Rows in order, after `after`, until `body` answers false.
    func forEachRow(
        of collection: CollectionNumber,
        after: RowNumber?,
        _ body: (StoredRow) throws(LodestoneError) -> Bool
    ) throws(LodestoneError)
    /// The words of a collection whose words the store keeps.
    func words(of collection: CollectionNumber) throws(LodestoneError) -> any StoredWords
    /// Rows whose text matches, best first, ties in row order, until `body` answers false; of a
    /// collection whose words the store keeps.
    ///
    /// Scores are larger for better matches.
    func forEachMatch(
        of expression: TextExpression,
        in collection: CollectionNumber,
        _ analyzer: TextAnalyzer,
        _ body: (RowNumber, Double) throws(LodestoneError) -> Bool
    ) throws(LodestoneError)
    /// Follows the chain of the log, and notes where it breaks.
    func verifyLog(_ report: inout VerifyReport) throws(LodestoneError)
    /// Compares what the state says of a collection with itself, and notes what differs; `body`
    /// gets every row that is as it was written.
    func verify(
        _ record: CollectionRecord,
        _ report: inout VerifyReport,
        _ body: (StoredRow) throws(LodestoneError) -> Void
    ) throws(LodestoneError)
    /// Reads the base of a collection from the disk, and notes where it is not as it was written.
    ///
    /// Inside `compacting`, so that it does not disappear meanwhile.
    func verifyBase(of record: CollectionRecord, _ report: inout VerifyReport)
        throws(LodestoneError)
    /// Gives the state back.
    func end()
}

/// A collection as the store knows it.
package struct CollectionRecord: Sendable {
    package var number: CollectionNumber
    package var name: String
    package var options: CollectionOptions

    package init(number: CollectionNumber, name: String, options: CollectionOptions) {
        self.number = number
        self.name = name
        self.options = options
    }
}

/// A document as it lies in the store, without its vector.
package struct StoredRow: Sendable {
    package var row: RowNumber
    package var id: DocumentID
    package var text: [TextField]
    package var metadata: Metadata
    /// The edges that leave the document; none where they lie in a hub.
    package var edges: [Edge]
    /// Where they lie when they are too many for the row: see `StoreReader.edges(of:in:)`.
    package var hub: HubNumber?
    /// Bytes that all of that takes in the store.
    package var byteCount: Int

    /// The document without its vector, and without the edges of a hub.
    package var document: Document {
        Document(id: id, text: text, metadata: metadata, edges: edges)
    }
}

/// What is known of the edges of a document without reading them.
package struct EdgeCounts: Sendable {
    package var edges: Int
    /// Bytes of labels and targets.
    package var nameBytes: Int
    /// Bytes of weights and metadata, as they are stored.
    package var contentBytes: Int

    /// More bytes than they take in a message, unless their metadata has many tiny values.
    package var expectedWireByteCount: Int { nameBytes + 2 * contentBytes + 36 * edges }
}

/// Vectors of ascending rows, one after the other in memory.
///
/// The pointer stays good while `owner` lives: it keeps the mapping of a file that is only ever
/// appended to.
package struct VectorRun: @unchecked Sendable {
    package let base: UnsafePointer<Float>
    package let firstRow: RowNumber
    /// The row of each vector; `nil` when the rows follow one another.
    package let rows: Section<RowNumber>?
    package let count: Int
    package let owner: AnyObject
    /// The bytes of the run with their checksums; `nil` when they were checked as a whole.
    package let checked: CheckedBytes?
}

/// The base of a collection's views, as the store points to it.
package struct StoredBase: Sendable {
    /// Its file; `nil` when it has to be made anew, because snapshots don't take bases along.
    package let path: String?
    /// Of the last batch that it holds.
    package let sequenceNumber: UInt64
    /// The row after the highest that was given by then.
    package let nextRow: RowNumber
}

/// Counts of a collection's log beyond its base.
package struct LogSummary: Sendable {
    package var rows: Int
    package var vectors: Int
    /// Of the last batch.
    package var last: UInt64
    /// Whether nothing but new documents came: none was replaced, dropped or linked, and the
    /// collection was not altered.
    package var hasOnlyNewRows: Bool
}

/// What one batch changed, as the log tells it: enough to bring a view up to date.
package struct LoggedChange: Sendable {
    package enum Kind: Sendable {
        case createCollection
        /// The options of the collection from then on.
        case alterCollection(CollectionOptions)
        case dropCollection
        case rows(LoggedRows)
    }

    package let sequenceNumber: UInt64
    package let collection: CollectionNumber
    package let kind: Kind
}

/// The rows of a batch in the log; what is in them stands in the rows, unless a later batch has
/// removed or changed them.
package struct LoggedRows: Sendable {
    package let firstRow: RowNumber
    package let rowCount: Int
    package let vectors: VectorRun?
    package let removed: [RowNumber]
    /// What the removed rows had for the text index, one by one; none where the store keeps the
    /// words itself.
    package let removedTexts: [[TextField]]
    /// Rows whose edges changed.
    ///
    /// The row has all its edges. If the document has become a hub since, a later batch has its
    /// edges.
    package let relinked: [RowNumber]
    /// What changed among the edges of hubs.
    package let links: [LoggedLinks]
    /// Documents that were dropped, with every edge from and to them.
    package let dropped: [DocumentID]
}

/// The changes of one batch among the edges that leave the document of one row.
///
/// The log has all of them. Else a replay would read all edges of a hub for each of its batches,
/// which takes time in the square of their number.
package struct LoggedLinks: Sendable, Equatable {
    package var row: RowNumber
    /// Whether no other edges are left than those added.
    package var isWhole = false
    package var removed: [EdgeName] = []
    package var added: [(name: EdgeName, weight: Float)] = []

    package static func == (left: LoggedLinks, right: LoggedLinks) -> Bool {
        left.row == right.row && left.isWhole == right.isWhole && left.removed == right.removed
            && left.added.elementsEqual(right.added, by: ==)
    }
}

/// A batch that is ready to be committed.
package struct StoredBatch: Sendable {
    /// What a batch changes.
    package enum Change: Sendable {
        case createCollection(CollectionRecord)
        /// The record with its new options: another vector strategy or other metadata indexes.
        case alterCollection(CollectionRecord)
        case dropCollection(CollectionNumber)
        case rows(RowChange)
    }

    package var change: Change
    package var requestID: RequestID?
    /// Tells a repeated request from another one under the same id.
    package var fingerprint: UInt64
    package var inserted: Int
    package var replaced: Int
    package var dropped: Int

    package init(
        change: Change,
        requestID: RequestID?,
        fingerprint: UInt64,
        inserted: Int = 0,
        replaced: Int = 0,
        dropped: Int = 0
    ) {
        self.change = change
        self.requestID = requestID
        self.fingerprint = fingerprint
        self.inserted = inserted
        self.replaced = replaced
        self.dropped = dropped
    }
}

/// What changes among the edges that leave the document of a row: first some are removed, then others
/// added or put in the place of those of the same name.
package struct EdgeChange: Sendable {
    package var row: RowNumber
    package var removed: [EdgeName]
    package var added: [Edge]
    /// Whether those to documents that the batch drops are removed, too.
    package var losesDropped: Bool

    package init(
        row: RowNumber,
        removed: [EdgeName] = [],
        added: [Edge] = [],
        losesDropped: Bool = false
    ) {
        self.row = row
        self.removed = removed
        self.added = added
        self.losesDropped = losesDropped
    }
}

/// Changes to the rows of one collection.
package struct RowChange: Sendable {
    package var collection: CollectionNumber
    /// Elements of each vector.
    package var dimension: Int
    /// Makes the words of texts, if the store keeps them.
    package var analyzer: TextAnalyzer?
    /// The number of the first new row; the others follow.
    package var firstRow: RowNumber
    /// New rows; those with vectors come first.
    package var rows: [EncodedRow]
    /// The vectors of the first rows, one after the other.
    package var vectors: [Float]
    /// CRC-32C of `vectors`.
    package var vectorChecksum: UInt32
    /// Rows of documents that are dropped, or replaced by a new row.
    package var removed: [RowNumber]
    /// The documents among them that are dropped.
    package var dropped: [DocumentID]
    /// What changes among the edges that leave the documents of earlier rows; each row once.
    package var relinked: [EdgeChange]

    package init(
        collection: CollectionNumber,
        dimension: Int,
        analyzer: TextAnalyzer?,
        firstRow: RowNumber,
        rows: [EncodedRow],
        vectors: [Float],
        vectorChecksum: UInt32,
        removed: [RowNumber],
        dropped: [DocumentID] = [],
        relinked: [EdgeChange]
    ) {
        self.collection = collection
        self.dimension = dimension
        self.analyzer = analyzer
        self.firstRow = firstRow
        self.rows = rows
        self.vectors = vectors
        self.vectorChecksum = vectorChecksum
        self.removed = removed
        self.dropped = dropped
        self.relinked = relinked
    }
}

/// What became of a committed batch.
package struct CommittedBatch: Sendable {
    package var sequenceNumber: UInt64
    /// Where its vectors lie, if it had any.
    package var vectors: VectorRun?
    /// What its removed rows had for the text index, one by one.
    package var removedTexts: [[TextField]] = []
}

/// What a request id did when it was committed.
package struct StoredReceipt: Sendable {
    package var fingerprint: UInt64
    package var receipt: WriteReceipt
}

extension StoreReader {
    /// What batches changed, with all their vectors.
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
