// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The nodes of a graph that stay in the next one, because one of their rows exists.
struct LiveNodes {
    /// The old id of each new node; nodes ascend with their first existing row.
    private(set) var nodes: [NodeID] = []
    /// The index of each node's first row among the existing rows.
    private(set) var firstRows: [Int] = []
    /// The indices of further rows among the existing rows, with the new ids of their nodes.
    private(set) var copies: [(index: Int, node: NodeID)] = []
    /// The number of existing rows that the old graph has.
    private(set) var covered = 0

    /// The share of dropped nodes above which a new graph is cheaper and better than a repaired
    /// one.
    private static let repairableShare = 0.5

    /// Finds the live nodes; `nil` when the next graph must be built from scratch.
    init?(of old: HNSWGraph, _ rows: [RowID], _ options: HNSWOptions) {
        guard old.options.m == options.m, old.options.efConstruction == options.efConstruction,
            old.codec.quantization == options.quantization
        else { return nil }
        var numbers = [NodeID](repeating: HNSWGraph.none, count: old.count)
        let end = old.endRow
        while covered < rows.count, rows[covered] < end {
            // A row below the end without a node can't get one, because nodes ascend with their
            // rows.
            guard let node = old.node(of: rows[covered]) else { return nil }
            if numbers[Int(node)] == HNSWGraph.none {
                numbers[Int(node)] = NodeID(nodes.count)
                nodes.append(node)
                firstRows.append(covered)
            } else {
                copies.append((covered, numbers[Int(node)]))
            }
            covered += 1
        }
        guard Double(nodes.count) >= Double(old.count) * (1 - Self.repairableShare) else {
            return nil
        }
    }
}
