// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// A gate that keeps reads from beginning while clients leave too many replies unread.
///
/// When half of the memory is used, the reads of clients that leave replies unread wait. When all
/// of it is used, every read waits. `ServerLoop` then closes connections that have read nothing for
/// `gracePeriod`, first those with the most unread bytes. After `longestWait` it also closes
/// connections that read slowly, so the wait is short.
///
/// Threading: every method may be called from any thread.
final class OutputGate: Sendable {
    private struct Waiting {
        let context: CallContext
        let since: ContinuousClock.Instant
        let isBlocked: @Sendable () -> Bool
        let retry: @Sendable () -> Void
    }

    /// The time for which a connection may read nothing while others need the memory.
    static let gracePeriod = Duration.seconds(1)
    /// The wait of a read after which connections that read slowly are closed.
    static let longestWait = Duration.seconds(5)

    private let memory: MemoryBudget
    /// The memory of replies in the making, which become output next.
    private let replies: MemoryBudget
    private let waiting = Mutex<[Waiting]>([])
    private let waitingCount = Atomic<Int>(0)

    init(memory: MemoryBudget, replies: MemoryBudget) {
        self.memory = memory
        self.replies = replies
    }

    /// Whether no read may begin.
    var isFull: Bool { memory.isExhausted }

    /// The longest wait of all waiting reads; `nil` when none waits.
    func longestWait(_ now: ContinuousClock.Instant) -> Duration? {
        waiting.withLock { $0.map(\.since).min() }?.duration(to: now)
    }

    /// The bytes that must be freed before every read may begin.
    var excess: Int { memory.usedByteCount - memory.limit / 2 + 1 }

    /// Admits a read, or calls `retry` later, when there is memory again.
    ///
    /// - Parameters:
    ///   - context: The context of the read's call.
    ///   - isBlocked: Whether the client of the call leaves its replies unread.
    ///   - retry: Called when a waiting read may begin; any thread.
    /// - Returns: Whether the read may begin now.
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
        // Memory may have been freed since `mayEnter` was called.
        letIn()
        return false
    }

    /// Removes a waiting read; false when it isn't there.
    func remove(_ context: CallContext) -> Bool {
        guard waitingCount.load(ordering: .acquiring) > 0 else { return false }
        return waiting.withLock { waiting in
            guard let index = waiting.firstIndex(where: { $0.context === context }) else {
                return false
            }
            waiting.remove(at: index)
            waitingCount.store(waiting.count, ordering: .releasing)
            return true
        }
    }

    /// Admits the waiting reads for which there is memory.
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

    /// Calls `letIn`, without a lock when no read waits.
    func letInIfAnyWaits() {
        if waitingCount.load(ordering: .acquiring) > 0 { letIn() }
    }

    private func mayEnter(_ isBlocked: Bool) -> Bool {
        let used = memory.usedByteCount
        // Replies in the making count, too: otherwise many reads that begin at once would each find
        // little used.
        guard used + replies.usedByteCount < memory.limit + replies.limit / 2 else { return false }
        return used < (isBlocked ? memory.limit / 2 : memory.limit)
    }
}
