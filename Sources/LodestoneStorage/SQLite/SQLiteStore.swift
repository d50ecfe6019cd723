// SPDX-License-Identifier: Apache-2.0
import CSQLite
package import LodestoneCore
import LodestoneFiles
package import LodestoneStructures
import Synchronization

/// The store on SQLite and vector segments, in one directory.
///
///     lodestone.db (-wal, -shm)   rows, log, words; only SQLite opens these
///     vectors-N-M.seg             the vectors of collection N
///     base-N-S.base               the base of collection N at sequence number S
///     lock                        held during a commit or checkpoint by its process
///     turn.lock                   held by the process that gets `lock` next
///     compaction.lock             one byte of it held during the compaction of a collection
///     analysis.lock               shared by all processes that have the store open
///     sequence                    the sequence number that all processes must have applied
///
/// Threading: any thread; each reader takes a connection from a pool, which a mutex guards.
/// Unchecked, because the writer's own state (`writer`, `lastSequence`, `chain`, `walPages`) is
/// used only while `lock` is held.
package final class SQLiteStore: Store, @unchecked Sendable {
    /// The length of the write-ahead log above which a commit is followed by a checkpoint.
    static let checkpointBytes = 16 << 20
    /// The page size of a new database; a database of an earlier release keeps 16 KiB.
    ///
    /// Replacing or dropping a row writes its page twice: into the write-ahead log and into the
    /// database. Measured (500 scattered documents replaced, 16 KiB): ten times their bytes
    /// written. Measured (import, against 16 KiB): 4 KiB a tenth slower, 8 KiB as fast.
    private static let newPageBytes = 8_192
    /// The least number of later sequence numbers for which a request id is kept.
    static let keptRequests = 1_000_000
    /// The least time for which a request id is kept; both limits must be over before its deletion.
    static let keptRequestSeconds = 86_400
    /// The batches between two deletions of old request ids.
    static let batchesPerForgetting: UInt64 = 65_536

    /// The longest wait for the lock in `close`: a service manager gives a service only seconds to
    /// end.
    private static let closeTimeout = Duration.seconds(2)

    package let durability: Durability
    package let isReadOnly: Bool
    /// The limit on the edges that a row keeps when it is written.
    let edgesInRow: EdgesInRow
    let directory: String
    let segments: SegmentSet
    /// The connection that writes; in a read-only store it only reads.
    let writer: SQLiteConnection
    /// The lock for commits and checkpoints; `nil` in a read-only store.
    let lock: StoreLock?
    let compactionLock: CompactionLock
    let analysisLock: AnalysisLock
    /// The analysis of texts in this process.
    let analysis: any WordAnalysis
    /// The shared sequence number; `nil` in a read-only store without a complete file `sequence`.
    let counter: SharedCounter?
    private let database: DatabaseFile
    private let idleReaders = Mutex<[SQLiteConnection]>([])
    /// The reason why the store refuses writes, once it does.
    let writeFailure = Mutex<LodestoneError?>(nil)
    private let isClosed = Atomic<Bool>(false)
    var lastSequence: UInt64 = 0
    var chain: UInt32 = 0
    var walPages = 0
    /// The page size of this database in bytes.
    private(set) var pageBytes = SQLiteStore.newPageBytes
    package private(set) var remadeWords: [String] = []

    package var failedWrite: LodestoneError? { writeFailure.withLock { $0 } }
    package var version: String { "SQLite \(String(cString: sqlite3_libversion()))" }
    var databasePath: String { database.path }

    /// Opens the store in `directory`, and creates both if they are missing.
    ///
    /// - Parameters:
    ///   - directory: The directory of the store.
    ///   - durability: The failures that an acknowledged write survives.
    ///   - analysis: The analysis of texts in this process.
    ///   - edgesInRow: The limit on the edges that a row keeps when it is written.
    ///   - lockTimeout: The longest wait for another process that holds the store, which may have
    ///     been stopped.
    /// - Throws: `.failedPrecondition` when the store's format is newer, or another process with a
    ///   different analysis has it open. `.dataLoss` when the log's chain is broken.
    package init(
        directory: String,
        durability: Durability,
        analysis: any WordAnalysis,
        edgesInRow: EdgesInRow = EdgesInRow(),
        lockTimeout: Duration = .seconds(30)
    ) throws(LodestoneError) {
        try FileSystem.createDirectory(directory)
        isReadOnly = false
        self.directory = directory
        self.analysis = analysis
        self.edgesInRow = edgesInRow
        self.durability = durability
        let database = DatabaseFile(in: directory)
        self.database = database
        let lock = try StoreLock(
            directory + "/lock",
            turn: directory + "/turn.lock",
            lockTimeout: lockTimeout
        )
        self.lock = lock
        compactionLock = try CompactionLock(directory + "/compaction.lock")
        analysisLock = try AnalysisLock(directory + "/analysis.lock")
        let counter = try SharedCounter(directory + "/sequence")
        self.counter = counter
        segments = SegmentSet(directory: directory)
        // Opening runs SQLite's recovery and may create the schema, so no other process may commit
        // meanwhile.
        writer = try lock.exclusively { () throws(LodestoneError) in
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try SQLiteConnection(path: database.path, isReadOnly: false)
            }
        }
        try lock.exclusively { () throws(LodestoneError) in
            try prepareSchema()
            remadeWords = try adoptAnalysis()
            try followLog()
            try checkKeptLog()
            counter.set(lastSequence)
            let reader = try beginRead(context: nil)
            defer { reader.end() }
            segments.removeAll(except: Set(try reader.collections().map(\.number)))
        }
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
        try removeForgottenBases()
    }

    /// Opens the store in `directory` for reading only, while other processes may write to it.
    ///
    /// Nothing is written: no schema is upgraded, no words are rebuilt, no leftovers are removed.
    /// SQLite may create its index of the write-ahead log if the directory permits it.
    ///
    /// - Parameters:
    ///   - directory: The directory of the store.
    ///   - analysis: The analysis of texts in this process.
    /// - Throws: `.notFound` when there is no store. `.failedPrecondition` when its format or its
    ///   words are not those of this release. `.unavailable` while another process upgrades them.
    ///   `.dataLoss` when the log's chain is broken.
    package init(readingFrom directory: String, analysis: any WordAnalysis)
        throws(LodestoneError)
    {
        isReadOnly = true
        edgesInRow = EdgesInRow()
        self.directory = directory
        self.analysis = analysis
        durability = .full
        lock = nil
        database = try DatabaseFile(readingFrom: directory)
        if !FileSystem.isReadOnly(directory) {
            // A restored store may lack these files. Another process that opens it later, to write,
            // must find them in use. A process without the permission to create them can't see the
            // later commits of others.
            _ = try? AnalysisLock(directory + "/analysis.lock")
            _ = try? SharedCounter(directory + "/sequence")
        }
        compactionLock = try CompactionLock(directory + "/compaction.lock", isReadOnly: true)
        analysisLock = try AnalysisLock(directory + "/analysis.lock", isReadOnly: true)
        counter = try SharedCounter(reading: directory + "/sequence")
        segments = SegmentSet(directory: directory, isReadOnly: true)
        // From here on no process changes the format or the words.
        try analysisLock.share()
        writer = try Self.connectReader(database, .full)
        try refuseOtherRelease()
    }

    private static func connectReader(_ database: DatabaseFile, _ durability: Durability)
        throws(LodestoneError) -> SQLiteConnection
    {
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            let connection = try database.connectReader()
            try connection.execute(Schema.configure(durability))
            return connection
        }
    }

    /// Refuses a store that would need an upgrade before this release could read it.
    private func refuseOtherRelease() throws(LodestoneError) {
        let run = { (sql: String) throws(LodestoneError) in
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try self.writer.execute(sql)
            }
        }
        // All checks read one state, because another process may shorten the log meanwhile.
        try run("BEGIN")
        let (format, words) = try SQLiteConnection.orFail {
            () throws(SQLiteConnection.Failure) in
            try refuseOtherPrograms()
            return (
                try pragma("user_version"),
                try scalar("SELECT value FROM meta WHERE key = 'analysis'")
            )
        }
        try refuseNewer(format)
        if format < Schema.format || UInt64(bitPattern: words) != analysis.fingerprint {
            throw LodestoneError(
                .failedPrecondition,
                reason: .upgradeNeeded,
                format < Schema.format
                    ? "The store in \(directory) has format \(format), which this release brings to "
                        + "\(Schema.format) before it reads it."
                    : "The store in \(directory) has words that another release, libstemmer or "
                        + "Unicode table made of texts.",
                recovery: "Open it once for writing, or read it with the release that wrote it.",
                object: directory
            )
        }
        try followLog()
        try checkKeptLog()
        try run("COMMIT")
    }

    private func refuseOtherPrograms() throws(SQLiteConnection.Failure) {
        let application = try pragma("application_id")
        let tables = try scalar("SELECT count(*) FROM sqlite_schema")
        if tables > 0 && application != Schema.applicationID {
            throw SQLiteConnection.Failure(
                code: SQLITE_NOTADB,
                message: "not a Lodestone store"
            )
        }
    }

    private func prepareSchema() throws(LodestoneError) {
        let format: Int64
        do throws(SQLiteConnection.Failure) {
            try writer.execute("PRAGMA page_size = \(Self.newPageBytes)")
            try writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
            pageBytes = Int(try pragma("page_size"))
            format = try pragma("user_version")
            try refuseOtherPrograms()
        } catch {
            throw error.asLodestoneError(context: nil)
        }
        try refuseNewer(format)
        if format > 0 && format < Schema.format { try refuseUpgradeWhileShared(format) }
        do throws(SQLiteConnection.Failure) {
            if format == 0 { try writer.execute("PRAGMA journal_mode = WAL") }
            try writer.execute(Schema.configure(durability))
            if format == 0 {
                try writer.execute("BEGIN EXCLUSIVE")
                try writer.execute(Schema.create())
                try writer.execute("COMMIT")
            } else if format < Schema.format {
                // Words of earlier formats differ. They are rebuilt, like the words of another
                // analysis.
                try writer.execute("BEGIN EXCLUSIVE")
                try writer.execute(Schema.upgrade(from: format))
                try writer.execute("COMMIT")
            }
        } catch {
            rollBack()
            throw error.asLodestoneError(context: nil)
        }
    }

    /// Refuses a store that a newer release has upgraded.
    ///
    /// The upgrade may come while this process has the store open. This process would then misread
    /// its rows.
    func refuseNewer(_ format: Int64) throws(LodestoneError) {
        guard format > Schema.format else { return }
        throw LodestoneError(
            .failedPrecondition,
            reason: .formatTooNew,
            "The store in \(directory) has format \(format); this release reads up to "
                + "\(Schema.format).",
            recovery: "Open it with the release that wrote it, or a later one.",
            object: directory
        )
    }

    /// Refuses to upgrade a store that another process has open.
    ///
    /// A process of an earlier release would continue to read and write rows of the earlier format.
    /// `adoptAnalysis` shares `analysis.lock` again before the lock for commits is released.
    private func refuseUpgradeWhileShared(_ format: Int64) throws(LodestoneError) {
        guard !analysisLock.takeAlone() else { return }
        throw LodestoneError(
            .failedPrecondition,
            reason: .earlierReleaseOpen,
            "Another process of an earlier release has the store in \(directory) open; its format "
                + "\(format) can't become \(Schema.format) meanwhile.",
            recovery: "Stop the other process first, then open the store again.",
            object: directory
        )
    }

    /// Recomputes the log's chain to its end, from this process's position or from the anchor.
    func followLog() throws(LodestoneError) {
        do throws(SQLiteConnection.Failure) {
            if let anchor = try LogAnchor.read(writer), anchor.sequenceNumber > lastSequence {
                lastSequence = anchor.sequenceNumber
                chain = anchor.chain
            }
            let statement = try writer.statement(LogRow.select + " WHERE seq > ?1 ORDER BY seq")
            defer { statement.reset() }
            statement.bind(lastSequence, at: 1)
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

    package var sharedSequenceNumber: UInt64 { counter?.current ?? 0 }

    package var lockTimeout: Duration { lock?.lockTimeout ?? .zero }

    package func exclusively<T>(
        until end: ContinuousClock.Instant? = nil,
        while check: () throws(LodestoneError) -> Void = {},
        _ body: (UInt64) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        try refuseIfReadOnly()
        guard let lock else { throw .broken("a store that is written to has no lock") }
        return try lock.exclusively(until: end, while: check) { () throws(LodestoneError) in
            try refuseIfClosed()
            try refuseNewer(
                SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                    try pragma("user_version")
                }
            )
            if try lastLogged() != lastSequence { try followLog() }
            return try body(lastSequence)
        }
    }

    package func publish(_ sequenceNumber: UInt64) {
        counter?.raise(to: sequenceNumber)
    }

    private func lastLogged() throws(LodestoneError) -> UInt64 {
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            UInt64(try scalar("SELECT max(seq) FROM log"))
        }
    }

    private func pragma(_ name: String) throws(SQLiteConnection.Failure) -> Int64 {
        try scalar("PRAGMA \(name)")
    }

    func scalar(_ sql: String) throws(SQLiteConnection.Failure) -> Int64 {
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
        try beginReading(context)
    }

    func beginReading(_ context: CallContext? = nil) throws(LodestoneError) -> SQLiteReader {
        try refuseIfClosed()
        let connection: SQLiteConnection
        if let idle = idleReaders.withLock({ $0.popLast() }) {
            connection = idle
        } else {
            connection = try Self.connectReader(database, durability)
        }
        return try SQLiteConnection.orFail(context) { () throws(SQLiteConnection.Failure) in
            try SQLiteReader(connection, store: self, context: context)
        }
    }

    package func refuseIfReadOnly() throws(LodestoneError) {
        if isReadOnly { throw .readOnly(directory) }
    }

    func refuseIfClosed() throws(LodestoneError) {
        guard !isClosed.load(ordering: .acquiring) else {
            throw LodestoneError(
                .unavailable,
                reason: .closed,
                "The store in \(directory) is closed.",
                recovery: "Open it again.",
                object: directory
            )
        }
    }

    /// Returns a reader's connection to the pool; the pool keeps a few connections open.
    func giveBack(_ connection: SQLiteConnection) {
        idleReaders.withLock { idle in
            if idle.count < 8 { idle.append(connection) }
        }
    }

    package func closeSegments(of collection: CollectionNumber) {
        segments.close(collection)
    }

    package func byteCounts() -> [(part: String, bytes: UInt64)] {
        [
            ("database", FileSystem.byteCount(databasePath)),
            ("write_ahead_log", FileSystem.byteCount(databasePath + "-wal")),
            ("segments", segments.byteCount),
            ("bases", baseByteCount),
            ("snapshots", snapshotByteCount),
        ]
    }

    package func close() {
        // A checkpoint that fails loses nothing: the write-ahead log stays and is read at the
        // next open.
        try? lock?.exclusively(until: .now.advanced(by: Self.closeTimeout)) {
            checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
        }
        isClosed.store(true, ordering: .releasing)
        idleReaders.withLock { $0.removeAll() }
        lock?.close()
        analysisLock.close()
    }

    /// Runs a checkpoint; one that can't run now is repeated after a later commit.
    func checkpoint(_ mode: Int32) {
        // After a failed write the disk gets no more checkpoints.
        guard writeFailure.withLock({ $0 == nil }) else { return }
        let code = sqlite3_wal_checkpoint_v2(writer.handle, nil, mode, nil, nil)
        // `SQLITE_IOERR_FSYNC`, which is a macro: after a failed fsync, pages may be lost without a
        // further error.
        guard code == SQLITE_IOERR | 4 << 8 else { return }
        refuseWrites(
            because: SQLiteConnection.Failure(
                code: code,
                message: "moving the write-ahead log into the database"
            ).asLodestoneError(context: nil)
        )
    }
}

extension RequestID {
    /// The request id as the bytes in the store.
    var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
    }
}
