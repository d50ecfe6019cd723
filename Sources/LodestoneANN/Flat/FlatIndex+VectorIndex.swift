// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// A `FlatIndex` has no state: it compares every vector.
extension FlatIndex: VectorIndex {
    package var name: String { "flat" }
    package var endRow: RowID { .max }
    package var count: Int { 0 }
    package var byteCount: Int { 0 }
    package var health: IndexHealth { IndexHealth() }
    package var indexesCheaply: Bool { true }

    package func search(_ query: VectorQuery, in table: VectorTable) throws(LodestoneError)
        -> [VectorSearchResult]
    {
        try search(query, in: table.blocks)
    }

    package mutating func indexMany(_ table: VectorTable, from row: RowID) {}

    package mutating func drop(_ row: RowID) {}

    package func compacted(_ table: VectorTable, _ work: IndexWork) -> any VectorIndex { self }

    package func write(to sink: inout some SectionSink) {}
}
