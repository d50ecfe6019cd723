// SPDX-License-Identifier: Apache-2.0
import DequeModule
import LodestoneCore
import Synchronization

/// Keeps reads from being begun while too many replies are left unread.
///
/// From half of the memory on, connections wait that have unread replies themselves; when all of it is
/// taken, everybody does. The connections that have read nothing for `patience` are closed then, those with
/// the most first (`Shard`), so that the wait is short.
///
/// Threading: every method may be called from any thread.
final class OutputGate: Sendable {
    private struct Waiting {
        let hasUnread: Bool
        let retry: @Sendable () -> Void
    }

    /// How long a connection may read nothing while others need the memory.
    static let patience = Duration.seconds(1)

    private let memory: MemoryBudget
    /// Of the answers that are being made, which are output next.
    private let answers: MemoryBudget
    private let waiting = Mutex<Deque<Waiting>>([])

    init(memory: MemoryBudget, answers: MemoryBudget) {
        self.memory = memory
        self.answers = answers
    }

    /// Whether connections are to be closed for the memory that their replies take.
    var isShort: Bool { memory.isExhausted }

    /// Bytes that must come back.
    var excess: Int { memory.usedByteCount - memory.limit + 1 }

    /// Whether a read may be begun; else `retry` is called once there is memory again.
    func enter(hasUnread: Bool, _ retry: @escaping @Sendable () -> Void) -> Bool {
        if mayEnter(hasUnread) { return true }
        waiting.withLock { $0.append(Waiting(hasUnread: hasUnread, retry: retry)) }
        // The memory may have come back since the question was asked.
        letIn()
        return false
    }

    /// Lets those go on for whom there is memory.
    func letIn() {
        guard mayEnter(false) else { return }
        let letsUnread = mayEnter(true)
        let entering = waiting.withLock { waiting in
            let entering = waiting.filter { letsUnread || !$0.hasUnread }
            if !entering.isEmpty { waiting.removeAll { letsUnread || !$0.hasUnread } }
            return entering
        }
        for item in entering { item.retry() }
    }

    private func mayEnter(_ hasUnread: Bool) -> Bool {
        let used = memory.usedByteCount
        // Many that begin at once would else all find that little is used.
        guard used + answers.usedByteCount < memory.limit + answers.limit / 2 else { return false }
        return used < (hasUnread ? memory.limit / 2 : memory.limit)
    }
}
