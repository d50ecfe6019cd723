// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Copies a graph without some of its nodes.
///
/// The others get new ids, and nodes that lost links get new links.
///
/// Threading: first `copy` on one thread, then `relink`, whose threads change different nodes.
struct HNSWRepair: Sendable {
    private let old: HNSWGraph
    private let live: [NodeID]
    private let rows: [RowID]
    private let graph: HNSWGraph
    /// The new id of each old node; `none` for dropped nodes.
    private let numbers: [NodeID]

    /// The most links of a dropped node that its neighbors may select from, nearest first.
    private static let inherited = 16

    /// Creates a repair from the old ids of the remaining nodes, and the first row that each still
    /// has.
    init(_ old: HNSWGraph, _ live: [NodeID], _ rows: [RowID], into graph: HNSWGraph) {
        self.old = old
        self.live = live
        self.rows = rows
        self.graph = graph
        var numbers = Array(repeating: HNSWGraph.none, count: old.count)
        for (number, node) in live.enumerated() { numbers[Int(node)] = NodeID(number) }
        self.numbers = numbers
    }

    /// Copies the remaining nodes, with the links between them.
    func copy(keepsCodes: Bool) {
        var links: [NodeID] = []
        for (node, row) in zip(live, rows) {
            let level = Int(old.levels[Int(node)])
            let number = graph.addNode(row: row, level: level)
            if keepsCodes {
                graph.copyRecord(old.record(node), to: number)
            }
            for level in 0...level {
                links.removeAll(keepingCapacity: true)
                for link in old.neighbors(node, level) where isLive(link) {
                    links.append(numbers[Int(link)])
                }
                links.withUnsafeBufferPointer { graph.setLinks($0, of: number, at: level) }
            }
            graph.settleEntry(number)
        }
    }

    /// Selects new links for nodes that lost links.
    func relink(by builder: HNSWBuilder, threads: Int) {
        builder.forEachNode(threads: threads) { number, linker in
            for level in 0...Int(graph.levels[Int(number)]) {
                relink(number, at: level, by: linker)
            }
        }
    }

    private func relink(_ number: NodeID, at level: Int, by linker: HNSWLinker) {
        let links = old.neighbors(live[Int(number)], level)
        if links.allSatisfy(isLive) { return }
        var candidates: Set<NodeID> = []
        for link in links {
            if isLive(link) {
                candidates.insert(numbers[Int(link)])
            } else {
                for inherited in old.neighbors(link, level).prefix(Self.inherited)
                where isLive(inherited) {
                    candidates.insert(numbers[Int(inherited)])
                }
            }
        }
        candidates.remove(number)
        linker.relink(number, at: level, among: candidates.sorted())
    }

    private func isLive(_ node: NodeID) -> Bool { numbers[Int(node)] != HNSWGraph.none }
}
