// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The gate for inline searches, or for inline walks.
///
/// It closes for a while after a call that took too long.
///
/// A loop that runs a search keeps its other connections waiting. After a search that took longer
/// than `limit`, or restarted on a worker, no search runs inline for twenty times its duration. So
/// wrong estimates take at most 5 percent of a loop's time. Walks have a gate of their own.
///
/// Threading: every method may be called from any thread.
final class InlineSearchGate: Sendable {
    /// The longest time that an inline search may take.
    let limit: Duration
    private static let pauseFactor = 20

    private let origin = ContinuousClock.now
    /// The time before which no search runs inline, in nanoseconds after `origin`.
    private let pausedUntil = Atomic<Int64>(0)

    init(limit: Duration) {
        self.limit = limit
    }

    /// Whether a search that is estimated short may run inline.
    func permits(_ now: ContinuousClock.Instant) -> Bool {
        nanoseconds(now) >= pausedUntil.load(ordering: .relaxed)
    }

    /// Records the time that a search took on the loop, and whether it restarts on a worker.
    func note(
        _ start: ContinuousClock.Instant,
        _ end: ContinuousClock.Instant,
        isRestarted: Bool = false
    ) {
        let time = start.duration(to: end)
        guard time > limit || isRestarted else { return }
        let pause = time * Self.pauseFactor
        pausedUntil.store(nanoseconds(end.advanced(by: pause)), ordering: .relaxed)
    }

    private func nanoseconds(_ instant: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = origin.duration(to: instant).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
