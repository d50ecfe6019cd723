// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// Lookups of edges that writes need.
extension GraphIndex {
    /// The edges that enter `target`, in the order of their sources; the vertex is the source.
    package func edges(to target: VertexID) -> [Adjacency] {
        incoming.edges(of: target)
    }

    /// The number of edges that leave `source`.
    package func edgeCount(from source: VertexID) -> Int {
        Int(outgoing.list(of: source).count)
    }
}
