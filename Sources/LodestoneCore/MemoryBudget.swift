// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Bytes that the calls of one server hold together for one purpose, and may hold.
///
/// Threading: every method may be called from any thread.
package final class MemoryBudget: Sendable {
    /// Bytes that all may hold together.
    package let limit: Int
    private let used = Atomic<Int>(0)
    private let peak = Atomic<Int>(0)

    /// Creates a budget of which nothing is taken.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Bytes in use.
    package var usedByteCount: Int { used.load(ordering: .relaxed) }

    /// The most that was in use since this was asked last.
    package func takePeak() -> Int { peak.exchange(usedByteCount, ordering: .relaxed) }

    /// Whether nothing is left.
    package var isExhausted: Bool { usedByteCount >= limit }

    /// Takes `byteCount` bytes, if they are there; give them back with `release`.
    package func reserve(_ byteCount: Int) -> Bool {
        let before = used.add(byteCount, ordering: .relaxed).oldValue
        guard before + byteCount > limit else {
            notePeak(before + byteCount)
            return true
        }
        release(byteCount)
        return false
    }

    /// What to reserve for something that needs `byteCount` bytes in one piece.
    ///
    /// That is seven eighths of the limit at most, since more would never be free. So there is one such
    /// thing at a time, and room for small ones next to it.
    package func share(of byteCount: Int) -> Int { min(byteCount, limit - limit / 8) }

    /// Takes `byteCount` bytes, or gives back a negative number of them, though the limit may be passed:
    /// for memory that is in use already.
    package func take(_ byteCount: Int) {
        notePeak(used.add(byteCount, ordering: .relaxed).newValue)
    }

    private func notePeak(_ byteCount: Int) {
        if byteCount > peak.load(ordering: .relaxed) { peak.max(byteCount, ordering: .relaxed) }
    }

    /// Gives back what `reserve` took.
    package func release(_ byteCount: Int) {
        used.subtract(byteCount, ordering: .relaxed)
    }
}
