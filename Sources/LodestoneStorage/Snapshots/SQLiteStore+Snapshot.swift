// SPDX-License-Identifier: Apache-2.0
import CSQLite
package import LodestoneCore
import LodestoneFiles
import LodestoneStructures
import LodestoneSystem

/// Snapshots of a store; writes continue meanwhile.
///
///     snapshots/NAME.lodestone   an archive
///     snapshots/lock             held while one is being written
///     snapshots/.writing*        an unfinished archive, possibly left by a crash
///
/// One read transaction fixes the state. SQLite's backup copies the database through it. Of each
/// segment the snapshot has the bytes that this state's log names. Segments are append-only, so
/// these bytes can be read later, after the end of the transaction.
extension SQLiteStore {
    private static let suffix = ".lodestone"
    private static let stagingPrefix = ".writing"
    /// The attempts to copy a state; a compaction may remove a file of the state first.
    private static let copyAttempts = 10
    /// The pages that are copied between two checks of the call's context.
    private static let pagesPerStep: Int32 = 64

    private var snapshotDirectory: String { directory + "/snapshots" }

    /// Writes a snapshot of the current state.
    ///
    /// - Throws: `.alreadyExists`; `.resourceExhausted` when the disk is full or another snapshot
    ///   is being written; `.dataLoss` when a segment is shorter than the log says.
    package func createSnapshot(_ name: String, context: CallContext) throws(LodestoneError)
        -> SnapshotDescription
    {
        try refuseIfClosed()
        try Self.check(snapshotName: name)
        try FileSystem.createDirectory(snapshotDirectory)
        let lock = try SnapshotLock(snapshotDirectory)
        defer { lock.release() }
        let path = "\(snapshotDirectory)/\(name)\(Self.suffix)"
        guard access(path, F_OK) != 0 else {
            throw LodestoneError(
                .alreadyExists,
                reason: .snapshotExists,
                "There is a snapshot '\(name)'.",
                recovery: "Choose another name, or remove the file of the old one.",
                object: name
            )
        }
        // Under the lock no other snapshot is being written, so these files were left by a crash.
        removeStaging()
        defer { removeStaging() }
        let archive = "\(snapshotDirectory)/\(Self.stagingPrefix)\(Self.suffix)"
        let description = try writeArchive(archive, name: name, context: context)
        Failpoint.reach(.snapshotBeforeRename)
        guard rename(archive, path) == 0 else { throw FileSystem.failure("rename", archive) }
        Failpoint.reach(.snapshotAfterRename)
        try FileSystem.synchronizeDirectory(snapshotDirectory)
        return description
    }

    /// The snapshots in the order of their names; files that are not snapshots are left out.
    package func snapshots(context: CallContext?) throws(LodestoneError) -> [SnapshotDescription] {
        var descriptions: [SnapshotDescription] = []
        for file in FileSystem.names(in: snapshotDirectory).sorted() {
            try context?.check()
            guard file.hasSuffix(Self.suffix), !file.hasPrefix(".") else { continue }
            let path = "\(snapshotDirectory)/\(file)"
            guard let reader = try? ArchiveReader(path, context: nil) else { continue }
            var description = reader.description
            description.name = String(file.dropLast(Self.suffix.count))
            descriptions.append(description)
        }
        return descriptions
    }

    package func readSnapshot(_ name: String, at offset: UInt64, maxBytes: Int)
        throws(LodestoneError) -> SnapshotPart
    {
        try refuseIfClosed()
        try Self.check(snapshotName: name)
        guard let file = try RegularFile(reading: "\(snapshotDirectory)/\(name)\(Self.suffix)")
        else {
            throw LodestoneError(
                .notFound,
                reason: .noSnapshot,
                "There is no snapshot '\(name)'.",
                recovery: "List the snapshots; another call may have deleted it.",
                object: name
            )
        }
        let byteCount = try file.byteCount()
        guard offset <= byteCount else {
            throw .invalid(
                .badOffset,
                "The offset is \(offset); the snapshot '\(name)' has \(byteCount) bytes.",
                recovery: "Fetch it from the start: it is not the snapshot that it was before.",
                field: "offset"
            )
        }
        var bytes = [UInt8](repeating: 0, count: min(maxBytes, Int(clamping: byteCount - offset)))
        let read = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(LodestoneError) in try file.read(into: buffer, at: offset) }
        }
        bytes.removeLast(bytes.count - (try read.get()))
        return SnapshotPart(bytes: bytes, byteCount: byteCount)
    }

    package func withoutSnapshotting<T>(_ body: () throws(LodestoneError) -> T)
        throws(LodestoneError) -> T
    {
        try refuseIfClosed()
        try FileSystem.createDirectory(snapshotDirectory)
        let lock = try SnapshotLock(snapshotDirectory)
        defer { lock.release() }
        removeStaging()
        return try body()
    }

    package func deleteSnapshot(_ name: String) throws(LodestoneError) {
        try refuseIfClosed()
        try Self.check(snapshotName: name)
        let path = "\(snapshotDirectory)/\(name)\(Self.suffix)"
        guard unlink(path) == 0 else {
            if errno == ENOENT { return }
            throw FileSystem.failure("unlink", path)
        }
        try FileSystem.synchronizeDirectory(snapshotDirectory)
    }

    /// The bytes of all snapshots.
    var snapshotByteCount: UInt64 {
        FileSystem.names(in: snapshotDirectory).filter { $0.hasSuffix(Self.suffix) }
            .reduce(0) { $0 + FileSystem.byteCount("\(snapshotDirectory)/\($1)") }
    }

    private static func check(snapshotName name: String) throws(LodestoneError) {
        let isAllowed = name.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (48...57).contains(byte) || byte == 45 || byte == 95
        }
        guard isAllowed, (1...SnapshotDescription.maxNameLength).contains(name.utf8.count) else {
            throw .invalid(
                .badName,
                "The name of a snapshot has \(name.utf8.count) bytes, or others than a-z, 0-9, _ "
                    + "and -.",
                recovery: "Use 1 to \(SnapshotDescription.maxNameLength) of these characters.",
                field: "name"
            )
        }
    }

    private func writeArchive(_ path: String, name: String, context: CallContext)
        throws(LodestoneError) -> SnapshotDescription
    {
        let copy = "\(snapshotDirectory)/\(Self.stagingPrefix).db"
        let state = try copyState(to: copy, keepingBases: false, context: context)
        Failpoint.reach(.snapshotAfterCopy)
        guard let database = try RegularFile(reading: copy) else {
            throw .broken("The copy of the database is missing.")
        }
        var members = [try member(SchemaReader.databaseName, database.byteCount())]
        for (segment, _) in state.segments {
            members.append(member(segment.name.text, segment.end))
        }
        let manifest = SnapshotManifest(
            sequenceNumber: state.sequenceNumber,
            createdAt: Self.microsecondsSince1970(),
            members: members
        )
        let writer = try ArchiveWriter(path, manifest: manifest, context: context)
        try writer.write(0, from: database)
        Failpoint.reach(.snapshotAfterDatabase)
        for (index, (_, file)) in state.segments.enumerated() {
            try writer.write(index + 1, from: file)
        }
        return SnapshotDescription(
            name: name,
            sequenceNumber: state.sequenceNumber,
            byteCount: try writer.finish(),
            createdAt: manifest.createdAt
        )
    }

    private func member(_ name: String, _ byteCount: UInt64) -> SnapshotManifest.Member {
        let sum = [UInt8](repeating: 0, count: SnapshotManifest.sumByteCount)
        return SnapshotManifest.Member(name: name, byteCount: byteCount, sum: sum)
    }

    private func removeStaging() {
        for file in FileSystem.names(in: snapshotDirectory)
        where file.hasPrefix(Self.stagingPrefix) {
            unlink("\(snapshotDirectory)/\(file)")
        }
    }

    // MARK: One state

    private struct CopiedState {
        var sequenceNumber: UInt64
        /// The log's chain after the last batch.
        var chain: UInt32
        var segments: [(SchemaReader.Segment, RegularFile)]
        var bases: [(name: String, file: RegularFile)]
    }

    /// Calls `body` with a copy of the current state, with its bases and without its redo log.
    ///
    /// No snapshot is written and no content erased until `body` ends. Writes and compactions
    /// continue.
    ///
    /// - Throws: The errors of `body`; `.resourceExhausted` while a snapshot is being written.
    package func withStateCopy<T>(
        context: CallContext,
        _ body: (StateCopy) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        try withoutSnapshotting { () throws(LodestoneError) in
            defer { removeStaging() }
            let path = "\(snapshotDirectory)/\(Self.stagingPrefix).db"
            let state = try copyState(to: path, keepingBases: true, context: context)
            guard let database = try RegularFile(reading: path) else {
                throw .broken("The copy of the database is missing.")
            }
            var files = [
                try StateFile(SchemaReader.databaseName, database, database.byteCount())
            ]
            for (segment, file) in state.segments {
                files.append(StateFile(segment.name.text, file, segment.end))
            }
            for (name, file) in state.bases {
                files.append(try StateFile(name, file, file.byteCount()))
            }
            return try body(
                StateCopy(sequenceNumber: state.sequenceNumber, chain: state.chain, files: files)
            )
        }
    }

    /// Copies the database in one state, and opens the segments of that state.
    ///
    /// A collection may be dropped, with its files, after the transaction has begun. The next
    /// attempt then reads a state without the collection.
    private func copyState(to path: String, keepingBases keepsBases: Bool, context: CallContext)
        throws(LodestoneError) -> CopiedState
    {
        for _ in 0..<Self.copyAttempts {
            if let state = try tryCopyState(to: path, keepsBases, context: context) {
                return state
            }
            removeStaging()
        }
        throw VectorSegment.damaged(directory, "a segment that the log names is missing")
    }

    private func tryCopyState(to path: String, _ keepsBases: Bool, context: CallContext)
        throws(LodestoneError) -> CopiedState?
    {
        let connection: SQLiteConnection
        let reader: SQLiteReader
        do throws(SQLiteConnection.Failure) {
            connection = try SQLiteConnection(path: databasePath, isReadOnly: true)
            try connection.execute(Schema.configure(durability))
            reader = try SQLiteReader(connection, store: self, context: context)
        } catch {
            throw error.asLodestoneError(context: context)
        }
        defer { reader.end() }
        var segments: [(SchemaReader.Segment, RegularFile)] = []
        var bases: [(name: String, file: RegularFile)] = []
        for record in try reader.collections() {
            for segment in try SchemaReader.segments(of: record, connection) {
                let path = "\(directory)/\(segment.name.text)"
                guard let file = try RegularFile(reading: path) else { return nil }
                segments.append((segment, file))
            }
            guard keepsBases, let base = try reader.baseRecord(of: record.number),
                !base.file.isEmpty
            else { continue }
            guard let file = try RegularFile(reading: "\(directory)/\(base.file)") else {
                return nil
            }
            bases.append((base.file, file))
        }
        let chain = try reader.orFail { () throws(SQLiteConnection.Failure) in
            try Self.chain(after: reader.sequenceNumber, connection)
        }
        try copyDatabase(connection, to: path, keepsBases, context: context)
        return CopiedState(
            sequenceNumber: reader.sequenceNumber,
            chain: chain,
            segments: segments,
            bases: bases
        )
    }

    /// The log's chain after the last batch; a kept row has another checksum in its place.
    private static func chain(after last: UInt64, _ connection: SQLiteConnection)
        throws(SQLiteConnection.Failure) -> UInt32
    {
        if let anchor = try LogAnchor.read(connection), anchor.sequenceNumber >= last {
            return anchor.chain
        }
        let statement = try connection.statement("SELECT chain FROM log WHERE seq = ?1")
        defer { statement.reset() }
        statement.bind(last, at: 1)
        return try statement.step() ? UInt32(truncatingIfNeeded: statement.int(at: 0)) : 0
    }

    /// Copies the database by SQLite's backup, through the transaction of `source`.
    private func copyDatabase(
        _ source: SQLiteConnection,
        to path: String,
        _ keepsBases: Bool,
        context: CallContext
    ) throws(LodestoneError) {
        try SchemaReader.withDatabase(path, isReadOnly: false) {
            (target) throws(SQLiteConnection.Failure) in
            // The copy needs no durability, because after a crash it is discarded. Only the archive
            // must be durable.
            try target.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")
            guard let backup = sqlite3_backup_init(target.handle, "main", source.handle, "main")
            else {
                try target.check(sqlite3_extended_errcode(target.handle))
                return
            }
            var result = SQLITE_OK
            while result == SQLITE_OK, !context.isOver {
                result = sqlite3_backup_step(backup, Self.pagesPerStep)
            }
            let end = sqlite3_backup_finish(backup)
            try target.check(result)
            try target.check(end)
            if result == SQLITE_DONE {
                // The copied pages have the store's journal mode; the copy must get no write-ahead
                // log of its own.
                try target.execute("PRAGMA journal_mode = MEMORY")
                try Self.leaveOutRedo(target)
                if !keepsBases { try Self.leaveOutBases(target) }
                try target.execute("PRAGMA journal_mode = WAL")
            }
        }
        try context.check()
    }

    /// Removes the redo log from a copy: a store that is made from it has its own history.
    private static func leaveOutRedo(_ copy: SQLiteConnection) throws(SQLiteConnection.Failure) {
        let table = RedoTable(connection: copy)
        guard try table.status() != nil else { return }
        try table.drop()
        try copy.execute("PRAGMA incremental_vacuum")
    }

    /// Marks all bases of the copy as missing: archives leave out files that can be derived.
    static func leaveOutBases(_ copy: SQLiteConnection) throws(SQLiteConnection.Failure) {
        var collections: [CollectionNumber] = []
        let statement = try copy.statement("SELECT collection FROM bases")
        while try statement.step() {
            collections.append(CollectionNumber(truncatingIfNeeded: statement.int(at: 0)))
        }
        statement.reset()
        for collection in collections {
            guard var record = try BaseRecord.read(copy, of: collection) else { continue }
            record.file = ""
            try record.write(copy)
        }
    }
}

/// The lock that permits one call in one process to write a snapshot.
private struct SnapshotLock {
    private let descriptor: Int32

    init(_ directory: String) throws(LodestoneError) {
        let path = directory + "/lock"
        descriptor = try SharedFile.open(path)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            SharedFile.close(descriptor)
            throw .maintenanceRuns
        }
    }

    func release() {
        SharedFile.close(descriptor)
    }
}
