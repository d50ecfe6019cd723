// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// Keeps reads from being begun while too many replies are left unread.
///
/// From half of the memory on, connections wait whose clients don't take what they were sent; when all
/// of it is taken, everybody does. Connections that have read nothing for `patience` are closed then, those
/// with the most first, and after `longestWait` others, too (`Shard`), so that the wait is short.
///
/// Threading: every method may be called from any thread.
final class OutputGate: Sendable {
    private struct Waiting {
        let context: CallContext
        let since: ContinuousClock.Instant
        let isBlocked: @Sendable () -> Bool
        let retry: @Sendable () -> Void
    }

    /// How long a connection may read nothing while others need the memory.
    static let patience = Duration.seconds(1)
    /// How long a read waits before connections are closed that read slowly.
    static let longestWait = Duration.seconds(5)

    private let memory: MemoryBudget
    /// Of the answers that are being made, which are output next.
    private let answers: MemoryBudget
    private let waiting = Mutex<[Waiting]>([])
    private let waitingCount = Atomic<Int>(0)

    init(memory: MemoryBudget, answers: MemoryBudget) {
        self.memory = memory
        self.answers = answers
    }

    /// Whether nothing more may be begun.
    var isFull: Bool { memory.isExhausted }

    /// How long the read that waits for longest has done so; `nil` when none waits.
    func longestWait(_ now: ContinuousClock.Instant) -> Duration? {
        waiting.withLock { $0.map(\.since).min() }?.duration(to: now)
    }

    /// Bytes that must come back for all to go on.
    var excess: Int { memory.usedByteCount - memory.limit / 2 + 1 }

    /// Lets a read begin, or has `retry` called once there is memory again.
    ///
    /// - Parameters:
    ///   - context: Of the call.
    ///   - isBlocked: Whether the client of the call doesn't take what it was sent.
    ///   - retry: Any thread.
    /// - Returns: Whether it may begin now.
    func enter(
        _ context: CallContext,
        isBlocked: @escaping @Sendable () -> Bool,
        _ retry: @escaping @Sendable () -> Void
    ) -> Bool {
        if mayEnter(isBlocked()) { return true }
        waiting.withLock { waiting in
            waiting.append(
                Waiting(context: context, since: .now, isBlocked: isBlocked, retry: retry)
            )
            waitingCount.store(waiting.count, ordering: .releasing)
        }
        // The memory may have come back since the question was asked.
        letIn()
        return false
    }

    /// Takes a read out of those that wait; false when it isn't there.
    func remove(_ context: CallContext) -> Bool {
        guard waitingCount.load(ordering: .acquiring) > 0 else { return false }
        return waiting.withLock { waiting in
            guard let place = waiting.firstIndex(where: { $0.context === context }) else {
                return false
            }
            waiting.remove(at: place)
            waitingCount.store(waiting.count, ordering: .releasing)
            return true
        }
    }

    /// Lets those go on for whom there is memory.
    func letIn() {
        let entering = waiting.withLock { waiting in
            var entering: [Waiting] = []
            waiting.removeAll { item in
                guard mayEnter(item.isBlocked()) else { return false }
                entering.append(item)
                return true
            }
            waitingCount.store(waiting.count, ordering: .releasing)
            return entering
        }
        for item in entering { item.retry() }
    }

    /// Does so without a lock where nobody waits.
    func letInIfAnyWaits() {
        if waitingCount.load(ordering: .acquiring) > 0 { letIn() }
    }

    private func mayEnter(_ isBlocked: Bool) -> Bool {
        let used = memory.usedByteCount
        // Many that begin at once would else all find that little is used.
        guard used + answers.usedByteCount < memory.limit + answers.limit / 2 else { return false }
        return used < (isBlocked ? memory.limit / 2 : memory.limit)
    }
}
