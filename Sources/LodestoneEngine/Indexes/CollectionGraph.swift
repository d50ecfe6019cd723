// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures

/// The edges of a collection between vertex ids, and the label ids that they have.
struct CollectionGraph: DerivedIndex {
    private(set) var index: GraphIndex
    /// The labels, shared by all versions of a collection in this process.
    private(set) var labels: LabelTable
    /// The number of vertices, without new documents, whose outgoing edges changed since the base.
    private(set) var changeCount = 0

    init(_ options: CollectionOptions) {
        index = GraphIndex()
        labels = LabelTable()
    }

    init?(from base: OpenedBase) {
        let edgeCount = Int(clamping: base.header.edgeCount)
        guard let labels = LabelTable(from: base.file),
            let index = GraphIndex(from: base.file, edgeCount: edgeCount)
        else { return nil }
        self.labels = labels
        self.index = index
    }

    mutating func apply(_ change: IndexChange, _ batch: NoBatch) {
        for vertex in change.dropped { changeCount += index.drop(vertex).count }
        for (offset, vertex) in change.vertices.enumerated() {
            index.setEdges(from: vertex, change.edges.new[offset])
        }
        change.edges.replaced.forEach { source, edges in
            changeCount += 1
            index.setEdges(from: source, edges)
        }
        change.edges.removed.forEach { source, edges in
            changeCount += 1
            for edge in edges {
                index.removeEdge(from: source, label: edge.label, to: edge.vertex)
            }
        }
        change.edges.added.forEach { source, edges in
            changeCount += 1
            for edge in edges { index.addEdge(from: source, edge) }
        }
    }

    /// Adopts the labels of the graph before a compaction.
    ///
    /// The new base has the same label ids. It lacks the labels that were added since.
    mutating func keepLabels(of old: CollectionGraph) {
        labels = old.labels
    }

    var deltaByteCount: Int { index.deltaByteCount }

    func write(to base: inout BaseFileWriter, _ content: NextBase) throws(LodestoneError) {
        try LabelTable.write(labelsInUse(from: content.vertices), to: &base)
        try index.write(to: &base, vertices: content.vertices, newVertices: content.newVertices)
    }

    static var damageKind: String { "edges" }

    func check(_ ids: CollectionIDs) -> any IndexCheck { Check(graph: index, ids: ids) }

    private struct Check: IndexCheck {
        let graph: GraphIndex
        let ids: CollectionIDs
        /// The number of edges that leave the rows.
        private var count = 0

        init(graph: GraphIndex, ids: CollectionIDs) {
            self.graph = graph
            self.ids = ids
        }

        mutating func difference(from row: CheckedRow) -> IndexDifference? {
            count += row.edges.count
            // The edges of a hub come in another order, so both lists are sorted.
            let expected = row.edges.compactMap(\.self)
            let present = ids.vertex(of: row.stored.row).map { graph.edges(from: $0) } ?? []
            if expected.count == row.edges.count,
                present.sorted(by: Adjacency.precedes) == expected.sorted(by: Adjacency.precedes)
            {
                return nil
            }
            return IndexDifference(
                object: row.stored.id.string,
                text: "has other edges for document '\(row.stored.id)'."
            )
        }

        func differences(documentCount: Int?) -> [String] {
            var differences: [String] = []
            if documentCount != nil, count != graph.edgeCount {
                differences.append("counts \(graph.edgeCount) edges; the rows have \(count).")
            }
            if !graph.isFoundFromBothEnds {
                differences.append("has edges that are not found from both of their ends.")
            }
            return differences
        }
    }

    /// The labels in the order of their ids; a placeholder replaces each label without edges.
    ///
    /// The labels of dropped edges must not stay in the file. A label id without edges gets a name
    /// that no other label has, so the other labels keep their ids.
    private func labelsInUse(from vertices: ContiguousArray<VertexID>) -> [String] {
        var labels = labels.withTable { $0.labels }
        var isUsed = [Bool](repeating: false, count: labels.count)
        for vertex in vertices {
            // A label id outside the table comes from a damaged base, which `writeBase` refuses.
            for edge in index.edges(from: vertex) where Int(edge.label) < isUsed.count {
                isUsed[Int(edge.label)] = true
            }
        }
        var names = Set(labels.indices.lazy.filter { isUsed[$0] }.map { labels[$0] })
        for label in labels.indices where !isUsed[label] {
            var name = String(label)
            while !names.insert(name).inserted { name += "-" }
            labels[label] = name
        }
        return labels
    }
}

extension CollectionVersion {
    /// The edges of some documents as vertex ids and label ids; new ids and labels are added.
    func numbered(_ lists: [[Edge]]) -> EdgeBatch {
        let count = lists.reduce(0) { $0 + $1.count }
        // One lock covers all documents: a lock, or a copy of the version, per document slows
        // imports.
        let vertices = ids.table.withTable { table in
            var vertices: ContiguousArray<VertexID> = []
            vertices.reserveCapacity(count)
            for edges in lists { for edge in edges { vertices.append(table.intern(edge.target)) } }
            return vertices
        }
        let labels = graph.labels.withTable { table in
            var labels: ContiguousArray<LabelID> = []
            labels.reserveCapacity(count)
            for edges in lists { for edge in edges { labels.append(table.intern(edge.label)) } }
            return labels
        }
        var edges: [Adjacency] = []
        edges.reserveCapacity(count)
        let ends = lists.map { list in
            for edge in list {
                let index = edges.count
                edges.append(
                    Adjacency(label: labels[index], vertex: vertices[index], weight: edge.weight)
                )
            }
            return edges.count
        }
        return EdgeBatch(edges, ends: ends)
    }

    /// The edges of one document as vertex ids and label ids; their weights are unused.
    ///
    /// An edge whose label or target has no id is left out.
    func known(_ names: [EdgeName]) -> [Adjacency] {
        if names.isEmpty { return [] }
        let vertices = ids.table.withTable { table in names.map { table.vertex(of: $0.target) } }
        let labels = graph.labels.withTable { table in names.map { table.id(of: $0.label) } }
        return zip(labels, vertices).compactMap { label, vertex in
            guard let label, let vertex else { return nil }
            return Adjacency(label: label, vertex: vertex)
        }
    }
}
