// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// Counts the connections and calls of a server, refuses connections over the limits, and tells
/// when the last one is gone.
///
/// Threading: every method may be called from any thread.
final class Occupancy: Sendable {
    /// The counts at one moment.
    struct Counts: Sendable {
        /// Connections open.
        var connections = 0
        /// Of those, the ones that have not said hello.
        var unauthenticated = 0
        /// Calls under way on a worker or in the engine, also those of connections that are gone.
        var calls = 0

        var isEmpty: Bool { connections == 0 && calls == 0 }
    }

    private struct State {
        var counts = Counts()
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
    /// - Throws: `TOO_MANY_CONNECTIONS`.
    func connectionOpened() throws(LodestoneError) {
        let exceeded: Int? = state.withLock { state in
            if state.counts.connections >= maxConnections { return maxConnections }
            if state.counts.unauthenticated >= maxUnauthenticated { return maxUnauthenticated }
            state.counts.connections += 1
            state.counts.unauthenticated += 1
            return nil
        }
        if let exceeded { throw .tooManyConnections(exceeded) }
    }

    func helloSaid() {
        state.withLock { $0.counts.unauthenticated -= 1 }
    }

    func connectionClosed(saidHello: Bool) {
        change { counts in
            counts.connections -= 1
            if !saidHello { counts.unauthenticated -= 1 }
        }
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

    /// Ends every wait, whatever is still there.
    func giveUpWaiting() {
        for waiter in takeWaiters(evenIfOccupied: true) { waiter.resume() }
    }

    private func change(_ body: (inout Counts) -> Void) {
        state.withLock { body(&$0.counts) }
        for waiter in takeWaiters(evenIfOccupied: false) { waiter.resume() }
    }

    private func takeWaiters(evenIfOccupied: Bool) -> [CheckedContinuation<Void, Never>] {
        state.withLock { state in
            guard evenIfOccupied || state.counts.isEmpty, !state.whenEmpty.isEmpty else {
                return []
            }
            let waiters = state.whenEmpty
            state.whenEmpty = []
            return waiters
        }
    }
}
