// SPDX-License-Identifier: Apache-2.0
import DequeModule
import LodestoneCore
import Synchronization

/// A gate that admits long frames while there is memory for them.
///
/// A frame reserves its whole length when its header has arrived, so an admitted frame can be
/// completed. The bytes of waiting frames stay in the socket. A quarter of the memory is for frames
/// of at most `maxSmallBytes`, which pass larger ones.
///
/// Among small frames, and among larger ones, the gate admits the first one that fits. No frame
/// passes another frame of its kind that has waited for `longestBypass`. Once a frame has waited
/// for `gracePeriod`, the gate ends the frames that received nothing for that long, or else the
/// slowest one. So clients that stop in the middle of a frame keep no other client out.
///
/// Threading: every method may be called from any thread.
final class FrameGate: Sendable {
    private struct Admitted {
        let byteCount: Int
        let since: ContinuousClock.Instant
        /// The bytes that had arrived at the last check.
        var arrivedByteCount = 0
        /// The time at which `arrivedByteCount` last rose.
        var movedAt: ContinuousClock.Instant
        /// Whether the whole frame has arrived: it waits for a worker, not for its client.
        var isComplete = false
        /// Ends the frame's connection; any thread.
        let end: @Sendable () -> Void
    }

    private struct Waiting {
        let connection: ConnectionLimiter.Ticket
        let byteCount: Int
        let since: ContinuousClock.Instant
        let admit: @Sendable () -> Void
        let end: @Sendable () -> Void
    }

    private struct State {
        var admitted: [ConnectionLimiter.Ticket: Admitted] = [:]
        var waiting: Deque<Waiting> = []
    }

    /// The wait of a frame after which the gate ends others.
    private static let gracePeriod = Duration.seconds(1)
    /// The most bytes of a small frame.
    private static let maxSmallBytes = 4 << 20
    /// The wait of a frame during which others may pass it.
    private static let longestBypass = Duration.seconds(5)
    /// The speed above which the gate never ends a frame.
    private static let fastBytesPerSecond = 4.0 * 1_048_576

    private let memory: MemoryBudget
    private let state = Mutex(State())

    init(memory: MemoryBudget) {
        self.memory = memory
    }

    /// Frames that wait for memory.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Reserves the memory of a frame, or calls `admit` once it is reserved later.
    ///
    /// - Parameters:
    ///   - connection: The connection of the frame; it has one frame here at a time.
    ///   - byteCount: The length of the frame.
    ///   - end: Ends the connection when others need the memory; any thread.
    ///   - admit: Called when a waiting frame gets its memory; any thread.
    /// - Returns: Whether the memory is reserved on return.
    func enter(
        _ connection: ConnectionLimiter.Ticket,
        byteCount: Int,
        end: @escaping @Sendable () -> Void,
        admit: @escaping @Sendable () -> Void
    ) -> Bool {
        let now = ContinuousClock.now
        return state.withLock { state in
            if !Self.mustWait(byteCount, state, now), reserve(byteCount) {
                state.admitted[connection] = Admitted(
                    byteCount: byteCount,
                    since: now,
                    movedAt: now,
                    end: end
                )
                return true
            }
            state.waiting.append(
                Waiting(
                    connection: connection,
                    byteCount: byteCount,
                    since: now,
                    admit: admit,
                    end: end
                )
            )
            return false
        }
    }

    /// Frees the memory of a frame, or removes it from the waiting frames.
    func leave(_ connection: ConnectionLimiter.Ticket) {
        let admitted = state.withLock { state in
            if let frame = state.admitted.removeValue(forKey: connection) {
                memory.release(frame.byteCount)
            } else {
                state.waiting.removeAll { $0.connection == connection }
            }
            return admitWaiting(&state)
        }
        for admit in admitted { admit() }
    }

    /// Records how much of a frame has arrived.
    func note(_ connection: ConnectionLimiter.Ticket, arrivedByteCount: Int) {
        state.withLock { state in
            guard let before = state.admitted[connection]?.arrivedByteCount,
                before != arrivedByteCount
            else { return }
            state.admitted[connection]?.arrivedByteCount = arrivedByteCount
            state.admitted[connection]?.movedAt = .now
        }
    }

    /// Records that all of a frame has arrived.
    func complete(_ connection: ConnectionLimiter.Ticket) {
        state.withLock { $0.admitted[connection]?.isComplete = true }
    }

    /// Ends frames if another frame has waited for too long.
    func relieve(_ now: ContinuousClock.Instant) {
        let ending: [Admitted] = state.withLock { state in
            guard let first = state.waiting.first,
                first.since.duration(to: now) >= Self.gracePeriod
            else { return [] }
            let incomplete = state.admitted.values.filter { !$0.isComplete }
            let idle = incomplete.filter { $0.movedAt.duration(to: now) >= Self.gracePeriod }
            guard idle.isEmpty else { return idle }
            let slowest =
                incomplete
                .filter { $0.since.duration(to: now) >= Self.gracePeriod }
                .min { Self.rate(of: $0, now) < Self.rate(of: $1, now) }
            guard let slowest, Self.rate(of: slowest, now) < Self.fastBytesPerSecond else {
                return []
            }
            return [slowest]
        }
        for frame in ending { frame.end() }
    }

    private static func isLarge(_ byteCount: Int) -> Bool { byteCount > maxSmallBytes }

    /// Reserves the memory of a frame; returns false when too little is free for a frame of its
    /// size.
    private func reserve(_ byteCount: Int) -> Bool {
        let used = memory.usedByteCount
        // A large frame may use the last quarter only if it is alone.
        if Self.isLarge(byteCount), used > 0, used + byteCount > memory.limit / 4 * 3 {
            return false
        }
        return memory.reserve(byteCount)
    }

    /// Whether a frame must not pass the waiting frames, or those before index `end`.
    private static func mustWait(
        _ byteCount: Int,
        _ state: borrowing State,
        _ now: ContinuousClock.Instant,
        before end: Int = .max
    ) -> Bool {
        state.waiting.prefix(end).first { isLarge($0.byteCount) == isLarge(byteCount) }
            .map { $0.since.duration(to: now) >= longestBypass } ?? false
    }

    private static func rate(of frame: Admitted, _ now: ContinuousClock.Instant) -> Double {
        let seconds = Double(frame.since.duration(to: now).milliseconds) / 1_000
        return Double(frame.arrivedByteCount) / max(seconds, 0.001)
    }

    private func admitWaiting(_ state: inout State) -> [@Sendable () -> Void] {
        var admitted: [@Sendable () -> Void] = []
        let now = ContinuousClock.now
        var index = 0
        while index < state.waiting.count {
            let frame = state.waiting[index]
            guard !Self.mustWait(frame.byteCount, state, now, before: index),
                reserve(frame.byteCount)
            else {
                index += 1
                continue
            }
            state.waiting.remove(at: index)
            state.admitted[frame.connection] = Admitted(
                byteCount: frame.byteCount,
                since: now,
                movedAt: now,
                end: frame.end
            )
            admitted.append(frame.admit)
        }
        return admitted
    }
}
