// SPDX-License-Identifier: Apache-2.0
import DequeModule
import LodestoneCore
import Synchronization

/// Lets long frames in while there is memory for them.
///
/// A frame takes its whole length when its header has arrived, so that what is let in can also be
/// finished. The others wait, in the order of their arrival, with their bytes left in the socket. When
/// one has waited for `patience`, the slowest frame that was let in is ended: a client that sends half a
/// frame and then nothing keeps nobody out.
///
/// Threading: every method may be called from any thread.
final class FrameGate: Sendable {
    private struct Admitted {
        let byteCount: Int
        let since: ContinuousClock.Instant
        /// The bytes that had arrived when it was looked at last.
        var arrivedByteCount = 0
        /// Ends its connection; any thread.
        let end: @Sendable () -> Void
    }

    private struct Waiting {
        let connection: Occupancy.Ticket
        let byteCount: Int
        let since: ContinuousClock.Instant
        let admit: @Sendable () -> Void
        let end: @Sendable () -> Void
    }

    private struct State {
        var admitted: [Occupancy.Ticket: Admitted] = [:]
        var waiting: Deque<Waiting> = []
    }

    /// How long a frame waits before the slowest of the others is ended.
    private static let patience = Duration.seconds(1)
    /// A frame that arrives faster is never ended.
    private static let fastBytesPerSecond = 4.0 * 1_048_576

    private let memory: MemoryBudget
    private let state = Mutex(State())

    init(memory: MemoryBudget) {
        self.memory = memory
    }

    /// Frames that wait for memory.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Takes the memory of a frame, or has `admit` called once it is taken.
    ///
    /// - Parameters:
    ///   - connection: Where the frame comes from; one at a time.
    ///   - byteCount: Its length.
    ///   - end: Ends the connection when others need the memory; any thread.
    ///   - admit: Any thread.
    /// - Returns: Whether the memory is taken.
    func enter(
        _ connection: Occupancy.Ticket,
        byteCount: Int,
        end: @escaping @Sendable () -> Void,
        admit: @escaping @Sendable () -> Void
    ) -> Bool {
        let now = ContinuousClock.now
        return state.withLock { state in
            if state.waiting.isEmpty, memory.reserve(byteCount) {
                state.admitted[connection] = Admitted(byteCount: byteCount, since: now, end: end)
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

    /// Gives back what a frame took, or its place among those that wait.
    func leave(_ connection: Occupancy.Ticket) {
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
    func note(_ connection: Occupancy.Ticket, arrivedByteCount: Int) {
        state.withLock { $0.admitted[connection]?.arrivedByteCount = arrivedByteCount }
    }

    /// Ends the slowest frame when another has waited for too long.
    func relieve(_ now: ContinuousClock.Instant) {
        let end: (@Sendable () -> Void)? = state.withLock { state in
            guard let first = state.waiting.first,
                first.since.duration(to: now) >= Self.patience
            else { return nil }
            let slowest = state.admitted.values
                .filter { $0.since.duration(to: now) >= Self.patience }
                .min { Self.rate(of: $0, now) < Self.rate(of: $1, now) }
            guard let slowest, Self.rate(of: slowest, now) < Self.fastBytesPerSecond else {
                return nil
            }
            return slowest.end
        }
        end?()
    }

    private static func rate(of frame: Admitted, _ now: ContinuousClock.Instant) -> Double {
        let seconds = Double(frame.since.duration(to: now).milliseconds) / 1_000
        return Double(frame.arrivedByteCount) / max(seconds, 0.001)
    }

    private func admitWaiting(_ state: inout State) -> [@Sendable () -> Void] {
        var admitted: [@Sendable () -> Void] = []
        while let first = state.waiting.first, memory.reserve(first.byteCount) {
            state.waiting.removeFirst()
            state.admitted[first.connection] = Admitted(
                byteCount: first.byteCount,
                since: .now,
                end: first.end
            )
            admitted.append(first.admit)
        }
        return admitted
    }
}
