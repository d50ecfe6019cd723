// SPDX-License-Identifier: Apache-2.0
// The arguments and results of a store: collections, rows, changes, batches and receipts.
package import LodestoneCore
package import LodestoneStructures

/// The number, name and options of a collection in the store.
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

/// A document as it is stored, without its vector.
package struct StoredRow: Sendable {
    package var row: RowID
    package var id: DocumentID
    package var text: [TextField]
    package var metadata: Metadata
    /// The edges that leave the document; empty when a hub has them.
    package var edges: [Edge]
    /// The hub that has the edges when they are too many for the row (`StoreReader.edges(of:in:)`).
    package var hub: HubNumber?
    /// The bytes of the row in the store.
    package var byteCount: Int
}

/// The number and size of a document's edges, known without a read of the edges.
package struct EdgeCounts: Sendable {
    package var edges: Int
    /// The bytes of labels and targets.
    package var nameBytes: Int
    /// The bytes of weights and metadata, as they are stored.
    package var contentBytes: Int

    /// An estimate of the edges' bytes in a message; too small only for metadata with many tiny
    /// values.
    package var expectedWireByteCount: Int { nameBytes + 2 * contentBytes + 36 * edges }
}

/// Vectors of ascending rows, contiguous in memory.
///
/// `owner` keeps the mapping of an append-only file. The pointer is valid as long as `owner`
/// exists.
package struct VectorRun: @unchecked Sendable {
    package let base: UnsafePointer<Float>
    package let firstRow: RowID
    /// The row of each vector; `nil` when the rows follow one another.
    package let rows: MappedArray<RowID>?
    package let count: Int
    package let owner: AnyObject
    /// The bytes of the run with their checksums; `nil` when all bytes are already checked.
    package let checked: VerifiedBytes?
}

/// The base of a collection as the store's record describes it.
package struct StoredBase: Sendable {
    /// The path of its file; `nil` when the base must be built: a restored snapshot has no bases.
    package let path: String?
    /// The sequence number of the last batch in the base.
    package let sequenceNumber: UInt64
    /// The next row id at that sequence number.
    package let nextRow: RowID
}

/// Counts of a collection's log after its base.
package struct LogSummary: Sendable {
    package var rows: Int
    package var vectors: Int
    /// The sequence number of the last batch.
    package var last: UInt64
    /// Whether the log has only new documents.
    ///
    /// No document was replaced, dropped or linked, and the collection was not altered.
    package var hasOnlyNewRows: Bool
}

/// The change of one batch according to the log; it is enough to update a derived index.
package struct LoggedChange: Sendable {
    package enum Kind: Sendable {
        case createCollection
        /// The new options of the collection.
        case alterCollection(CollectionOptions)
        case dropCollection
        case rows(LoggedRows)
    }

    package let sequenceNumber: UInt64
    package let collection: CollectionNumber
    package let kind: Kind
}

/// The rows of a batch in the log.
///
/// Their content is in the table of rows, unless a later batch has removed or changed them.
package struct LoggedRows: Sendable {
    package let firstRow: RowID
    package let rowCount: Int
    package let vectors: VectorRun?
    package let removed: [RowID]
    /// The texts of each removed row; none where the store keeps the words itself.
    package let removedTexts: [[TextField]]
    /// Rows whose edges changed.
    ///
    /// The row in the store has all edges of the document. If a later batch has made the document a
    /// hub, the log row of that batch has all edges of the document instead.
    package let changed: [RowID]
    /// The changes of edges that leave hubs.
    package let hubEdges: [LoggedEdges]
    /// The dropped documents; every edge from and to them is dropped, too.
    package let dropped: [DocumentID]
}

/// The changes of one batch to the edges that leave the document of one row.
///
/// The log has each changed edge, except removed edges to documents that the same batch drops: a
/// replay removes these edges with the documents. With a row id alone, a replay would read all
/// edges of a hub for each batch: quadratic time, if each batch adds edges to the hub.
package struct LoggedEdges: Sendable, Equatable {
    package var row: RowID
    /// Whether the added edges replace all others.
    package var isWhole = false
    package var removed: [EdgeName] = []
    package var added: [(name: EdgeName, weight: Float)] = []

    package static func == (left: LoggedEdges, right: LoggedEdges) -> Bool {
        left.row == right.row && left.isWhole == right.isWhole && left.removed == right.removed
            && left.added.elementsEqual(right.added, by: ==)
    }
}

/// A batch that is ready to be committed.
package struct StoredBatch: Sendable {
    /// The kind of change in a batch.
    package enum Change: Sendable {
        case createCollection(CollectionRecord)
        /// The record with its new options: another vector strategy or other metadata indexes.
        case alterCollection(CollectionRecord)
        case dropCollection(CollectionNumber)
        case rows(RowChange)
    }

    package var change: Change
    package var requestID: RequestID?
    /// The checksum of the request, which distinguishes a repetition from another request with the
    /// same id.
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

/// A change to the edges that leave the document of a row.
///
/// First the edges in `removed` are removed. Then the edges in `added` are added, or replace the
/// edges with the same names.
package struct EdgeChange: Sendable {
    package var row: RowID
    package var removed: [EdgeName]
    package var added: [Edge]
    /// Whether the edges to documents that the batch drops are removed, too.
    package var losesDropped: Bool

    package init(
        row: RowID,
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
    /// The number of elements in each vector.
    package var dimension: Int
    /// The change to the tables of words; `nil` where the store keeps none.
    package var words: WordChange?
    /// The number of the first new row; the other new rows follow it.
    package var firstRow: RowID
    /// The new rows; rows with vectors come first.
    package var rows: [EncodedRow]
    /// The vectors of the first new rows, one after the other.
    package var vectors: [Float]
    /// The CRC-32C of `vectors`.
    package var vectorChecksum: UInt32
    /// The rows of documents that are dropped or replaced.
    package var removed: [RowID]
    /// The dropped documents among those of `removed`.
    package var dropped: [DocumentID]
    /// The changes to edges that leave the documents of earlier rows; each row comes once.
    package var edgeChanges: [EdgeChange]

    package init(
        collection: CollectionNumber,
        dimension: Int,
        words: WordChange?,
        firstRow: RowID,
        rows: [EncodedRow],
        vectors: [Float],
        vectorChecksum: UInt32,
        removed: [RowID],
        dropped: [DocumentID] = [],
        edgeChanges: [EdgeChange]
    ) {
        self.collection = collection
        self.dimension = dimension
        self.words = words
        self.firstRow = firstRow
        self.rows = rows
        self.vectors = vectors
        self.vectorChecksum = vectorChecksum
        self.removed = removed
        self.dropped = dropped
        self.edgeChanges = edgeChanges
    }
}

/// The change of a batch to the tables of words.
///
/// The store makes the words of removed rows from their texts.
package struct WordChange: Sendable {
    /// The options of the collection's analysis.
    package var options: TextOptions
    /// The words of each new row; `nil` for a row without words.
    package var added: [DocumentWords?]

    package init(_ options: TextOptions, adding added: [DocumentWords?] = []) {
        self.options = options
        self.added = added
    }
}

/// The outcome of a committed batch.
package struct CommittedBatch: Sendable {
    package var sequenceNumber: UInt64
    /// The location of its vectors, if it had any.
    package var vectors: VectorRun?
    /// The texts of its removed rows, row by row.
    package var removedTexts: [[TextField]] = []
}

/// The outcome of a request id, recorded when it was committed.
package struct StoredReceipt: Sendable {
    package var fingerprint: UInt64
    package var receipt: WriteReceipt
}
