// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneStorage
import LodestoneStructures

/// The ids of a collection: their vertex ids, and the row of each document.
///
/// An id that is only the target of an edge has a vertex id and no row. All versions since a base
/// share the table of ids. A vertex id that was added after a version has no row in this version.
struct CollectionIDs: DerivedIndex {
    /// The value for "no row".
    static let noRow = RowID.max
    /// The value for "no vertex".
    static let noVertex = VertexID(rawValue: .max)

    let table: IDTable
    /// The vertex of each row; `noVertex` for a row that was dropped or replaced.
    var vertices: OverlayArray<VertexID>
    /// The row of each vertex; `noRow` for an id without a document.
    var rows: OverlayArray<RowID>
    private(set) var documentCount = 0
    /// The number of rows in the base, deleted ones included.
    let baseRowCount: Int
    /// The number of documents in the base.
    let baseDocumentCount: Int
    /// The number of rows that were added or removed since the base.
    private(set) var changeCount = 0
    /// The number of rows that were removed since the base.
    private(set) var removedCount = 0

    init(_ options: CollectionOptions) {
        table = IDTable()
        vertices = OverlayArray(fallback: Self.noVertex)
        rows = OverlayArray(fallback: Self.noRow)
        baseRowCount = 0
        baseDocumentCount = 0
    }

    init?(from base: OpenedBase) {
        guard let ids = IDTable.Base(from: base.file),
            let vertices = base.file.section("ROWN", of: VertexID.self),
            let rows = base.file.section("NODR", of: RowID.self)
        else { return nil }
        table = IDTable(ids)
        self.vertices = OverlayArray(vertices, fallback: Self.noVertex)
        self.rows = OverlayArray(rows, fallback: Self.noRow)
        documentCount = Int(clamping: base.header.documentCount)
        baseRowCount = vertices.count
        baseDocumentCount = documentCount
    }

    // MARK: Lookups

    /// The next row id.
    var nextRow: RowID { RowID(vertices.count) }

    /// A bound above the vertices with a row.
    var vertexBound: Int { rows.count }

    func contains(_ row: RowID) -> Bool {
        Int(row) < vertices.count && vertices[Int(row)] != Self.noVertex
    }

    /// The vertex of a row; `nil` when the row does not exist in this version.
    func vertex(of row: RowID) -> VertexID? {
        guard Int(row) < vertices.count else { return nil }
        let vertex = vertices[Int(row)]
        return vertex == Self.noVertex ? nil : vertex
    }

    /// The vertices of several rows; `nil` for a row that does not exist in this version.
    func vertices(of rows: [RowID]) -> [VertexID?] {
        for row in rows { vertices.prefetch(Int(row)) }
        return rows.map { vertex(of: $0) }
    }

    /// The row of a vertex's document; `nil` when it has none in this version.
    func row(of vertex: VertexID) -> RowID? {
        guard Int(vertex) < rows.count else { return nil }
        let row = rows[Int(vertex)]
        return row == Self.noRow ? nil : row
    }

    /// The row of a document; `nil` when it has none in this version.
    func row(of id: DocumentID) -> RowID? {
        table.withTable { $0.vertex(of: id) }.flatMap { row(of: $0) }
    }

    /// The id of a row's document; `nil` when the row does not exist in this version.
    func id(of row: RowID) -> DocumentID? {
        vertex(of: row).map { vertex in table.withTable { $0.id(vertex) } }
    }

    // MARK: Life

    mutating func apply(_ change: IndexChange, _ batch: NoBatch) {
        for row in change.removed { remove(row) }
        for (row, vertex) in zip(change.rows, change.vertices) { insert(row, vertex) }
        vertices.grow(to: Int(change.rowRange.upperBound))
    }

    private mutating func insert(_ row: RowID, _ vertex: VertexID) {
        vertices.grow(to: Int(row))
        vertices.append(vertex)
        rows.grow(to: Int(vertex) + 1)
        rows[Int(vertex)] = row
        documentCount += 1
        changeCount += 1
    }

    private mutating func remove(_ row: RowID) {
        guard let vertex = vertex(of: row) else { return }
        vertices[Int(row)] = Self.noVertex
        if self.row(of: vertex) == row { rows[Int(vertex)] = Self.noRow }
        documentCount -= 1
        changeCount += 1
        removedCount += 1
    }

    var deltaByteCount: Int {
        vertices.byteCount + rows.byteCount + table.withTable { $0.byteCount }
    }

    static var damageKind: String { "memory" }

    func check(_ ids: CollectionIDs) -> any IndexCheck { Check(ids: self) }

    private struct Check: IndexCheck {
        let ids: CollectionIDs

        func difference(from row: CheckedRow) -> IndexDifference? {
            let stored = row.stored
            if ids.id(of: stored.row) == stored.id, ids.row(of: stored.id) == stored.row {
                return nil
            }
            return IndexDifference(
                object: "row \(stored.row)",
                text: "has another document for row \(stored.row)."
            )
        }

        func differences(documentCount: Int?) -> [String] {
            guard let documentCount, documentCount != ids.documentCount else { return [] }
            return ["counts \(ids.documentCount) documents; there are \(documentCount) rows."]
        }
    }

    func write(to base: inout BaseFileWriter, _ content: NextBase) throws(LodestoneError) {
        try table.write(content.vertices, to: &base)
        var vertices = ContiguousArray(repeating: Self.noVertex, count: Int(nextRow))
        var rows: ContiguousArray<RowID> = []
        rows.reserveCapacity(content.vertices.count)
        for vertex in content.vertices {
            let row = row(of: vertex)
            rows.append(row ?? Self.noRow)
            if let row { vertices[Int(row)] = content.newVertices[Int(vertex)] }
        }
        try base.write("ROWN", vertices)
        try base.write("NODR", rows)
    }
}
