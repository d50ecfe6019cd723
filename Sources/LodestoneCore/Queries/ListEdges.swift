// SPDX-License-Identifier: Apache-2.0

/// A request for a page of the edges of one document.
public struct ListEdgesRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The document; a document that doesn't exist may have incoming edges, too.
    public var id: DocumentID
    /// The edges that leave the document, or those that enter it; not both.
    public var direction: Direction
    /// The labels to return; empty: every label.
    public var labels: [String]
    /// The most edges to return; a page of large edges ends earlier.
    public var limit: Int
    /// The position where the last page ended; `nil`: from the start.
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

/// The position where a page of edges ended.
///
/// Opaque; valid for its document and direction.
public struct EdgeCursor: Sendable, Equatable {
    /// The bytes, which only the engine reads.
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// An edge, seen from the requested document.
public struct ListedEdge: Sendable, Equatable {
    /// The label of the edge.
    public var label: String
    /// The document at the other end, which need not exist.
    public var id: DocumentID
    /// The weight; 1 by default.
    public var weight: Float
    /// The metadata of an edge that leaves the document; empty for an edge that enters, whose
    /// source has it.
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
    /// The edges.
    ///
    /// Edges that leave the document come in the byte order of label and target. Edges that enter
    /// it come in an order that the server chooses.
    public var edges: [ListedEdge]
    /// The position where the next page starts; `nil` after the last.
    public var nextCursor: EdgeCursor?

    /// Creates a page.
    public init(edges: [ListedEdge], nextCursor: EdgeCursor?) {
        self.edges = edges
        self.nextCursor = nextCursor
    }
}
