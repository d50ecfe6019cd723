// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures
import LodestoneSystem

/// The redo log: it records each batch as a whole until a backup has the batch.
///
/// A backup of another process switches the redo log on, reads it, and deletes the records that it
/// has. If no backup comes, the records reach their limit, and recording stops: the next backup
/// then begins with a new state of the store.
extension SQLiteStore {
    /// The records that one transaction deletes; a longer transaction would delay commits.
    private static let deletedRecordsPerStep = 500

    /// The state of the redo log; `nil` when it was never switched on.
    package func redoStatus() throws(LodestoneError) -> RedoStatus? {
        let reader = try beginReading()
        defer { reader.end() }
        return try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try RedoTable(connection: reader.connection).status()
        }
    }

    /// Switches the redo log on, or on again after its records reached their limit.
    ///
    /// Records of an earlier time are deleted if recording had stopped.
    ///
    /// - Parameter limit: The bytes of records at which recording stops.
    /// - Returns: The new state of the redo log.
    /// - Throws: `.unavailable` while another process holds the store.
    package func recordRedo(limit: UInt64) throws(LodestoneError) -> RedoStatus {
        if let status = try redoStatus(), status.isStopped { try deleteRedo(through: .max) }
        return try exclusively { (_) throws(LodestoneError) in
            try transaction { () throws(SQLiteConnection.Failure) in
                let table = RedoTable(connection: writer)
                try table.create()
                var status =
                    try table.status()
                    ?? RedoStatus(history: (0..<16).map { _ in .random(in: 0...255) }, limit: limit)
                status.limit = limit
                status.isStopped = false
                try table.write(status)
                return status
            }
        }
    }

    /// Reads batches of the redo log.
    ///
    /// - Parameters:
    ///   - sequenceNumber: The last batch that the caller has.
    ///   - maxBytes: The entry that reaches this many bytes is the last one.
    ///   - context: The call that may end the work.
    /// - Returns: The entries, and the sequence number of the last batch of the store.
    /// - Throws: `.dataLoss` for a record that fails its checksum.
    package func redoEntries(
        after sequenceNumber: UInt64,
        maxBytes: Int,
        context: CallContext?
    ) throws(LodestoneError) -> (entries: [RedoEntry], last: UInt64) {
        let reader = try beginReading(context)
        defer { reader.end() }
        let entries = try reader.orFail { () throws(SQLiteConnection.Failure) in
            let table = RedoTable(connection: reader.connection)
            return try table.status() == nil
                ? [] : try table.entries(after: sequenceNumber, maxBytes: maxBytes)
        }
        return (entries, reader.sequenceNumber)
    }

    /// Deletes the batches of the redo log that a backup has.
    package func deleteRedo(through sequenceNumber: UInt64) throws(LodestoneError) {
        let through = min(sequenceNumber, UInt64(Int64.max))
        var isDone = false
        while !isDone {
            isDone = try exclusively { (_) throws(LodestoneError) in
                try transaction { () throws(SQLiteConnection.Failure) in
                    try RedoTable(connection: writer)
                        .delete(through: through, most: Self.deletedRecordsPerStep)
                }
            }
        }
    }

    package static func microsecondsSince1970() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}

/// The records that a transaction adds to the redo log.
struct RedoRecorder {
    /// The largest record; a backup holds a record in memory as a whole.
    private static let maxRecordBytes = 256 << 20

    private let table: RedoTable
    private var status: RedoStatus
    private let time = SQLiteStore.microsecondsSince1970()

    /// - Returns: `nil` when nothing is recorded.
    init?(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) {
        table = RedoTable(connection: connection)
        guard let status = try table.status(), !status.isStopped else { return nil }
        self.status = status
    }

    /// Records a batch, unless the records have reached their limit.
    mutating func record(
        _ batch: StoredBatch,
        sequenceNumber: UInt64,
        chains: (before: UInt32, after: UInt32)
    ) throws(SQLiteConnection.Failure) {
        if status.isStopped { return }
        let record = RedoRecord.encode(batch)
        guard record.count <= Self.maxRecordBytes,
            status.byteCount + UInt64(record.count) <= status.limit
        else {
            status.isStopped = true
            return
        }
        status.byteCount += UInt64(record.count)
        try table.append(
            RedoEntry(
                sequenceNumber: sequenceNumber,
                time: time,
                chainBefore: chains.before,
                chain: chains.after,
                record: record
            )
        )
    }

    /// Writes the state of the redo log, after the last batch of the transaction.
    func finish() throws(SQLiteConnection.Failure) { try table.write(status) }
}
