// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage

/// Indexes of fields that a collection was given after its rows.
extension Registry {
    /// Rows that are read in one state of the store: 65,536 take some 0.2 s, for which the write-ahead
    /// log can't be folded beyond it.
    private static let rowsPerRead = 1 << 16

    /// Reads the rows that came before fields were indexed, and takes their values in; answers come
    /// from the index from then on.
    ///
    /// Writes and questions go on meanwhile: the writer waits for what takes the values in, which is
    /// a few microseconds, and for what other processes have written.
    ///
    /// - Parameters:
    ///   - collection: Inside `compacting`, so that nobody else does the same.
    ///   - check: Called for each row, to end what is not wanted any more.
    /// - Throws: What `check` and reading the store do.
    /// - Complexity: O(rows), some 3 microseconds each.
    func fillIndexes(
        of collection: Collection,
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        while !collection.isDropped {
            let fields = collection.state.values.incompleteFields
            if fields.isEmpty { return }
            var fill = ValueFill(fields)
            var last: RowNumber?
            var isAtEnd = false
            while !isAtEnd {
                let reader = try store.beginRead(context: nil)
                defer { reader.end() }
                isAtEnd = try read(collection, into: &fill, after: &last, from: reader, check)
                if isAtEnd { try put(fill.finish(), into: collection, from: reader) }
            }
        }
    }

    /// Takes in the next rows; answers whether they were the last.
    private func read(
        _ collection: Collection,
        into fill: inout ValueFill,
        after last: inout RowNumber?,
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

    /// Takes the values in.
    ///
    /// Only into contents that are no older than what was read: an older state may have rows that
    /// were gone by then.
    private func put(
        _ parts: [ValueFill.Part],
        into collection: Collection,
        from reader: any StoreReader
    ) throws(LodestoneError) {
        FaultPoint.reach("index.before-fill")
        try changing { (gate) throws(LodestoneError) in
            try gate.catchUp(with: reader)
            collection.fill(parts)
        }
    }
}
