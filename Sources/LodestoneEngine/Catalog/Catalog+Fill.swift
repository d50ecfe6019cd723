// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures

/// The backfill of metadata fields that were indexed after the collection had rows.
extension Catalog {
    /// The rows that one read transaction reads.
    ///
    /// Reading 65,536 rows takes some 0.2 s. Meanwhile a checkpoint can't copy newer pages of the
    /// write-ahead log.
    private static let rowsPerRead = 1 << 16

    /// Reads the rows that existed before fields were indexed, and adds their values to the index.
    ///
    /// Queries use the index afterwards. Writes and queries continue meanwhile. The writer waits
    /// only while values are added, a few microseconds, and during the replay of other processes'
    /// writes.
    ///
    /// - Parameters:
    ///   - collection: The collection; the caller is inside `compacting`, so no other holder fills
    ///     its indexes.
    ///   - check: Called for each row; its error ends the backfill.
    /// - Throws: The errors of `check` and of reading the store.
    /// - Complexity: O(rows), some 3 microseconds each.
    func fillIndexes(
        of collection: Collection,
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        while !collection.isDropped {
            let fields = collection.version.fields.incompleteFields
            if fields.isEmpty { return }
            var fill = Backfill(fields)
            var last: RowID?
            var isAtEnd = false
            while !isAtEnd {
                let reader = try store.beginRead(context: nil)
                defer { reader.end() }
                isAtEnd = try read(collection, into: &fill, after: &last, from: reader, check)
                if isAtEnd { try put(fill.finish(), into: collection, from: reader) }
            }
        }
    }

    /// Reads the next rows; returns whether they were the last.
    private func read(
        _ collection: Collection,
        into fill: inout Backfill,
        after last: inout RowID?,
        from reader: any StoreReader,
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> Bool {
        var count = 0
        var isAtEnd = true
        let endRow = fill.endRow
        try reader.forEachRow(of: collection.number, after: last) { (row) throws(LodestoneError) in
            if row.row >= endRow { return false }
            if count == Self.rowsPerRead {
                isAtEnd = false
                return false
            }
            if count % 256 == 0 { try check() }
            fill.add(row.metadata, row: row.row)
            last = row.row
            count += 1
            return true
        }
        return isAtEnd
    }

    /// Adds the values that were read to the version.
    ///
    /// The version must not be older than the reader's state: an older version may have rows that
    /// the reader's state has removed.
    private func put(
        _ parts: [Backfill.Part],
        into collection: Collection,
        from reader: any StoreReader
    ) throws(LodestoneError) {
        Failpoint.reach(.indexBeforeFill)
        try withExclusiveAccess { (lock) throws(LodestoneError) in
            try lock.catchUp(with: reader)
            collection.fill(parts)
        }
    }
}
