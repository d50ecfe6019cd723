// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CSQLite
package import LodestoneCore
import LodestoneFiles
package import LodestoneStructures
import LodestoneSystem

/// Bases: the pointers to them, and the removal of the files and log rows that they replace.
extension SQLiteStore {
    private static let vacuumedPagesPerStep = 512

    package func compacting<T>(
        _ collection: CollectionNumber,
        _ body: () throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T? {
        try refuseIfClosed()
        return try compactionLock.ifFree(collection, body)
    }

    package func basePath(of collection: CollectionNumber, sequenceNumber: UInt64) -> String {
        directory + "/" + BaseRecord.fileName(collection, sequenceNumber)
    }

    package func adoptBase(
        of collection: CollectionNumber,
        sequenceNumber: UInt64,
        garbageBytes: Int?,
        isLive: (RowID) -> Bool
    ) throws(LodestoneError) {
        // A store that refuses writes fails here, before files are written that nothing would point
        // to.
        if let failure = writeFailure.withLock({ $0 }) { throw failure }
        var record = try baseRecord(of: collection, sequenceNumber: sequenceNumber)
        let moved = try moveVectors(of: &record, garbageBytes: garbageBytes, isLive: isLive)
        let isDropped = try exclusively { (_) throws(LodestoneError) in
            let isDropped = try transaction { () throws(SQLiteConnection.Failure) in
                let existing = try scalar(
                    "SELECT count(*) FROM collections WHERE number = \(collection)"
                )
                if existing == 0 { return true }
                try record.write(writer)
                return false
            }
            Failpoint.reach(.compactionBeforeRemoval)
            if isDropped {
                segments.remove(collection)
            } else {
                segments.adopt(moved, of: collection)
                try removeUnneededSegments(of: collection)
            }
            return isDropped
        }
        removeBases(of: collection, except: isDropped ? nil : record.file)
        try forgetKeptLog(of: collection)
        try forgetLog()
    }

    /// The record of a base at `sequenceNumber`.
    ///
    /// Every vector whose location comes from the log is compared with its checksum.
    private func baseRecord(of collection: CollectionNumber, sequenceNumber: UInt64)
        throws(LodestoneError) -> BaseRecord
    {
        let reader = try beginReading()
        defer { reader.end() }
        let old = try reader.baseRecord(of: collection)
        var record = BaseRecord(
            collection: collection,
            sequenceNumber: sequenceNumber,
            nextRow: old?.nextRow ?? .first,
            file: BaseRecord.fileName(collection, sequenceNumber),
            runs: old?.runs ?? VectorExtents()
        )
        try reader.extend(
            &record,
            after: old?.sequenceNumber ?? 0,
            through: sequenceNumber
        )
        return record
    }

    package func reclaimSpace() throws(LodestoneError) {
        try forgetLog()
        var isDone = false
        var hasShrunk = false
        while !isDone {
            isDone = try exclusively { (_) throws(LodestoneError) in
                let isDone = try transaction { () throws(SQLiteConnection.Failure) in
                    try reclaimStep()
                }
                hasShrunk = hasShrunk || !isDone
                // The file shrinks only when the write-ahead log is copied into it.
                if isDone && hasShrunk {
                    checkpoint(SQLITE_CHECKPOINT_PASSIVE)
                } else {
                    checkpointIfLarge()
                }
                return isDone
            }
        }
    }

    /// - Returns: Whether no space is left to return.
    private func reclaimStep() throws(SQLiteConnection.Failure) -> Bool {
        let before = try scalar("PRAGMA freelist_count")
        guard before > Self.vacuumedPagesPerStep / 4 else { return true }
        try writer.execute("PRAGMA incremental_vacuum(\(Self.vacuumedPagesPerStep))")
        return try scalar("PRAGMA freelist_count") >= before
    }

    // MARK: Files

    /// Removes base files that no record names; a crash around the change of a record leaves such
    /// files.
    ///
    /// - Returns: Whether they were removed; false during a compaction, which may be writing a
    ///   base.
    @discardableResult
    func removeForgottenBases() throws(LodestoneError) -> Bool {
        let done: Void? = try compactionLock.ifFree(nil) { () throws(LodestoneError) in
            let read = try beginRead(context: nil)
            defer { read.end() }
            var kept: Set<String> = []
            for record in try read.collections() {
                if let path = try read.base(of: record.number)?.path { kept.insert(path) }
            }
            for name in baseNames() where !kept.contains(directory + "/" + name) {
                unlink(directory + "/" + name)
            }
            // On a full disk the segments stay.
            try? removeForgottenSegments()
        }
        return done != nil
    }

    /// Removes all bases of a collection except one.
    ///
    /// Mappings in use stay valid.
    func removeBases(of collection: CollectionNumber, except kept: String?) {
        for name in baseNames() where name.hasPrefix("base-\(collection)-") && name != kept {
            unlink(directory + "/" + name)
        }
    }

    var baseByteCount: UInt64 {
        baseNames().reduce(0) { $0 + FileSystem.byteCount(directory + "/" + $1) }
    }

    private func baseNames() -> [String] {
        FileSystem.names(in: directory).filter {
            $0.hasPrefix("base-") && ($0.hasSuffix(".base") || $0.hasSuffix(".base.tmp"))
        }
    }
}

extension SQLiteReader {
    func uncompactedLogBytes() throws(LodestoneError) -> [CollectionNumber: Int] {
        try SQLiteConnection.orFail(context) { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                """
                SELECT log.collection, sum(length(detail)) FROM log
                LEFT JOIN bases ON bases.collection = log.collection
                WHERE kind = 3 AND log.seq > coalesce(bases.seq, 0) GROUP BY log.collection
                """
            )
            defer { statement.reset() }
            var bytes: [CollectionNumber: Int] = [:]
            while try statement.step() {
                bytes[CollectionNumber(truncatingIfNeeded: statement.int(at: 0))] =
                    Int(statement.int(at: 1))
            }
            return bytes
        }
    }
}

/// A row of `bases`.
struct BaseRecord {
    var collection: CollectionNumber
    var sequenceNumber: UInt64
    var nextRow: RowID
    /// The name of the file in the store's directory; empty when the base must be built again.
    var file: String
    var runs: VectorExtents
    /// The dimension of the collection; it is not written.
    var dimension = 0

    static func fileName(_ collection: CollectionNumber, _ sequenceNumber: UInt64) -> String {
        "base-\(collection)-\(sequenceNumber).base"
    }

    private var sum: UInt32 {
        var writer = ByteWriter()
        writer.append(fixed: collection)
        writer.append(fixed: sequenceNumber)
        writer.append(fixed: nextRow.rawValue)
        writer.append(string: file)
        writer.bytes += runs.bytes
        return lode_crc32c(0, writer.bytes, writer.bytes.count)
    }

    func write(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) {
        let statement = try connection.statement(
            """
            INSERT OR REPLACE INTO bases(collection, seq, next_row, file, runs, sum)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6)
            """
        )
        statement.bind(collection, at: 1)
        statement.bind(sequenceNumber, at: 2)
        statement.bind(nextRow, at: 3)
        statement.bind(text: file, at: 4)
        statement.bind(runs.bytes, at: 5)
        statement.bind(sum, at: 6)
        try statement.run()
    }

    static func read(_ connection: SQLiteConnection, of collection: CollectionNumber)
        throws(SQLiteConnection.Failure) -> BaseRecord?
    {
        let statement = try connection.statement(
            "SELECT seq, next_row, file, runs, sum FROM bases WHERE collection = ?1"
        )
        defer { statement.reset() }
        statement.bind(collection, at: 1)
        guard try statement.step() else {
            if try isLost(connection, of: collection) {
                throw SQLiteConnection.Failure(
                    code: SQLITE_CORRUPT,
                    message: "the pointer to the base of collection \(collection) is missing"
                )
            }
            return nil
        }
        let runs: VectorExtents
        do throws(ByteReader.Malformed) {
            runs = try statement.withBytes(at: 3) { (bytes) throws(ByteReader.Malformed) in
                try VectorExtents(bytes)
            }
        } catch {
            throw damaged(collection)
        }
        let record = BaseRecord(
            collection: collection,
            sequenceNumber: UInt64(bitPattern: statement.int(at: 0)),
            nextRow: statement.row(at: 1),
            file: statement.withBytes(at: 2) { String(decoding: $0, as: UTF8.self) },
            runs: runs
        )
        // The name becomes a path, so it must be the name of this base and of no other file of the
        // store.
        guard record.sum == UInt32(truncatingIfNeeded: statement.int(at: 4)),
            record.file.isEmpty || record.file == fileName(collection, record.sequenceNumber)
        else { throw damaged(collection) }
        return record
    }

    /// Whether a collection without a record of its base has had one.
    ///
    /// The log keeps the first batch of a collection until a base holds it. Without the record the
    /// locations of the vectors before the base are unknown.
    private static func isLost(_ connection: SQLiteConnection, of collection: CollectionNumber)
        throws(SQLiteConnection.Failure) -> Bool
    {
        let statement = try connection.statement(
            """
            SELECT EXISTS(SELECT 1 FROM collections WHERE number = ?1)
                AND NOT EXISTS(SELECT 1 FROM log WHERE collection = ?1 AND kind = ?2)
            """
        )
        defer { statement.reset() }
        statement.bind(collection, at: 1)
        statement.bind(Schema.LogKind.createCollection.rawValue, at: 2)
        return try statement.step() && statement.int(at: 0) != 0
    }

    private static func damaged(_ collection: CollectionNumber) -> SQLiteConnection.Failure {
        SQLiteConnection.Failure(
            code: SQLITE_CORRUPT,
            message: "the pointer to the base of collection \(collection) fails its checksum"
        )
    }
}
