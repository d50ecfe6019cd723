// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The further rows of nodes: rows whose record equals that of an earlier row.
///
/// With a node per row, copies would fill the candidates and links of their neighbors, and no link
/// would lead elsewhere. Measured (5 vectors 300 times each, and 20 others; a node per row):
/// searches by their own vector found none to three of the 20.
///
/// Threading: that of the owning graph, hence unchecked.
final class HNSWCopies: @unchecked Sendable {
    /// The further rows, ascending.
    private(set) var rows: [RowID] = []
    /// The node of each further row.
    private(set) var nodes: [NodeID] = []
    /// The index of the next further row of the same node, per further row; `noIndex` for the last.
    private var next: [UInt32] = []
    /// The indices of the first and the last further row, per node.
    private var chains: [NodeID: (first: UInt32, last: UInt32)] = [:]

    private static let noIndex = UInt32.max

    var count: Int { rows.count }
    var isEmpty: Bool { rows.isEmpty }
    var byteCount: Int { 12 * rows.count + 16 * chains.count }

    /// Adds a further row of a node; rows must ascend.
    func append(_ row: RowID, of node: NodeID) {
        precondition(rows.last.map { $0 < row } ?? true, "Rows ascend.")
        let index = UInt32(rows.count)
        rows.append(row)
        nodes.append(node)
        next.append(Self.noIndex)
        if let chain = chains[node] {
            next[Int(chain.last)] = index
            chains[node] = (chain.first, index)
        } else {
            chains[node] = (index, index)
        }
    }

    func append(_ other: HNSWCopies) {
        for (row, node) in zip(other.rows, other.nodes) { append(row, of: node) }
    }

    /// The node of a row.
    ///
    /// - Complexity: O(log `count`).
    func node(of row: RowID) -> NodeID? {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low < rows.count && rows[low] == row ? nodes[low] : nil
    }

    /// Calls `body` with the further rows of a node, ascending, until it returns `false`.
    func forEach(of node: NodeID, _ body: (RowID) -> Bool) {
        guard let chain = chains[node] else { return }
        var index = chain.first
        while index != Self.noIndex {
            guard body(rows[Int(index)]) else { return }
            index = next[Int(index)]
        }
    }

    /// `nodeCount` bits, one per node: set if `words` has a further row of the node.
    ///
    /// - Complexity: O(`count`).
    func nodes(of words: UnsafeBufferPointer<UInt64>, nodeCount: Int) -> [UInt64] {
        if isEmpty { return [] }
        var bits = [UInt64](repeating: 0, count: (nodeCount + 63) / 64)
        for (row, node) in zip(rows, nodes) {
            let word = Int(row.rawValue >> 6)
            if word < words.count, words[word] >> UInt64(row.rawValue & 63) & 1 != 0 {
                bits[Int(node) >> 6] |= 1 << UInt64(node.rawValue & 63)
            }
        }
        return bits
    }
}
