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
    /// What `tables` may be.
    package static let tablesRange = 1...256
    /// What `hyperplanes` may be.
    package static let hyperplanesRange = 1...32
    /// What `probes` may be.
    package static let probesRange = 1...4_096

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

/// What a graph is walked over.
///
/// The nearest that a walk has found are always compared exactly, in float32.
public enum VectorQuantization: Int32, Sendable, CaseIterable {
    /// One byte for each element: the rule.
    case int8 = 0
    /// The vectors as they were sent: slower, for vectors that a byte can't tell apart.
    case none = 1
    /// Half a byte for each element: the least memory, and more to compare exactly.
    case int4 = 2
}

/// The graph of Malkov & Yashunin, arXiv:1603.09320.
public struct HNSWOptions: Sendable, Equatable {
    /// What `m` may be.
    package static let mRange = 2...128
    /// What both beam widths may be; `efConstruction` must not be less than `m`, either.
    package static let efRange = 1...4_096

    /// Links chosen for a new node on each layer above the bottom.
    public var m: Int
    /// Beam width while building.
    public var efConstruction: Int
    /// Beam width while searching, unless the search says otherwise.
    public var efSearch: Int
    /// What the graph is walked over.
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

    /// The word for it in explanations and on the command line: `flat`, `lsh`, `hnsw`.
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

/// How a collection finds words.
public enum TextIndexStrategy: Int32, Sendable, CaseIterable {
    /// SQLite's FTS5 with the same words: on disk, small in memory, slow at ranking and costly
    /// in a write.
    case fts5 = 0
    /// Lodestone's own postings: the rule.
    case postings = 1
}

/// A field of the metadata whose values are indexed, so that filters on it, facets of it and scans in
/// its order read no document.
///
/// Filters on other fields work, too; they read the metadata of every document that nothing else in
/// the filter rules out.
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
    /// Names are joined by dots. One that has a dot itself stands in double quotes, `author."x.y"`,
    /// in which a double quote is doubled. A text that can't be read so is a path without names, which
    /// is refused wherever a field is wanted.
    public init(_ path: String) {
        self.init(path: FieldPath.names(in: path) ?? [])
    }

    /// The field as it is typed: what `init(_:)` reads.
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

/// What is decided when a collection is created.
public struct CollectionOptions: Sendable, Equatable {
    /// Elements of every vector; 0 for a collection without vectors.
    ///
    /// Fixed for ever.
    public var dimension: Int
    /// Fixed for ever.
    public var metric: Metric
    /// Can be changed on a live collection.
    public var vectorStrategy: VectorIndexStrategy
    /// How words are indexed.
    public var textStrategy: TextIndexStrategy
    /// How words are analysed and ranked, with the strategy `postings`.
    ///
    /// Fixed for ever.
    public var text: TextOptions
    /// Which fields of the metadata are indexed.
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

/// What is to be different about a collection that lives.
public struct CollectionChange: Sendable, Equatable {
    /// How it finds near vectors from now on; `nil`: as before.
    public var vectorStrategy: VectorIndexStrategy?
    /// Fields that are indexed from now on; those that are already stay as they are.
    public var addedIndexes: [MetadataIndex]
    /// Fields that are not indexed any more; those that aren't are passed over.
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
    /// How its vectors are found.
    public var index: IndexStatus
    /// Those of `options.metadataIndexes` that are being built: until then filters read the documents.
    public var buildingIndexes: [MetadataIndex]
    /// Of the collection in its store, from 1.
    ///
    /// Never given twice: a collection that was dropped and created again has another one. 0: the
    /// server's release doesn't say it.
    public var number: UInt64

    /// Creates a description; without `index`, of one that answers for every vector.
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
