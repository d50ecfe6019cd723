// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import Testing

@testable import LodestoneClient

@Suite("Call table")
struct CallTableTests {
    private let start = MonotonicTime.now

    private func time(_ seconds: Int) -> MonotonicTime {
        start.advanced(by: .seconds(seconds))
    }

    /// A table that is open, with the calls `names` submitted and sent as far as they go.
    private func table(_ names: String..., limit: Int = 64, isWrite: Bool = false)
        -> (CallTable<String>, sent: [UInt64])
    {
        var table = CallTable<String>()
        table.open(limit: limit)
        for name in names {
            _ = table.submit(name, deadline: time(10), isWrite: isWrite)
        }
        let sent = dispatches(&table).map(\.id)
        return (table, sent)
    }

    private func dispatches(_ table: inout CallTable<String>) -> [CallTable<String>.Dispatch] {
        var dispatches: [CallTable<String>.Dispatch] = []
        while let dispatch = table.nextDispatch() { dispatches.append(dispatch) }
        return dispatches
    }

    @Test("Calls wait until the connection is open, then go in the order in which they came")
    func opening() {
        var table = CallTable<String>(lastID: 1)
        for name in ["a", "b", "c"] {
            _ = table.submit(name, deadline: time(10), isWrite: false)
        }
        #expect(table.nextDispatch() == nil)
        table.open(limit: 64)
        let sent = dispatches(&table)
        #expect(sent.map(\.payload) == ["a", "b", "c"])
        #expect(sent.map(\.id) == [2, 3, 4])
        #expect(sent.map(\.isAlone) == [true, false, false])
    }

    @Test("Replies in any order finish their calls, once each")
    func replies() {
        var (table, ids) = table("a", "b", "c")
        #expect(table.finish(ids[2]) == "c")
        #expect(table.finish(ids[0]) == "a")
        #expect(table.finish(ids[0]) == nil)
        #expect(table.finish(99) == nil)
        #expect(table.finish(ids[1]) == "b")
    }

    @Test("Calls in flight are never more than the server's limit")
    func limit() {
        var (table, ids) = table("a", "b", "c", "d", limit: 2)
        #expect(ids.count == 2)
        _ = table.finish(ids[1])
        #expect(dispatches(&table).map(\.payload) == ["c"])
        _ = table.finish(ids[0])
        #expect(dispatches(&table).map(\.payload) == ["d"])
    }

    @Test("Calls wait while the connection has too much to send")
    func clogged() {
        var (table, _) = table()
        table.isBackpressured = true
        _ = table.submit("a", deadline: time(10), isWrite: false)
        #expect(table.nextDispatch() == nil)
        table.isBackpressured = false
        #expect(table.nextDispatch()?.payload == "a")
    }

    @Test("An abandoned call keeps its slot until the server's reply")
    func abandonedPlace() {
        var (table, ids) = table("a", "b", limit: 1)
        guard case .ended(let ended) = table.cancel(ids[0], now: start, gracePeriod: .seconds(1))
        else {
            Issue.record("a read that is cancelled ends at once")
            return
        }
        #expect(ended.payload == "a" && ended.wasSent && ended.outcome == .notApplied)
        #expect(table.nextDispatch() == nil)
        #expect(table.finish(ids[0]) == nil)
        #expect(table.nextDispatch()?.payload == "b")
    }

    @Test("A queued call that is cancelled leaves the queue at once")
    func cancelQueued() {
        var (table, ids) = table("a", "b", "c", limit: 1, isWrite: true)
        let result = table.cancel(ids[0] + 1, now: start, gracePeriod: .seconds(1))
        guard case .ended(let ended) = result else {
            Issue.record("a queued call that is cancelled ends at once")
            return
        }
        #expect(ended.payload == "b" && !ended.wasSent && ended.outcome == .notApplied)
        _ = table.finish(ids[0])
        #expect(table.nextDispatch()?.payload == "c")
    }

    @Test("A cancelled write that was sent waits for its outcome, up to a limit")
    func cancelWrite() {
        var (table, ids) = table("a", isWrite: true)
        guard
            case .awaitsReply(let until) = table.cancel(
                ids[0],
                now: start,
                gracePeriod: .seconds(1)
            )
        else {
            Issue.record("the server may say what became of a write")
            return
        }
        #expect(until == time(1))
        #expect(table.earliestDeadline == time(1))
        // A second cancellation changes nothing.
        if case .nothing = table.cancel(ids[0], now: time(5), gracePeriod: .seconds(1)) {
        } else {
            Issue.record("a call is cancelled once")
        }
        let expired = table.expire(at: time(1))
        #expect(expired.map(\.payload) == ["a"])
        #expect(expired.map(\.isCancelled) == [true])
        #expect(expired.map(\.outcome) == [.unknown])
    }

    @Test("A call ends when its deadline has passed, sent or not")
    func deadlines() {
        var table = CallTable<String>()
        table.open(limit: 2)
        _ = table.submit("late read", deadline: time(1), isWrite: false)
        _ = table.submit("write", deadline: time(5), isWrite: true)
        _ = table.submit("late write, queued", deadline: time(2), isWrite: true)
        _ = table.submit("queued", deadline: time(9), isWrite: false)
        _ = dispatches(&table)
        #expect(table.earliestDeadline == time(1))
        #expect(table.expire(at: start).isEmpty)
        let expired = table.expire(at: time(2))
        #expect(expired.map(\.payload) == ["late read", "late write, queued"])
        #expect(expired.map(\.outcome) == [.notApplied, .notApplied])
        #expect(expired.map(\.wasSent) == [true, false])
        #expect(table.earliestDeadline == time(5))
        let later = table.expire(at: time(5))
        #expect(later.map(\.outcome) == [.unknown])
        #expect(table.earliestDeadline == time(9))
    }

    @Test("Calls that a leaving server didn't start end as not applied")
    func leaving() {
        var (table, ids) = table("a", "b", "c", "d", limit: 3, isWrite: true)
        let ended = table.leave(lastRequest: ids[0])
        #expect(ended.map(\.payload) == ["b", "c", "d"])
        #expect(ended.allSatisfy { $0.outcome == .notApplied })
        #expect(!table.takesCalls)
        #expect(table.submit("e", deadline: time(1), isWrite: false) == nil)
        #expect(!table.isDone)
        #expect(table.finish(ids[0]) == "a")
        #expect(table.isDone)
    }

    @Test("A lost connection ends its calls, and only sent writes have an unknown outcome")
    func closing() {
        var table = CallTable<String>()
        table.open(limit: 2)
        for (name, isWrite) in [("read", false), ("write", true), ("queued write", true)] {
            _ = table.submit(name, deadline: time(1), isWrite: isWrite)
        }
        _ = dispatches(&table)
        let lost = table.close()
        #expect(lost.map(\.payload) == ["read", "write", "queued write"])
        #expect(lost.map(\.outcome) == [.notApplied, .unknown, .notApplied])
        #expect(table.isDone)
        #expect(table.earliestDeadline == nil)
        #expect(table.close().isEmpty)
    }

    /// Submits calls that pass the queue; their ids.
    private func pass(_ table: inout CallTable<String>, _ names: [String]) -> [UInt64] {
        names.compactMap {
            table.submit($0, deadline: time(5), isWrite: false, passesQueue: true)
        }
    }

    @Test("A passing call is sent before queued calls and takes no slot of theirs")
    func passing() {
        var (table, ids) = table("a", "b", "c", limit: 1)
        #expect(ids.count == 1)
        let passing = pass(&table, ["ping", "stats"])
        #expect(dispatches(&table).map(\.payload) == ["ping", "stats"])
        #expect(table.finish(ids[0]) == "a")
        #expect(dispatches(&table).map(\.payload) == ["b"])
        #expect(passing.map { table.finish($0) } == ["ping", "stats"])
        #expect(table.nextDispatch() == nil)
        // Given up, they hold no more than their own place.
        let late = pass(&table, ["late"])
        #expect(dispatches(&table).map(\.id) == late)
        #expect(table.expire(at: time(5)).map(\.payload) == ["late"])
        #expect(table.finish(late[0]) == nil)
        #expect(table.finish(ids[0] + 1) == "b")
        #expect(dispatches(&table).map(\.payload) == ["c"])
    }

    @Test("At most 16 passing calls are in flight, and further ones wait in order")
    func passingLimit() {
        var (table, _) = table("a", limit: 1)
        let names = (0..<40).map { "\($0)" }
        let ids = pass(&table, names)
        #expect(dispatches(&table).map(\.payload) == Array(names[..<16]))
        guard case .ended(let ended) = table.cancel(ids[16], now: start, gracePeriod: .zero) else {
            Issue.record("a call that waits ends when it is cancelled")
            return
        }
        #expect(ended.payload == "16" && !ended.wasSent)
        for id in ids[..<3] { _ = table.finish(id) }
        #expect(dispatches(&table).map(\.payload) == ["17", "18", "19"])
        #expect(table.earliestDeadline == time(5))
        #expect(table.leave(lastRequest: ids[18]).map(\.payload) == Array(names[19...]))
        #expect(table.close().map(\.payload) == ["a"] + names[3..<16] + ["17", "18"])
        #expect(table.isDone)
    }

    @Test("A server limit of zero calls counts as one")
    func senselessLimit() {
        let (_, ids) = table("a", "b", limit: 0)
        #expect(ids.count == 1)
    }
}

@Suite("Retry policy")
struct RetryPolicyTests {
    private func error(
        _ code: LodestoneError.Code,
        retryAfter: Duration? = nil
    ) -> LodestoneError {
        LodestoneError(code, reason: .overloaded, "", recovery: "", retryAfter: retryAfter)
    }

    @Test("The retry delay is random with a bound that doubles up to a limit")
    func backoff() {
        let policy = RetryPolicy(maxAttempts: 5, maxBackoff: .milliseconds(300))
        for (attempt, longest) in [(1, 100), (2, 200), (3, 300), (4, 300)] {
            let delays = (0..<200).compactMap { _ in
                policy.delay(after: error(.unavailable), attempt: attempt)
            }
            #expect(delays.count == 200)
            #expect(delays.allSatisfy { $0 >= .zero && $0 <= .milliseconds(longest) })
            #expect(delays.contains { $0 > .milliseconds(longest / 2) })
        }
    }

    @Test("Retries end with the last attempt")
    func attempts() {
        #expect(RetryPolicy.standard.delay(after: error(.unavailable), attempt: 3) != nil)
        #expect(RetryPolicy.standard.delay(after: error(.unavailable), attempt: 4) == nil)
        #expect(RetryPolicy.none.delay(after: error(.unavailable), attempt: 1) == nil)
        #expect(RetryPolicy(maxAttempts: 100).maxAttempts == 5)
    }

    @Test("A retry waits as long as the server requests")
    func retryAfter() {
        let policy = RetryPolicy.standard
        for code in [LodestoneError.Code.unavailable, .aborted, .resourceExhausted] {
            let delay = policy.delay(after: error(code, retryAfter: .seconds(7)), attempt: 1)
            #expect(delay == .seconds(7))
        }
        #expect(policy.delay(after: error(.resourceExhausted), attempt: 1) == nil)
    }

    @Test("Errors of other codes are not retried", arguments: LodestoneError.Code.allCases)
    func codes(code: LodestoneError.Code) {
        guard ![.unavailable, .aborted, .resourceExhausted].contains(code) else { return }
        let after = error(code, retryAfter: .zero)
        #expect(RetryPolicy.standard.delay(after: after, attempt: 1) == nil)
    }

    @Test("The retry budget ends with repeated failures and returns with successes")
    func budget() {
        var budget = RetryBudget()
        for _ in 0..<4 { budget.recordFailure() }
        #expect(budget.allowsRetry)
        budget.recordFailure()
        #expect(!budget.allowsRetry)
        for _ in 0..<2 { budget.recordSuccess() }
        #expect(budget.allowsRetry)
        for _ in 0..<100 { budget.recordFailure() }
        for _ in 0..<49 { budget.recordSuccess() }
        #expect(!budget.allowsRetry)
    }
}
