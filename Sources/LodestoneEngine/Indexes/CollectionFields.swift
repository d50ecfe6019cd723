// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures

/// The values of indexed fields, and the set of existing rows, as a derived index.
extension FieldIndex: DerivedIndex {
    /// The values of the new documents.
    struct Batch: IndexBatch {
        /// The entries, with positions in the batch for rows; `nil` when nothing is indexed.
        var entries: FieldEntries?
        /// The metadata, in case other fields are indexed by the time of the write.
        var metadata: [Metadata] = []

        var byteCount: Int { entries?.byteCount ?? 0 }
    }

    init(_ options: CollectionOptions) {
        self.init(options.metadataIndexes)
    }

    init?(from base: OpenedBase) {
        self.init(from: base.file)
    }

    mutating func alter(to options: CollectionOptions, nextRow: RowID) {
        setFields(options.metadataIndexes, from: nextRow)
    }

    func prepare(_ documents: [Document]) -> Batch {
        let metadata = documents.map(\.metadata)
        return Batch(entries: entries(of: metadata), metadata: metadata)
    }

    func updated(_ batch: Batch) -> Batch {
        Batch(entries: fits(batch.entries) ? batch.entries : entries(of: batch.metadata))
    }

    mutating func apply(_ change: IndexChange, _ batch: Batch) {
        for row in change.removed { remove(row) }
        append(batch.entries, of: change.rows)
        for row in change.rows { insert(row) }
    }

    func write(to base: inout BaseFileWriter, _ content: NextBase) throws(LodestoneError) {
        try write(to: &base)
    }

    static var damageKind: String { "values" }

    func check(_ ids: CollectionIDs) -> any IndexCheck {
        FieldCheck(self, rowCount: Int(ids.nextRow))
    }
}

private struct FieldCheck: IndexCheck {
    let index: FieldIndex
    /// The existing rows, by the index.
    private let existing: RowSet
    /// A sum of each row's values.
    private let sums: ContiguousArray<UInt64>

    init(_ index: FieldIndex, rowCount: Int) {
        self.index = index
        existing = index.liveRows(count: rowCount)
        sums = index.fingerprints(count: rowCount)
    }

    func difference(from row: CheckedRow) -> IndexDifference? {
        let stored = row.stored
        let sum = Int(stored.row) < sums.count ? sums[Int(stored.row)] : 0
        if existing.contains(stored.row),
            sum == index.fingerprint(of: stored.metadata, row: stored.row)
        {
            return nil
        }
        return IndexDifference(
            object: stored.id.string,
            text: "has other values for document '\(stored.id)'."
        )
    }

    func differences(documentCount: Int?) -> [String] {
        guard let documentCount, documentCount != existing.count else { return [] }
        return ["has values of \(existing.count) documents."]
    }
}
