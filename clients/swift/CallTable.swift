// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport

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
        /// The time to give up.
        var deadline: MonotonicTime
        let isWrite: Bool
        let passesQueue: Bool
        var isSent = false
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
        case awaitsReply(until: MonotonicTime)
    }

    private enum Phase {
        case opening
        case open
        /// The connection takes no more calls.
        case leaving
        case closed
    }

    private var phase = Phase.opening
    private var limit = 0
    private var lastID: UInt64
    /// All calls, those that wait and those that were sent.
    private var calls = CallSlots<Entry>()
    private var queue = CallQueue()
    /// Calls that pass the queue, while `maxPassing` of them are in flight.
    private var passingQueue = CallQueue()
    /// The number of calls that were sent, and that of those that passed the queue.
    private var sentCount = 0
    private var passingCount = 0
    /// The most calls that pass the queue at once: enough to describe a server, too few to flood
    /// it.
    private static var maxPassing: Int { 16 }
    /// The deadlines of all calls, with void ones behind the earliest.
    private(set) var deadlines = CallDeadlines()
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
    var isDone: Bool { !takesCalls && calls.isEmpty }

    /// The time at which the next call gives up.
    var earliestDeadline: MonotonicTime? { deadlines.first?.time }

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
        deadline: MonotonicTime,
        isWrite: Bool,
        passesQueue: Bool = false
    ) -> UInt64? {
        guard takesCalls else { return nil }
        lastID += 1
        let entry = Entry(
            payload: payload,
            deadline: deadline,
            isWrite: isWrite,
            passesQueue: passesQueue
        )
        calls.insert(entry, id: lastID)
        if passesQueue {
            passingQueue.append(lastID)
        } else {
            queue.append(lastID)
        }
        deadlines.insert(CallDeadline(time: deadline, id: lastID))
        return lastID
    }

    /// Takes an id for a request that has no reply.
    mutating func takeID() -> UInt64 {
        lastID += 1
        return lastID
    }

    /// Takes the next call that may be sent now, if there is one; it counts as sent.
    mutating func nextDispatch() -> Dispatch? {
        guard phase != .opening, !isBackpressured, let id = popFirst(),
            let slot = calls.slot(of: id), let entry = calls[slot], let payload = entry.payload
        else { return nil }
        let isAlone = sentCount == 0
        calls[slot]?.isSent = true
        sentCount += 1
        if entry.passesQueue { passingCount += 1 }
        return Dispatch(id: id, payload: payload, isAlone: isAlone)
    }

    private mutating func popFirst() -> UInt64? {
        if passingCount < Self.maxPassing, let next = passingQueue.popFirst(of: calls) {
            return next
        }
        return sentCount - passingCount < limit ? queue.popFirst(of: calls) : nil
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
        guard let slot = calls.slot(of: id), calls[slot]?.isSent == true else { return nil }
        let entry = take(slot)
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
        now: MonotonicTime,
        gracePeriod: Duration
    ) -> Cancellation {
        defer { deadlinesChanged(by: id) }
        guard let slot = calls.slot(of: id), let entry = calls[slot], entry.payload != nil,
            !entry.isCancelled
        else { return .nothing }
        guard entry.isSent, entry.isWrite else {
            return giveUp(id, slot).map { .ended($0) } ?? .nothing
        }
        let deadline = min(entry.deadline, now.advanced(by: gracePeriod))
        calls[slot]?.isCancelled = true
        calls[slot]?.deadline = deadline
        deadlines.insert(CallDeadline(time: deadline, id: id))
        return .awaitsReply(until: deadline)
    }

    /// Gives up on every call whose deadline has passed.
    mutating func expire(at now: MonotonicTime) -> [EndedCall] {
        var expired: [EndedCall] = []
        while let due = deadlines.first, due.time <= now {
            deadlines.removeFirst()
            guard !Self.isVoid(due, in: calls), let slot = calls.slot(of: due.id) else { continue }
            if let call = giveUp(due.id, slot) { expired.append(call) }
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
        let notStarted = calls.sorted.filter { $0.value.isSent && $0.id > lastRequest }
        for (id, _) in notStarted {
            if let slot = calls.slot(of: id) { _ = take(slot) }
        }
        let ended = notStarted.compactMap { endedCall($0.id, $0.value, wasSent: false) }
        defer { forgetVoidDeadlines() }
        return ended + takeQueue()
    }

    /// Ends every call, because the connection has ended.
    mutating func close() -> [EndedCall] {
        phase = .closed
        let waiting = takeQueue()
        let lost = calls.sorted.compactMap { endedCall($0.id, $0.value, wasSent: true) }
        calls = CallSlots()
        (sentCount, passingCount) = (0, 0)
        deadlines = CallDeadlines()
        return lost + waiting
    }

    /// Ends a call for its caller.
    ///
    /// A call that was sent stays in the table until its reply.
    private mutating func giveUp(_ id: UInt64, _ slot: Int) -> EndedCall? {
        guard let entry = calls[slot] else { return nil }
        if entry.isSent {
            calls[slot]?.payload = nil
        } else {
            _ = take(slot)
        }
        return endedCall(id, entry, wasSent: entry.isSent)
    }

    /// Removes a call.
    private mutating func take(_ slot: Int) -> Entry? {
        guard let entry = calls.remove(at: slot) else { return nil }
        if entry.isSent {
            sentCount -= 1
            if entry.passesQueue { passingCount -= 1 }
        } else if entry.passesQueue {
            passingQueue.oneLeft(of: calls)
        } else {
            queue.oneLeft(of: calls)
        }
        return entry
    }

    /// Removes the calls that wait, those that pass the queue first.
    private mutating func takeQueue() -> [EndedCall] {
        let ids = passingQueue.removeAll(of: calls) + queue.removeAll(of: calls)
        return ids.compactMap { id in
            calls.remove(id).flatMap { endedCall(id, $0, wasSent: false) }
        }
    }

    private static func isVoid(_ due: CallDeadline, in calls: CallSlots<Entry>) -> Bool {
        guard let slot = calls.slot(of: due.id), let entry = calls[slot], entry.payload != nil
        else { return true }
        return entry.deadline != due.time
    }

    /// Removes void deadlines, if need be, after a call has ended or gives up at another time.
    private mutating func deadlinesChanged(by id: UInt64) {
        if hasTooManyDeadlines || deadlines.first?.id == id { forgetVoidDeadlines() }
    }

    private var hasTooManyDeadlines: Bool {
        deadlines.count > 2 * calls.count + Self.maxVoidDeadlines
    }

    /// Removes void deadlines until the earliest belongs to a call, and few void ones are left.
    private mutating func forgetVoidDeadlines() {
        while let due = deadlines.first, Self.isVoid(due, in: calls) { deadlines.removeFirst() }
        guard hasTooManyDeadlines else { return }
        deadlines.removeAll { [calls] in Self.isVoid($0, in: calls) }
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
