// SPDX-License-Identifier: Apache-2.0

/// A page of the edges of one document.
public struct ListEdgesRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The document; also one that doesn't exist may have incoming edges.
    public var id: DocumentID
    /// The edges that leave the document, or those that enter it; not both.
    public var direction: Direction
    /// The labels wanted; none means every label.
    public var labels: [String]
    /// The most edges wanted; a page of large ones ends before.
    public var limit: Int
    /// Where the last page ended; `nil`: from the start.
    public var cursor: EdgeCursor?

    /// Creates a request.
    public init(
        collection: String,
        id: DocumentID,
        direction: Direction = .outgoing,
        labels: [String] = [],
        limit: Int = 1_000,
        cursor: EdgeCursor? = nil
    ) {
        self.collection = collection
        self.id = id
        self.direction = direction
        self.labels = labels
        self.limit = limit
        self.cursor = cursor
    }

    /// Compares the labels by their bytes.
    public static func == (left: ListEdgesRequest, right: ListEdgesRequest) -> Bool {
        left.collection == right.collection
            && left.id == right.id
            && left.direction == right.direction
            && left.labels.haveSameBytes(as: right.labels)
            && left.limit == right.limit
            && left.cursor == right.cursor
    }
}

/// Where a page of edges ended.
///
/// Opaque; good for the document and direction that gave it.
public struct EdgeCursor: Sendable, Equatable {
    /// As the engine that gave it reads it.
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// An edge, seen from the document that was asked for.
public struct ListedEdge: Sendable, Equatable {
    /// What the edge means.
    public var label: String
    /// The document at the other end, which need not exist.
    public var id: DocumentID
    /// 1 unless given.
    public var weight: Float
    /// Values of the edge, where it leaves the document; of an edge that enters it, its source has
    /// them.
    public var metadata: Metadata

    /// Creates an edge.
    public init(_ label: String, _ id: DocumentID, weight: Float = 1, metadata: Metadata = [:]) {
        self.label = label
        self.id = id
        self.weight = weight
        self.metadata = metadata
    }

    /// Compares the label by its bytes.
    public static func == (left: ListedEdge, right: ListedEdge) -> Bool {
        left.label.hasSameBytes(as: right.label)
            && left.id == right.id
            && left.weight == right.weight
            && left.metadata == right.metadata
    }
}

/// A page of edges.
public struct ListEdgesResponse: Sendable, Equatable {
    /// Edges that leave the document by label and target, in the order of their bytes; those that
    /// enter it in an order of the server's own.
    public var edges: [ListedEdge]
    /// Where the next page starts; `nil` after the last.
    public var nextCursor: EdgeCursor?

    /// Creates a page.
    public init(edges: [ListedEdge], nextCursor: EdgeCursor?) {
        self.edges = edges
        self.nextCursor = nextCursor
    }
}
