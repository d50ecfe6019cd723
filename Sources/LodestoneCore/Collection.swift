// SPDX-License-Identifier: Apache-2.0

/// The measure of how near two vectors are.
public enum Metric: Int32, Sendable, CaseIterable {
    /// The angle between the vectors.
    ///
    /// Distance: 1 − cosine, 0 to 2. Zero vectors are refused.
    case cosine = 0
    /// The straight line between the vectors.
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
    /// The valid values of `tables`.
    package static let tablesRange = 1...256
    /// The valid values of `hyperplanes`.
    package static let hyperplanesRange = 1...32
    /// The valid values of `probes`.
    package static let probesRange = 1...4_096

    /// The number of hash tables; more tables find more vectors.
    public var tables: Int
    /// The number of hyperplanes, and so of bits, per table.
    public var hyperplanes: Int
    /// The number of buckets that a search reads per table.
    public var probes: Int

    /// Creates options.
    ///
    /// Measured (the ten nearest of 117,659 sentence vectors): the defaults find 93 percent.
    public init(tables: Int = 16, hyperplanes: Int = 13, probes: Int = 80) {
        self.tables = tables
        self.hyperplanes = hyperplanes
        self.probes = probes
    }
}

/// The codes that a walk over a graph compares.
///
/// The nearest vectors that a walk finds are always compared exactly, in float32.
public enum VectorQuantization: Int32, Sendable, CaseIterable {
    /// One byte per element: the default.
    case int8 = 0
    /// The vectors as they were sent: slower, for vectors that one byte per element can't tell
    /// apart.
    case none = 1
    /// Half a byte per element: the least memory, and more vectors to compare exactly.
    case int4 = 2
}

/// The options of the graph of Malkov & Yashunin, arXiv:1603.09320.
public struct HNSWOptions: Sendable, Equatable {
    /// The valid values of `m`.
    package static let mRange = 2...128
    /// The valid values of both beam widths; `efConstruction` must also not be less than `m`.
    package static let efRange = 1...4_096

    /// Links chosen for a new node on each layer above the bottom.
    public var m: Int
    /// The beam width of a build.
    public var efConstruction: Int
    /// The beam width of a search that sets none.
    public var efSearch: Int
    /// The codes that a walk compares.
    public var quantization: VectorQuantization

    /// Creates options.
    public init(
        m: Int = 16,
        efConstruction: Int = 160,
        efSearch: Int = 64,
        quantization: VectorQuantization = .int8
    ) {
        self.m = m
        self.efConstruction = efConstruction
        self.efSearch = efSearch
        self.quantization = quantization
    }
}

/// The way in which a collection finds near vectors.
public enum VectorIndexStrategy: Sendable, Equatable {
    /// Compares with every vector: exact, no build.
    case flatScan
    /// Reads buckets of hyperplane hashes, and compares the vectors found there exactly.
    case lsh(LSHOptions)
    /// Walks a graph of neighbors.
    ///
    /// With `inlineIndexing` a write also links its vectors, which suits small collections. Without
    /// it, the graph is built apart from the writes.
    case hnsw(inlineIndexing: Bool, HNSWOptions)

    /// The name in explanations and on the command line: `flat`, `lsh`, `hnsw`.
    public var name: String {
        switch self {
        case .flatScan: "flat"
        case .lsh: "lsh"
        case .hnsw: "hnsw"
        }
    }

    /// A graph built apart from the writes; recommended for large collections.
    public static var hnswBatch: Self { .hnsw(inlineIndexing: false, HNSWOptions()) }
    /// A graph updated inside each write.
    public static var hnswInline: Self { .hnsw(inlineIndexing: true, HNSWOptions()) }
}

/// The way in which a collection finds words.
public enum TextIndexStrategy: Int32, Sendable, CaseIterable {
    /// SQLite's FTS5 with the same words: on disk, small in memory, slow at ranking and costly
    /// in a write.
    case fts5 = 0
    /// Lodestone's own postings: the default.
    case postings = 1
}

/// A field of the metadata whose values are indexed.
///
/// Filters on the field, facets of it and scans in its order then read no document. Filters on
/// other fields work, too. They read the metadata of every document that the rest of the filter
/// does not rule out.
public struct MetadataIndex: Sendable, Hashable {
    /// The most fields that a collection may index.
    package static let maxCount = 32

    /// The field's name, or the names one inside the other; compared by their bytes.
    public var path: [String]

    /// Names a field.
    public init(path: [String]) {
        self.path = path
    }

    /// Names a field as filters on the command line do: `author.name`.
    ///
    /// Dots join the names. A name with a dot stands in double quotes, `author."x.y"`, and a double
    /// quote inside is doubled. A text of another form gives a path without names, which is refused
    /// wherever a field is needed.
    public init(_ path: String) {
        self.init(path: FieldPath.names(in: path) ?? [])
    }

    /// The field as a text that `init(_:)` reads.
    public var text: String { FieldPath.text(of: path) }

    /// Compares the names by their bytes.
    public static func == (left: MetadataIndex, right: MetadataIndex) -> Bool {
        left.path.haveSameBytes(as: right.path)
    }

    /// Hashes the bytes of the names.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(path.count)
        for name in path { name.hashBytes(into: &hasher) }
    }
}

/// The options of a collection, which are set when it is created.
public struct CollectionOptions: Sendable, Equatable {
    /// The number of elements of every vector; 0 for a collection without vectors.
    ///
    /// Fixed when the collection is created.
    public var dimension: Int
    /// The measure of nearness, fixed when the collection is created.
    public var metric: Metric
    /// The vector strategy, which can be changed on a live collection.
    public var vectorStrategy: VectorIndexStrategy
    /// The text strategy.
    public var textStrategy: TextIndexStrategy
    /// The analysis and the ranking of words, with the strategy `postings`.
    ///
    /// Fixed when the collection is created.
    public var text: TextOptions
    /// The indexed fields of the metadata.
    ///
    /// Can be changed on a live collection.
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

/// A change to a live collection.
public struct CollectionChange: Sendable, Equatable {
    /// The new vector strategy; `nil` keeps the old one.
    public var vectorStrategy: VectorIndexStrategy?
    /// Fields to index; fields that are indexed already stay as they are.
    public var addedIndexes: [MetadataIndex]
    /// Fields to index no longer; fields without an index are ignored.
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

/// The state of a collection.
public struct CollectionDescription: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its options.
    public var options: CollectionOptions
    /// The number of documents that exist.
    public var documents: Int
    /// The number of documents that carry a vector.
    public var vectors: Int
    /// The number of edges that leave existing documents.
    public var edges: Int
    /// The sequence number of the last batch that touched the collection.
    public var sequenceNumber: UInt64
    /// The number of rows added, removed or relinked since the base, which the next compaction
    /// merges.
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

    /// Creates a description; without `index`, the index answers for every vector.
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
