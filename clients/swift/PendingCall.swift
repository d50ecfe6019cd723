// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Synchronization

/// How an attempt at a call ends.
typealias CallResult = Result<Reply, CallFailure>

/// Why an attempt at a call failed.
struct CallFailure: Error {
    var error: LodestoneError
    /// The connection failed, and with it every call on it: the retry budget has heard of it once.
    var isCounted = false
}

/// A call that somebody waits for.
final class PendingCall: Sendable {
    let call: Call
    let requestID: RequestID?
    /// What the server is told.
    let deadline: ContinuousClock.Instant
    let caller: CheckedContinuation<CallResult, Never>

    init(
        _ call: Call,
        requestID: RequestID?,
        deadline: ContinuousClock.Instant,
        caller: CheckedContinuation<CallResult, Never>
    ) {
        self.call = call
        self.requestID = requestID
        self.deadline = deadline
        self.caller = caller
    }

    /// The request to send now.
    func request(id: UInt64) -> Request {
        // 0 would mean the server's default, and a call whose time has come ends by itself.
        let remaining = max(ContinuousClock.now.duration(to: deadline), .milliseconds(1))
        return Request(id: id, deadline: remaining, requestID: requestID, call: call)
    }
}

/// Tells the one who cancels a call which one it is, once that is known.
final class CallHandle: Sendable {
    private let storage = Atomic<UInt64>(0)

    /// The id of the call on its connection; `nil` before it was taken in.
    var id: UInt64? {
        get {
            let id = storage.load(ordering: .acquiring)
            return id == 0 ? nil : id
        }
        set { storage.store(newValue ?? 0, ordering: .releasing) }
    }
}

/// What the connections of a client leave to the next one.
final class History: Sendable {
    private let budget = Mutex(RetryBudget())
    /// The budget is full, as it mostly is; a success then changes nothing.
    private let isBudgetFull = Atomic<Bool>(true)
    private let failedAt = Mutex<ContinuousClock.Instant?>(nil)
    private let sequenceNumber = Atomic<UInt64>(0)

    /// The last sequence number that this client was given; `nil` before the first.
    var lastSequenceNumber: UInt64? {
        let last = sequenceNumber.load(ordering: .relaxed)
        return last == 0 ? nil : last
    }

    var allowsRetry: Bool { budget.withLock { $0.allowsRetry } }

    func recordSuccess() {
        guard !isBudgetFull.load(ordering: .relaxed) else { return }
        budget.withLock { budget in
            budget.recordSuccess()
            isBudgetFull.store(budget.isFull, ordering: .relaxed)
        }
    }

    func recordFailure() {
        budget.withLock { budget in
            budget.recordFailure()
            isBudgetFull.store(false, ordering: .relaxed)
        }
    }

    /// When a connection last failed to open.
    var lastFailedOpening: ContinuousClock.Instant? { failedAt.withLock { $0 } }
    func recordFailedOpening() { failedAt.withLock { $0 = .now } }

    /// Remembers the sequence number in a reply, if there is one.
    func note(_ reply: Reply) {
        let number: UInt64
        switch reply {
        case .pong(let sequenceNumber), .done(let sequenceNumber): number = sequenceNumber
        case .written(let receipt): number = receipt.sequenceNumber
        case .search(let response): number = response.sequenceNumber
        case .walk(let response): number = response.sequenceNumber
        case .stats(let stats): number = stats.sequenceNumber
        case .hello(let hello): number = hello.sequenceNumber
        case .error, .goAway, .collections, .collection, .documents, .page: return
        }
        sequenceNumber.max(number, ordering: .relaxed)
    }
}
