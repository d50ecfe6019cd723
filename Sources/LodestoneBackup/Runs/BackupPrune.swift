// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Deletes old backups, and objects that no backup needs.
///
/// Threading: one thread at a time.
package struct BackupPrune {
    package struct Report: Sendable {
        package var entries = 0
        package var chunks = 0
        package var freedBytes: UInt64 = 0
        /// The states that are left, newest first.
        package var states: [BackupEntry] = []
    }

    private let objects: any ObjectStore
    private let context: CallContext

    package init(_ objects: any ObjectStore, context: CallContext) {
        self.objects = objects
        self.context = context
    }

    /// Keeps the newest states and the log from the oldest of them on.
    ///
    /// - Parameters:
    ///   - keep: The number of states that stay; 0 deletes all backups.
    ///   - grace: Seconds for which a chunk that no state has is kept: a backup that runs now may
    ///     be about to name it.
    ///   - now: Seconds since 1970.
    /// - Returns: What was deleted.
    /// - Throws: `.dataLoss` or `BAD_BACKUP` when a state that stays can't be read.
    package func run(keep: Int, grace: Int64, now: Int64) throws(LodestoneError) -> Report {
        var report = Report()
        let catalog = BackupCatalog(objects, context: context)
        guard let newest = try catalog.newest() else { return report }
        report.states = Array(try catalog.states(before: newest).prefix(keep))
        let first = try report.states.last.map { (oldest) throws(LodestoneError) in
            try catalog.firstEntry(of: oldest)
        }
        // The chunks in use are read before an entry is deleted, so a damaged state stops here.
        var used: Set<String> = []
        for state in report.states {
            for file in try catalog.files(of: state).files {
                for chunk in file.chunks { used.insert(chunk.key) }
            }
        }
        // The oldest entries go first: the numbers of the others have no gaps at any time.
        var entries: [ObjectInfo] = []
        try objects.forEach(BackupEntry.prefix, context: context) { entries.append($0) }
        for entry in entries {
            guard let number = BackupEntry.number(entry.key), first.map({ number < $0 }) ?? true
            else { continue }
            try delete(entry, &report)
            report.entries += 1
        }
        var unused: [ObjectInfo] = []
        try objects.forEach(StatePayload.Chunk.prefix, context: context) { object in
            guard !used.contains(object.key) else { return }
            if keep == 0 || object.modifiedAt < now - grace { unused.append(object) }
        }
        for chunk in unused {
            try delete(chunk, &report)
            report.chunks += 1
        }
        return report
    }

    private func delete(_ object: ObjectInfo, _ report: inout Report) throws(LodestoneError) {
        try objects.delete(object.key, context: context)
        report.freedBytes &+= object.byteCount
    }
}
