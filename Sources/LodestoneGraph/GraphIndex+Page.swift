// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension GraphIndex {
    /// The start of a page of incoming edges, by source and label.
    ///
    /// The edge of the position need not exist.
    package enum AdjacencyPosition {
        case at(Adjacency)
        case after(Adjacency)
    }

    /// A page of the edges that enter `vertex`, ordered by source and label.
    ///
    /// - Parameters:
    ///   - vertex: The vertex.
    ///   - start: The position where the page begins; `nil`: at the first edge.
    ///   - labels: The labels to return; `nil`: all labels.
    ///   - isVisible: Whether the edges of a source exist for the call; `nil`: all do.
    ///   - limit: The most edges.
    ///   - context: The call's context, checked every thousand edges.
    /// - Returns: At most `limit` edges; fewer only at the end.
    /// - Throws: `.cancelled` or `.deadlineExceeded` when `context` is over.
    /// - Complexity: O(log n), and the edges up to the last returned one.
    package func edges(
        to vertex: VertexID,
        from start: AdjacencyPosition?,
        labels: Set<LabelID>?,
        isVisible: ((_ source: VertexID) -> Bool)? = nil,
        limit: Int,
        _ context: CallContext
    ) throws(LodestoneError) -> [Adjacency] {
        let list = incoming.list(of: vertex)
        let pieces = incoming.hasPieces(list) ? incoming.pieces(of: list) : [list]
        var (piece, index) = (0, 0)
        switch start {
        case nil: break
        case .at(let edge):
            let position = incoming.position(of: edge, in: list)
            (piece, index) = (position.piece, position.index)
        case .after(let edge):
            let position = incoming.position(of: edge, in: list)
            (piece, index) = (position.piece, position.index + (position.isPresent ? 1 : 0))
        }
        var edges: [Adjacency] = []
        var count = 0
        for piece in pieces[piece...] {
            while index < piece.count {
                if count % 1_024 == 0 { try context.check() }
                count += 1
                let edge = incoming.edge(index, of: piece)
                index += 1
                guard labels?.contains(edge.label) ?? true, isVisible?(edge.vertex) ?? true
                else { continue }
                edges.append(edge)
                if edges.count == limit { return edges }
            }
            index = 0
        }
        return edges
    }

    /// Whether `edge` enters `vertex`.
    package func hasEdge(_ edge: Adjacency, to vertex: VertexID) -> Bool {
        incoming.position(of: edge, in: incoming.list(of: vertex)).isPresent
    }
}
