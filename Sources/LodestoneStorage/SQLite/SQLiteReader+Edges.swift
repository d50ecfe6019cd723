// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The edges of one document.
extension SQLiteReader {
    private func hubs(of collection: CollectionNumber) -> HubTable {
        HubTable(collection: collection, connection: connection, context: context)
    }

    func edges(of row: StoredRow, in collection: CollectionNumber) throws(LodestoneError) -> [Edge]
    {
        guard let hub = Hub(row) else { return row.edges }
        return try hubs(of: collection).edges(of: hub)
    }

    func forEachEdges(
        of row: StoredRow,
        in collection: CollectionNumber,
        _ body: ([Edge]) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        guard let hub = Hub(row) else { return try body(row.edges) }
        var edges: [Edge] = []
        var byteCount = 0
        try hubs(of: collection).forEachOfAll(of: hub) { (_, edge) throws(LodestoneError) in
            edges.append(edge)
            byteCount += edge.storedByteCount
            guard edges.count == Self.edgesAtOnce || byteCount >= Self.bytesAtOnce else { return }
            try body(edges)
            edges.removeAll(keepingCapacity: true)
            byteCount = 0
        }
        try body(edges)
    }

    private static let edgesAtOnce = 1_000
    private static let bytesAtOnce = 1 << 20

    func edgeCounts(of row: StoredRow, in collection: CollectionNumber) throws(LodestoneError)
        -> EdgeCounts
    {
        guard let hub = Hub(row) else {
            let nameBytes = row.edges.reduce(0) { count, edge in
                count + edge.label.utf8.count + edge.target.string.utf8.count
            }
            let byteCount = row.edges.reduce(0) { $0 + $1.storedByteCount }
            return EdgeCounts(
                edges: row.edges.count,
                nameBytes: nameBytes,
                contentBytes: byteCount - nameBytes
            )
        }
        let header = try hubs(of: collection).header(of: hub)
        return EdgeCounts(
            edges: Int(clamping: header.count),
            nameBytes: Int(clamping: header.nameByteCount),
            contentBytes: Int(clamping: header.contentByteCount)
        )
    }

    func edges(
        of row: RowID,
        in collection: CollectionNumber,
        labels: [String]?,
        after position: (label: String, target: DocumentID)?,
        limit: Int,
        maxBytes: Int
    ) throws(LodestoneError) -> (edges: [Edge], isLast: Bool) {
        guard let stored = try self.row(row, of: collection) else { return ([], true) }
        let first = position.map { EdgeName(label: $0.label, target: $0.target) }
        let wanted = labels.map { Set($0.map { ByteString($0) }) }
        guard let hub = Hub(stored) else {
            var edges: [EdgeName: Edge] = [:]
            for edge in stored.edges where wanted?.contains(ByteString(edge.label)) ?? true {
                edges[EdgeName(edge)] = edge
            }
            let names = edges.keys.filter { name in first.map { $0 < name } ?? true }.sorted()
            return (names.prefix(limit).compactMap { edges[$0] }, names.count <= limit)
        }
        let table = hubs(of: collection)
        var page: [Edge] = []
        var byteCount = 0
        var isLast = true
        func take(_ stored: HubTable.StoredEdge, _ edge: Edge) -> Bool {
            guard page.count < limit, byteCount < maxBytes else {
                isLast = false
                return false
            }
            page.append(edge)
            byteCount += edge.storedByteCount
            return true
        }
        guard let wanted else {
            try table.forEach(of: hub, after: first, take)
            return (page, isLast)
        }
        for label in wanted.sorted() where isLast {
            // The page begins after the position. Earlier labels are skipped, and the label of the
            // position continues after its target.
            if let first, label < ByteString(first.label) { continue }
            let isFirstLabel = first.map { ByteString($0.label) == label } ?? false
            try table.forEach(of: hub, label: label.string, after: isFirstLabel ? first : nil, take)
        }
        return (page, isLast)
    }
}

extension Hub {
    /// The hub of a row, if it has one.
    init?(_ row: StoredRow) {
        guard let number = row.hub else { return nil }
        self.init(number: number, row: row.row, id: row.id)
    }
}
