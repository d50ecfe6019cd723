// SPDX-License-Identifier: Apache-2.0
import CSQLite
package import LodestoneCore
import LodestoneFiles
import LodestoneStructures
import LodestoneSystem

/// Erasure of dropped and replaced documents: afterwards no file of the store contains them.
///
/// Removed rows stay in the free pages of the database, in the gaps of used pages, and in the
/// write-ahead log until other data overwrite them. So the log is forgotten, including its last
/// row. SQLite rewrites the database, and the write-ahead log is truncated. Before that,
/// compactions rewrite bases and segments with the live rows only.
///
/// Every step is its own commit, or a new file. After a crash at any point the store is whole, and
/// no caller has a receipt of the erasure.
extension SQLiteStore {
    package func eraseFreed(context: CallContext) throws(LodestoneError) -> UInt64 {
        try removeStrangeFiles(context)
        try forgetLog()
        let erased = try exclusively { (last) throws(LodestoneError) in
            guard last > 0 else { return last }
            // One lock covers both steps: a batch between them would leave content in what is the
            // last row here.
            var isForgotten = false
            while !isForgotten {
                isForgotten = try transaction { () throws(SQLiteConnection.Failure) in
                    try forgetStep(before: last)
                }
            }
            try forgetLastRow(last)
            try forgetRedo()
            if !Planted.leavesFreePages { try rewriteDatabase(context) }
            return last
        }
        Failpoint.reach(.eraseBeforeCheckpoint)
        while try !cutWriteAheadLog() {
            // A reader that began before needs the content of the write-ahead log.
            try context.check()
            usleep(10_000)
        }
        try exclusively { (_) throws(LodestoneError) in
            // This commit makes the number durable, and restarts the write-ahead log.
            try transaction { () throws(SQLiteConnection.Failure) in
                try writer.execute(
                    "INSERT OR REPLACE INTO meta(key, value) VALUES('erased', \(erased))"
                )
            }
        }
        try FileSystem.synchronizeDirectory(directory)
        Failpoint.reach(.eraseAfter)
        return erased
    }

    /// Removes the files of dropped collections and replaced bases that a crash left.
    private func removeStrangeFiles(_ context: CallContext) throws(LodestoneError) {
        while try !removeForgottenBases() {
            try context.check()
            usleep(1_000)
        }
        try exclusively { (_) throws(LodestoneError) in
            let reader = try beginReading()
            defer { reader.end() }
            segments.removeAll(except: Set(try reader.collections().map(\.number)))
        }
    }

    /// Reduces the last row of the log to its sequence number, if every base has its change.
    ///
    /// Runs inside `exclusively`.
    private func forgetLastRow(_ last: UInt64) throws(LodestoneError) {
        try transaction { () throws(SQLiteConnection.Failure) in
            let isKept = try scalar("SELECT \(KeptLog.isKept) FROM log WHERE seq = \(last)")
            let anchor = try LogAnchor.read(writer)?.sequenceNumber ?? 0
            guard isKept == 0, anchor == last - 1 else { return }
            let chain = UInt32(
                truncatingIfNeeded: try scalar("SELECT chain FROM log WHERE seq = \(last)")
            )
            try writer.execute("DELETE FROM log WHERE seq = \(last)")
            let empty = LogRow(
                sequenceNumber: last,
                collection: KeptLog.noCollection,
                kind: .dropCollection
            )
            var kept = try KeptLog.read(writer)
            kept.add(count: 1, sum: UInt64(try empty.insert(into: writer, after: 0)))
            try kept.write(writer)
            try LogAnchor(sequenceNumber: last, chain: chain).write(writer)
        }
    }

    /// Deletes the records of the redo log, which have dropped content; runs inside `exclusively`.
    private func forgetRedo() throws(LodestoneError) {
        try transaction { () throws(SQLiteConnection.Failure) in
            let table = RedoTable(connection: writer)
            guard var status = try table.status() else { return }
            try writer.execute("DELETE FROM redo")
            status.byteCount = 0
            try table.write(status)
        }
    }

    /// Rewrites the database row by row, without free pages and gaps; runs inside `exclusively`.
    private func rewriteDatabase(_ context: CallContext) throws(LodestoneError) {
        if let failure = writeFailure.withLock({ $0 }) { throw failure }
        let reader = try beginReading()
        let collections = Result { () throws(LodestoneError) in try reader.collections() }
        reader.end()
        do throws(SQLiteConnection.Failure) {
            writer.work(for: context)
            defer { writer.work(for: nil) }
            for record in (try? collections.get()) ?? []
            where record.options.textStrategy == .fts5 {
                // Words of removed rows stay in FTS5's segments until FTS5 merges them.
                for table in Schema.wordTables.map({ "\($0)_\(record.number)" }) {
                    try writer.execute("INSERT INTO \(table)(\(table)) VALUES('optimize')")
                }
            }
            // `VACUUM` writes its copy into a file without a name, not into memory.
            try writer.execute("PRAGMA temp_store = FILE")
            let result = Result { () throws(SQLiteConnection.Failure) in
                try writer.execute("VACUUM")
            }
            try writer.execute("PRAGMA temp_store = MEMORY")
            try result.get()
        } catch {
            rollBack()
            let failure = error.asLodestoneError(context: context)
            // After a failed write or fsync the kernel may drop the pages without a second error.
            if error.code & 0xff == SQLITE_IOERR { refuseWrites(because: failure) }
            throw failure
        }
        _ = try collections.get()
    }

    /// - Returns: Whether the write-ahead log is empty.
    private func cutWriteAheadLog() throws(LodestoneError) -> Bool {
        try exclusively { (_) throws(LodestoneError) in
            checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
            if let failure = writeFailure.withLock({ $0 }) { throw failure }
            return FileSystem.byteCount(databasePath + "-wal") == 0
        }
    }
}
