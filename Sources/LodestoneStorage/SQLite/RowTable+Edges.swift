// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Changes of a document's edges, in its row or in a hub.
extension RowTable {
    /// The outcome of a change of edges, as the log records it.
    enum EdgeOutcome {
        /// Nothing changed.
        case none
        /// The edges in the row changed.
        case row
        /// The edges became too many for the row. The value has all edges of the document.
        case moved([Edge])
        /// Some edges of a hub changed.
        case hub
    }

    var hubs: HubTable { HubTable(collection: collection, connection: connection) }

    /// The parts of a row that a change of its edges needs.
    struct EdgeParts {
        let id: DocumentID
        /// The checksum of the columns before the edges.
        let sum: UInt32
        let edges: StoredEdges
    }

    func readEdgeParts(_ number: RowID) throws(LodestoneError) -> EdgeParts? {
        guard let statement = try find(number) else { return nil }
        defer { statement.reset() }
        var sum = RowChecksum.seed(row: number)
        for column: Int32 in 1...3 {
            sum = statement.withBytes(at: column) { RowChecksum.extend(sum, $0) }
        }
        let whole = statement.withBytes(at: 4) { RowChecksum.extend(sum, $0) }
        guard Checksum.isRight(whole, UInt32(truncatingIfNeeded: statement.int(at: 5))),
            let edges = try? statement.withBytes(at: 4, { try StoredEdges($0) })
        else { throw damaged(number, statement) }
        let id = statement.withBytes(at: 1) { String(decoding: $0, as: UTF8.self) }
        return EdgeParts(id: DocumentID(trusted: id), sum: sum, edges: edges)
    }

    /// Removes and adds edges of a row.
    ///
    /// - Parameters:
    ///   - change: What to remove and add.
    ///   - dropped: The documents that are dropped in the same batch.
    /// - Returns: The outcome, for the log.
    /// - Throws: `.dataLoss` when the row, or a changed edge, fails its checksum.
    /// - Complexity: O(changes) for a hub, as a search in a B-tree each; O(edges) for other rows.
    func changeEdges(_ change: EdgeChange, _ dropped: Set<DocumentID>) throws(LodestoneError)
        -> EdgeOutcome
    {
        guard let row = try readEdgeParts(change.row) else { return .none }
        switch row.edges {
        case .list(let edges):
            let removed = Set(change.removed)
            let changed = edges.changed(
                removing: { edge in
                    removed.contains(EdgeName(edge))
                        || change.losesDropped && dropped.contains(edge.target)
                },
                adding: change.added
            )
            if change.added.isEmpty && changed.count == edges.count { return .none }
            let column = StoredEdges.column(of: changed)
            if room.keep(count: changed.count, byteCount: column.count) {
                try setEdges(column, of: change.row, row)
                return .row
            }
            try hubs.create()
            let hub = Hub(number: HubNumber(change.row), row: change.row, id: row.id)
            try hubs.replace(hub, with: changed)
            try setEdges(StoredEdges.column(of: hub.number), of: change.row, row)
            return .moved(changed)
        case .hub(let number):
            let hub = Hub(number: number, row: change.row, id: row.id)
            var header = try hubs.header(of: hub)
            let count = header.count
            for name in change.removed { try hubs.remove(name, from: hub, &header) }
            if change.losesDropped {
                // This loop reads all edges of the hub. The hub has few of them. For a document
                // with many edges, `losesDropped` is false, and `change.removed` names the lost
                // edges (`RowAssigner.fewEdges`).
                var lost: [EdgeName] = []
                try hubs.forEach(of: hub) { (stored, _) in
                    if dropped.contains(stored.name.target) { lost.append(stored.name) }
                    return true
                }
                for name in lost { try hubs.remove(name, from: hub, &header) }
            }
            if change.added.isEmpty && header.count == count { return .none }
            for edge in change.added { try hubs.put(edge, into: hub, &header) }
            try hubs.write(header, of: number)
            let byteCount = Int(clamping: header.nameByteCount &+ header.contentByteCount)
            guard room.takeBack(count: Int(clamping: header.count), byteCount: byteCount) else {
                return .hub
            }
            let column = StoredEdges.column(of: try hubs.edges(of: hub))
            try hubs.removeAll(of: number)
            try setEdges(column, of: change.row, row)
            return .row
        }
    }

    private func setEdges(_ column: [UInt8], of number: RowID, _ row: EdgeParts)
        throws(LodestoneError)
    {
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "UPDATE docs_\(collection) SET edges = ?2, sum = ?3 WHERE row = ?1"
            )
            statement.bind(number, at: 1)
            statement.bind(column, at: 2)
            statement.bind(column.withUnsafeBytes { RowChecksum.extend(row.sum, $0) }, at: 3)
            try statement.run()
        }
    }

    /// Moves the edges of a new row into the table of edges.
    ///
    /// If the document that the row replaces was a hub, they go into that hub.
    ///
    /// - Returns: The row without its edges.
    func moveEdges(
        of row: EncodedRow,
        _ number: RowID,
        _ free: inout [DocumentID: HubNumber]
    ) throws(LodestoneError) -> EncodedRow {
        let earlier = free.removeValue(forKey: row.id)
        let hub = Hub(number: earlier ?? HubNumber(number), row: number, id: row.id)
        try hubs.create()
        try hubs.replace(hub, with: row.edges())
        return row.with(edges: StoredEdges.column(of: hub.number))
    }

    /// Searches for the hub of a row that fails its checksum.
    ///
    /// - Complexity: O(hubs); damaged rows are rare enough for that.
    func findHub(ofDamaged number: RowID, _ id: String) throws(LodestoneError)
        -> (id: DocumentID, number: HubNumber)?
    {
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            guard try hubs.exists() else { return nil }
            var found: (id: DocumentID, number: HubNumber)?
            try hubs.forEachHub { (hub) throws(SQLiteConnection.Failure) in
                if try hubs.owner(of: hub) == number { found = (DocumentID(trusted: id), hub) }
                return found == nil
            }
            return found
        }
    }
}
