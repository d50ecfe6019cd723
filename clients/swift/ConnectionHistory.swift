// SPDX-License-Identifier: Apache-2.0
import LodestoneWire
import Synchronization

/// The state that the connections of a client pass on to the next one.
final class ConnectionHistory: Sendable {
    private let budget = Mutex(RetryBudget())
    /// Whether the budget is full, as it mostly is; a success then changes nothing.
    private let isBudgetFull = Atomic<Bool>(true)
    private let openings = Mutex(Openings())
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

    /// The times of the failed attempts since the last connection that could be made.
    private struct Openings {
        var firstFailure: ContinuousClock.Instant?
        var lastFailure: ContinuousClock.Instant?
    }

    /// How long to wait before the next connection.
    ///
    /// The wait after the last failed attempt is a tenth of the time that the server has been away,
    /// a second at most.
    var pauseBeforeOpening: Duration {
        openings.withLock { openings in
            guard let first = openings.firstFailure, let last = openings.lastFailure else {
                return .zero
            }
            let pause = min(max((last - first) / 10, Self.minPause), Self.maxPause)
            return ContinuousClock.now.duration(to: last.advanced(by: pause))
        }
    }
    private static let minPause = Duration.milliseconds(50)
    private static let maxPause = Duration.seconds(1)

    func recordOpening() { openings.withLock { $0 = Openings() } }

    func recordFailedOpening() {
        openings.withLock { openings in
            let now = ContinuousClock.now
            openings.firstFailure = openings.firstFailure ?? now
            openings.lastFailure = now
        }
    }

    /// Forgets the last sequence number that the server has given.
    func forgetSequenceNumber() { sequenceNumber.store(0, ordering: .relaxed) }

    /// Remembers the sequence number in a reply, if there is one.
    func note(_ reply: Reply) {
        let number: UInt64
        switch reply {
        case .pong(let sequenceNumber), .done(let sequenceNumber): number = sequenceNumber
        case .written(let receipt): number = receipt.sequenceNumber
        case .counted(let response): number = response.sequenceNumber
        case .search(let response): number = response.sequenceNumber
        case .walk(let response): number = response.sequenceNumber
        case .stats(let stats): number = stats.sequenceNumber
        case .hello(let hello): number = hello.sequenceNumber
        case .snapshot(let snapshot): number = snapshot.sequenceNumber
        case .erased(let receipt): number = receipt.sequenceNumber
        case .verified(let report): number = report.sequenceNumber
        case .error, .goAway, .collections, .collection, .documents, .page, .edges,
            .snapshots, .snapshotPart, .slowRequests:
            return
        }
        sequenceNumber.max(number, ordering: .relaxed)
    }
}
