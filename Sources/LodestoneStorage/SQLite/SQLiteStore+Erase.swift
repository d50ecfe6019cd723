// SPDX-License-Identifier: Apache-2.0
import CSQLite
package import LodestoneCore
import LodestoneFiles

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Erasing what was dropped or replaced: once it is done, no file of the store has it.
///
/// Rows that are gone stay in the database's free pages, in the gaps of pages in use, and in the
/// write-ahead log, until something else is written there. So the log is forgotten with its last row,
/// SQLite writes the database again, and the write-ahead log is cut off. Bases and segments are made
/// again before, by compactions, which take only what is left.
///
/// Every step is a commit of its own or a file that is made anew: a crash anywhere leaves the store
/// whole, and nothing was promised.
extension SQLiteStore {
    package func eraseFreed(context: CallContext) throws(LodestoneError) -> UInt64 {
        try removeStrangeFiles(context)
        try forgetLog()
        let erased = try exclusively { (last) throws(LodestoneError) in
            guard last > 0 else { return last }
            // Nothing may come between, or the row that was the last one would stay as it is.
            var isForgotten = false
            while !isForgotten {
                isForgotten = try transaction { () throws(SQLiteConnection.Failure) in
                    try forgetStep(before: last)
                }
            }
            try forgetLastRow(last)
            if !PlantedBug.eraseLeavesFreePages.isPlanted { try rewriteDatabase(context) }
            return last
        }
        FaultPoint.reach("erase.before-checkpoint")
        while try !cutWriteAheadLog() {
            // A reader that began before needs what is in it.
            try context.check()
            usleep(10_000)
        }
        try exclusively { (_) throws(LodestoneError) in
            // Durable with this commit, which begins the write-ahead log again.
            try transaction { () throws(SQLiteConnection.Failure) in
                try writer.execute(
                    "INSERT OR REPLACE INTO meta(key, value) VALUES('erased', \(erased))"
                )
            }
        }
        try FileSystem.synchronizeDirectory(directory)
        FaultPoint.reach("erase.after")
        return erased
    }

    /// Removes what a crash has left of collections and bases that are gone.
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

    /// Has the last row of the log, if every base has what it says, tell nothing but its sequence
    /// number; inside `exclusively`.
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

    /// Writes the database again, row by row, without the pages and gaps where something was; inside
    /// `exclusively`.
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
                // Words of rows that are gone stay in FTS5's segments until these are merged.
                for table in Schema.wordTables.map({ "\($0)_\(record.number)" }) {
                    try writer.execute("INSERT INTO \(table)(\(table)) VALUES('optimize')")
                }
            }
            // What is written on the way goes into a file without a name, not into memory.
            try writer.execute("PRAGMA temp_store = FILE")
            let result = Result { () throws(SQLiteConnection.Failure) in
                try writer.execute("VACUUM")
            }
            try writer.execute("PRAGMA temp_store = MEMORY")
            try result.get()
        } catch {
            rollBack()
            let failure = error.asLodestoneError(context: context)
            // Pages that a failed write or fsync left behind may be lost without a second failure.
            if error.code & 0xff == SQLITE_IOERR { refuseWrites(because: failure) }
            throw failure
        }
        _ = try collections.get()
    }

    /// - Returns: Whether nothing of before is left in the write-ahead log.
    private func cutWriteAheadLog() throws(LodestoneError) -> Bool {
        try exclusively { (_) throws(LodestoneError) in
            checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
            if let failure = writeFailure.withLock({ $0 }) { throw failure }
            return FileSystem.byteCount(databasePath + "-wal") == 0
        }
    }
}
