// SPDX-License-Identifier: Apache-2.0

/// A document of a collection: an id, and any of a vector, texts, metadata and outgoing edges.
public struct Document: Sendable, Equatable {
    /// The id, unique in the collection; a write of the same id replaces the document.
    public var id: DocumentID
    /// The vector, as many float32 as the collection's dimension; `nil` for a document without one.
    public var vector: [Float]?
    /// Named texts, in the order in which they were given.
    public var text: [TextField]
    /// Typed values for filters, by names of 1 to 256 bytes.
    public var metadata: Metadata
    /// The edges that leave this document.
    public var edges: [Edge]

    /// Creates a document with several text fields.
    public init(
        id: DocumentID,
        vector: [Float]? = nil,
        text: [TextField] = [],
        metadata: Metadata = [:],
        edges: [Edge] = []
    ) {
        self.id = id
        self.vector = vector
        self.text = text
        self.metadata = metadata
        self.edges = edges
    }

    /// Creates a document whose only text field is named `text`.
    public init(
        id: DocumentID,
        vector: [Float]? = nil,
        text: String,
        metadata: Metadata = [:],
        edges: [Edge] = []
    ) {
        self.init(
            id: id,
            vector: vector,
            text: [TextField(name: "text", text: text)],
            metadata: metadata,
            edges: edges
        )
    }
}

/// A named text of a document.
public struct TextField: Sendable, Equatable {
    /// The name, 1 to 64 bytes of UTF-8; two names are equal when their bytes are.
    public var name: String
    /// The text itself.
    public var text: String

    /// Creates a field.
    public init(name: String, text: String) {
        self.name = name
        self.text = text
    }

    /// Compares name and text by their bytes.
    public static func == (left: TextField, right: TextField) -> Bool {
        left.name.hasSameBytes(as: right.name) && left.text.hasSameBytes(as: right.text)
    }
}

/// A directed, labeled edge, kept with the document that it leaves.
///
/// An edge is identified by its source, label and target: writing it again replaces weight and
/// metadata. The target need not exist; walks ignore edges to missing documents.
public struct Edge: Sendable, Equatable {
    /// The label of the edge, for example `hypernym`: 1 to 256 bytes of UTF-8, compared by bytes.
    public var label: String
    /// The document to which the edge leads.
    public var target: DocumentID
    /// The weight, finite; 1 by default.
    public var weight: Float
    /// Typed values of the edge.
    public var metadata: Metadata

    /// Creates an edge.
    public init(_ label: String, to target: DocumentID, weight: Float = 1, metadata: Metadata = [:])
    {
        self.label = label
        self.target = target
        self.weight = weight
        self.metadata = metadata
    }

    /// Compares the label by its bytes.
    public static func == (left: Edge, right: Edge) -> Bool {
        left.label.hasSameBytes(as: right.label)
            && left.target == right.target
            && left.weight == right.weight
            && left.metadata == right.metadata
    }
}

/// An edge together with the document that it leaves.
public struct SourcedEdge: Sendable, Equatable {
    /// The document that the edge leaves; it must exist.
    public var source: DocumentID
    /// The edge.
    public var edge: Edge

    /// Creates an edge from `source`.
    public init(from source: DocumentID, _ edge: Edge) {
        self.source = source
        self.edge = edge
    }
}
