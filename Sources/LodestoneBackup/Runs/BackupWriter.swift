// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneFiles
package import LodestoneStorage
import LodestoneStructures

/// Backs a store up into one place: a state first, then the batches of the redo log.
///
/// Servers may have the store open and write meanwhile. Each entry is complete when it gets its
/// name, so an end at any point leaves backups that are whole.
///
/// Threading: one thread at a time.
package final class BackupWriter {
    /// The outcome of a run.
    package struct Report: Sendable {
        /// The batches that were written as log entries.
        package var batches: UInt64 = 0
        /// The entries that were written.
        package var entries = 0
        /// The state that was written, if any.
        package var state: BackupEntry?
        /// The bytes that were sent.
        package var sentBytes: UInt64 = 0
        /// The reason of a state that was not wanted.
        package var reason: Reason?
        /// The last batch that the backups have now.
        package var sequenceNumber: UInt64 = 0

        package init() {}
    }

    /// The reason why a run wrote a whole state.
    package enum Reason: Sendable, Equatable {
        /// There was no backup yet.
        case isFirst
        /// The caller wanted a state.
        case isWanted
        /// The redo log lacks the batches after this one.
        case logIsCut(after: UInt64)
        /// The log's entries have more bytes than the last state.
        case logIsLong
    }

    /// About the most bytes of batches in one entry.
    private static let logEntryBytes = 8 << 20
    /// The log's entries may have this many bytes, also after a small state.
    private static let leastLogBytes: UInt64 = 64 << 20

    private let store: SQLiteStore
    private let objects: any ObjectStore
    private let redoLimit: UInt64
    private let context: CallContext
    private let lock: BackupLock
    private let report: (_ done: UInt64, _ total: UInt64) -> Void
    private var newest: BackupEntry?
    /// Whether an entry may have been written whose outcome is unknown.
    private var isUncertain = false

    /// - Parameters:
    ///   - store: The store, open for writing.
    ///   - directory: The directory of the store.
    ///   - objects: The place of the backups.
    ///   - redoLimit: The bytes of the redo log at which recording stops.
    ///   - context: The call that may end the work.
    ///   - progress: Gets the bytes of a state that are backed up so far, and all its bytes.
    /// - Throws: `.resourceExhausted` while another backup of the store runs.
    package init(
        _ store: SQLiteStore,
        in directory: String,
        to objects: any ObjectStore,
        redoLimit: UInt64,
        context: CallContext,
        progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(LodestoneError) {
        self.store = store
        self.objects = objects
        self.redoLimit = redoLimit
        self.context = context
        self.report = progress
        lock = try BackupLock(directory)
        newest = try BackupCatalog(objects, context: context).newest()
    }

    /// Backs up all batches that are committed when the call begins.
    ///
    /// - Parameter wantsState: Whether to write a state, also if the redo log has all batches.
    /// - Returns: What was written.
    /// - Throws: `OTHER_HISTORY` for backups of another store; `BACKUP_CONFLICT` when another
    ///   program has written an entry meanwhile.
    package func run(wantsState: Bool) throws(LodestoneError) -> Report {
        var result = Report()
        if isUncertain { newest = try BackupCatalog(objects, context: context).newest() }
        isUncertain = false
        var status = try store.redoStatus()
        if let newest, newest.history != status?.history { throw otherHistory() }
        var reason: Reason? = wantsState ? .isWanted : nil
        if newest == nil {
            reason = .isFirst
        } else if try !writeLog(through: .max, &result), let newest {
            reason = .logIsCut(after: newest.logEnd)
        }
        if status?.isStopped ?? true {
            // The records up to the stop are backed up by now.
            if let end = newest?.logEnd, status != nil, reason == nil {
                reason = .logIsCut(after: end)
            }
            status = try store.recordRedo(limit: redoLimit)
        }
        if reason == nil, let newest,
            newest.logBytes > max(newest.stateBytes, Self.leastLogBytes)
        {
            reason = .logIsLong
        }
        if let reason, let status {
            result.reason = reason
            try writeState(of: status.history, isCut: !reason.keepsLog, &result)
        }
        result.sequenceNumber = newest?.logEnd ?? 0
        return result
    }

    /// Writes the batches of the redo log as entries.
    ///
    /// - Returns: Whether the redo log has the batches that follow the last entry.
    private func writeLog(through end: UInt64, _ result: inout Report) throws(LodestoneError)
        -> Bool
    {
        // Batches that are committed meanwhile are for the next run.
        var end = end
        while let newest, newest.logEnd < end {
            let (entries, last) = try store.redoEntries(
                after: newest.logEnd,
                maxBytes: Self.logEntryBytes,
                context: context
            )
            guard last >= newest.logEnd else { throw otherHistory() }
            end = min(end, last)
            guard let first = entries.first, let final = entries.last else {
                return last == newest.logEnd
            }
            guard first.sequenceNumber == newest.logEnd + 1 else { return false }
            guard first.chainBefore == newest.logChain else { throw otherHistory() }
            guard LogPayload.follow(entries) else { return false }
            let payload = LogPayload.encode(entries)
            let compressed = try payload.withUnsafeBytes { bytes in
                Result { () throws(LodestoneError) in try Compression.compress(bytes) }
            }.get()
            var entry = BackupEntry(
                kind: .log,
                history: newest.history,
                first: first.sequenceNumber,
                last: final.sequenceNumber,
                firstTime: first.time,
                lastTime: final.time,
                logEnd: final.sequenceNumber,
                logChain: final.chain
            )
            (entry.state, entry.previousState) = (newest.state, newest.previousState)
            entry.stateBytes = newest.stateBytes
            entry.logBytes = newest.logBytes + UInt64(compressed.count)
            try put(&entry, compressed, plainBytes: payload.count, &result)
            Failpoint.reach(.backupAfterEntry)
            try store.deleteRedo(through: final.sequenceNumber)
            result.batches += UInt64(entries.count)
        }
        return true
    }

    private func put(
        _ entry: inout BackupEntry,
        _ payload: [UInt8],
        plainBytes: Int,
        _ result: inout Report
    ) throws(LodestoneError) {
        entry.number = (newest?.number ?? 0) + 1
        if entry.kind == .state { entry.state = entry.number }
        if let newest { entry.parent = newest.sum }
        let object = entry.object(payload, plainBytes: plainBytes)
        Failpoint.reach(.backupBeforeEntry)
        isUncertain = true
        var isWritten = try objects.put(entry.key, object, ifAbsent: true, context: context)
        // An attempt whose reply was lost may have written it.
        if !isWritten { isWritten = try isOurs(entry) }
        guard isWritten else {
            throw LodestoneError(
                .aborted,
                reason: .backupConflict,
                "Another program has written the backup \(entry.number) at \(objects.url).",
                recovery: "Let one program at a time back up into one place, then start again.",
                object: objects.url
            )
        }
        newest = entry
        isUncertain = false
        result.entries += 1
        result.sentBytes += UInt64(object.count)
        if entry.kind == .state { result.state = entry }
    }

    /// Whether an entry that exists is the one that an earlier, unanswered attempt has written.
    private func isOurs(_ entry: BackupEntry) throws(LodestoneError) -> Bool {
        try BackupCatalog(objects, context: context).entry(entry.number) == entry
    }

    // MARK: State

    private func writeState(of history: [UInt8], isCut: Bool, _ result: inout Report)
        throws(LodestoneError)
    {
        let catalog = BackupCatalog(objects, context: context)
        var known: [[UInt8]: StatePayload.Chunk] = [:]
        if let state = newest?.state, state > 0, let entry = try catalog.entry(state) {
            for file in try catalog.files(of: entry).files {
                for chunk in file.chunks { known[chunk.sum] = chunk }
            }
        }
        let through = try store.withStateCopy(context: context) {
            (copy) throws(LodestoneError) in
            let time = SQLiteStore.microsecondsSince1970()
            if !isCut, try !writeLog(through: copy.sequenceNumber, &result) {
                throw .broken("The redo log was cut while a state was copied.")
            }
            var payload = StatePayload()
            let total = copy.files.reduce(0) { $0 + $1.byteCount }
            var done: UInt64 = 0
            for file in copy.files {
                payload.files.append(
                    StatePayload.File(
                        name: file.name,
                        byteCount: file.byteCount,
                        chunks: try write(file, &known, &result) { count in
                            done += UInt64(count)
                            report(done, total)
                        }
                    )
                )
            }
            let isPast = !isCut && newest.map { $0.logEnd >= copy.sequenceNumber } ?? false
            var entry = BackupEntry(
                kind: .state,
                history: history,
                first: copy.sequenceNumber,
                last: copy.sequenceNumber,
                firstTime: time,
                lastTime: time,
                logEnd: isPast ? newest?.logEnd ?? 0 : copy.sequenceNumber,
                logChain: isPast ? newest?.logChain ?? 0 : copy.chain
            )
            entry.previousState = newest?.state ?? 0
            entry.stateBytes = payload.chunkBytes
            let plain = payload.bytes
            let compressed = try plain.withUnsafeBytes { bytes in
                Result { () throws(LodestoneError) in try Compression.compress(bytes) }
            }.get()
            try put(&entry, compressed, plainBytes: plain.count, &result)
            return copy.sequenceNumber
        }
        try store.deleteRedo(through: through)
    }

    /// Writes the chunks of a file that no earlier state has.
    private func write(
        _ file: StateFile,
        _ known: inout [[UInt8]: StatePayload.Chunk],
        _ result: inout Report,
        _ progress: (Int) -> Void
    ) throws(LodestoneError) -> [StatePayload.Chunk] {
        var chunks: [StatePayload.Chunk] = []
        var pieces: [[UInt8]] = []
        func flush() throws(LodestoneError) {
            let sums = try Parallel.map(pieces) { SHA256.digest(of: $0) }
            var missing: [(sum: [UInt8], piece: [UInt8])] = []
            for (sum, piece) in zip(sums, pieces)
            where known[sum] == nil && !missing.contains(where: { $0.sum == sum }) {
                missing.append((sum, piece))
            }
            let (objects, context) = (objects, context)
            let made = try Parallel.map(missing) { (sum, piece) throws(LodestoneError) in
                let compressed = try piece.withUnsafeBytes { bytes in
                    Result { () throws(LodestoneError) in try Compression.compress(bytes) }
                }.get()
                let chunk = StatePayload.Chunk(
                    sum: sum,
                    byteCount: piece.count,
                    storedByteCount: compressed.count
                )
                // The content decides the name, so a second write changes nothing.
                _ = try objects.put(chunk.key, compressed, ifAbsent: false, context: context)
                return chunk
            }
            for chunk in made {
                known[chunk.sum] = chunk
                result.sentBytes += UInt64(chunk.storedByteCount)
            }
            for (sum, piece) in zip(sums, pieces) {
                if let chunk = known[sum] { chunks.append(chunk) }
                progress(piece.count)
            }
            pieces = []
        }
        try file.forEachPiece(context: context) { (piece) throws(LodestoneError) in
            pieces.append(Array(piece))
            if pieces.count == Parallel.width { try flush() }
        }
        if !pieces.isEmpty { try flush() }
        return chunks
    }

    private func otherHistory() -> LodestoneError {
        LodestoneError(
            .failedPrecondition,
            reason: .otherHistory,
            "\(objects.url) has the backups of another history: of another store, or of this one "
                + "before it was restored or copied.",
            recovery: "Name an empty place for the backups of this store.",
            object: objects.url
        )
    }
}

extension BackupWriter.Reason {
    /// Whether the log's entries continue across the state.
    fileprivate var keepsLog: Bool {
        switch self {
        case .isWanted, .logIsLong: true
        case .isFirst, .logIsCut: false
        }
    }
}
