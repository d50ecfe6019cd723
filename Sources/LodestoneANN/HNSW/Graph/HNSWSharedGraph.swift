// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The graph of an index, and how the versions of a collection share it.
enum HNSWSharedGraph: Sendable {
    /// Nothing changes the graph, and a search takes no lock.
    case frozen(HNSWFrozenGraph)
    /// Rows are linked into the graph, and a search shares its lock.
    case growing(HNSWGrowingGraph)

    /// The row after the last row with a node.
    var endRow: RowID {
        switch self {
        case .frozen(let graph): graph.endRow
        case .growing(let graph): graph.endRow
        }
    }

    /// The number of rows with a node.
    var count: Int {
        switch self {
        case .frozen(let graph): graph.count
        case .growing(let graph): graph.count
        }
    }

    var byteCount: Int {
        switch self {
        case .frozen(let graph): graph.byteCount
        case .growing(let graph): graph.byteCount
        }
    }

    /// Whether the graph may have nodes of rows that are later than the index's version.
    var mayHaveLaterRows: Bool {
        if case .growing = self { true } else { false }
    }

    /// Runs `body` on the graph, which doesn't change meanwhile; `nil` when the graph is damaged.
    func reading<T, E: Error>(_ body: (HNSWGraph, HNSWScratch) throws(E) -> T) throws(E) -> T? {
        switch self {
        case .frozen(let graph): try graph.reading(body)
        case .growing(let graph): try graph.reading(body)
        }
    }

    /// An immutable state of the graph; `nil` when the graph is damaged.
    ///
    /// - Complexity: O(bytes) for a graph that grows.
    var snapshot: HNSWGraph? {
        switch self {
        case .frozen(let graph): graph.graph
        case .growing(let graph): graph.snapshot
        }
    }

    /// The graph into which rows are linked; `nil` when the graph is damaged.
    var growing: HNSWGrowingGraph? {
        switch self {
        case .frozen(let graph): graph.growing
        case .growing(let graph): graph
        }
    }

    /// Whether `other` is this graph with more rows.
    func isContinued(by other: HNSWGrowingGraph) -> Bool {
        switch self {
        case .frozen(let graph): graph.isOrigin(of: other)
        case .growing(let graph): graph === other
        }
    }
}
