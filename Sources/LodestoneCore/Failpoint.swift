// SPDX-License-Identifier: Apache-2.0
// Faults that the harness in `Tests/Faults` makes a program commit. They exist in debug builds
// only: in a release build every check is false at compile time, and the calls vanish.

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A named place where a test may end the process as a crash would.
package enum Failpoint {
    /// Ends the process when `LODESTONE_FAULT` names this place and its turn has come.
    ///
    /// `LODESTONE_FAULT=commit.before-vectors:3` ends the process the third time, and without a
    /// number the first time. The exit status is 137, as after `kill -9`.
    @inlinable
    package static func reach(_ name: StaticString) {
        #if DEBUG
        armed?.reach("\(name)")
        #endif
    }

    /// The number of bytes, at most the one that `LODESTONE_SMALLER` sets.
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

    /// The number of things, at most the one that `LODESTONE_FEWER` sets.
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

/// The one place that is armed, and the number of times that it may still be passed.
@usableFromInline
package final class ArmedFailpoint: Sendable {
    private let name: String
    private let remaining: Atomic<Int>

    init?(_ setting: String?) {
        guard let setting, !setting.isEmpty else { return nil }
        let parts = setting.split(separator: ":", maxSplits: 1)
        name = String(parts[0])
        remaining = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }

    @usableFromInline
    package func reach(_ name: String) {
        guard name == self.name else { return }
        if remaining.subtract(1, ordering: .relaxed).newValue == 0 { _exit(137) }
    }
}
#endif

/// A bug that the fault harness plants to prove that it would find the bug.
///
/// `LODESTONE_PLANT` names the bug.
package enum Mutation: String, CaseIterable, Sendable {
    /// M1: answers before the commit, then dawdles.
    case ackBeforeCommit = "ack-before-commit"
    /// M2: commits without waiting for the disk.
    case synchronousNormal = "synchronous-normal"
    /// M3: a new or renamed file's name is not made durable.
    case noDirectoryFsync = "no-directory-fsync"
    /// M4: a compaction cuts the log at its end instead of where the new base ends.
    case compactionTruncatesNewerLog = "compaction-truncates-newer-log"
    /// M5: a compaction forgets which documents of the base were dropped.
    case tombstoneDroppedAtMerge = "tombstone-dropped-at-merge"
    /// M6: opens and closes a file that SQLite has locked.
    case openCloseDatabaseFile = "open-close-database-file"
    /// M7: takes every checksum for right.
    case checksumsOff = "checksums-off"
    /// M8: commits a batch first and its request id afterwards.
    case requestIDOutsideTransaction = "request-id-outside-transaction"
    /// M9: repeats an fsync that failed, and trusts the second one.
    case retryFailedFsync = "retry-failed-fsync"
    /// M13: an erasure leaves the old content of free pages in the database.
    case eraseLeavesFreePages = "erase-leaves-free-pages"
    /// M14: commits a batch first and its changes to the edges of hubs afterwards.
    case hubsOutsideTransaction = "hubs-outside-transaction"
    /// M15: an index counts rows as covered before they are linked.
    case coverBeforeLinking = "cover-before-linking"
    /// M16: compacts a collection while another process does, too.
    case compactionWithoutLock = "compaction-without-lock"
    /// M17: a base of one collection has the log forget what it kept of the others.
    case quietLogForgotten = "quiet-log-forgotten"
    /// M18: closes a collection that is being written to.
    case collectionClosedInUse = "collection-closed-in-use"
    /// M19: skips a part of the log that is forgotten, instead of loading the bases.
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
        Mutation(rawValue: String(cString: $0))
    }

    /// Waits, so that a test has time to strike.
    package static func dawdle(milliseconds: UInt32) {
        usleep(milliseconds * 1_000)
    }

    /// Opens and closes a file, as a careless backup would.
    package static func openAndClose(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor >= 0 { close(descriptor) }
    }
    #endif
}

/// The comparison that every checksum goes through.
package enum Checksum {
    /// Whether the computed checksum is the stored one.
    @inlinable
    package static func isRight(_ computed: UInt32, _ stored: UInt32) -> Bool {
        computed == stored || Mutation.checksumsOff.isPlanted
    }
}
