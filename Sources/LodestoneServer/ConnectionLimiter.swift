// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// The counts of a server's connections and calls, kept within the limits.
///
/// A waiter learns when the last of them has ended.
///
/// Threading: every method may be called from any thread.
final class ConnectionLimiter: Sendable {
    /// The counts at one moment.
    struct Counts: Sendable {
        /// Open connections.
        var connections = 0
        /// Open connections that may still send their hello.
        var unauthenticated = 0
        /// Calls in flight on a worker or in the engine, including those of closed connections.
        var calls = 0

        var isEmpty: Bool { connections == 0 && calls == 0 }
    }

    /// The number of a connection that has not said hello; later connections have larger numbers.
    typealias Ticket = UInt64

    private struct State {
        var counts = Counts()
        /// The functions that close the connections that have not said hello.
        var awaitingHello: [Ticket: @Sendable () -> Void] = [:]
        /// The least ticket that may be in `awaitingHello`.
        var oldest: Ticket = 0
        var next: Ticket = 0
        var whenEmpty: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let maxConnections: Int
    private let maxUnauthenticated: Int

    init(limits: Limits) {
        maxConnections = limits.maxConnections
        maxUnauthenticated = limits.maxUnauthenticated
    }

    var counts: Counts { state.withLock { $0.counts } }

    /// Counts a new connection, which has not said hello.
    ///
    /// At the limit of open connections without a hello, the oldest of them is closed. Clients say
    /// hello at once, so silent connections must not keep them out.
    ///
    /// - Parameter close: Closes the connection; any thread.
    /// - Returns: The ticket of the connection until it has said hello or is closed.
    /// - Throws: `TOO_MANY_CONNECTIONS`.
    func connectionOpened(_ close: @escaping @Sendable () -> Void) throws(LodestoneError) -> Ticket
    {
        let (ticket, closeOldest) = state.withLock { state -> (Ticket?, (@Sendable () -> Void)?) in
            guard state.counts.connections < maxConnections else { return (nil, nil) }
            var closeOldest: (@Sendable () -> Void)?
            if state.counts.unauthenticated >= maxUnauthenticated {
                while state.oldest < state.next, closeOldest == nil {
                    closeOldest = state.awaitingHello.removeValue(forKey: state.oldest)
                    state.oldest += 1
                }
            }
            let ticket = state.next
            state.next += 1
            state.awaitingHello[ticket] = close
            state.counts.connections += 1
            state.counts.unauthenticated = state.awaitingHello.count
            return (ticket, closeOldest)
        }
        closeOldest?()
        guard let ticket else { throw .tooManyConnections(maxConnections) }
        return ticket
    }

    func helloReceived(_ ticket: Ticket) {
        state.withLock { state in
            state.awaitingHello[ticket] = nil
            state.counts.unauthenticated = state.awaitingHello.count
        }
    }

    func connectionClosed(_ ticket: Ticket) {
        helloReceived(ticket)
        change { $0.connections -= 1 }
    }

    func callBegan() {
        state.withLock { $0.counts.calls += 1 }
    }

    func callEnded() {
        change { $0.calls -= 1 }
    }

    /// Returns once there is no connection and no call.
    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.counts.isEmpty { state.whenEmpty.append(continuation) }
                return state.counts.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }

    /// Ends every wait, even with connections and calls left.
    func giveUpWaiting() {
        for waiter in takeWaiters(evenIfNotEmpty: true) { waiter.resume() }
    }

    private func change(_ body: (inout Counts) -> Void) {
        state.withLock { body(&$0.counts) }
        for waiter in takeWaiters(evenIfNotEmpty: false) { waiter.resume() }
    }

    private func takeWaiters(evenIfNotEmpty: Bool) -> [CheckedContinuation<Void, Never>] {
        state.withLock { state in
            guard evenIfNotEmpty || state.counts.isEmpty, !state.whenEmpty.isEmpty else {
                return []
            }
            let waiters = state.whenEmpty
            state.whenEmpty = []
            return waiters
        }
    }
}
