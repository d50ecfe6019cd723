// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// Lookups of links for changes of edges.
extension GraphIndex {
    /// The links that enter `target`, in the order of their sources: a link's vertex is its source.
    package func links(to target: VertexID) -> [Adjacency] {
        incoming.links(of: target)
    }

    /// The number of links that leave `source`.
    package func linkCount(from source: VertexID) -> Int {
        Int(outgoing.list(of: source).count)
    }
}
