// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The bytes that all calls of a server hold for one purpose, with a limit.
///
/// Threading: every method may be called from any thread.
package final class MemoryBudget: Sendable {
    /// The most bytes of all calls together.
    package let limit: Int
    private let used = Atomic<Int>(0)
    private let peak = Atomic<Int>(0)

    /// Creates a budget without bytes in use.
    package init(limit: Int) {
        self.limit = limit
    }

    /// The number of bytes in use.
    package var usedByteCount: Int { used.load(ordering: .relaxed) }

    /// The most bytes in use since the last call of this method.
    package func takePeak() -> Int { peak.exchange(usedByteCount, ordering: .relaxed) }

    /// Whether no bytes are left.
    package var isExhausted: Bool { usedByteCount >= limit }

    /// Reserves `byteCount` bytes if that many are left; `release` returns them.
    package func reserve(_ byteCount: Int) -> Bool {
        let before = used.add(byteCount, ordering: .relaxed).oldValue
        guard before + byteCount > limit else {
            notePeak(before + byteCount)
            return true
        }
        release(byteCount)
        return false
    }

    /// The bytes to reserve for one allocation of `byteCount` bytes.
    ///
    /// They are at most seven eighths of the limit, because more would never be free. So one such
    /// allocation fits at a time, with room for small ones.
    package func share(of byteCount: Int) -> Int { min(byteCount, limit - limit / 8) }

    /// Counts `byteCount` bytes, even beyond the limit; a negative number returns bytes.
    ///
    /// It is for memory that is already in use.
    package func take(_ byteCount: Int) {
        notePeak(used.add(byteCount, ordering: .relaxed).newValue)
    }

    private func notePeak(_ byteCount: Int) {
        if byteCount > peak.load(ordering: .relaxed) { peak.max(byteCount, ordering: .relaxed) }
    }

    /// Returns bytes that `reserve` reserved.
    package func release(_ byteCount: Int) {
        used.subtract(byteCount, ordering: .relaxed)
    }
}
