// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// The edges of a collection in memory, indexed by both ends.
///
/// An edge is identified by its source, label and target. Up to 128 outgoing edges of a vertex keep
/// the order of writing; more edges are ordered by target. Incoming edges are ordered by source, so
/// that a walk against the edges does not depend on the history of the collection. An edge takes 12
/// bytes at each end in memory, and 5 as a rule in a base.
///
/// Threading: a value. A reader takes a copy, which later writes don't change. Such a write copies
/// some KiB, for any number of a vertex's edges.
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

    /// The edges that leave `source`: up to 128 in the order of writing, more by target.
    package func edges(from source: VertexID) -> [Adjacency] {
        outgoing.edges(of: source)
    }

    /// Whether any edge leaves or enters `vertex`.
    package func hasEdges(_ vertex: VertexID) -> Bool {
        outgoing.list(of: vertex).count > 0 || incoming.list(of: vertex).count > 0
    }

    /// The number of edges that changes have moved or copied: a measure of their cost.
    ///
    /// Edges that `AdjacencyLists.set` writes are not counted.
    package var movedCount: Int { outgoing.movedCount + incoming.movedCount }

    /// Bytes of memory, without the base's, roughly.
    package var deltaByteCount: Int { outgoing.byteCount + incoming.byteCount }

    /// A bound above the largest vertex with an edge.
    package var vertexBound: Int { max(outgoing.vertexCount, incoming.vertexCount) }

    /// The distinct vertices with an edge to `vertex`, ascending.
    package func sources(to vertex: VertexID) -> [VertexID] {
        var sources: [VertexID] = []
        for edge in incoming.edges(of: vertex) where edge.vertex != sources.last {
            sources.append(edge.vertex)
        }
        return sources
    }

    /// Whether every edge is in the lists of both of its ends.
    ///
    /// The comparison is by sums of hashes.
    ///
    /// - Complexity: O(edges).
    package var isFoundFromBothEnds: Bool {
        var balance: UInt64 = 0
        for vertex in VertexID(0)..<VertexID(vertexBound) {
            for edge in outgoing.edges(of: vertex) {
                balance &+= Self.hash(source: vertex, target: edge.vertex, edge)
            }
            for edge in incoming.edges(of: vertex) {
                balance &-= Self.hash(source: edge.vertex, target: vertex, edge)
            }
        }
        return balance == 0
    }

    private static func hash(source: VertexID, target: VertexID, _ edge: Adjacency) -> UInt64 {
        UInt64(source).mixed(with: UInt64(target)).mixed(with: UInt64(edge.label))
            .mixed(with: UInt64(edge.weight.bitPattern))
    }

    /// Replaces every edge that leaves `source`.
    ///
    /// Edges with the same label and target become one edge, with the weight of the last and the
    /// position of the first.
    ///
    /// - Complexity: per edge, old or new, a search in the incoming edges of its target. With more
    ///   than 128 edges, only added, removed and reweighted edges need it.
    package mutating func setEdges(from source: VertexID, _ edges: ArraySlice<Adjacency>) {
        let count = Int(outgoing.list(of: source).count)
        if max(count, edges.count) > AdjacencyLists.maxBlockSize {
            return setManyEdges(from: source, edges)
        }
        if count > 0 { removeOutgoing(of: source) }
        if edges.isEmpty { return }
        /// The distinct edges so far; `nil` while no edge occurred twice.
        var distinct: [Adjacency]?
        for (position, edge) in zip(edges.indices, edges) {
            if addIncoming(edge, from: source) == .added {
                distinct?.append(edge)
                continue
            }
            var before = distinct ?? Array(edges[..<position])
            if let index = before.firstIndex(where: { $0.isSameEdge(as: edge) }) {
                before[index].weight = edge.weight
            }
            distinct = before
        }
        if let distinct {
            outgoing.set(distinct, of: source)
            edgeCount += distinct.count
        } else {
            outgoing.set(edges, of: source)
            edgeCount += edges.count
        }
    }

    /// Replaces every edge that leaves `source`.
    package mutating func setEdges(from source: VertexID, _ edges: [Adjacency]) {
        setEdges(from: source, edges[...])
    }

    private mutating func setManyEdges(from source: VertexID, _ edges: ArraySlice<Adjacency>) {
        let old = outgoing.edges(of: source).sorted(by: Adjacency.precedes)
        let (inOrder, asWritten) = Self.distinct(edges)
        var position = 0
        for edge in inOrder {
            while position < old.count, Adjacency.precedes(old[position], edge) {
                removeIncoming(old[position], from: source)
                position += 1
            }
            let isKept = position < old.count && old[position].isSameEdge(as: edge)
            if !isKept || old[position].weight != edge.weight { addIncoming(edge, from: source) }
            if isKept { position += 1 }
        }
        for edge in old[position...] { removeIncoming(edge, from: source) }
        outgoing.set(asWritten, of: source)
        edgeCount += asWritten.count - old.count
    }

    /// The edges without repetitions: of edges with the same label and target, the last.
    ///
    /// - Returns: `inOrder` has the edges ordered by target. `asWritten` has the same edges in the
    ///   order of a list: up to 128 edges by first occurrence, more by target.
    private static func distinct(_ edges: ArraySlice<Adjacency>) -> (
        inOrder: [Adjacency], asWritten: [Adjacency]
    ) {
        var distinct: [(position: Int, edge: Adjacency)] = []
        for (position, edge) in zip(edges.indices, edges).sorted(by: {
            $0.1.isSameEdge(as: $1.1) ? $0.0 < $1.0 : Adjacency.precedes($0.1, $1.1)
        }) {
            if let last = distinct.last, last.edge.isSameEdge(as: edge) {
                distinct[distinct.count - 1].edge = edge
            } else {
                distinct.append((position, edge))
            }
        }
        let inOrder = distinct.map(\.edge)
        if distinct.count > AdjacencyLists.maxBlockSize { return (inOrder, inOrder) }
        return (inOrder, distinct.sorted { $0.position < $1.position }.map(\.edge))
    }

    /// Adds an edge, or sets the weight of the existing edge with the same label and target.
    ///
    /// - Complexity: O(log n), and moving some hundred edges, for any number of edges of `source`
    ///   and the target.
    package mutating func addEdge(from source: VertexID, _ edge: Adjacency) {
        switch addIncoming(edge, from: source) {
        case .added:
            outgoing.add(edge, of: source)
            edgeCount += 1
        case .reweighted:
            _ = outgoing.put(edge, of: source)
        case .unchanged:
            break
        }
    }

    /// Removes an edge.
    ///
    /// - Returns: Whether the edge existed.
    /// - Complexity: As `addEdge`.
    @discardableResult
    package mutating func removeEdge(from source: VertexID, label: LabelID, to target: VertexID)
        -> Bool
    {
        let edge = Adjacency(label: label, vertex: target)
        guard removeIncoming(edge, from: source) else { return false }
        _ = outgoing.remove(edge, of: source)
        edgeCount -= 1
        return true
    }

    /// Removes every edge that leaves or enters `vertex`.
    ///
    /// - Returns: The other vertices whose outgoing edges changed, ascending.
    /// - Complexity: that of `removeEdge` per edge of `vertex`.
    @discardableResult
    package mutating func drop(_ vertex: VertexID) -> [VertexID] {
        removeOutgoing(of: vertex)
        // Edges from `vertex` to itself are already removed with its outgoing edges.
        var sources: [VertexID] = []
        for edge in incoming.edges(of: vertex) {
            if outgoing.remove(Adjacency(label: edge.label, vertex: vertex), of: edge.vertex) {
                edgeCount -= 1
            }
            if edge.vertex != sources.last { sources.append(edge.vertex) }
        }
        incoming.set([], of: vertex)
        return sources
    }

    private mutating func removeOutgoing(of source: VertexID) {
        let edges = outgoing.edges(of: source)
        for edge in edges {
            removeIncoming(edge, from: source)
        }
        outgoing.set([], of: source)
        edgeCount -= edges.count
    }

    /// Adds an outgoing edge of `source` to the incoming edges of its target.
    @discardableResult
    private mutating func addIncoming(_ edge: Adjacency, from source: VertexID)
        -> AdjacencyLists.PutOutcome
    {
        incoming.put(
            Adjacency(label: edge.label, vertex: source, weight: edge.weight),
            of: edge.vertex
        )
    }

    @discardableResult
    private mutating func removeIncoming(_ edge: Adjacency, from source: VertexID) -> Bool {
        incoming.remove(Adjacency(label: edge.label, vertex: source), of: edge.vertex)
    }
}
