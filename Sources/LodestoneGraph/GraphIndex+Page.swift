// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension GraphIndex {
    /// The position where a page of incoming links begins, by their source and label.
    ///
    /// The link that it names need not exist.
    package enum AdjacencyPosition {
        case at(Adjacency)
        case after(Adjacency)
    }

    /// A page of the links that enter `vertex`, in the order of their source and label.
    ///
    /// - Parameters:
    ///   - vertex: The vertex.
    ///   - start: The position where the page begins; `nil`: at the first link.
    ///   - labels: The labels wanted; `nil` for all.
    ///   - limit: The most links.
    ///   - context: The call's context, checked every thousand links.
    /// - Returns: At most `limit` links; fewer than that only where there are no more.
    /// - Throws: `.cancelled` or `.deadlineExceeded` when `context` is over.
    /// - Complexity: O(log n), and the links up to the last one wanted.
    package func links(
        to vertex: VertexID,
        from start: AdjacencyPosition?,
        labels: Set<UInt32>?,
        limit: Int,
        _ context: CallContext
    ) throws(LodestoneError) -> [Adjacency] {
        let list = incoming.list(of: vertex)
        let pieces = incoming.hasPieces(list) ? incoming.pieces(of: list) : [list]
        var (piece, index) = (0, 0)
        switch start {
        case nil: break
        case .at(let link):
            let position = incoming.position(of: link, in: list)
            (piece, index) = (position.piece, position.index)
        case .after(let link):
            let position = incoming.position(of: link, in: list)
            (piece, index) = (position.piece, position.index + (position.isPresent ? 1 : 0))
        }
        var links: [Adjacency] = []
        var count = 0
        for piece in pieces[piece...] {
            while index < piece.count {
                if count % 1_024 == 0 { try context.check() }
                count += 1
                let link = incoming.link(index, of: piece)
                index += 1
                guard labels?.contains(link.label) ?? true else { continue }
                links.append(link)
                if links.count == limit { return links }
            }
            index = 0
        }
        return links
    }
}
