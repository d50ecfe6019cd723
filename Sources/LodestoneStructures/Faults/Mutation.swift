// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem
// Faults that the harness in `Tests/Faults` triggers. They exist in debug builds only: in a release
// build every check is false at compile time, and the calls disappear.

/// A bug that the fault harness plants to show that it detects the bug.
///
/// `LODESTONE_PLANT` names the bug. Its code is in `Planted.swift` of its module, behind a function
/// that does nothing in a release build.
package enum Mutation: FaultName, CaseIterable, Sendable {
    /// M1: replies before the commit, then waits.
    case ackBeforeCommit = "ack-before-commit"
    /// M2: commits without waiting for the disk.
    case synchronousNormal = "synchronous-normal"
    /// M3: does not make the name of a new or renamed file durable.
    case noDirectoryFsync = "no-directory-fsync"
    /// M4: a compaction cuts the log at its end instead of where the new base ends.
    case compactionTruncatesNewerLog = "compaction-truncates-newer-log"
    /// M5: a compaction forgets which documents of the base were dropped.
    case tombstoneDroppedAtMerge = "tombstone-dropped-at-merge"
    /// M6: opens and closes a file that SQLite has locked.
    case openCloseDatabaseFile = "open-close-database-file"
    /// M7: accepts every checksum.
    case checksumsOff = "checksums-off"
    /// M8: commits a batch first and its request id afterwards.
    case requestIDOutsideTransaction = "request-id-outside-transaction"
    /// M9: repeats an fsync that failed, and trusts the second one.
    case retryFailedFsync = "retry-failed-fsync"
    /// M13: an erasure leaves the old content of free pages in the database.
    case eraseLeavesFreePages = "erase-leaves-free-pages"
    /// M14: commits a batch first, and its changes to edges of hubs afterwards.
    case hubsOutsideTransaction = "hubs-outside-transaction"
    /// M15: an index counts rows as covered before they are linked.
    case coverBeforeLinking = "cover-before-linking"
    /// M16: compacts a collection while another process does, too.
    case compactionWithoutLock = "compaction-without-lock"
    /// M17: a new base of one collection deletes the log rows that are kept for other collections.
    case quietLogForgotten = "quiet-log-forgotten"
    /// M18: closes a collection while a write to it runs.
    case collectionClosedInUse = "collection-closed-in-use"
    /// M19: skips a forgotten part of the log instead of loading the bases.
    case forgottenLogPassedOver = "forgotten-log-passed-over"

    /// Whether this bug is planted in this process.
    @inlinable
    package var isPlanted: Bool {
        #if DEBUG
        Self.planted == self
        #else
        false
        #endif
    }

    #if DEBUG
    @usableFromInline package static let planted = getenv("LODESTONE_PLANT").flatMap {
        Mutation(name: String(cString: $0))
    }
    #endif
}

extension Checksum {
    /// M7: every checksum is right.
    @inlinable package static var acceptsAll: Bool { Mutation.checksumsOff.isPlanted }
}
