// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension HNSWGraph {
    /// Nodes that no search reaches from the entry point.
    ///
    /// - Complexity: O(links).
    func unreachableNodes() -> [NodeID] {
        guard entry != Self.none else { return [] }
        var isReached = [Bool](repeating: false, count: count)
        // A search descends to level 0 at any node of the upper levels that it can reach.
        var stack: [NodeID] = [entry]
        isReached[Int(entry)] = true
        while let node = stack.popLast() {
            for level in 0...Int(levels[Int(node)]) {
                for link in neighbors(node, level) where !isReached[Int(link)] {
                    isReached[Int(link)] = true
                    stack.append(link)
                }
            }
        }
        return nodes.filter { !isReached[Int($0)] }
    }
}

/// New links to orphans: nodes without incoming links, because full lists selected other links.
///
/// For rows of different lengths, selections by the inner product all select the same long rows,
/// whose lists have no room for links back to all.
extension HNSWLinker {
    /// Rounds of linking unreachable nodes: a round can make a few other nodes unreachable.
    private static let rounds = 8
    /// Beam width of a search for a node that can link to an orphan: some nodes near a row have
    /// room.
    private static let orphanWidth = 32

    /// Links nodes that no search reaches to the nearest reachable node; returns how many remain.
    func connectUnreachable() -> Int {
        // Twice the width of a build.
        let width = 2 * graph.options.efConstruction
        var unreachable = graph.unreachableNodes()
        for _ in 0..<Self.rounds where !unreachable.isEmpty {
            for node in unreachable { _ = linkNearest(to: node, width: width) }
            unreachable = graph.unreachableNodes()
        }
        return unreachable.count
    }

    /// Adds links to nodes that lost their last incoming link, and to `node` if it has none.
    func linkOrphans(and node: NodeID) {
        guard let incoming, graph.count > 1 else { return }
        var orphans = incoming.takeOrphans()
        if !incoming.hasAny(node) { orphans.append(node) }
        for _ in 0..<Self.rounds where !orphans.isEmpty {
            for orphan in orphans where !incoming.hasAny(orphan) && orphan != graph.entry {
                if let dropped = linkNearest(to: orphan, width: Self.orphanWidth) {
                    incoming.remove(dropped)
                }
                incoming.add(orphan)
            }
            orphans = incoming.takeOrphans()
        }
    }

    /// Adds a link to a node from the nearest node with room; if none has room, from the nearest
    /// node.
    ///
    /// "Nearest" is by distance: by the inner product, the same few nodes are near to all.
    ///
    /// - Returns: The target of the link that the nearest node lost; `nil` when it lost none.
    private func linkNearest(to node: NodeID, width: Int) -> NodeID? {
        let query = shape.makeQuery(
            of: graph.record(node),
            into: scratch.query,
            kernels,
            by: .distance
        )
        let found = graph.search(query, width: width, scratch, by: .distance)
        var nearest: NodeID?
        for index in 0..<found {
            let source = HNSWBeam.node(scratch.beam[index])
            if source == node { continue }
            if nearest == nil { nearest = source }
            if graph.addLink(to: node, of: source, at: 0) != .full { return nil }
        }
        return nearest.map { graph.replaceLastLink(of: $0, by: node) }
    }
}
