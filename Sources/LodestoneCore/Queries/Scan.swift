// SPDX-License-Identifier: Apache-2.0

/// A request for a page of a collection, in the order of writing or of a field.
public struct ScanRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The position where the last page ended; `nil`: from the start.
    public var cursor: ScanCursor?
    /// The most documents to return; a page of large documents ends earlier.
    public var limit: Int
    /// The filter that every document must satisfy.
    public var filter: Filter?
    /// The order of the documents; `nil`: the order of writing.
    public var order: ScanOrder?
    /// The parts of each document to return.
    public var include: Include
    /// The most edges that a document comes with; `nil`: all.
    ///
    /// A document with more edges comes without them, as the last document of its page.
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
/// Documents with a single value come first, ordered by it: booleans, numbers, times, strings by
/// their first 256 bytes. Documents whose field is missing, a list or an object follow. Ties, and
/// the documents that follow, come in the order of writing.
public struct ScanOrder: Sendable, Equatable {
    /// The field's name, preceded by the names of enclosing objects.
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

/// The position where a page ended.
///
/// Opaque; valid for its collection and order.
public struct ScanCursor: Sendable, Equatable {
    /// The row after which the next page starts.
    package var row: UInt64
    /// The position in the order of a field; empty in the order of writing.
    ///
    /// The first byte is 1 for a descending order, else 0. The key of the row's value follows; it
    /// is absent after all single values.
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
    /// The position where the next page starts; `nil` after the last.
    public var nextCursor: ScanCursor?
    /// The start of a list of the last document's edges, if it has more than `maxEdges` and came
    /// without them.
    ///
    /// Valid for this version of the document only.
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
