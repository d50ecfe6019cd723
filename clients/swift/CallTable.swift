// SPDX-License-Identifier: Apache-2.0
import HeapModule
import LodestoneCore

/// The calls of one connection: those that wait for their reply, and those that wait to be sent.
///
/// Calls are sent in the order of submission. Calls that the server serves at once and doesn't
/// count pass the queue.
///
/// The table only remembers calls: each method returns the caller's next step. A call that is given
/// up after it was sent stays in the table until the reply comes, because the server still counts
/// it.
///
/// No method takes longer for one call because many others wait: the lock of the connection is held
/// meanwhile, and every caller needs it.
struct CallTable<Payload> {
    private struct Entry {
        /// The call; `nil` once no caller waits for the reply.
        var payload: Payload?
        /// The time to give up, after `start`.
        var deadline: Duration
        let isWrite: Bool
        let passesQueue: Bool
        /// Whether the call was cancelled and waits for the server's reply on its outcome.
        var isCancelled = false
    }

    /// A call that ends without a reply.
    struct EndedCall {
        var id: UInt64
        var payload: Payload
        /// The effect that the call may have had.
        var outcome: LodestoneError.Outcome
        /// Whether the server has the call and should be told to cancel it.
        var wasSent: Bool
        /// Whether the call ends because it was cancelled earlier.
        var isCancelled: Bool
    }

    /// A call to send now.
    struct Dispatch {
        var id: UInt64
        var payload: Payload
        /// Whether no other call waits for its reply.
        var isAlone: Bool
    }

    /// The effect of cancelling a call.
    enum Cancellation {
        /// The call had ended already.
        case nothing
        /// The call ends now.
        case ended(EndedCall)
        /// The call is a write that was sent: the server must be told, and its reply or this time
        /// ends the call.
        case awaitsReply(until: ContinuousClock.Instant)
    }

    /// The time at which a call gives up; void once the call has ended or gives up at another time.
    struct Due: Comparable {
        var deadline: Duration
        var id: UInt64

        static func < (one: Due, other: Due) -> Bool {
            (one.deadline, one.id) < (other.deadline, other.id)
        }
    }

    private enum Phase {
        case opening
        case open
        /// The connection takes no more calls.
        case leaving
        case closed
    }

    /// The time that deadlines count from.
    ///
    /// The compiler knows the layout of durations, and not the layout of instants. With instants,
    /// copies and comparisons were calls of the runtime, and cancelling took half as long again.
    private let start = ContinuousClock.now
    private var phase = Phase.opening
    private var limit = 0
    private var lastID: UInt64
    private var sent: [UInt64: Entry] = [:]
    private var queue = CallQueue<Entry>()
    /// Calls that pass the queue, while `maxPassing` of them are in flight.
    private var passingQueue = CallQueue<Entry>()
    /// The number of calls in `sent` that passed the queue.
    private var passingCount = 0
    /// The most calls that pass the queue at once: enough to describe a server, too few to flood
    /// it.
    private static var maxPassing: Int { 16 }
    /// The deadlines of all calls, with void ones behind the earliest.
    private(set) var deadlines: Heap<Due> = []
    private static var maxVoidDeadlines: Int { 64 }

    /// Whether the connection has more to send than it should hold; nothing is sent until it has
    /// less.
    var isBackpressured = false

    /// - Parameter lastID: The largest id that is taken already.
    init(lastID: UInt64 = 0) {
        self.lastID = lastID
    }

    /// Whether a new call would be taken.
    var takesCalls: Bool { phase == .opening || phase == .open }

    /// Whether the connection has no purpose left: it takes no calls, and none is in flight.
    var isDone: Bool { !takesCalls && sent.isEmpty && waitingCount == 0 }

    /// The time at which the next call gives up.
    var earliestDeadline: ContinuousClock.Instant? {
        (deadlines.min?.deadline).map { start.advanced(by: $0) }
    }

    private var waitingCount: Int { queue.count + passingQueue.count }

    /// Adds a call behind the others.
    ///
    /// - Parameters:
    ///   - payload: The caller's value for the call.
    ///   - deadline: The time to give up.
    ///   - isWrite: Whether the call may have an effect that lasts.
    ///   - passesQueue: Whether the call passes the queue: the server doesn't count it.
    /// - Returns: The id of the call, or `nil` when no more calls are taken.
    mutating func submit(
        _ payload: Payload,
        deadline: ContinuousClock.Instant,
        isWrite: Bool,
        passesQueue: Bool = false
    ) -> UInt64? {
        guard takesCalls else { return nil }
        lastID += 1
        let deadline = start.duration(to: deadline)
        let entry = Entry(
            payload: payload,
            deadline: deadline,
            isWrite: isWrite,
            passesQueue: passesQueue
        )
        if passesQueue {
            passingQueue.append(entry, id: lastID)
        } else {
            queue.append(entry, id: lastID)
        }
        deadlines.insert(Due(deadline: deadline, id: lastID))
        return lastID
    }

    /// Takes an id for a request that has no reply.
    mutating func takeID() -> UInt64 {
        lastID += 1
        return lastID
    }

    /// Takes the next call that may be sent now, if there is one; it counts as sent.
    mutating func nextDispatch() -> Dispatch? {
        guard phase != .opening, !isBackpressured, let (id, entry) = popFirst(),
            let payload = entry.payload
        else { return nil }
        let isAlone = sent.isEmpty
        sent[id] = entry
        if entry.passesQueue { passingCount += 1 }
        return Dispatch(id: id, payload: payload, isAlone: isAlone)
    }

    private mutating func popFirst() -> (id: UInt64, element: Entry)? {
        if passingCount < Self.maxPassing, let next = passingQueue.popFirst() { return next }
        return sent.count - passingCount < limit ? queue.popFirst() : nil
    }

    /// Lets calls be sent: the server is ready for at most `limit` at once.
    mutating func open(limit: Int) {
        guard phase == .opening else { return }
        phase = .open
        self.limit = max(1, limit)
    }

    /// Ends the call whose reply has arrived.
    ///
    /// - Returns: The call; `nil` when no caller waits for it or the id is unknown.
    mutating func finish(_ id: UInt64) -> Payload? {
        let entry = takeSent(id)
        deadlinesChanged(by: id)
        return entry?.payload
    }

    /// Gives up on a call.
    ///
    /// - Parameters:
    ///   - id: The id of the call.
    ///   - now: The present time.
    ///   - gracePeriod: The wait for the server's reply on the outcome of a write that it has.
    /// - Returns: The next step for the caller.
    mutating func cancel(
        _ id: UInt64,
        now: ContinuousClock.Instant,
        gracePeriod: Duration
    ) -> Cancellation {
        defer { deadlinesChanged(by: id) }
        if let entry = takeWaiting(id) {
            return endedCall(id, entry, wasSent: false).map { .ended($0) } ?? .nothing
        }
        guard var entry = sent[id], entry.payload != nil, !entry.isCancelled else {
            return .nothing
        }
        guard entry.isWrite else {
            return abandon(id).map { .ended($0) } ?? .nothing
        }
        entry.isCancelled = true
        entry.deadline = min(entry.deadline, start.duration(to: now) + gracePeriod)
        sent[id] = entry
        deadlines.insert(Due(deadline: entry.deadline, id: id))
        return .awaitsReply(until: start.advanced(by: entry.deadline))
    }

    /// Gives up on every call whose deadline has passed.
    mutating func expire(at now: ContinuousClock.Instant) -> [EndedCall] {
        let now = start.duration(to: now)
        var expired: [EndedCall] = []
        while let due = deadlines.min, due.deadline <= now {
            deadlines.removeMin()
            guard !isVoid(due) else { continue }
            let call =
                takeWaiting(due.id).flatMap { endedCall(due.id, $0, wasSent: false) }
                ?? abandon(due.id)
            if let call { expired.append(call) }
        }
        forgetVoidDeadlines()
        return expired
    }

    /// Takes no more calls, and ends those that the server has not started: all after
    /// `lastRequest`.
    ///
    /// - Returns: The calls to make on another connection.
    mutating func leave(lastRequest: UInt64) -> [EndedCall] {
        if phase != .closed { phase = .leaving }
        let notStarted = sent.keys.filter { $0 > lastRequest }.sorted()
        let ended = notStarted.compactMap { id in
            takeSent(id).flatMap { endedCall(id, $0, wasSent: false) }
        }
        defer { forgetVoidDeadlines() }
        return ended + takeQueue()
    }

    /// Ends every call, because the connection has ended.
    mutating func close() -> [EndedCall] {
        phase = .closed
        let lost = sent.sorted { $0.key < $1.key }.compactMap { id, entry in
            endedCall(id, entry, wasSent: true)
        }
        sent = [:]
        passingCount = 0
        deadlines = []
        return lost + takeQueue()
    }

    private mutating func abandon(_ id: UInt64) -> EndedCall? {
        guard let entry = sent[id] else { return nil }
        sent[id]?.payload = nil
        return endedCall(id, entry, wasSent: true)
    }

    private mutating func takeSent(_ id: UInt64) -> Entry? {
        guard let entry = sent.removeValue(forKey: id) else { return nil }
        if entry.passesQueue { passingCount -= 1 }
        return entry
    }

    private mutating func takeWaiting(_ id: UInt64) -> Entry? {
        queue.remove(id) ?? passingQueue.remove(id)
    }

    private mutating func takeQueue() -> [EndedCall] {
        (passingQueue.removeAll() + queue.removeAll()).compactMap {
            endedCall($0.id, $0.element, wasSent: false)
        }
    }

    private func isVoid(_ due: Due) -> Bool {
        guard let entry = sent[due.id] ?? queue[due.id] ?? passingQueue[due.id],
            entry.payload != nil
        else { return true }
        return entry.deadline != due.deadline
    }

    /// Removes void deadlines, if need be, after a call has ended or gives up at another time.
    private mutating func deadlinesChanged(by id: UInt64) {
        let isTooMany = deadlines.count > 2 * (sent.count + waitingCount) + Self.maxVoidDeadlines
        if isTooMany || deadlines.min?.id == id { forgetVoidDeadlines() }
    }

    /// Removes void deadlines until the earliest belongs to a call, and few void ones are left.
    private mutating func forgetVoidDeadlines() {
        while let due = deadlines.min, isVoid(due) { deadlines.removeMin() }
        if deadlines.count > 2 * (sent.count + waitingCount) + Self.maxVoidDeadlines {
            deadlines = Heap(deadlines.unordered.filter { !isVoid($0) })
        }
    }

    private func endedCall(_ id: UInt64, _ entry: Entry, wasSent: Bool) -> EndedCall? {
        entry.payload.map {
            EndedCall(
                id: id,
                payload: $0,
                outcome: wasSent && entry.isWrite ? .unknown : .notApplied,
                wasSent: wasSent,
                isCancelled: entry.isCancelled
            )
        }
    }
}
