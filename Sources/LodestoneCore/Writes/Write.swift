// SPDX-License-Identifier: Apache-2.0

/// The idempotency key of one write: the same write sent again with the same id has one effect.
///
/// The store keeps the id for at least a day, and at least until its sequence number has grown by
/// 1,000,000. A write that is repeated later may be applied again.
public struct RequestID: Sendable, Hashable {
    /// The number of its bytes on the wire.
    public static let byteCount = 16

    /// The first eight bytes, big-endian.
    public let high: UInt64
    /// The last eight bytes, big-endian.
    public let low: UInt64

    /// Wraps two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new, random id.
    public static func random() -> RequestID {
        RequestID(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
    }
}

/// A request to write documents and edges, all of them or none.
public struct IndexManyRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// Documents to insert or replace; an id may occur once.
    public var documents: [Document] {
        get { vectors.map { $0.unpacked(bareDocuments) } ?? bareDocuments }
        set {
            bareDocuments = newValue
            vectors = nil
        }
    }
    /// Edges to add to documents of this batch or written before.
    public var edges: [SourcedEdge]

    /// The documents, without those vectors that are in `vectors`.
    package private(set) var bareDocuments: [Document]
    /// The vectors of all documents; `nil` when the documents have them.
    package private(set) var vectors: PackedVectors?

    /// Creates a batch.
    public init(collection: String, documents: [Document], edges: [SourcedEdge] = []) {
        self.collection = collection
        bareDocuments = documents
        self.edges = edges
    }

    /// Creates a batch of documents with separate vectors.
    package init(
        collection: String,
        documents: [Document],
        vectors: PackedVectors,
        edges: [SourcedEdge]
    ) {
        self.init(collection: collection, documents: documents, edges: edges)
        self.vectors = vectors
    }

    /// Whether both requests are equal, with vectors in either place.
    public static func == (left: IndexManyRequest, right: IndexManyRequest) -> Bool {
        left.collection == right.collection && left.documents == right.documents
            && left.edges == right.edges
    }
}

/// A request to drop documents and edges, all of them or none.
///
/// It has ids and edges, or a filter of documents. Missing documents and edges are ignored.
public struct DropManyRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// Documents to drop, with every edge that leaves or enters them.
    public var ids: [DocumentID]
    /// Edges to drop; weight and metadata are ignored.
    public var edges: [SourcedEdge]
    /// The filter of the documents to drop with their edges, evaluated at the time of the write;
    /// `ids` and `edges` are then empty.
    public var filter: Filter?

    /// Creates a batch.
    public init(collection: String, ids: [DocumentID] = [], edges: [SourcedEdge] = []) {
        self.collection = collection
        self.ids = ids
        self.edges = edges
    }

    /// Creates a batch of all documents that satisfy a filter.
    public init(collection: String, filter: Filter) {
        self.init(collection: collection)
        self.filter = filter
    }
}

/// The meaning of "acknowledged" in a store.
public enum Durability: Int32, Sendable, CaseIterable {
    /// On disk before the reply: survives a power cut.
    case full = 0
    /// Survives a crash of the process; a power cut may lose the last batches.
    case relaxed = 1
}

/// The effect of a write.
public struct WriteReceipt: Sendable, Equatable {
    /// The sequence number of the batch.
    ///
    /// Every search that starts after the reply sees it.
    public var sequenceNumber: UInt64
    /// The durability that the store promises for the batch.
    public var durability: Durability
    /// The number of documents that are new.
    public var inserted: Int
    /// The number of documents that replaced an earlier version.
    public var replaced: Int
    /// The number of documents that were dropped.
    public var dropped: Int
    /// Whether the write was already applied under its request id; the receipt is then the first
    /// one.
    public var isRepeated: Bool

    /// Creates a receipt.
    public init(
        sequenceNumber: UInt64,
        durability: Durability,
        inserted: Int = 0,
        replaced: Int = 0,
        dropped: Int = 0,
        isRepeated: Bool = false
    ) {
        self.sequenceNumber = sequenceNumber
        self.durability = durability
        self.inserted = inserted
        self.replaced = replaced
        self.dropped = dropped
        self.isRepeated = isRepeated
    }
}
