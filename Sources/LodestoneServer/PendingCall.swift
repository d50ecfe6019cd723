// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Synchronization

/// A call that a worker or the engine serves.
final class PendingCall: Sendable {
    /// The id of its request.
    let id: UInt64
    let kind: CallKind
    /// The call itself, if it is a read: its shape and its constants are noted at its end.
    let read: Call?
    /// The name that the client gave.
    let client: String
    /// The trace that the client named.
    let trace: TraceParent?
    /// The collection that the call concerns, for the log.
    let collection: String?
    /// The rights that the call began with.
    let access: Access
    /// The documents, ids and edges that the call names.
    let namedCount: Int
    /// The series of that collection.
    let collectionMetrics: ServerMetrics.PerCall?
    /// The deadline and the cancellation of the call.
    let context: CallContext
    let acceptedAt: ContinuousClock.Instant
    /// The bytes of the decode budget that the call holds.
    let byteCount: Int

    init(
        id: UInt64,
        kind: CallKind,
        read: Call?,
        client: String,
        trace: TraceParent?,
        collection: String?,
        access: Access,
        namedCount: Int,
        collectionMetrics: ServerMetrics.PerCall?,
        context: CallContext,
        acceptedAt: ContinuousClock.Instant,
        byteCount: Int
    ) {
        self.id = id
        self.kind = kind
        self.read = read
        self.client = client
        self.trace = trace
        self.collection = collection
        self.access = access
        self.namedCount = namedCount
        self.collectionMetrics = collectionMetrics
        self.context = context
        self.acceptedAt = acceptedAt
        self.byteCount = byteCount
    }
}

/// The calls of one connection, and the work that waits until the client has read more.
///
/// Threading: every method may be called from any thread.
final class PendingCalls: Sendable {
    private struct State {
        var calls: [UInt64: PendingCall] = [:]
        /// The number of `calls` that describe the server or its collections.
        var descriptionCount = 0
        /// The number of calls whose reply is not in the output yet; some are no longer in `calls`.
        var unrepliedCount = 0
        var deferred: [@Sendable () -> Void] = []
        var isDraining = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Calls in flight.
    var count: Int { state.withLock { $0.calls.count } }

    /// Whether every call has its reply.
    var isEmpty: Bool { state.withLock { $0.unrepliedCount == 0 } }

    /// - Throws: `ID_IN_USE`, `TOO_MANY_IN_FLIGHT`.
    func insert(_ call: PendingCall) throws(LodestoneError) {
        let refusal: LodestoneError? = state.withLock { state in
            guard state.calls[call.id] == nil else { return .idInUse(call.id) }
            // Descriptions have a limit of their own: a client at its limit may still send them,
            // and they take no room from other calls.
            let isDescription = call.kind.isDescription
            let others = state.calls.count - state.descriptionCount
            guard (isDescription ? state.descriptionCount : others) < limit else {
                return .tooManyInFlight(limit)
            }
            state.calls[call.id] = call
            state.unrepliedCount += 1
            if isDescription { state.descriptionCount += 1 }
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Removes a call whose reply is sent next.
    ///
    /// - Returns: Whether it was the only call.
    func remove(_ call: PendingCall) -> Bool {
        state.withLock { state in
            if state.calls.removeValue(forKey: call.id) != nil, call.kind.isDescription {
                state.descriptionCount -= 1
            }
            return state.calls.isEmpty
        }
    }

    /// The call in flight with `id`.
    func call(_ id: UInt64) -> PendingCall? {
        state.withLock { $0.calls[id] }
    }

    /// The calls whose deadline has passed.
    func expired(_ now: ContinuousClock.Instant) -> [PendingCall] {
        state.withLock { $0.calls.values.filter { $0.context.deadline <= now } }
    }

    /// Records that the reply to a call is in the output.
    ///
    /// - Returns: Whether the connection waited for this reply only.
    func replySent() -> Bool {
        state.withLock { state in
            state.unrepliedCount -= 1
            return state.isDraining && state.unrepliedCount == 0
        }
    }

    func beginDraining() {
        state.withLock { $0.isDraining = true }
    }

    /// Defers `work` until `runDeferredWork`.
    ///
    /// Returns false when the connection is closed; the caller then runs the work.
    func deferWork(_ work: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.deferred.append(work)
            return true
        }
    }

    /// Runs the deferred work.
    func runDeferredWork() {
        let deferred = state.withLock { state in
            let deferred = state.deferred
            state.deferred = []
            return deferred
        }
        for work in deferred { work() }
    }

    /// Returns every call, and accepts no more.
    func close() -> [PendingCall] {
        state.withLock { state in
            state.isClosed = true
            return Array(state.calls.values)
        }
    }
}
