// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CSQLite
import LodestoneCore
import LodestoneStructures

/// One batch in the redo log.
package struct RedoEntry: Sendable, Equatable {
    package var sequenceNumber: UInt64
    /// The time of the commit, in microseconds since 1970.
    package var time: Int64
    /// The log's chain before the batch.
    package var chainBefore: UInt32
    /// The log's chain after the batch.
    package var chain: UInt32
    /// The bytes of the batch (`RedoRecord`).
    package var record: [UInt8]

    package init(
        sequenceNumber: UInt64,
        time: Int64,
        chainBefore: UInt32,
        chain: UInt32,
        record: [UInt8]
    ) {
        self.sequenceNumber = sequenceNumber
        self.time = time
        self.chainBefore = chainBefore
        self.chain = chain
        self.record = record
    }
}

/// The state of a store's redo log, which the value `redo` in `meta` keeps.
package struct RedoStatus: Sendable, Equatable {
    /// The history of the store: 16 random bytes, made when the redo log was switched on first.
    ///
    /// A restored store has no redo log, and so it gets a history of its own.
    package var history: [UInt8]
    /// The bytes of records at which recording stops.
    package var limit: UInt64
    /// The bytes of all records.
    package var byteCount: UInt64 = 0
    /// Whether recording has stopped, because the records reached the limit.
    package var isStopped = false
}

/// The table `redo`: batches as a whole, from their commit until a backup has them.
///
/// The log of a store is not enough for a backup of each state: it names rows whose content a later
/// batch may have removed. Each row of `redo` has a batch with all its content. Rows are written in
/// the transaction of the batch. The table and the value `redo` in `meta` exist only after a backup
/// has switched the redo log on.
struct RedoTable {
    let connection: SQLiteConnection

    private static let value = MetaValue(
        key: "redo",
        byteCount: 40,
        description: "the state of the redo log"
    )

    /// Creates the table, unless there is one.
    func create() throws(SQLiteConnection.Failure) {
        try connection.execute(
            """
            CREATE TABLE IF NOT EXISTS redo(
                seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, before INTEGER NOT NULL,
                chain INTEGER NOT NULL, record BLOB NOT NULL, sum INTEGER NOT NULL);
            """
        )
    }

    /// - Returns: `nil` when the redo log was never switched on.
    func status() throws(SQLiteConnection.Failure) -> RedoStatus? {
        guard let bytes = try Self.value.read(connection) else { return nil }
        return RedoStatus(
            history: Array(bytes[..<16]),
            limit: bytes.fixed(UInt64.self, at: 16),
            byteCount: bytes.fixed(UInt64.self, at: 24),
            isStopped: bytes.fixed(UInt64.self, at: 32) != 0
        )
    }

    func write(_ status: RedoStatus) throws(SQLiteConnection.Failure) {
        var writer = ByteWriter()
        writer.bytes = status.history
        writer.append(fixed: status.limit)
        writer.append(fixed: status.byteCount)
        writer.append(fixed: UInt64(status.isStopped ? 1 : 0))
        try Self.value.write(writer, to: connection)
    }

    func append(_ entry: RedoEntry) throws(SQLiteConnection.Failure) {
        let statement = try connection.statement(
            """
            INSERT INTO redo(seq, time, before, chain, record, sum) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
            """
        )
        statement.bind(entry.sequenceNumber, at: 1)
        statement.bind(entry.time, at: 2)
        statement.bind(entry.chainBefore, at: 3)
        statement.bind(entry.chain, at: 4)
        statement.bind(entry.record, at: 5)
        statement.bind(lode_crc32c(entry.chain, entry.record, entry.record.count), at: 6)
        try statement.run()
    }

    /// Reads the batches after a sequence number, oldest first, at least one if there is any.
    ///
    /// - Parameters:
    ///   - sequenceNumber: The last batch that the caller has.
    ///   - maxBytes: The entry that reaches this many bytes is the last one.
    /// - Returns: The entries. The first one may be later than the next sequence number.
    /// - Throws: `SQLITE_CORRUPT` for a record that fails its checksum.
    func entries(after sequenceNumber: UInt64, maxBytes: Int) throws(SQLiteConnection.Failure)
        -> [RedoEntry]
    {
        let statement = try connection.statement(
            """
            SELECT seq, time, before, chain, record, sum FROM redo WHERE seq > ?1 ORDER BY seq
            """
        )
        defer { statement.reset() }
        statement.bind(sequenceNumber, at: 1)
        var entries: [RedoEntry] = []
        var byteCount = 0
        while byteCount < maxBytes, try statement.step() {
            let entry = RedoEntry(
                sequenceNumber: UInt64(bitPattern: statement.int(at: 0)),
                time: statement.int(at: 1),
                chainBefore: UInt32(truncatingIfNeeded: statement.int(at: 2)),
                chain: UInt32(truncatingIfNeeded: statement.int(at: 3)),
                record: statement.withBytes(at: 4) { Array($0) }
            )
            let sum = lode_crc32c(entry.chain, entry.record, entry.record.count)
            guard Checksum.isRight(sum, UInt32(truncatingIfNeeded: statement.int(at: 5))) else {
                throw SQLiteConnection.Failure(
                    code: SQLITE_CORRUPT,
                    message: "batch \(entry.sequenceNumber) of the redo log fails its checksum"
                )
            }
            byteCount += entry.record.count
            entries.append(entry)
        }
        return entries
    }

    /// Deletes some of the batches up to a sequence number.
    ///
    /// - Returns: Whether none is left.
    func delete(through sequenceNumber: UInt64, most: Int) throws(SQLiteConnection.Failure) -> Bool
    {
        guard var status = try status() else { return true }
        let statement = try connection.statement(
            """
            SELECT count(*), coalesce(sum(length(record)), 0), coalesce(max(seq), 0) FROM (
                SELECT seq, record FROM redo WHERE seq <= ?1 ORDER BY seq LIMIT \(most))
            """
        )
        defer { statement.reset() }
        statement.bind(sequenceNumber, at: 1)
        guard try statement.step(), statement.int(at: 0) > 0 else { return true }
        let (count, last) = (Int(statement.int(at: 0)), statement.int(at: 2))
        status.byteCount -= min(status.byteCount, UInt64(statement.int(at: 1)))
        statement.reset()
        try connection.execute("DELETE FROM redo WHERE seq <= \(last)")
        try write(status)
        return count < most
    }

    /// Removes every trace of the redo log, for a copy that is another store.
    func drop() throws(SQLiteConnection.Failure) {
        try connection.execute(
            "DROP TABLE IF EXISTS redo; DELETE FROM meta WHERE key = 'redo';"
        )
    }
}
