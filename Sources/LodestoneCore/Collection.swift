// SPDX-License-Identifier: Apache-2.0

/// How near two vectors are.
public enum Metric: Int32, Sendable, CaseIterable {
    /// The angle between them.
    ///
    /// Distance: 1 − cosine, 0 to 2. Zero vectors are refused.
    case cosine = 0
    /// The straight line.
    ///
    /// Distance: the square of its length.
    case euclidean = 1
    /// The inner product.
    ///
    /// Distance: its negative.
    case dotProduct = 2
}

/// Locality-sensitive hashing by hyperplanes.
public struct LSHOptions: Sendable, Equatable {
    /// Hash tables; more find more.
    public var tables: Int
    /// Hyperplanes, and so bits, of each table.
    public var hyperplanes: Int
    /// Buckets looked at in each table.
    public var probes: Int

    /// Creates options.
    ///
    /// With the defaults, 93 percent of the ten nearest of 117,659 sentence vectors were found.
    public init(tables: Int = 16, hyperplanes: Int = 13, probes: Int = 80) {
        self.tables = tables
        self.hyperplanes = hyperplanes
        self.probes = probes
    }
}

/// The graph of Malkov & Yashunin, arXiv:1603.09320.
public struct HNSWOptions: Sendable, Equatable {
    /// Links chosen for a new node on each layer above the bottom.
    public var m: Int
    /// Beam width while building.
    public var efConstruction: Int
    /// Beam width while searching, unless the search says otherwise.
    public var efSearch: Int

    /// Creates options.
    public init(m: Int = 16, efConstruction: Int = 200, efSearch: Int = 64) {
        self.m = m
        self.efConstruction = efConstruction
        self.efSearch = efSearch
    }
}

/// How a collection finds near vectors.
public enum VectorIndexStrategy: Sendable, Equatable {
    /// Compares with every vector: exact, no build.
    case flatScan
    /// Looks into buckets of hyperplane hashes, and compares exactly what it finds there.
    case lsh(LSHOptions)
    /// Walks a graph of neighbors.
    ///
    /// With `inlineIndexing` a write also links its vectors, which suits small collections;
    /// without, the graph is built apart from the writes.
    case hnsw(inlineIndexing: Bool, HNSWOptions)

    /// A graph built apart from the writes; recommended for large collections.
    public static var hnswBatch: Self { .hnsw(inlineIndexing: false, HNSWOptions()) }
    /// A graph updated inside each write.
    public static var hnswInline: Self { .hnsw(inlineIndexing: true, HNSWOptions()) }
}

/// How a collection finds words.
public enum TextIndexStrategy: Int32, Sendable, CaseIterable {
    /// SQLite's FTS5 with the porter stemmer: on disk, small in memory, slow at ranking and costly
    /// in a write.
    case fts5 = 0
    /// Lodestone's own postings with the same words: the rule.
    case postings = 1
}

/// What is decided when a collection is created.
public struct CollectionOptions: Sendable, Equatable {
    /// Elements of every vector; 0 for a collection without vectors.
    ///
    /// Fixed for ever.
    public var dimension: Int
    /// Fixed for ever.
    public var metric: Metric
    /// Can be changed later.
    public var vectorStrategy: VectorIndexStrategy
    /// How words are indexed.
    public var textStrategy: TextIndexStrategy

    /// Creates options.
    public init(
        dimension: Int,
        metric: Metric = .cosine,
        vectorStrategy: VectorIndexStrategy = .flatScan,
        textStrategy: TextIndexStrategy = .postings
    ) {
        self.dimension = dimension
        self.metric = metric
        self.vectorStrategy = vectorStrategy
        self.textStrategy = textStrategy
    }
}

/// A collection as it stands.
public struct CollectionDescription: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its options.
    public var options: CollectionOptions
    /// Documents that exist.
    public var documents: Int
    /// Documents that carry a vector.
    public var vectors: Int
    /// Edges that leave existing documents.
    public var edges: Int
    /// Of the last batch that touched it.
    public var sequenceNumber: UInt64
    /// Rows that were added, removed or linked anew since its base: what the next compaction folds.
    public var changesSinceBase: Int
    /// Bytes of its base; 0 when there is none yet.
    public var baseByteCount: UInt64

    /// Creates a description.
    public init(
        name: String,
        options: CollectionOptions,
        documents: Int,
        vectors: Int,
        edges: Int,
        sequenceNumber: UInt64,
        changesSinceBase: Int = 0,
        baseByteCount: UInt64 = 0
    ) {
        self.name = name
        self.options = options
        self.documents = documents
        self.vectors = vectors
        self.edges = edges
        self.sequenceNumber = sequenceNumber
        self.changesSinceBase = changesSinceBase
        self.baseByteCount = baseByteCount
    }
}
