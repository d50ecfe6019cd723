// SPDX-License-Identifier: Apache-2.0
import LodestoneGraph
import LodestoneStructures
import TestSupport
import Testing

extension GraphIndex {
    /// The sections of a base with this graph.
    func sections() throws -> MemorySections {
        var sections = MemorySections()
        let vertices = ContiguousArray(VertexID(0)..<VertexID(vertexBound))
        try write(to: &sections, vertices: vertices, newVertices: vertices)
        return sections
    }

    /// The sections as earlier releases wrote them: a list is an address and a count, whose highest
    /// bit says that the list is in the base; the edges are in rows.
    func earlierSections() throws -> MemorySections {
        var sections = MemorySections()
        for (lists, edges, isOutgoing) in [("GOLS", "GOLK", true), ("GILS", "GILK", false)]
            as [(SectionTag, SectionTag, Bool)]
        {
            var heads: ContiguousArray<UInt32> = []
            var rows: ContiguousArray<Adjacency> = []
            for vertex in VertexID(0)..<VertexID(vertexBound) {
                let list = isOutgoing ? self.edges(from: vertex) : self.edges(to: vertex)
                heads += [UInt32(rows.count), 1 << 31 | UInt32(list.count)]
                rows += list
            }
            try sections.write(lists, heads)
            try sections.write(edges, rows)
        }
        return sections
    }

    /// The graph over a base with its edges.
    func reopened(asEarlier: Bool = false) throws -> GraphIndex {
        let sections = try asEarlier ? earlierSections() : self.sections()
        return try #require(GraphIndex(from: sections, edgeCount: edgeCount))
    }
}
