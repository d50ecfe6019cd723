// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneFiles
import LodestoneStorage
import LodestoneStructures

/// The writing of a base: the sections of every derived index, in one file.
extension CollectionVersion {
    /// Writes this version as a base, which is durable on return.
    ///
    /// The base leaves out ids that are neither a document's nor at an end of an edge. The others
    /// get new vertex ids.
    ///
    /// - Returns: The new vertex id of each current one.
    /// - Complexity: O(documents and edges), about half a microsecond each, plus the vectors'
    ///   index.
    func writeBase(
        of collection: CollectionNumber,
        to path: String,
        _ work: IndexWork
    ) throws(LodestoneError) -> ContiguousArray<VertexID> {
        // The longest part comes first, because it may be cancelled.
        let version = try compacted(work)
        let content = nextBase
        var writer = try BaseFileWriter(path)
        try BaseHeader(
            collection: UInt64(collection),
            sequenceNumber: sequenceNumber,
            documentCount: UInt64(content.ids.documentCount),
            vectorCount: UInt64(version.vectors.count),
            edgeCount: UInt64(version.graph.index.edgeCount)
        ).write(to: &writer)
        try version.writeIndexes(to: &writer, content)
        // The previous base was read for this one. If it is damaged, the new base must not get its
        // name.
        if isDamaged { throw BaseFile.damaged(path, "the base before it is damaged") }
        Failpoint.reach(.compactionBeforeRename)
        try writer.finish()
        return content.newVertices
    }

    /// The rows of the base at `path`, which was made from this version.
    func liveRows(_ path: String) throws(LodestoneError) -> RowSet {
        let ids = ids
        var rows = RowSet(count: Int(ids.nextRow))
        for row in RowID.first..<ids.nextRow where ids.contains(row) { rows.insert(row) }
        if isDamaged { throw BaseFile.damaged(path, "the base before it is damaged") }
        return rows
    }

    /// The content of the next base: the vertices of documents and of the ends of edges.
    private var nextBase: NextBase {
        let (ids, graph) = (ids, graph.index)
        let count = max(ids.vertexBound, graph.vertexBound)
        var vertices: ContiguousArray<VertexID> = []
        vertices.reserveCapacity(count)
        var newVertices = ContiguousArray(repeating: CollectionIDs.noVertex, count: count)
        for vertex in VertexID(0)..<VertexID(count)
        where ids.row(of: vertex) != nil || graph.hasEdges(vertex) {
            newVertices[Int(vertex)] = VertexID(vertices.count)
            vertices.append(vertex)
        }
        return NextBase(ids: ids, vertices: vertices, newVertices: newVertices)
    }
}

/// The first section of a base: its collection, its sequence number and its counts.
struct BaseHeader {
    var collection: UInt64
    var sequenceNumber: UInt64
    var documentCount: UInt64
    var vectorCount: UInt64
    var edgeCount: UInt64

    func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.write(
            "HEAD",
            [collection, sequenceNumber, documentCount, vectorCount, edgeCount] as ContiguousArray
        )
    }
}

extension BaseHeader {
    init?(from source: some SectionSource) {
        guard let section = source.section("HEAD", of: UInt64.self) else { return nil }
        let fields = section.elements(0..<5)
        guard fields.count == 5 else { return nil }
        self.init(
            collection: fields[0],
            sequenceNumber: fields[1],
            documentCount: fields[2],
            vectorCount: fields[3],
            edgeCount: fields[4]
        )
    }
}
