// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The nodes of an unchanging graph that a search may find.
struct AllowedNodes {
    private let words: UnsafePointer<UInt64>
    private let wordCount: Int
    /// The row of each node; `nil` when the rows have no gaps.
    private let rows: UnsafePointer<RowID>?
    private let firstRow: UInt32
    /// A bit per node, set if a further row of it may be found; `nil` when all nodes have one row.
    private let furtherNodes: UnsafePointer<UInt64>?

    /// The nodes of the rows that may be found.
    ///
    /// `words` has one bit per row, set if the row may be found. `furtherNodes` has one bit per
    /// node, set if a further row of it may be found. Both must outlive this value.
    init(
        _ words: UnsafePointer<UInt64>,
        wordCount: Int,
        furtherNodes: UnsafePointer<UInt64>?,
        _ graph: HNSWGraph
    ) {
        self.furtherNodes = furtherNodes
        self.words = words
        self.wordCount = wordCount
        firstRow = graph.count > 0 ? graph.rows[0].rawValue : 0
        rows = graph.hasGaps ? UnsafePointer(graph.rows) : nil
    }

    @inline(__always) func contains(_ node: NodeID) -> Bool {
        let row = if let rows { rows[Int(node)].rawValue } else { firstRow &+ node.rawValue }
        let word = Int(row >> 6)
        if word < wordCount && (words[word] &>> UInt64(row & 63)) & 1 != 0 { return true }
        guard let furtherNodes else { return false }
        return (furtherNodes[Int(node.rawValue >> 6)] &>> UInt64(node.rawValue & 63)) & 1 != 0
    }

    /// The number of lists near a node whose links are tested against the filter.
    ///
    /// Their few hundred links suffice to judge a selectivity of a twentieth or more.
    private static let testedLists = 6
    /// The least share that passes around a usual node, relative to the share of all rows.
    private static let usualShare = 0.25

    /// Whether the share of passing nodes around a node is about `selectivity`, the share of all.
    ///
    /// If it is less, a walk among passing nodes stays in the first cluster that it reaches.
    /// Measured (60,000 vectors in 100 clusters, a filter of the 20 farthest from the query): such
    /// a walk found 0.74 of the nearest.
    func areUsual(around node: NodeID, selectivity: Double, in graph: HNSWGraph) -> Bool {
        let neighbors = graph.neighbors(node, 0)
        var passing = contains(node) ? 1 : 0
        var tested = 1
        for link in neighbors {
            passing += contains(link) ? 1 : 0
            tested += 1
        }
        // The nearest were selected first.
        for next in neighbors.prefix(Self.testedLists - 1) {
            for link in graph.neighbors(next, 0) {
                passing += contains(link) ? 1 : 0
                tested += 1
            }
        }
        return Double(passing) >= Self.usualShare * selectivity * Double(tested)
    }
}
