// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneFiles
package import LodestoneStructures

/// The content of the files of a state.
package protocol StateSource {
    /// Reads the file of an index, and hands its content over in pieces.
    func read(
        _ index: Int,
        _ sink: (UnsafeRawBufferPointer) throws(LodestoneError) -> Void
    ) throws(LodestoneError)
}

/// Makes a store from the files of a state, and from the batches after it.
///
/// The store is built in a directory next to its final name. `publish` renames it, so the name
/// belongs to a whole store or to nothing. Files and batches may be of any origin.
///
/// Threading: one thread at a time.
package final class StateRestore {
    /// The most batches, and about the most bytes of batches, in one transaction of a replay.
    private static let (groupCount, groupBytes) = (1_000, 8 << 20)

    /// The name of the backup in errors.
    private let name: String
    private let target: RestoreTarget
    private let staging: String
    private let analysis: any WordAnalysis
    private let context: CallContext
    private let limit: UInt64
    private var database: RestoredDatabase?
    private var store: SQLiteStore?
    private var collections: [CollectionNumber: CollectionRecord] = [:]
    /// The sequence number of the last batch in the store.
    package private(set) var sequenceNumber: UInt64 = 0

    /// Begins a restore.
    ///
    /// - Parameters:
    ///   - name: The name of the backup in errors.
    ///   - directory: A directory that is missing or empty.
    ///   - analysis: The analysis of texts in this process.
    ///   - maxBytes: The largest size of the files that is accepted; `nil`: the free space of the
    ///     disk.
    ///   - context: The call that may end the work.
    /// - Throws: `.failedPrecondition` when the directory is not empty.
    package init(
        _ name: String,
        to directory: String,
        analysis: any WordAnalysis,
        maxBytes: UInt64?,
        context: CallContext
    ) throws(LodestoneError) {
        self.name = name
        self.analysis = analysis
        self.context = context
        target = RestoreTarget(directory)
        try target.checkIsFresh()
        staging = try target.makeStaging()
        limit = min(maxBytes ?? .max, try target.freeBytes())
    }

    /// Restores the files of a state.
    ///
    /// - Parameters:
    ///   - files: Name and size of each file; the database first, then segments, then bases.
    ///   - sequenceNumber: The last batch of the state.
    ///   - withoutBases: Whether bases are left out, so that a server makes them again.
    ///   - source: The content of the files.
    /// - Throws: `.dataLoss` for damaged files; `BAD_BACKUP` for files that no store has.
    package func restore(
        _ files: [(name: String, byteCount: UInt64)],
        sequenceNumber: UInt64,
        withoutBases: Bool,
        _ source: some StateSource
    ) throws(LodestoneError) {
        try check(files)
        try write(files[0], 0, source) { _ in }
        Failpoint.reach(.restoreAfterDatabase)
        let path = "\(staging)/\(SchemaReader.databaseName)"
        let database = try RestoredDatabase(path, context: context, fault: fault)
        guard database.sequenceNumber == sequenceNumber else {
            throw fault(
                .hostile(
                    "its database ends at sequence number \(database.sequenceNumber); the backup "
                        + "says \(sequenceNumber)"
                )
            )
        }
        let segmentFiles = files.filter { SegmentName($0.name) != nil }
        let segments = try database.segments(named: segmentFiles, fault)
        for (index, segment) in segments.enumerated() {
            var check = SegmentCheck(segment)
            try write(files[index + 1], index + 1, source) { check.take($0) }
            if let mismatch = check.mismatches.first {
                throw fault(.damaged("\(segment.name.text): \(mismatch.text)"))
            }
        }
        let bases = try database.bases(fault)
        guard files.dropFirst(1 + segments.count).map(\.name) == bases else {
            throw fault(.hostile("its bases are not those that its database names"))
        }
        if withoutBases {
            try SchemaReader.withDatabase(path, isReadOnly: false) {
                (connection) throws(SQLiteConnection.Failure) in
                try connection.execute("PRAGMA journal_mode = MEMORY")
                try SQLiteStore.leaveOutBases(connection)
                try connection.execute("PRAGMA journal_mode = WAL")
            }
        } else {
            for index in (1 + segments.count)..<files.count {
                try restoreBase(files[index], index, source)
            }
        }
        self.database = try RestoredDatabase(path, context: context, fault: fault)
        self.sequenceNumber = sequenceNumber
        for record in database.collections { collections[record.number] = record }
    }

    private func restoreBase(
        _ file: (name: String, byteCount: UInt64),
        _ index: Int,
        _ source: some StateSource
    ) throws(LodestoneError) {
        var check = BaseFileCheck()
        try write(file, index, source) { check.take($0) }
        if let mismatch = check.mismatches.first {
            throw fault(.damaged("\(file.name): \(mismatch)"))
        }
    }

    /// Permits only the names of a store's own files, each once, and a total within the limit.
    private func check(_ files: [(name: String, byteCount: UInt64)]) throws(LodestoneError) {
        guard files.first?.name == SchemaReader.databaseName else {
            throw fault(.hostile("its first file is not \(SchemaReader.databaseName)"))
        }
        var names: Set<String> = []
        var total: UInt64 = 0
        for (index, file) in files.enumerated() {
            let shown = file.name.prefix(100)
            guard index == 0 || SegmentName(file.name) != nil || BaseRecord.isName(file.name) else {
                throw fault(.hostile("the file '\(shown)' is unexpected"))
            }
            guard names.insert(file.name).inserted else {
                throw fault(.hostile("the file '\(shown)' occurs twice"))
            }
            let (sum, overflow) = total.addingReportingOverflow(file.byteCount)
            guard !overflow, sum <= limit else {
                throw fault(
                    .hostile("its files are larger than the limit, or the free space, of \(limit)")
                )
            }
            total = sum
        }
    }

    /// Writes one file, whose size must be the one that the backup says.
    private func write(
        _ file: (name: String, byteCount: UInt64),
        _ index: Int,
        _ source: some StateSource,
        _ take: (UnsafeRawBufferPointer) -> Void
    ) throws(LodestoneError) {
        let output = try RegularFile(creating: "\(staging)/\(file.name)")
        var position: UInt64 = 0
        try source.read(index) { (piece) throws(LodestoneError) in
            guard UInt64(piece.count) <= file.byteCount - position else {
                throw fault(
                    .hostile("the file '\(file.name)' has more than \(file.byteCount) bytes")
                )
            }
            try output.write(piece, at: position)
            position += UInt64(piece.count)
            take(piece)
        }
        guard position == file.byteCount else {
            throw fault(
                .hostile("the file '\(file.name)' has \(position) bytes, not \(file.byteCount)")
            )
        }
        try output.synchronize()
    }

    /// Commits batches again; the first one must follow the last batch of the store.
    package func replay(_ entries: [RedoEntry]) throws(LodestoneError) {
        var group: [StoredBatch] = []
        var byteCount = 0
        for (index, entry) in entries.enumerated() {
            guard entry.sequenceNumber == sequenceNumber + UInt64(index) + 1 else {
                throw fault(
                    .hostile(
                        "batch \(entry.sequenceNumber) stands where batch "
                            + "\(sequenceNumber + UInt64(index) + 1) belongs"
                    )
                )
            }
        }
        for entry in entries {
            group.append(try batch(entry))
            byteCount += entry.record.count
            if group.count == Self.groupCount || byteCount >= Self.groupBytes {
                try commit(group)
                (group, byteCount) = ([], 0)
            }
        }
        if !group.isEmpty { try commit(group) }
    }

    private func batch(_ entry: RedoEntry) throws(LodestoneError) -> StoredBatch {
        let result = entry.record.withUnsafeBytes { bytes in
            Result { () throws(ByteReader.Malformed) in
                try RedoRecord.decode(bytes, &collections, analysis)
            }
        }
        guard case .success(let batch) = result else {
            throw fault(.hostile("its batch \(entry.sequenceNumber) can't be decoded"))
        }
        return batch
    }

    private func commit(_ group: [StoredBatch]) throws(LodestoneError) {
        try context.check()
        let store = try openStore()
        do throws(LodestoneError) {
            try store.exclusively { (last) throws(LodestoneError) in
                guard last == sequenceNumber else {
                    throw .broken("The restored store ends at \(last), not at \(sequenceNumber).")
                }
                _ = try store.commit(group)
                store.publish(last + UInt64(group.count))
            }
        } catch {
            // SQLite refuses a batch that contradicts the tables, which no store has written.
            guard error.code == .internal else { throw error }
            throw fault(.hostile("a batch after \(sequenceNumber) does not fit: \(error.message)"))
        }
        sequenceNumber += UInt64(group.count)
    }

    private func openStore() throws(LodestoneError) -> SQLiteStore {
        if let store { return store }
        database = nil
        let opened = try SQLiteStore(directory: staging, durability: .full, analysis: analysis)
        store = opened
        return opened
    }

    /// Checks every row, then gives the store its name.
    package func publish() throws(LodestoneError) {
        try finish()
        try FileSystem.synchronizeDirectory(staging)
        Failpoint.reach(.restoreBeforeRename)
        try target.publish(staging)
    }

    /// Checks every row, then removes the store: a verification.
    package func verifyOnly() throws(LodestoneError) {
        try finish()
        abandon()
    }

    private func finish() throws(LodestoneError) {
        if let store {
            let reader = try store.beginReading(context)
            defer { reader.end() }
            try StateCheck(connection: reader.connection, context: context, words: analysis)
                .verifyAll(try reader.collections(), fault)
        } else if let database {
            try database.verifyRows(analysis, context, fault)
        }
        store?.close()
        (store, database) = (nil, nil)
    }

    /// Removes what was restored so far.
    package func abandon() {
        store?.close()
        (store, database) = (nil, nil)
        target.remove(staging)
    }

    private func fault(_ fault: SnapshotFault) -> LodestoneError { fault.backupError(name) }
}

extension BaseRecord {
    /// Whether a name is that of a base.
    static func isName(_ name: String) -> Bool {
        guard name.hasPrefix("base-"), name.hasSuffix(".base"), name.count > 10 else {
            return false
        }
        let numbers = name.dropFirst(5).dropLast(5).split(separator: "-")
        guard numbers.count == 2, let collection = CollectionNumber(numbers[0]),
            let sequence = UInt64(numbers[1])
        else { return false }
        return fileName(collection, sequence) == name
    }
}

extension SnapshotFault {
    /// The error for the backup of a name.
    func backupError(_ name: String) -> LodestoneError {
        switch self {
        case .damaged(let what): .damagedBackup(name, what)
        case .hostile(let what), .newer(let what): .hostileBackup(name, what)
        }
    }
}

extension LodestoneError {
    /// The error for a backup whose content differs from what was written.
    package static func damagedBackup(_ name: String, _ what: String) -> LodestoneError {
        LodestoneError(
            .dataLoss,
            reason: .corruptBackup,
            "The backup \(name) is damaged: \(what).",
            recovery: "Restore another state, or another copy of the backup.",
            object: name
        )
    }

    /// The error for a backup that no release of the program writes.
    package static func hostileBackup(_ name: String, _ what: String) -> LodestoneError {
        .invalid(
            .badBackup,
            "The backup \(name) is refused: \(what).",
            recovery: "Use only backups that 'lodestone backup' wrote.",
            object: name
        )
    }
}
