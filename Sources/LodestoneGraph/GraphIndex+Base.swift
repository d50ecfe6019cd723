// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The graph's sections of a base: per direction, a list per vertex, and all edges in the order of
/// the lists.
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
        try outgoing.write(to: &sink, "GOLS", "GOLK", vertices: vertices, newVertices: newVertices)
        try incoming.write(to: &sink, "GILS", "GILK", vertices: vertices, newVertices: newVertices)
    }

    /// Opens the sections that `write` wrote; `nil` when some are missing.
    ///
    /// - Complexity: O(vertices / 256), a few microseconds for a million.
    package init?(from source: some SectionSource, edgeCount: Int) {
        guard let outgoing = AdjacencyLists(.written, from: source, "GOLS", "GOLK"),
            let incoming = AdjacencyLists(.byVertex, from: source, "GILS", "GILK")
        else { return nil }
        self.init(outgoing: outgoing, incoming: incoming, edgeCount: edgeCount)
    }
}

extension AdjacencyLists {
    fileprivate init?(
        _ shortOrder: ShortOrder,
        from source: some SectionSource,
        _ listTag: SectionTag,
        _ edgeTag: SectionTag
    ) {
        guard let lists = source.section(listTag, of: List.self),
            let edges = source.section(edgeTag, of: Adjacency.self)
        else { return nil }
        self.init(shortOrder, lists: lists, edges: edges)
    }

    fileprivate func write(
        to sink: inout some SectionSink,
        _ listTag: SectionTag,
        _ edgeTag: SectionTag,
        vertices: ContiguousArray<VertexID>,
        newVertices: ContiguousArray<VertexID>
    ) throws(LodestoneError) {
        var lists: ContiguousArray<List> = []
        lists.reserveCapacity(vertices.count)
        var edges: ContiguousArray<Adjacency> = []
        for vertex in vertices {
            let list = list(of: vertex)
            lists.append(
                List(address: UInt32(edges.count), count: list.count, isInBase: true)
            )
            for var edge in self.edges(of: vertex) {
                edge.vertex = newVertices[Int(edge.vertex)]
                edges.append(edge)
            }
        }
        try sink.write(listTag, lists)
        try sink.write(edgeTag, edges)
    }
}
