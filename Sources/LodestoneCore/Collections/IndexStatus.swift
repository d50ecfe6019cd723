// SPDX-License-Identifier: Apache-2.0

/// The current state of a collection's vector index.
public struct IndexStatus: Sendable, Equatable {
    /// The way in which searches find vectors.
    public enum State: Int32, Sendable, CaseIterable {
        /// By the index, and an exact scan of the vectors that the index doesn't cover yet.
        case ready = 0
        /// In the previous way, while the index is being built.
        case building = 1
        /// By an exact scan of every vector: there is no index yet, or its recall is too low.
        case scanning = 2
    }

    /// The strategy of the collection.
    public var strategy: VectorIndexStrategy
    /// The way in which searches currently find vectors.
    public var state: State
    /// The number of vectors that the index covers; with `flatScan` all of them.
    public var indexedVectors: Int
    /// The number of vectors that an exact scan covers in addition to the index.
    public var scannedVectors: Int
    /// The progress of the index, 0 to 1.
    public var progress: Double
    /// The bytes of the index, without the vectors.
    public var byteCount: UInt64
    /// The number of graph nodes that no walk reaches: a measure of the graph's health.
    public var unreachableNodes: Int
    /// The share of the nearest vectors that searches find, compared with an exact scan.
    ///
    /// The server measures it by queries made from its vectors; `nil` when it wasn't measured.
    public var selfRecall: Double?
    /// A message for display: why there is no index, why the index differs from the requested one,
    /// or why a build failed; else empty.
    public var message: String

    /// Creates a status; the defaults are those of an index that covers every vector.
    public init(
        strategy: VectorIndexStrategy,
        state: State = .ready,
        indexedVectors: Int = 0,
        scannedVectors: Int = 0,
        progress: Double = 1,
        byteCount: UInt64 = 0,
        unreachableNodes: Int = 0,
        selfRecall: Double? = nil,
        message: String = ""
    ) {
        self.strategy = strategy
        self.state = state
        self.indexedVectors = indexedVectors
        self.scannedVectors = scannedVectors
        self.progress = progress
        self.byteCount = byteCount
        self.unreachableNodes = unreachableNodes
        self.selfRecall = selfRecall
        self.message = message
    }
}

extension IndexStatus.State {
    /// The name of the state: `ready`, `building`, `scanning`.
    public var name: String {
        switch self {
        case .ready: "ready"
        case .building: "building"
        case .scanning: "scanning"
        }
    }
}
