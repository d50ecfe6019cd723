// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The edges of one document, in pages.
extension SQLiteReader {
    func edges(
        of row: RowNumber,
        in collection: CollectionNumber,
        labels: [String]?,
        after place: (label: String, target: DocumentID)?,
        limit: Int
    ) throws(LodestoneError) -> [Edge] {
        guard limit > 0, let stored = try self.row(row, of: collection) else { return [] }
        let wanted = labels.map { Set($0.map { ByteString($0) }) }
        var edges: [EdgeName: Edge] = [:]
        for edge in stored.edges where wanted?.contains(ByteString(edge.label)) ?? true {
            edges[EdgeName(edge)] = edge
        }
        let first = place.map { EdgeName(label: $0.label, target: $0.target) }
        let names = edges.keys.filter { name in first.map { $0 < name } ?? true }.sorted()
        return names.prefix(limit).compactMap { edges[$0] }
    }
}
