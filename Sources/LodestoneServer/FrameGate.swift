// SPDX-License-Identifier: Apache-2.0
import DequeModule
import LodestoneCore
import Synchronization

/// Lets long frames in while there is memory for them.
///
/// A frame takes its whole length when its header has arrived, so a frame that is let in can also
/// be finished. The other frames wait with their bytes left in the socket. A quarter of the memory
/// is for frames of `maxSmallBytes`, which pass the larger ones.
///
/// Among small frames, and among larger ones, the gate lets in the first that there is room for.
/// Once a frame has waited for `longestBypass`, no frame of its kind passes it. Once a frame has
/// waited for `gracePeriod`, the gate ends the frames that received nothing for that long, else the
/// slowest. So clients that send half a frame and then nothing keep no other client out.
///
/// Threading: every method may be called from any thread.
final class FrameGate: Sendable {
    private struct Admitted {
        let byteCount: Int
        let since: ContinuousClock.Instant
        /// The bytes that had arrived at the last check.
        var arrivedByteCount = 0
        /// The time at which these bytes last became more.
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

    /// How long a frame waits before the slowest of the others is ended.
    private static let gracePeriod = Duration.seconds(1)
    /// The most bytes of a small frame.
    private static let maxSmallBytes = 4 << 20
    /// The time during which other frames may pass a frame that has no room.
    private static let longestBypass = Duration.seconds(5)
    /// The speed above which a frame is never ended.
    private static let fastBytesPerSecond = 4.0 * 1_048_576

    private let memory: MemoryBudget
    private let state = Mutex(State())

    init(memory: MemoryBudget) {
        self.memory = memory
    }

    /// Frames that wait for memory.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Takes the memory of a frame, or calls `admit` later, once the memory is taken.
    ///
    /// - Parameters:
    ///   - connection: The connection of the frame; it has one frame here at a time.
    ///   - byteCount: The length of the frame.
    ///   - end: Ends the connection when others need the memory; any thread.
    ///   - admit: Called when a frame that waited gets its memory; any thread.
    /// - Returns: Whether the memory is taken now.
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

    /// Gives back the memory of a frame, or removes it from the frames that wait.
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

    /// Notes how much of a frame has arrived.
    func note(_ connection: ConnectionLimiter.Ticket, arrivedByteCount: Int) {
        state.withLock { state in
            guard let before = state.admitted[connection]?.arrivedByteCount,
                before != arrivedByteCount
            else { return }
            state.admitted[connection]?.arrivedByteCount = arrivedByteCount
            state.admitted[connection]?.movedAt = .now
        }
    }

    /// Notes that all of a frame has arrived.
    func complete(_ connection: ConnectionLimiter.Ticket) {
        state.withLock { $0.admitted[connection]?.isComplete = true }
    }

    /// Ends frames when another has waited for too long.
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

    /// Takes the memory of a frame, if that much is free for a frame of its size.
    private func reserve(_ byteCount: Int) -> Bool {
        let used = memory.usedByteCount
        // A frame that is alone may take all of the memory.
        if Self.isLarge(byteCount), used > 0, used + byteCount > memory.limit / 4 * 3 {
            return false
        }
        return memory.reserve(byteCount)
    }

    /// Whether a frame may not pass those that wait, or those before the one at `end`.
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
