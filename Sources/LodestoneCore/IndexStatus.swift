// SPDX-License-Identifier: Apache-2.0

/// How a collection's vectors are found at the moment.
public struct IndexStatus: Sendable, Equatable {
    /// What answers.
    public enum State: Int32, Sendable, CaseIterable {
        /// The index, together with an exact scan of what it doesn't hold yet.
        case ready = 0
        /// What answered before, while the index is being built.
        case building = 1
        /// An exact scan of every vector: there is no index yet, or it finds too few.
        case scanning = 2
    }

    /// What the collection asks for.
    public var strategy: VectorIndexStrategy
    /// What answers.
    public var state: State
    /// Vectors that the index answers for; under `flatScan` all of them.
    public var indexedVectors: Int
    /// Vectors that are found by an exact scan beside the index.
    public var scannedVectors: Int
    /// How far the index is, 0 to 1.
    public var progress: Double
    /// Bytes that the index takes beside the vectors.
    public var byteCount: UInt64
    /// Nodes of a graph that no walk reaches: a measure of its health.
    public var unreachableNodes: Int
    /// The share of the nearest vectors that searches find, measured by questions that the server
    /// makes of its vectors, against an exact scan; `nil` when it wasn't measured.
    public var selfRecall: Double?
    /// What a person should know: why there is no index, why it is another than asked for, or why a
    /// build failed; or nothing.
    public var message: String

    /// Creates a status; the defaults are those of an index that answers for everything.
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
    /// The word for it: `ready`, `building`, `scanning`.
    public var name: String {
        switch self {
        case .ready: "ready"
        case .building: "building"
        case .scanning: "scanning"
        }
    }
}
