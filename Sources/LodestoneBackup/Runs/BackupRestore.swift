// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStorage
package import LodestoneStructures

/// Makes a store from the backups in one place.
///
/// Threading: one thread at a time.
package struct BackupRestore {
    /// The wanted state.
    package enum Point: Sendable, Equatable {
        /// All batches of the backups.
        case newest
        /// All batches up to this one.
        case sequenceNumber(UInt64)
        /// All batches that were committed up to this time, in microseconds since 1970.
        case time(Int64)
    }

    package struct Report: Sendable {
        /// The last batch of the restored store.
        package var sequenceNumber: UInt64
        /// The state from which the restore began.
        package var state: BackupEntry
        /// The batches that were replayed after the state.
        package var batches: UInt64
        /// The bytes that were read.
        package var readBytes: UInt64
    }

    private let catalog: BackupCatalog
    private let point: Point
    private let analysis: any WordAnalysis
    private let progress: (_ done: UInt64, _ total: UInt64) -> Void
    /// The largest size of the store's files; `nil`: the free space of the disk.
    package var maxBytes: UInt64?
    /// Whether bases are left out, so that a server makes them again from the rows.
    package var leavesOutBases = false

    /// - Parameters:
    ///   - objects: The place of the backups.
    ///   - point: The wanted state.
    ///   - analysis: The analysis of texts in this process.
    ///   - context: The call that may end the work.
    ///   - progress: Gets the bytes of the state that are restored so far, and all its bytes.
    package init(
        _ objects: any ObjectStore,
        _ point: Point,
        analysis: any WordAnalysis,
        context: CallContext,
        progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void
    ) {
        catalog = BackupCatalog(objects, context: context)
        self.point = point
        self.analysis = analysis
        self.progress = progress
    }

    /// Restores into a directory that is missing or empty.
    ///
    /// - Parameters:
    ///   - directory: The directory; it appears as a whole, or not.
    ///   - isOnlyVerified: Whether the directory is removed after all checks.
    /// - Returns: What was restored.
    /// - Throws: `NO_BACKUP` when the backups do not have the wanted state. `.dataLoss` for damaged
    ///   and `BAD_BACKUP` for hostile backups.
    package func run(to directory: String, isOnlyVerified: Bool) throws(LodestoneError) -> Report {
        guard let newest = try catalog.newest() else {
            throw missing("There are no backups at \(catalog.objects.url).")
        }
        let states = try catalog.states(before: newest)
        guard let state = states.first(where: isBeforePoint) else {
            throw missing(
                "The backups at \(catalog.objects.url) begin with sequence number "
                    + "\(states.last?.last ?? newest.last), after the wanted state."
            )
        }
        let restore = try StateRestore(
            "\(catalog.objects.url)/\(state.key)",
            to: directory,
            analysis: analysis,
            maxBytes: maxBytes,
            context: catalog.context
        )
        do throws(LodestoneError) {
            var report = Report(sequenceNumber: 0, state: state, batches: 0, readBytes: 0)
            try restoreFiles(of: state, restore, &report)
            try replay(from: state, through: newest.number, restore, &report)
            report.sequenceNumber = restore.sequenceNumber
            if case .sequenceNumber(let wanted) = point, restore.sequenceNumber != wanted {
                throw missing(
                    "The backups have no state at sequence number \(wanted): the log after "
                        + "\(restore.sequenceNumber) is missing."
                )
            }
            if isOnlyVerified { try restore.verifyOnly() } else { try restore.publish() }
            return report
        } catch {
            restore.abandon()
            throw error
        }
    }

    private func isBeforePoint(_ state: BackupEntry) -> Bool {
        switch point {
        case .newest: true
        case .sequenceNumber(let number): state.last <= number
        case .time(let time): state.lastTime <= time
        }
    }

    private func missing(_ what: String) -> LodestoneError {
        LodestoneError(
            .notFound,
            reason: .noBackup,
            what,
            recovery: "List the backups to see which states they have.",
            object: catalog.objects.url
        )
    }

    // MARK: Files

    private func restoreFiles(
        of state: BackupEntry,
        _ restore: StateRestore,
        _ report: inout Report
    ) throws(LodestoneError) {
        let payload = try catalog.files(of: state)
        report.readBytes += state.payloadBytes
        for file in payload.files {
            for chunk in file.chunks { report.readBytes += UInt64(chunk.storedByteCount) }
        }
        let source = BackedUpFiles(catalog: catalog, payload: payload, progress: progress)
        try restore.restore(
            payload.files.map { ($0.name, $0.byteCount) },
            sequenceNumber: state.last,
            withoutBases: leavesOutBases,
            source
        )
    }

    // MARK: Log

    /// Replays the batches after a state, up to the wanted one.
    private func replay(
        from state: BackupEntry,
        through newest: UInt64,
        _ restore: StateRestore,
        _ report: inout Report
    ) throws(LodestoneError) {
        var number = try catalog.firstEntry(of: state)
        var isDone = isReached(restore.sequenceNumber)
        var earlier: BackupEntry?
        while !isDone, number <= newest {
            try catalog.context.check()
            guard let entry = try catalog.entry(number) else {
                throw .damagedBackup(
                    "\(catalog.objects.url)/\(BackupEntry.key(number))",
                    "it is missing"
                )
            }
            number += 1
            if let earlier, entry.parent != earlier.sum {
                throw .hostileBackup(
                    "\(catalog.objects.url)/\(entry.key)",
                    "the entry before it is not the one that it followed"
                )
            }
            earlier = entry
            guard entry.kind == .log else {
                // Batches between the end of the log and this state are in no entry.
                if entry.last > restore.sequenceNumber { break }
                continue
            }
            guard entry.history == state.history else {
                throw .hostileBackup(catalog.objects.url, "its entries are of two histories")
            }
            if entry.last <= restore.sequenceNumber { continue }
            guard entry.first <= restore.sequenceNumber + 1 else { break }
            let name = "\(catalog.objects.url)/\(entry.key)"
            let all = try LogPayload.decode(try catalog.payload(of: entry), of: entry, name)
            report.readBytes += entry.payloadBytes
            var wanted: [RedoEntry] = []
            for batch in all where batch.sequenceNumber > restore.sequenceNumber {
                guard isWanted(batch) else {
                    isDone = true
                    break
                }
                wanted.append(batch)
            }
            try restore.replay(wanted)
            report.batches += UInt64(wanted.count)
            isDone = isDone || isReached(restore.sequenceNumber)
        }
    }

    private func isReached(_ sequenceNumber: UInt64) -> Bool {
        if case .sequenceNumber(let wanted) = point { sequenceNumber >= wanted } else { false }
    }

    private func isWanted(_ batch: RedoEntry) -> Bool {
        switch point {
        case .newest: true
        case .sequenceNumber(let wanted): batch.sequenceNumber <= wanted
        case .time(let time): batch.time <= time
        }
    }
}

/// The files of a state in a backup, read chunk by chunk.
private final class BackedUpFiles: StateSource {
    private let catalog: BackupCatalog
    private let payload: StatePayload
    private let progress: (_ done: UInt64, _ total: UInt64) -> Void
    private var done: UInt64 = 0

    init(
        catalog: BackupCatalog,
        payload: StatePayload,
        progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void
    ) {
        self.catalog = catalog
        self.payload = payload
        self.progress = progress
    }

    func read(
        _ index: Int,
        _ sink: (UnsafeRawBufferPointer) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let chunks = payload.files[index].chunks
        let total = payload.files.reduce(0) { $0 &+ $1.byteCount }
        let catalog = catalog
        for start in stride(from: 0, to: chunks.count, by: Parallel.width) {
            let some = Array(chunks[start..<min(start + Parallel.width, chunks.count)])
            let contents = try Parallel.map(some) { (chunk) throws(LodestoneError) in
                try catalog.content(of: chunk)
            }
            for content in contents {
                try content.withUnsafeBytes { bytes in
                    Result { () throws(LodestoneError) in try sink(bytes) }
                }.get()
                done += UInt64(content.count)
                progress(done, total)
            }
        }
    }
}
