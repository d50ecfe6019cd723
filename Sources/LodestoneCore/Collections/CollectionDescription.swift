// SPDX-License-Identifier: Apache-2.0

/// The state of a collection.
public struct CollectionDescription: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its options.
    public var options: CollectionOptions
    /// The number of documents.
    public var documents: Int
    /// The number of documents with a vector.
    public var vectors: Int
    /// The number of edges that leave existing documents.
    public var edges: Int
    /// The sequence number of the last batch that touched the collection.
    public var sequenceNumber: UInt64
    /// The number of rows added, removed or given other edges since the base, which the next
    /// compaction merges.
    public var changesSinceBase: Int
    /// The bytes of the base; 0 when there is none yet.
    public var baseByteCount: UInt64
    /// The state of the vector index.
    public var index: IndexStatus
    /// The fields of `options.metadataIndexes` whose index is being built; until then filters read
    /// the documents.
    public var buildingIndexes: [MetadataIndex]
    /// The number of the collection in its store, from 1.
    ///
    /// A number is never given twice: a collection that was dropped and created again has another
    /// one. 0 means that the server's release doesn't send the number.
    public var number: UInt64

    /// Creates a description; the default `index` is that of an index that covers every vector.
    public init(
        name: String,
        options: CollectionOptions,
        documents: Int,
        vectors: Int,
        edges: Int,
        sequenceNumber: UInt64,
        changesSinceBase: Int = 0,
        baseByteCount: UInt64 = 0,
        index: IndexStatus? = nil,
        buildingIndexes: [MetadataIndex] = [],
        number: UInt64 = 0
    ) {
        self.name = name
        self.options = options
        self.documents = documents
        self.vectors = vectors
        self.edges = edges
        self.sequenceNumber = sequenceNumber
        self.changesSinceBase = changesSinceBase
        self.baseByteCount = baseByteCount
        self.buildingIndexes = buildingIndexes
        self.number = number
        self.index =
            index ?? IndexStatus(strategy: options.vectorStrategy, indexedVectors: vectors)
    }
}
