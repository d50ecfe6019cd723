// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import Dispatch
import LodestoneCore
import Synchronization

/// Returns memory to the system after a peak.
///
/// The allocator keeps freed memory for the next use, which may never come after one large reply.
///
/// Threading: every method may be called from any thread.
final class MemoryRelief: Sendable {
    private struct State {
        /// The peak of memory in use since memory was last returned.
        var peak = 0
        /// The time since when less than half of the peak is in use.
        var lowSince: ContinuousClock.Instant?
        /// The functions that free memory kept for large messages.
        var pools: [@Sendable () -> Void] = []
    }

    /// The least peak after which memory is returned.
    private static let minPeak = 8 << 20
    /// The time for which use must stay low.
    ///
    /// It is longer than the pause between two batches of an import.
    private static let gracePeriod = Duration.seconds(3)

    private let memory: ServerMemory
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "lodestone.memory", qos: .utility)

    init(_ memory: ServerMemory) {
        self.memory = memory
    }

    /// Adds a function that frees memory kept for large messages; it is called before memory is
    /// returned.
    func add(_ trim: @escaping @Sendable () -> Void) {
        state.withLock { $0.pools.append(trim) }
    }

    /// Checks whether a peak has passed.
    func tick(_ now: ContinuousClock.Instant) {
        let peak = memory.parts.reduce(0) { $0 + $1.budget.takePeak() }
        let used = memory.parts.reduce(0) { $0 + $1.budget.usedByteCount }
        let isOver = state.withLock { state in
            state.peak = max(state.peak, peak)
            guard state.peak >= Self.minPeak, used < state.peak / 2 else {
                state.lowSince = nil
                return false
            }
            let since = state.lowSince ?? now
            state.lowSince = since
            guard since.duration(to: now) >= Self.gracePeriod else { return false }
            state.peak = used
            state.lowSince = nil
            return true
        }
        guard isOver else { return }
        let pools = state.withLock { $0.pools }
        queue.async {
            for trim in pools { trim() }
            lode_memory_trim()
        }
    }
}
