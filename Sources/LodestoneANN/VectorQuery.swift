// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// One or several query vectors with the same parameters.
package struct VectorQuery {
    /// The query vectors, `dimension` finite elements each.
    package var vectors: [[Float]]
    /// The number of neighbors to find per query vector.
    package var k: Int
    /// Whether to compare with every vector.
    package var isExact = false
    /// Beam width; `nil`: the collection's.
    package var efSearch: Int?
    /// The number of nearest neighbors whose distances must be exact; `nil`: all.
    ///
    /// An index with codes may estimate the distances of the others.
    package var exactCount: Int?
    /// Whether a row exists.
    package var exists: (RowID) -> Bool
    /// The rows that may be found, all existing; `nil`: all existing rows.
    package var allowed: RowSet?
    /// The call's context, checked about every half a millisecond of work.
    package var context: CallContext

    /// Creates a query.
    package init(
        _ vectors: [[Float]],
        k: Int,
        exists: @escaping (RowID) -> Bool,
        allowed: RowSet? = nil,
        context: CallContext
    ) {
        self.vectors = vectors
        self.k = k
        self.exists = exists
        self.allowed = allowed
        self.context = context
    }

    /// Whether a row may be found.
    package func allows(_ row: RowID) -> Bool { allowed?.contains(row) ?? exists(row) }
}

/// The neighbors of one query vector, and the cost of finding them.
package struct VectorSearchResult: Sendable {
    /// The neighbors, nearest first.
    package var neighbors: [Neighbor]
    /// Further neighbors with estimated distances, nearest first; empty unless the query has an
    /// `exactCount`.
    ///
    /// None of them is nearer than the first `exactCount` of `neighbors`.
    package var estimated: [EstimatedNeighbor] = []
    /// The strategy that found the neighbors.
    package var strategy: String
    /// Nodes of a graph, or buckets, that the search visited.
    package var visited = 0
    /// Distances computed, exact and by codes.
    package var computed = 0
    /// Vectors that were compared exactly.
    package var scanned = 0
}

extension VectorSearchResult {
    /// Merges an exact result from other rows; a row that is in both results counts once.
    mutating func merge(_ other: VectorSearchResult, k: Int) {
        let known = Set(neighbors.map(\.row)).union(estimated.lazy.map(\.row))
        neighbors += other.neighbors.filter { !known.contains($0.row) }
        neighbors.sort { ($0.distance, $0.row) < ($1.distance, $1.row) }
        if neighbors.count > k { neighbors.removeLast(neighbors.count - k) }
        visited += other.visited
        computed += other.computed
        scanned += other.scanned
    }
}
