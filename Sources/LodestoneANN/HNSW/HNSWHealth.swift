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

extension HNSWBuilder {
    /// Beam width of a search for what is near to an unreachable node: twice the one that chose links.
    private var sampleWidth: Int { 2 * graph.options.efConstruction }
    /// Rounds of linking unreachable nodes: each can cut off a few others.
    private static let rounds = 8

    /// Links nodes that no search can reach to the nearest that one can; how many are left.
    func connectUnreachable() -> Int {
        var unreachable = unreachableNodes()
        let scratch = HNSWScratch(graph.codec, nodes: graph.count, kernels: kernels)
        for _ in 0..<Self.rounds where !unreachable.isEmpty {
            for node in unreachable { connect(node, scratch) }
            unreachable = unreachableNodes()
        }
        return unreachable.count
    }

    /// Nodes that can't be reached at level 0 from where searches begin.
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

    private func connect(_ node: UInt32, _ scratch: HNSWScratch) {
        let base = graph.codec.makeQuery(of: graph.record(node), into: scratch.query, kernels)
        let size = graph.search(base, width: sampleWidth, scratch)
        // The nearest with room, else the nearest gives up its last link.
        var nearest: UInt32?
        for index in 0..<size {
            let other = HNSWBeam.node(scratch.beam[index])
            if other == node { continue }
            if nearest == nil { nearest = other }
            let list = graph.list(other, 0)
            guard let free = list.firstIndex(of: HNSWGraph.none) else { continue }
            list[free] = node
            return
        }
        guard let nearest else { return }
        let list = graph.list(nearest, 0)
        list[list.count - 1] = node
    }
}
