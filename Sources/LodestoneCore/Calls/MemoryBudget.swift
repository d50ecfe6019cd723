// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The bytes that the calls of one server hold together for one purpose, with their limit.
///
/// Threading: every method may be called from any thread.
package final class MemoryBudget: Sendable {
    /// The most bytes that all calls may hold together.
    package let limit: Int
    private let used = Atomic<Int>(0)
    private let peak = Atomic<Int>(0)

    /// Creates a budget from which nothing is taken.
    package init(limit: Int) {
        self.limit = limit
    }

    /// The number of bytes in use.
    package var usedByteCount: Int { used.load(ordering: .relaxed) }

    /// The most bytes in use since the last call of this method.
    package func takePeak() -> Int { peak.exchange(usedByteCount, ordering: .relaxed) }

    /// Whether no bytes are left.
    package var isExhausted: Bool { usedByteCount >= limit }

    /// Takes `byteCount` bytes if that many are left; `release` gives them back.
    package func reserve(_ byteCount: Int) -> Bool {
        let before = used.add(byteCount, ordering: .relaxed).oldValue
        guard before + byteCount > limit else {
            notePeak(before + byteCount)
            return true
        }
        release(byteCount)
        return false
    }

    /// The bytes to reserve for something that needs `byteCount` bytes in one piece.
    ///
    /// They are at most seven eighths of the limit, since more would never be free. So one such
    /// piece fits at a time, and small ones have room next to it.
    package func share(of byteCount: Int) -> Int { min(byteCount, limit - limit / 8) }

    /// Takes `byteCount` bytes, or gives back a negative number of them, even beyond the limit.
    ///
    /// This is for memory that is in use already.
    package func take(_ byteCount: Int) {
        notePeak(used.add(byteCount, ordering: .relaxed).newValue)
    }

    private func notePeak(_ byteCount: Int) {
        if byteCount > peak.load(ordering: .relaxed) { peak.max(byteCount, ordering: .relaxed) }
    }

    /// Gives back bytes that `reserve` took.
    package func release(_ byteCount: Int) {
        used.subtract(byteCount, ordering: .relaxed)
    }
}
