// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem
// Faults that the harness in `Tests/Faults` triggers. They exist in debug builds only: in a release
// build every check is false at compile time, and the calls disappear.

/// A named point of the code where a test may end the process as a crash would.
///
/// `LODESTONE_FAULT=commit.before-vectors:3` ends the process when it reaches the point for the
/// third time; the default is the first time. The exit status is 137, as after `kill -9`.
///
/// The comment of a case is the state after a crash there.
@usableFromInline
package enum Failpoint: FaultName, CaseIterable, Sendable {
    // MARK: A commit

    /// The transaction is open, and the vectors of a batch are in no segment.
    case commitBeforeVectors = "commit.before-vectors"
    /// The vectors of a batch are in a segment, without their rows, and not durable.
    case commitAfterVectors = "commit.after-vectors"
    /// Vectors, rows and log rows of all batches are written, and none is durable.
    case commitInTransaction = "commit.in-transaction"
    /// The vectors are durable, and the transaction is open.
    case commitAfterFdatasync = "commit.after-fdatasync"
    /// The batches are durable, and invisible to searches.
    case commitAfterCommit = "commit.after-commit"
    /// The batches are durable and visible, and no client has a reply.
    case commitBeforeReply = "commit.before-reply"

    // MARK: A checkpoint

    /// The write-ahead log is long, and none of its pages is copied.
    case checkpointBefore = "checkpoint.before"
    /// The pages of the write-ahead log are in the database.
    case checkpointAfter = "checkpoint.after"

    // MARK: A compaction

    /// The next base is written under a temporary name.
    case compactionBeforeRename = "compaction.before-rename"
    /// The next base is whole, and the database points to the previous base.
    case compactionBeforePointer = "compaction.before-pointer"
    /// Live vectors are copied to new segments, and the database points to the old ones.
    case compactionAfterVectors = "compaction.after-vectors"
    /// The database points to the next base and the new segments; the old ones are still there.
    case compactionBeforeRemoval = "compaction.before-removal"
    /// The previous base is removed, and so is the log before the next base.
    case compactionAfterPointer = "compaction.after-pointer"

    // MARK: A new field index

    /// The options name the index, and the version has none of the values that were read.
    case indexBeforeFill = "index.before-fill"

    // MARK: A snapshot

    /// The copy of the database is whole, and there is no archive.
    case snapshotAfterCopy = "snapshot.after-copy"
    /// The archive has the database and no vectors.
    case snapshotAfterDatabase = "snapshot.after-database"
    /// The archive is whole under a temporary name.
    case snapshotBeforeRename = "snapshot.before-rename"
    /// The archive has its name, which is not durable.
    case snapshotAfterRename = "snapshot.after-rename"

    // MARK: A restore

    /// The staging directory has the database and no vectors.
    case restoreAfterDatabase = "restore.after-database"
    /// The store is whole and durable in the staging directory.
    case restoreBeforeRename = "restore.before-rename"
    /// The store has its name, which is not durable.
    case restoreAfterRename = "restore.after-rename"

    // MARK: A backup

    /// The chunks of an entry are written, and the entry is not.
    case backupBeforeEntry = "backup.before-entry"
    /// The entry is written, and the redo log still has its batches.
    case backupAfterEntry = "backup.after-entry"

    // MARK: An erasure

    /// The database is rewritten, and the write-ahead log has the erased content.
    case eraseBeforeCheckpoint = "erase.before-checkpoint"
    /// No file has the erased content, and no client has a receipt.
    case eraseAfter = "erase.after"

    /// Ends the process when `LODESTONE_FAULT` names this failpoint and its count is reached.
    @inlinable
    package static func reach(_ failpoint: Failpoint) {
        #if DEBUG
        armed?.reach(failpoint)
        #endif
    }

    /// The smaller of `byteCount` and the value of `LODESTONE_SMALLER`; `byteCount` in a release
    /// build.
    ///
    /// With a smaller number, a small store runs the code of large stores.
    @inlinable
    package static func smaller(_ byteCount: Int) -> Int {
        #if DEBUG
        min(byteCount, smallest)
        #else
        byteCount
        #endif
    }

    /// The smaller of `count` and the value of `LODESTONE_FEWER`; `count` in a release build.
    @inlinable
    package static func fewer(_ count: Int) -> Int {
        #if DEBUG
        min(count, fewest)
        #else
        count
        #endif
    }

    #if DEBUG
    @usableFromInline package static let fewest =
        getenv("LODESTONE_FEWER").flatMap { Int(String(cString: $0)) } ?? .max

    @usableFromInline package static let smallest =
        getenv("LODESTONE_SMALLER").flatMap { Int(String(cString: $0)) } ?? .max

    @usableFromInline package static let armed = ArmedFailpoint(
        getenv("LODESTONE_FAULT").map { String(cString: $0) }
    )
    #endif
}

#if DEBUG
import Synchronization

/// The armed failpoint, and the number of times that it may still be passed.
@usableFromInline
package final class ArmedFailpoint: Sendable {
    private let failpoint: Failpoint
    private let remaining: Atomic<Int>

    init?(_ setting: String?) {
        guard let setting, !setting.isEmpty else { return nil }
        let parts = setting.split(separator: ":", maxSplits: 1)
        guard let failpoint = Failpoint(name: String(parts[0])) else { return nil }
        self.failpoint = failpoint
        remaining = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }

    @usableFromInline
    package func reach(_ failpoint: Failpoint) {
        guard failpoint == self.failpoint else { return }
        if remaining.subtract(1, ordering: .relaxed).newValue == 0 { _exit(137) }
    }
}
#endif
