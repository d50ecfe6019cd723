// SPDX-License-Identifier: Apache-2.0
import CSQLite
package import LodestoneCore
import Synchronization

/// The store on SQLite and vector segments, in one directory.
///
///
///     lodestone.db (-wal, -shm)   rows, log, words; nobody but SQLite opens these
///     vectors-N-M.seg             the vectors of collection N
///     lock                        held while the store is open
///
/// Threading: commits come from the engine's writer, one at a time; readers take a connection each
/// out of a pool behind a mutex. Unchecked, because the writer's own state (`writer`, `lastSequence`,
/// `chain`, `walPages`) is confined to the thread that commits.
package final class SQLiteStore: Store, @unchecked Sendable {
    /// A checkpoint follows the commit that takes the write-ahead log over this.
    static let checkpointBytes = 16 << 20
    static let pageBytes = 16_384
    /// Request ids are kept for a day, and at least so many.
    static let keptRequests = 1_000_000
    static let keptRequestSeconds = 86_400
    /// Batches between two looks at what can be forgotten.
    static let batchesPerForgetting: UInt64 = 65_536

    package let durability: Durability
    let directory: String
    let segments: SegmentSet
    let writer: SQLiteConnection
    private let lock: DirectoryLock
    private let idleReaders = Mutex<[SQLiteConnection]>([])
    /// Why the store takes no more writes, once it does not.
    let writeFailure = Mutex<LodestoneError?>(nil)
    private let isClosed = Atomic<Bool>(false)
    var lastSequence: UInt64 = 0
    var chain: UInt32 = 0
    var walPages = 0

    package var version: String { "SQLite \(String(cString: sqlite3_libversion()))" }
    var databasePath: String { directory + "/lodestone.db" }

    /// Opens the store in `directory`, creating both when missing.
    ///
    /// - Throws: `.failedPrecondition` when another process has it open or its format is newer;
    ///   `.dataLoss` when the log's chain is broken.
    package init(directory: String, durability: Durability) throws(LodestoneError) {
        try FileSystem.createDirectory(directory)
        self.directory = directory
        self.durability = durability
        lock = try DirectoryLock(directory: directory)
        segments = SegmentSet(directory: directory)
        do {
            writer = try SQLiteConnection(
                path: directory + "/lodestone.db",
                isReadOnly: false
            )
        } catch {
            throw error.asLodestoneError(context: nil)
        }
        do throws(SQLiteConnection.Failure) {
            try writer.execute("PRAGMA page_size = \(Self.pageBytes)")
        } catch {
            throw error.asLodestoneError(context: nil)
        }
        try prepareSchema()
        try readLog()
        sqlite3_wal_hook(
            writer.handle,
            { store, _, _, pages in
                if let store {
                    Unmanaged<SQLiteStore>.fromOpaque(store).takeUnretainedValue().walPages =
                        Int(pages)
                }
                return SQLITE_OK
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
        let reader = try beginRead(context: nil)
        defer { reader.end() }
        segments.removeAll(except: Set(try reader.collections().map(\.number)))
    }

    private func prepareSchema() throws(LodestoneError) {
        let format: Int64
        do throws(SQLiteConnection.Failure) {
            format = try pragma("user_version")
            let application = try pragma("application_id")
            let tables = try scalar("SELECT count(*) FROM sqlite_schema")
            if tables > 0 && application != Schema.applicationID {
                throw SQLiteConnection.Failure(
                    code: SQLITE_NOTADB,
                    message: "not a Lodestone store"
                )
            }
        } catch {
            throw error.asLodestoneError(context: nil)
        }
        guard format <= Schema.format else {
            throw LodestoneError(
                .failedPrecondition,
                reason: "FORMAT_TOO_NEW",
                "The store in \(directory) has format \(format); this release reads up to "
                    + "\(Schema.format).",
                recovery: "Open it with the release that wrote it, or a later one.",
                object: directory
            )
        }
        do throws(SQLiteConnection.Failure) {
            if format == 0 { try writer.execute("PRAGMA journal_mode = WAL") }
            try writer.execute(Schema.configure(durability))
            if format == 0 {
                try writer.execute("BEGIN EXCLUSIVE")
                try writer.execute(Schema.create)
                try writer.execute("COMMIT")
            }
        } catch {
            throw error.asLodestoneError(context: nil)
        }
    }

    /// Follows the log's chain to its end.
    private func readLog() throws(LodestoneError) {
        do throws(SQLiteConnection.Failure) {
            let statement = try writer.statement(LogRow.select + " ORDER BY seq")
            defer { statement.reset() }
            while try statement.step() {
                let row = LogRow(statement)
                guard row.sequenceNumber == lastSequence + 1,
                    Checksum.isRight(row.chain(after: chain), row.stored)
                else {
                    throw SQLiteConnection.Failure(
                        code: SQLITE_CORRUPT,
                        message: "log row \(row.sequenceNumber) fails its checksum after row "
                            + "\(lastSequence)"
                    )
                }
                lastSequence = row.sequenceNumber
                chain = row.stored
            }
        } catch {
            throw error.asLodestoneError(context: nil)
        }
    }

    private func pragma(_ name: String) throws(SQLiteConnection.Failure) -> Int64 {
        try scalar("PRAGMA \(name)")
    }

    private func scalar(_ sql: String) throws(SQLiteConnection.Failure) -> Int64 {
        let statement = try writer.statement(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.int(at: 0) : 0
    }

    package func receipt(of requestID: RequestID) throws(LodestoneError) -> StoredReceipt? {
        do throws(SQLiteConnection.Failure) {
            let statement = try writer.statement(
                "SELECT seq, fingerprint, inserted, replaced, dropped FROM requests WHERE id = ?1"
            )
            defer { statement.reset() }
            statement.bind(requestID.bytes, at: 1)
            guard try statement.step() else { return nil }
            return StoredReceipt(
                fingerprint: UInt64(bitPattern: statement.int(at: 1)),
                receipt: WriteReceipt(
                    sequenceNumber: UInt64(statement.int(at: 0)),
                    durability: durability,
                    inserted: Int(statement.int(at: 2)),
                    replaced: Int(statement.int(at: 3)),
                    dropped: Int(statement.int(at: 4)),
                    isRepeated: true
                )
            )
        } catch {
            throw error.asLodestoneError(context: nil)
        }
    }

    package func beginRead(context: CallContext?) throws(LodestoneError) -> any StoreReader {
        try refuseIfClosed()
        do throws(SQLiteConnection.Failure) {
            let connection: SQLiteConnection
            if let idle = idleReaders.withLock({ $0.popLast() }) {
                connection = idle
            } else {
                connection = try SQLiteConnection(path: databasePath, isReadOnly: true)
                try connection.execute(Schema.configure(durability))
            }
            return try SQLiteReader(connection, store: self, context: context)
        } catch {
            throw error.asLodestoneError(context: context)
        }
    }

    func refuseIfClosed() throws(LodestoneError) {
        guard !isClosed.load(ordering: .acquiring) else {
            throw LodestoneError(
                .unavailable,
                reason: "CLOSED",
                "The store in \(directory) is closed.",
                recovery: "Open it again.",
                object: directory
            )
        }
    }

    /// Takes a reader's connection back; a few stay open for the next ones.
    func giveBack(_ connection: SQLiteConnection) {
        idleReaders.withLock { idle in
            if idle.count < 8 { idle.append(connection) }
        }
    }

    package func byteCounts() -> [(part: String, bytes: UInt64)] {
        [
            ("database", FileSystem.byteCount(databasePath)),
            ("log", FileSystem.byteCount(databasePath + "-wal")),
            ("segments", segments.byteCount),
        ]
    }

    package func close() {
        // A checkpoint that fails loses nothing: the write-ahead log stays and is read at the
        // next open.
        checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
        isClosed.store(true, ordering: .releasing)
        idleReaders.withLock { $0.removeAll() }
        lock.release()
    }

    func checkpoint(_ mode: Int32) {
        sqlite3_wal_checkpoint_v2(writer.handle, nil, mode, nil, nil)
    }
}

extension RequestID {
    /// The id as the store keeps it.
    var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
    }
}
