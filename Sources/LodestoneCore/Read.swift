// SPDX-License-Identifier: Apache-2.0

/// Documents by id.
public struct GetRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The ids.
    public var ids: [DocumentID]
    /// What each document brings along.
    public var include: Include

    /// Creates a request.
    public init(collection: String, ids: [DocumentID], include: Include = .document) {
        self.collection = collection
        self.ids = ids
        self.include = include
    }
}

/// A page of a collection, in the order in which documents were written or in that of a field.
public struct ScanRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// Where the last page ended; `nil`: from the start.
    public var cursor: ScanCursor?
    /// The most documents wanted; a page of large ones ends before.
    public var limit: Int
    /// What every document must satisfy.
    public var filter: Filter?
    /// The order of the documents; `nil`: as they were written.
    public var order: ScanOrder?
    /// What each document brings along.
    public var include: Include
    /// A document with more edges comes without them, as the last one of its page; `nil`: all come with
    /// theirs.
    public var maxEdges: Int?

    /// Creates a request.
    public init(
        collection: String,
        cursor: ScanCursor? = nil,
        limit: Int = 100,
        filter: Filter? = nil,
        order: ScanOrder? = nil,
        include: Include = .document,
        maxEdges: Int? = nil
    ) {
        self.collection = collection
        self.cursor = cursor
        self.limit = limit
        self.filter = filter
        self.order = order
        self.include = include
        self.maxEdges = maxEdges
    }
}

/// The order of a scan by a field of the metadata, which must be indexed.
///
/// Documents whose field is a single value come by it: booleans, numbers, times, strings by their
/// first 256 bytes; those whose field is missing, a list or an object follow. Ties, and those that
/// follow, come in the order in which they were written.
public struct ScanOrder: Sendable, Equatable {
    /// The field's name, or the names one inside the other.
    public var path: [String]
    /// Whether the largest value comes first.
    public var isDescending: Bool

    /// Creates an order.
    public init(path: [String], isDescending: Bool = false) {
        self.path = path
        self.isDescending = isDescending
    }

    /// Compares the names by their bytes.
    public static func == (left: ScanOrder, right: ScanOrder) -> Bool {
        left.path.haveSameBytes(as: right.path) && left.isDescending == right.isDescending
    }
}

/// Where a page ended.
///
/// Opaque; good for the collection, and the order, that gave it.
public struct ScanCursor: Sendable, Equatable {
    /// The row after which the next page starts.
    package var row: UInt64
    /// In the order of a field: 1 for the largest first, else 0, then the key of the row's value, which
    /// has none behind all single values.
    package var order: [UInt8]

    package init(row: UInt64, order: [UInt8] = []) {
        self.row = row
        self.order = order
    }
}

/// A page of documents.
public struct ScanResponse: Sendable, Equatable {
    /// The documents.
    public var documents: [Document]
    /// Where the next page starts; `nil` after the last.
    public var nextCursor: ScanCursor?
    /// Where a list of the edges of the last document starts, when it has more than wanted, and came without
    /// them.
    ///
    /// Good for this version of the document only.
    public var edgesCursor: EdgeCursor?

    /// Creates a page.
    public init(
        documents: [Document],
        nextCursor: ScanCursor?,
        edgesCursor: EdgeCursor? = nil
    ) {
        self.documents = documents
        self.nextCursor = nextCursor
        self.edgesCursor = edgesCursor
    }
}

/// A figure of the server.
public struct Statistic: Sendable, Equatable {
    /// What it counts: `store.bytes.segments`.
    public var name: String
    /// How much.
    public var value: Double
    /// In what: `bytes`, `1`, `s`.
    public var unit: String

    /// Creates a figure.
    public init(_ name: String, _ value: Double, unit: String) {
        self.name = name
        self.value = value
        self.unit = unit
    }
}

/// The state of a server and its store.
public struct Stats: Sendable, Equatable {
    /// Lodestone's version.
    public var serverVersion: String
    /// What the store is built on: `SQLite 3.40.1`.
    public var storeVersion: String
    /// Of the last batch.
    public var sequenceNumber: UInt64
    /// Every collection.
    public var collections: [CollectionDescription]
    /// Figures.
    public var statistics: [Statistic]
    /// Why the last compaction failed, if it did.
    public var compactionFailure: String?

    /// Creates a state.
    public init(
        serverVersion: String,
        storeVersion: String,
        sequenceNumber: UInt64,
        collections: [CollectionDescription],
        statistics: [Statistic],
        compactionFailure: String? = nil
    ) {
        self.serverVersion = serverVersion
        self.storeVersion = storeVersion
        self.sequenceNumber = sequenceNumber
        self.collections = collections
        self.statistics = statistics
        self.compactionFailure = compactionFailure
    }
}
