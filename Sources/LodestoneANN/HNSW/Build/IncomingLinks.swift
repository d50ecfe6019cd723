// SPDX-License-Identifier: Apache-2.0

/// The number of links at level 0 that lead to each node of a graph that one thread changes.
///
/// Threading: that thread's. Unchecked because of the pointer, which only this object has.
final class IncomingLinks: @unchecked Sendable {
    private let counts: UnsafeMutablePointer<UInt32>
    /// Nodes that lost their last link.
    private var orphans: [NodeID] = []

    /// Counts the links of a graph.
    ///
    /// - Complexity: O(links).
    init(_ graph: HNSWGraph) {
        counts = .allocate(capacity: max(1, graph.capacity))
        counts.initialize(repeating: 0, count: max(1, graph.capacity))
        for node in graph.nodes {
            for link in graph.neighbors(node, 0) { counts[Int(link)] += 1 }
        }
    }

    deinit { counts.deallocate() }

    func hasAny(_ node: NodeID) -> Bool { counts[Int(node)] > 0 }

    func add(_ node: NodeID) { counts[Int(node)] += 1 }

    func remove(_ node: NodeID) {
        counts[Int(node)] -= 1
        if counts[Int(node)] == 0 { orphans.append(node) }
    }

    /// Removes and returns the nodes without incoming links.
    func takeOrphans() -> [NodeID] {
        defer { orphans.removeAll(keepingCapacity: true) }
        return orphans.filter { !hasAny($0) }
    }
}
