// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The graph's sections of a base: per direction, the starts of the lists, and columns of all edges
/// in the order of the lists (`AdjacencyBase`).
extension GraphIndex {
    /// Writes the edges between some vertices.
    ///
    /// - Parameters:
    ///   - sink: The sink to write to.
    ///   - vertices: The current ids of these vertices, ascending; their positions are the new ids.
    ///   - newVertices: The new id of each current vertex; no edge leads to a vertex without a new
    ///     id.
    /// - Throws: The sink's error.
    package func write(
        to sink: inout some SectionSink,
        vertices: ContiguousArray<VertexID>,
        newVertices: ContiguousArray<VertexID>
    ) throws(LodestoneError) {
        for (lists, tags) in [
            (outgoing, AdjacencyBase.Tags.outgoing), (incoming, AdjacencyBase.Tags.incoming),
        ] {
            var columns = AdjacencyColumns(vertexCount: vertices.count)
            for vertex in vertices {
                // An edge of a damaged base may lead anywhere.
                for var edge in lists.edges(of: vertex)
                where Int(edge.vertex) < newVertices.count {
                    edge.vertex = newVertices[Int(edge.vertex)]
                    columns.append(edge)
                }
                columns.endList()
            }
            try columns.write(to: &sink, tags)
        }
    }

    /// Opens the sections that `write` wrote, here or in an earlier release; `nil` when some are
    /// missing.
    ///
    /// - Complexity: O(vertices / 256), a few microseconds for a million.
    package init?(from source: some SectionSource, edgeCount: Int) {
        guard let outgoing = AdjacencyBase(from: source, .outgoing),
            let incoming = AdjacencyBase(from: source, .incoming)
        else { return nil }
        self.init(
            outgoing: AdjacencyLists(.written, base: outgoing),
            incoming: AdjacencyLists(.byVertex, base: incoming),
            edgeCount: edgeCount
        )
    }
}
