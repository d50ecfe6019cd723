// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The memory of the changes of all open collections since their bases.
///
/// It is the memory of the indexes apart from their bases, and of the changes during a compaction.
///
/// A compaction frees it. Above half of the limit, the collection with the most memory is
/// compacted, regardless of the cost of its base. Above three quarters, large writes are refused
/// until the compaction ends; at the limit, all writes. Clients wait and try again.
///
/// Graphs into which vectors were linked are not counted here: see `GraphMemory`.
///
/// Threading: every method may be called from any thread.
final class DeltaMemory: Sendable {
    /// The least limit; a lower one would refuse writes to freshly compacted collections.
    private static let leastLimit = 16 << 20
    /// The least bytes of changes for which a base is written to free memory; when memory is
    /// exhausted, no minimum applies.
    private static let leastWorthwhile = 1 << 20
    /// The bytes from which on a write is large.
    private static let largeWrite = 64 << 10
    /// The number of documents and edges from which on a write is large.
    private static let largeCount = 64

    private let budget: MemoryBudget

    init(limit: Int) {
        budget = MemoryBudget(limit: max(limit, Self.leastLimit))
    }

    var limit: Int { budget.limit }
    var byteCount: Int { budget.usedByteCount }

    /// The most bytes of a `ChangeBuffer`; beyond it the log serves, which has the same writes.
    var bufferLimit: Int { limit / 4 }

    /// Whether a collection should be compacted to free memory.
    var isShort: Bool { byteCount > limit / 2 }

    /// Whether a collection's changes are worth a base when memory is short.
    func isWorthwhile(_ byteCount: Int) -> Bool {
        byteCount >= Self.leastWorthwhile || (budget.isExhausted && byteCount > 0)
    }

    /// Adds to the bytes in use; a negative number subtracts.
    func take(_ byteCount: Int) { budget.take(byteCount) }

    /// Checks that there is room for another write.
    ///
    /// - Parameters:
    ///   - byteCount: The bytes of the write, as far as they are known.
    ///   - count: The documents and edges of the write.
    /// - Throws: `OVERLOADED` when there is no room.
    func checkRoom(for byteCount: Int = 0, count: Int = 0) throws(LodestoneError) {
        let isLarge = byteCount >= Self.largeWrite || count >= Self.largeCount
        guard self.byteCount >= (isLarge ? limit / 4 * 3 : limit) else { return }
        throw LodestoneError(
            .resourceExhausted,
            reason: .overloaded,
            "The changes since the last compactions take \(self.byteCount) bytes of memory, of "
                + "\(limit); a compaction must end before there are more.",
            recovery: "Try again after a while, or write less at a time. A server takes the limit "
                + "from `openCollectionsBytes`; its statistics tell why a compaction failed.",
            retryAfter: .milliseconds(200)
        )
    }
}
