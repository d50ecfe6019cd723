// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// The edges of a collection in memory, found from both of their ends.
///
/// An edge is known by its source, label and target. Up to 128 outgoing links of a vertex keep the
/// order in which they were written; more links are in order of their targets. Incoming links are
/// in order of their sources, so that a walk against the edges does not depend on the history of
/// the collection. An edge takes 12 bytes at each of its ends.
///
/// Threading: a value. A reader takes a copy, which stays as it is while the writer goes on. A
/// change then copies some KiB, whatever the number of a vertex's links.
package struct GraphIndex: Sendable {
    private(set) var outgoing = AdjacencyLists(.written)
    private(set) var incoming = AdjacencyLists(.byVertex)

    /// The number of edges.
    package private(set) var edgeCount = 0

    /// Creates an index without edges.
    package init() {}

    init(outgoing: AdjacencyLists, incoming: AdjacencyLists, edgeCount: Int) {
        self.outgoing = outgoing
        self.incoming = incoming
        self.edgeCount = edgeCount
    }

    /// The links that leave `source`: up to 128 in the order in which they were written, more by
    /// their targets.
    package func links(from source: VertexID) -> [Adjacency] {
        outgoing.links(of: source)
    }

    /// Whether any link leaves or enters `vertex`.
    package func hasLinks(_ vertex: VertexID) -> Bool {
        outgoing.list(of: vertex).count > 0 || incoming.list(of: vertex).count > 0
    }

    /// The number of links that changes have moved or copied so far: a measure of their cost.
    ///
    /// Links that `AdjacencyLists.set` writes are not counted.
    package var movedCount: Int { outgoing.movedCount + incoming.movedCount }

    /// Bytes of memory, without the base's, roughly.
    package var deltaByteCount: Int { outgoing.byteCount + incoming.byteCount }

    /// A number above the largest vertex with a link.
    package var vertexBound: Int { max(outgoing.vertexCount, incoming.vertexCount) }

    /// The vertices with a link to `vertex`, each once, ascending.
    package func sources(to vertex: VertexID) -> [VertexID] {
        var sources: [VertexID] = []
        for link in incoming.links(of: vertex) where link.vertex != sources.last {
            sources.append(link.vertex)
        }
        return sources
    }

    /// Whether every link is in the lists of both of its ends.
    ///
    /// The comparison is by sums of hashes.
    ///
    /// - Complexity: O(links).
    package var isFoundFromBothEnds: Bool {
        var balance: UInt64 = 0
        for vertex in 0..<VertexID(vertexBound) {
            for link in outgoing.links(of: vertex) {
                balance &+= Self.hash(source: vertex, target: link.vertex, link)
            }
            for link in incoming.links(of: vertex) {
                balance &-= Self.hash(source: link.vertex, target: vertex, link)
            }
        }
        return balance == 0
    }

    private static func hash(source: VertexID, target: VertexID, _ link: Adjacency) -> UInt64 {
        UInt64(source).mixed(with: UInt64(target)).mixed(with: UInt64(link.label))
            .mixed(with: UInt64(link.weight.bitPattern))
    }

    /// Replaces every link that leaves `source`.
    ///
    /// Links with the same label and target become one link. This link has the weight of the last
    /// of them, and the position of the first.
    ///
    /// - Complexity: a search in the incoming links of the target of each link, old and new. With
    ///   more than 128 links, only those links need it that are added, removed or get another
    ///   weight.
    package mutating func setLinks(from source: VertexID, _ links: ArraySlice<Adjacency>) {
        let count = Int(outgoing.list(of: source).count)
        if max(count, links.count) > AdjacencyLists.maxBlockSize {
            return setManyLinks(from: source, links)
        }
        if count > 0 { removeOutgoing(of: source) }
        if links.isEmpty { return }
        /// The distinct links so far, once a link occurred twice.
        var distinct: [Adjacency]?
        for (position, link) in zip(links.indices, links) {
            if addIncoming(link, from: source) == .added {
                distinct?.append(link)
                continue
            }
            var before = distinct ?? Array(links[..<position])
            if let index = before.firstIndex(where: { $0.isSameEdge(as: link) }) {
                before[index].weight = link.weight
            }
            distinct = before
        }
        if let distinct {
            outgoing.set(distinct, of: source)
            edgeCount += distinct.count
        } else {
            outgoing.set(links, of: source)
            edgeCount += links.count
        }
    }

    /// Replaces every link that leaves `source`.
    package mutating func setLinks(from source: VertexID, _ links: [Adjacency]) {
        setLinks(from: source, links[...])
    }

    private mutating func setManyLinks(from source: VertexID, _ links: ArraySlice<Adjacency>) {
        let old = outgoing.links(of: source).sorted(by: Adjacency.precedes)
        let (inOrder, asWritten) = Self.distinct(links)
        var position = 0
        for link in inOrder {
            while position < old.count, Adjacency.precedes(old[position], link) {
                removeIncoming(old[position], from: source)
                position += 1
            }
            let isKept = position < old.count && old[position].isSameEdge(as: link)
            if !isKept || old[position].weight != link.weight { addIncoming(link, from: source) }
            if isKept { position += 1 }
        }
        for link in old[position...] { removeIncoming(link, from: source) }
        outgoing.set(asWritten, of: source)
        edgeCount += asWritten.count - old.count
    }

    /// The links without repetitions: the last of the links with the same label and target.
    ///
    /// - Returns: `inOrder` has the links in order of the target. `asWritten` has the same links in
    ///   the order of a list: up to 128 links by their first occurrence, more links by the target.
    private static func distinct(_ links: ArraySlice<Adjacency>) -> (
        inOrder: [Adjacency], asWritten: [Adjacency]
    ) {
        var distinct: [(position: Int, link: Adjacency)] = []
        for (position, link) in zip(links.indices, links).sorted(by: {
            $0.1.isSameEdge(as: $1.1) ? $0.0 < $1.0 : Adjacency.precedes($0.1, $1.1)
        }) {
            if let last = distinct.last, last.link.isSameEdge(as: link) {
                distinct[distinct.count - 1].link = link
            } else {
                distinct.append((position, link))
            }
        }
        let inOrder = distinct.map(\.link)
        if distinct.count > AdjacencyLists.maxBlockSize { return (inOrder, inOrder) }
        return (inOrder, distinct.sorted { $0.position < $1.position }.map(\.link))
    }

    /// Adds a link, or gives an existing one with the same label and target another weight.
    ///
    /// - Complexity: O(log n), and moving some hundred links, however many `source` and the target
    ///   have.
    package mutating func addLink(from source: VertexID, _ link: Adjacency) {
        switch addIncoming(link, from: source) {
        case .added:
            outgoing.add(link, of: source)
            edgeCount += 1
        case .reweighted:
            _ = outgoing.put(link, of: source)
        case .unchanged:
            break
        }
    }

    /// Removes a link.
    ///
    /// - Returns: Whether there was one.
    /// - Complexity: As `addLink`.
    @discardableResult
    package mutating func removeLink(from source: VertexID, label: UInt32, to target: VertexID)
        -> Bool
    {
        let link = Adjacency(label: label, vertex: target)
        guard removeIncoming(link, from: source) else { return false }
        _ = outgoing.remove(link, of: source)
        edgeCount -= 1
        return true
    }

    /// Removes every link that leaves or enters `vertex`.
    ///
    /// - Returns: The other vertices whose outgoing links changed, ascending.
    /// - Complexity: that of `removeLink` for each link of `vertex`.
    @discardableResult
    package mutating func drop(_ vertex: VertexID) -> [VertexID] {
        removeOutgoing(of: vertex)
        // Links from `vertex` to itself were removed with its outgoing links.
        var sources: [VertexID] = []
        for link in incoming.links(of: vertex) {
            if outgoing.remove(Adjacency(label: link.label, vertex: vertex), of: link.vertex) {
                edgeCount -= 1
            }
            if link.vertex != sources.last { sources.append(link.vertex) }
        }
        incoming.set([], of: vertex)
        return sources
    }

    private mutating func removeOutgoing(of source: VertexID) {
        let links = outgoing.links(of: source)
        for link in links {
            removeIncoming(link, from: source)
        }
        outgoing.set([], of: source)
        edgeCount -= links.count
    }

    /// Adds an outgoing link of `source` to the incoming links of its target.
    @discardableResult
    private mutating func addIncoming(_ link: Adjacency, from source: VertexID)
        -> AdjacencyLists.PutOutcome
    {
        incoming.put(
            Adjacency(label: link.label, vertex: source, weight: link.weight),
            of: link.vertex
        )
    }

    @discardableResult
    private mutating func removeIncoming(_ link: Adjacency, from source: VertexID) -> Bool {
        incoming.remove(Adjacency(label: link.label, vertex: source), of: link.vertex)
    }
}
