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

/// The codes that a walk in the graph compares.
///
/// The nearest vectors that a walk finds are always compared exactly, in float32.
public enum VectorQuantization: Int32, Sendable, CaseIterable {
    /// One byte per element: the default.
    case int8 = 0
    /// The vectors themselves: slower, for vectors that one byte per element can't distinguish.
    case none = 1
    /// Half a byte per element: the least memory, but more exact comparisons.
    case int4 = 2
}

/// The options of the graph of Malkov & Yashunin, arXiv:1603.09320.
public struct HNSWOptions: Sendable, Equatable {
    /// The valid values of `m`.
    package static let mRange = 2...128
    /// The valid values of both beam widths; `efConstruction` must be at least `m`.
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

/// The index of a collection's vectors.
public enum VectorIndexStrategy: Sendable, Equatable {
    /// Compares with every vector: exact, no build.
    case flatScan
    /// Reads buckets of hyperplane hashes, and compares their vectors exactly.
    case lsh(LSHOptions)
    /// Walks a graph of neighbors.
    ///
    /// With `inlineIndexing` a write also links its vectors, for small collections. Without it, the
    /// graph is built outside of writes.
    case hnsw(inlineIndexing: Bool, HNSWOptions)

    /// The name in explanations and on the command line: `flat`, `lsh`, `hnsw`.
    public var name: String {
        switch self {
        case .flatScan: "flat"
        case .lsh: "lsh"
        case .hnsw: "hnsw"
        }
    }

    /// A graph that is built outside of writes; recommended for large collections.
    public static var hnswBatch: Self { .hnsw(inlineIndexing: false, HNSWOptions()) }
    /// A graph updated inside each write.
    public static var hnswInline: Self { .hnsw(inlineIndexing: true, HNSWOptions()) }
}
