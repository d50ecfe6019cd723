// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// An iterator over the nodes of the rows that may be found.
///
/// First come the nodes whose first row may be found, in order, then those with only a further row
/// that may be found.
struct MatchingNodes {
    private let query: VectorQuery
    private let graph: HNSWGraph
    private let endRow: RowID
    /// Whether the first rows of all nodes have no gaps.
    private let isDense: Bool
    /// The next node to test.
    private var node = 0
    /// The next allowed row; `nil` at the end, and without a filter.
    private var row: RowID?
    /// The index of the next further row.
    private var copy = 0
    /// The nodes of further rows that were returned.
    private var given: Set<NodeID> = []

    init(_ query: VectorQuery, _ graph: HNSWGraph) {
        self.query = query
        self.graph = graph
        guard graph.count > 0 else {
            (endRow, isDense) = (.first, true)
            return
        }
        let first = graph.rows[0]
        endRow = graph.rows[graph.count - 1] + 1
        isDense = first.distance(to: endRow) == graph.count
        row = query.allowed?.next(from: first)
    }

    /// Writes the next nodes into `frontier`; returns their number, 0 at the end.
    mutating func next(into frontier: UnsafeMutablePointer<NodeID>) -> Int {
        let found =
            if let allowed = query.allowed {
                nextFirstRows(of: allowed, into: frontier)
            } else {
                nextExisting(into: frontier)
            }
        return found > 0 ? found : nextFurtherRows(into: frontier)
    }

    private mutating func nextExisting(into frontier: UnsafeMutablePointer<NodeID>) -> Int {
        let exists = query.exists
        var found = 0
        while node < graph.count && found < HNSWScratch.frontierCapacity {
            if exists(graph.rows[node]) {
                frontier[found] = NodeID(node)
                found += 1
            }
            node += 1
        }
        return found
    }

    private mutating func nextFirstRows(
        of allowed: RowSet,
        into frontier: UnsafeMutablePointer<NodeID>
    ) -> Int {
        var found = 0
        while let next = row, next < endRow, found < HNSWScratch.frontierCapacity {
            if isDense {
                node = graph.rows[0].distance(to: next)
            } else {
                while graph.rows[node] < next { node += 1 }
            }
            if graph.rows[node] == next {
                frontier[found] = NodeID(node)
                found += 1
            }
            row = next + 1 < endRow ? allowed.next(from: next + 1) : nil
        }
        return found
    }

    private mutating func nextFurtherRows(into frontier: UnsafeMutablePointer<NodeID>) -> Int {
        let copies = graph.copies
        var found = 0
        while copy < copies.count && found < HNSWScratch.frontierCapacity {
            let (row, node) = (copies.rows[copy], copies.nodes[copy])
            copy += 1
            if query.allows(row), !query.allows(graph.rows[Int(node)]), given.insert(node).inserted
            {
                frontier[found] = node
                found += 1
            }
        }
        return found
    }
}
