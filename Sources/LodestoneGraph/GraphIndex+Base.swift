// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The graph's sections of a base: for each direction a list for every node, and all links in the
/// order of the lists.
extension GraphIndex {
    /// Writes the edges between nodes that are kept.
    ///
    /// - Parameters:
    ///   - sink: The sink to write to.
    ///   - kept: The present numbers of the nodes that are kept, ascending; their places are their
    ///     new numbers.
    ///   - newNumbers: The new number of each present node; no edge leads to a node without one.
    /// - Throws: The sink's error.
    package func write(
        to sink: inout some SectionSink,
        kept: ContiguousArray<VertexID>,
        newNumbers: ContiguousArray<VertexID>
    ) throws(LodestoneError) {
        try outgoing.write(to: &sink, "GOLS", "GOLK", kept: kept, newNumbers: newNumbers)
        try incoming.write(to: &sink, "GILS", "GILK", kept: kept, newNumbers: newNumbers)
    }

    /// Opens the sections that `write` wrote; `nil` when some are missing.
    ///
    /// - Complexity: O(nodes / 256), a few microseconds for a million.
    package init?(from source: some SectionSource, edgeCount: Int) {
        guard let outgoing = AdjacencyLists(.written, from: source, "GOLS", "GOLK"),
            let incoming = AdjacencyLists(.byNode, from: source, "GILS", "GILK")
        else { return nil }
        self.init(outgoing: outgoing, incoming: incoming, edgeCount: edgeCount)
    }
}

extension AdjacencyLists {
    fileprivate init?(
        _ shortOrder: ShortOrder,
        from source: some SectionSource,
        _ listTag: SectionTag,
        _ linkTag: SectionTag
    ) {
        guard let lists = source.section(listTag, of: List.self),
            let links = source.section(linkTag, of: Adjacency.self)
        else { return nil }
        self.init(shortOrder, lists: lists, links: links)
    }

    fileprivate func write(
        to sink: inout some SectionSink,
        _ listTag: SectionTag,
        _ linkTag: SectionTag,
        kept: ContiguousArray<VertexID>,
        newNumbers: ContiguousArray<VertexID>
    ) throws(LodestoneError) {
        var lists: ContiguousArray<List> = []
        lists.reserveCapacity(kept.count)
        var links: ContiguousArray<Adjacency> = []
        for node in kept {
            let list = list(of: node)
            lists.append(
                List(address: UInt32(links.count), count: list.count, isInBase: true)
            )
            for var link in self.links(of: node) {
                link.node = newNumbers[Int(link.node)]
                links.append(link)
            }
        }
        try sink.write(listTag, lists)
        try sink.write(linkTag, links)
    }
}
