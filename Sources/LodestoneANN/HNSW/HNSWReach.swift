// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

extension HNSWIndex {
    /// Nodes that no search reaches, counted now.
    ///
    /// - Complexity: O(links).
    package var unreachableCount: Int {
        store?.reading { graph, _ in HNSWBuilder(graph).unreachableNodes().count } ?? 0
    }
}

/// Adds links to nodes that no other node links to, which happens when full lists choose other
/// links.
///
/// Where rows differ in length, rows that choose by the inner product all choose the same long
/// rows. The lists of these have no room for all.
extension HNSWBuilder {
    /// Beam width of a search for the neighbors of an unreachable node: twice that of a build.
    private var sampleWidth: Int { 2 * graph.options.efConstruction }
    /// Rounds of linking unreachable nodes: each can cut off a few others.
    private static let rounds = 8

    /// Links nodes that no search reaches to the nearest reachable node; returns how many are left.
    func connectUnreachable() -> Int {
        var unreachable = unreachableNodes()
        let scratch = HNSWScratch(graph.codec, nodes: graph.count, kernels: kernels)
        for _ in 0..<Self.rounds where !unreachable.isEmpty {
            for node in unreachable { _ = connect(node, width: sampleWidth, scratch) }
            unreachable = unreachableNodes()
        }
        return unreachable.count
    }

    /// Nodes that no search reaches from the entry point.
    func unreachableNodes() -> [UInt32] {
        guard graph.entry != HNSWGraph.none else { return [] }
        var seen = [Bool](repeating: false, count: graph.count)
        // A search comes down to level 0 at any node of the levels above that it can reach.
        var stack: [UInt32] = [graph.entry]
        seen[Int(graph.entry)] = true
        while let node = stack.popLast() {
            for level in 0...Int(graph.levels[Int(node)]) {
                for link in graph.neighbors(node, level) where !seen[Int(link)] {
                    seen[Int(link)] = true
                    stack.append(link)
                }
            }
        }
        return (0..<UInt32(graph.count)).filter { !seen[Int($0)] }
    }

    /// Adds a link to a node from the nearest node with room for it, else from the nearest node.
    ///
    /// The nearest is that by the distance: by the inner product all nodes are near to the same
    /// few.
    ///
    /// - Returns: The node to which the nearest node gave up its last link; `nil` when it gave up
    ///   none.
    func connect(_ node: UInt32, width: Int, _ scratch: HNSWScratch) -> UInt32? {
        let query = shape.makeQuery(
            of: graph.record(node),
            into: scratch.query,
            kernels,
            by: .distance
        )
        let size = graph.search(query, width: width, scratch, by: .distance)
        var nearest: UInt32?
        for index in 0..<size {
            let other = HNSWBeam.node(scratch.beam[index])
            if other == node { continue }
            if nearest == nil { nearest = other }
            let list = graph.list(other, 0)
            guard let free = list.firstIndex(of: HNSWGraph.none) else { continue }
            list[free] = node
            return nil
        }
        guard let nearest else { return nil }
        let list = graph.list(nearest, 0)
        let last = list[list.count - 1]
        list[list.count - 1] = node
        return last
    }
}

/// The number of links at level 0 that lead to each node of a graph that one thread changes.
///
/// Threading: that thread's. Unchecked for the pointer, which is its own.
final class IncomingLinks: @unchecked Sendable {
    private let counts: UnsafeMutablePointer<UInt32>
    /// Nodes that lost their last link.
    private(set) var orphans: [UInt32] = []

    /// Counts the links of a graph.
    ///
    /// - Complexity: O(links).
    init(_ graph: HNSWGraph) {
        counts = .allocate(capacity: max(1, graph.capacity))
        counts.initialize(repeating: 0, count: max(1, graph.capacity))
        for node in 0..<UInt32(graph.count) {
            for link in graph.neighbors(node, 0) { counts[Int(link)] += 1 }
        }
    }

    deinit { counts.deallocate() }

    func hasAny(_ node: UInt32) -> Bool { counts[Int(node)] > 0 }

    func add(_ node: UInt32) { counts[Int(node)] += 1 }

    func remove(_ node: UInt32) {
        counts[Int(node)] -= 1
        if counts[Int(node)] == 0 { orphans.append(node) }
    }

    /// Takes the nodes to which no link leads; from now on they are the caller's.
    func takeOrphans() -> [UInt32] {
        defer { orphans.removeAll(keepingCapacity: true) }
        return orphans.filter { !hasAny($0) }
    }
}

extension HNSWBuilder {
    /// Beam width of a search for a node to link to an orphan: some nodes around a row have room.
    private static let orphanWidth = 32

    /// Links to nodes that lost their last incoming link, and to `node` if no link leads to it.
    func adoptOrphans(and node: UInt32, _ scratch: HNSWScratch) {
        guard let incoming, graph.count > 1 else { return }
        var orphans = incoming.takeOrphans()
        if !incoming.hasAny(node) { orphans.append(node) }
        for _ in 0..<Self.rounds where !orphans.isEmpty {
            for orphan in orphans where !incoming.hasAny(orphan) && orphan != graph.entry {
                if let given = connect(orphan, width: Self.orphanWidth, scratch) {
                    incoming.remove(given)
                }
                incoming.add(orphan)
            }
            orphans = incoming.takeOrphans()
        }
    }
}
