// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures

/// The effect of one batch on the derived indexes of a collection.
///
/// Rows and vertex ids are those of the version that applies it.
struct IndexChange: Sendable {
    /// The rows that the batch removes; the version has all of them.
    var removed: [RowID] = []
    /// The dropped documents, which lose every edge that leaves or enters them.
    var dropped: [VertexID] = []
    /// The vectors of the new rows.
    ///
    /// In a replay, rows that later batches removed have vectors here, too.
    var vectors: VectorRun?
    /// Whether an index links the vectors even if that takes long.
    var linksVectors = true
    /// The new rows, ascending; in a replay, only those that still exist.
    var rows: [RowID] = []
    /// The document of each new row.
    var vertices: ContiguousArray<VertexID> = []
    /// The first row of the batch, and the row after its last one.
    var rowRange: Range<RowID> = RowID.first..<RowID.first
    var edges = EdgeChanges()
    /// The new documents and the removed texts, as each index has prepared them.
    var batches: IndexBatches
    /// The bytes of the batch's documents.
    var documentByteCount = 0
    var sequenceNumber: UInt64 = 0

    init(_ batches: IndexBatches) {
        self.batches = batches
    }

    /// Whether later batches have removed some of the new rows.
    var hasMissingRows: Bool { rows.count < rowRange.count }

    /// An estimate of the change's bytes in memory.
    var byteCount: Int {
        batches.byteCount + edges.count * MemoryLayout<Adjacency>.stride
            + (removed.count + vertices.count * 2) * 8
    }

    /// Replaces each vertex id by another one.
    mutating func renumber(_ number: (VertexID) -> VertexID) {
        dropped = dropped.map(number)
        for index in vertices.indices { vertices[index] = number(vertices[index]) }
        edges.renumber(number)
    }

    /// Every vertex id in the change, some of them more than once.
    var allVertices: [VertexID] { dropped + vertices + edges.allVertices }
}

/// The effect of one batch on the edges of a collection.
struct EdgeChanges: Sendable {
    /// The edges that leave each new document.
    var new = EdgeBatch()
    /// The whole edge lists of documents with earlier rows.
    ///
    /// Each list replaces all edges that left its document.
    var replaced = SourcedEdgeBatch()
    /// The edges that are removed from documents with earlier rows; their weights are unused.
    var removed = SourcedEdgeBatch()
    /// The edges that are added to documents with earlier rows, or get another weight.
    var added = SourcedEdgeBatch()

    /// The number of edges.
    var count: Int {
        new.edges.count + replaced.lists.edges.count + removed.lists.edges.count
            + added.lists.edges.count
    }

    mutating func renumber(_ number: (VertexID) -> VertexID) {
        new.renumber(number)
        replaced.renumber(number)
        removed.renumber(number)
        added.renumber(number)
    }

    var allVertices: [VertexID] {
        [replaced, removed, added].reduce(into: new.edges.map(\.vertex)) { vertices, batch in
            vertices += batch.sources
            vertices += batch.lists.edges.map(\.vertex)
        }
    }
}

/// Edges by the vertex that they leave.
struct SourcedEdgeBatch: Sendable {
    private(set) var sources: [VertexID] = []
    /// The edges of each source.
    private(set) var lists = EdgeBatch()

    init() {}

    init(sources: [VertexID], edges: EdgeBatch) {
        self.sources = sources
        lists = edges
    }

    mutating func append(_ source: VertexID, _ edges: some Sequence<Adjacency>) {
        sources.append(source)
        lists.append(edges)
    }

    mutating func renumber(_ number: (VertexID) -> VertexID) {
        sources = sources.map(number)
        lists.renumber(number)
    }

    /// Calls `body` with each source and its edges.
    func forEach(_ body: (VertexID, ArraySlice<Adjacency>) -> Void) {
        for (index, source) in sources.enumerated() { body(source, lists[index]) }
    }
}

/// The edges of several documents, one list after the other.
struct EdgeBatch: Sendable {
    private(set) var edges: [Adjacency] = []
    private var ends: [Int] = []

    init() {}

    init(_ edges: [Adjacency], ends: [Int]) {
        self.edges = edges
        self.ends = ends
    }

    /// Appends the edges of the next document.
    mutating func append(_ more: some Sequence<Adjacency>) {
        edges += more
        ends.append(edges.count)
    }

    /// The edges of one document.
    subscript(index: Int) -> ArraySlice<Adjacency> {
        edges[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// Sets the edges of a document whose list is empty.
    mutating func set(_ more: [Adjacency], at index: Int) {
        edges.insert(contentsOf: more, at: ends[index])
        for later in index..<ends.count { ends[later] += more.count }
    }

    /// Replaces the vertex ids at the targets of all edges.
    mutating func renumber(_ number: (VertexID) -> VertexID) {
        for index in edges.indices { edges[index].vertex = number(edges[index].vertex) }
    }
}
