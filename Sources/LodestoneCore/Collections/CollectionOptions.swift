// SPDX-License-Identifier: Apache-2.0

/// The options of a collection, which are set when it is created.
public struct CollectionOptions: Sendable, Equatable {
    /// The number of elements of every vector; 0 for a collection without vectors.
    ///
    /// Fixed when the collection is created.
    public var dimension: Int
    /// The measure of nearness, fixed when the collection is created.
    public var metric: Metric
    /// The vector strategy, which can be changed later.
    public var vectorStrategy: VectorIndexStrategy
    /// The text strategy.
    public var textStrategy: TextIndexStrategy
    /// The analysis of words, and their ranking with the strategy `postings`.
    ///
    /// The language and the stop words apply to every strategy. Fixed when the collection is
    /// created.
    public var text: TextOptions
    /// The indexed fields of the metadata.
    ///
    /// Can be changed later.
    public var metadataIndexes: [MetadataIndex]

    /// Creates options.
    public init(
        dimension: Int,
        metric: Metric = .cosine,
        vectorStrategy: VectorIndexStrategy = .flatScan,
        textStrategy: TextIndexStrategy = .postings,
        text: TextOptions = TextOptions(),
        metadataIndexes: [MetadataIndex] = []
    ) {
        self.dimension = dimension
        self.metric = metric
        self.vectorStrategy = vectorStrategy
        self.textStrategy = textStrategy
        self.text = text
        self.metadataIndexes = metadataIndexes
    }
}

/// A change to an existing collection.
public struct CollectionChange: Sendable, Equatable {
    /// The new vector strategy; `nil` keeps the old one.
    public var vectorStrategy: VectorIndexStrategy?
    /// Fields to index; fields with an index are ignored.
    public var addedIndexes: [MetadataIndex]
    /// Fields whose indexes are dropped; fields without an index are ignored.
    public var droppedIndexes: [MetadataIndex]

    /// Creates a change.
    public init(
        vectorStrategy: VectorIndexStrategy? = nil,
        addedIndexes: [MetadataIndex] = [],
        droppedIndexes: [MetadataIndex] = []
    ) {
        self.vectorStrategy = vectorStrategy
        self.addedIndexes = addedIndexes
        self.droppedIndexes = droppedIndexes
    }
}
