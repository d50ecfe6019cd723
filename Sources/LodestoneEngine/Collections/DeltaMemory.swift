// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The memory that the changes of all open collections since their bases take: what the indexes
/// hold over their bases, and what a compaction under way has still to take over.
///
/// A compaction gives it back. Beyond half of the limit the collection with the most is compacted,
/// whatever its base costs. Beyond three quarters large writes are refused until that is done, at the
/// limit all are: clients wait and try again.
///
/// Graphs that vectors were linked into are not in it: see `GraphMemory`.
///
/// Threading: every method may be called from any thread.
final class DeltaMemory: Sendable {
    /// A limit below this would refuse writes to collections that were just compacted.
    private static let leastLimit = 16 << 20
    /// Changes of fewer bytes are worth a base for the memory's sake only where there is no more.
    private static let leastWorthwhile = 1 << 20
    /// A write of so many bytes is a large one.
    private static let largeWrite = 64 << 10
    /// As is one of so many documents and edges.
    private static let largeCount = 64

    private let budget: MemoryBudget

    init(limit: Int) {
        budget = MemoryBudget(limit: max(limit, Self.leastLimit))
    }

    var limit: Int { budget.limit }
    var byteCount: Int { budget.usedByteCount }

    /// The most that a compaction keeps of what is written meanwhile; the log has it, too.
    var journalLimit: Int { limit / 4 }

    /// Whether a collection should be compacted for the memory's sake.
    var isShort: Bool { byteCount > limit / 2 }

    /// Whether a collection's changes are worth a base, when memory is short.
    func isWorthwhile(_ byteCount: Int) -> Bool {
        byteCount >= Self.leastWorthwhile || (budget.isExhausted && byteCount > 0)
    }

    /// Counts bytes in use, or fewer where the number is negative.
    func take(_ byteCount: Int) { budget.take(byteCount) }

    /// Looks whether there is room for another write.
    ///
    /// - Parameters:
    ///   - byteCount: Its size, as far as it is known.
    ///   - count: Its documents and edges.
    /// - Throws: `OVERLOADED` when there is none.
    func checkRoom(for byteCount: Int = 0, count: Int = 0) throws(LodestoneError) {
        let isLarge = byteCount >= Self.largeWrite || count >= Self.largeCount
        guard self.byteCount >= (isLarge ? limit / 4 * 3 : limit) else { return }
        throw LodestoneError(
            .resourceExhausted,
            reason: "OVERLOADED",
            "The changes since the last compactions take \(self.byteCount) bytes of memory, of "
                + "\(limit); a compaction must end before there are more.",
            recovery: "Try again after a while, or write less at a time. A server takes the limit "
                + "from `openCollectionsBytes`; its statistics tell why a compaction failed.",
            retryAfter: .milliseconds(200)
        )
    }
}
