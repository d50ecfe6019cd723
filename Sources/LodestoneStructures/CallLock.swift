// SPDX-License-Identifier: Apache-2.0
package import Dispatch
package import LodestoneCore
import Synchronization

/// A lock with a wait that ends at the deadline of the waiting call.
///
/// Waiting threads get the lock in the order in which they came. The lock is for work that may take
/// long: a waiting call must end at its deadline even if the holder does not.
///
/// Threading: any thread; a thread may release the lock that another thread took.
package final class CallLock: Sendable {
    private final class Waiter: Sendable {
        let turn = DispatchSemaphore(value: 0)
    }

    private struct State {
        var isHeld = false
        var waiting: [Waiter] = []
    }

    /// The longest delay before a waiting thread notices a cancellation.
    package static let lookInterval = DispatchTimeInterval.milliseconds(5)

    private let state = Mutex(State())

    package init() {}

    /// Runs `body` while no other thread holds the lock.
    ///
    /// - Parameters:
    ///   - check: Called every few milliseconds while another thread holds the lock; its error ends
    ///     the wait.
    ///   - body: The work under the lock.
    /// - Returns: The result of `body`.
    /// - Throws: The errors of `body` and `check`.
    package func withLock<T>(
        while check: () throws(LodestoneError) -> Void = {},
        _ body: () throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        try take(while: check)
        defer { release() }
        return try body()
    }

    /// Runs `body`, or returns `nil` when another thread holds the lock.
    package func withLockIfFree<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError)
        -> T?
    {
        let isFree = state.withLock { state in
            defer { state.isHeld = true }
            return !state.isHeld
        }
        guard isFree else { return nil }
        defer { release() }
        return try body()
    }

    private func take(while check: () throws(LodestoneError) -> Void) throws(LodestoneError) {
        let waiter: Waiter? = state.withLock { state in
            guard state.isHeld else {
                state.isHeld = true
                return nil
            }
            let waiter = Waiter()
            state.waiting.append(waiter)
            return waiter
        }
        guard let waiter else { return }
        while waiter.turn.wait(timeout: .now() + Self.lookInterval) == .timedOut {
            do throws(LodestoneError) {
                try check()
            } catch {
                giveUp(waiter)
                throw error
            }
        }
    }

    private func giveUp(_ waiter: Waiter) {
        let wasWaiting = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0 === waiter }) else {
                return false
            }
            state.waiting.remove(at: index)
            return true
        }
        // The waiter got the lock meanwhile.
        if !wasWaiting { release() }
    }

    private func release() {
        let next = state.withLock { state in
            state.isHeld = !state.waiting.isEmpty
            return state.isHeld ? state.waiting.removeFirst() : nil
        }
        next?.turn.signal()
    }
}
