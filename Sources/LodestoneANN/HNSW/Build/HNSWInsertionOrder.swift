// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Nodes in the order in which threads take and link them.
///
/// Threading: any thread may take nodes; the list itself never changes.
final class HNSWInsertionOrder: Sendable {
    let nodes: [NodeID]
    private let next = Atomic<Int>(0)

    /// Sorts nodes by descending level, so that later nodes never become the entry point.
    init(_ nodes: some Sequence<NodeID>, in graph: HNSWGraph) {
        self.nodes = nodes.sorted {
            (graph.levels[Int($1)], $0) < (graph.levels[Int($0)], $1)
        }
    }

    /// The number of nodes that threads have taken.
    var taken: Int { min(next.load(ordering: .relaxed), nodes.count) }

    func take(_ count: Int) -> ArraySlice<NodeID> {
        let start = next.add(count, ordering: .relaxed).oldValue
        return nodes[min(start, nodes.count)..<min(start + count, nodes.count)]
    }

    /// The next node, if it satisfies a condition; call it from one thread only.
    func takeFirst(where condition: (NodeID) -> Bool) -> NodeID? {
        let index = next.load(ordering: .relaxed)
        guard index < nodes.count, condition(nodes[index]) else { return nil }
        next.store(index + 1, ordering: .relaxed)
        return nodes[index]
    }
}
