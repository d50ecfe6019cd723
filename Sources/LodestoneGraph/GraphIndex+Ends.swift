// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// What a change of edges has to know of them.
extension GraphIndex {
    /// The links that enter `target`, in the order of their sources: the node of each is its source.
    package func links(to target: NodeNumber) -> [Link] {
        incoming.links(of: target)
    }

    /// How many links leave `source`.
    package func linkCount(from source: NodeNumber) -> Int {
        Int(outgoing.list(of: source).count)
    }
}
