// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Synchronization

/// The result of an attempt at a call.
typealias CallResult = Result<Reply, CallFailure>

/// The reason why an attempt at a call failed.
struct CallFailure: Error {
    var error: LodestoneError
    /// Whether the whole connection failed, with every call on it; the retry budget has counted it
    /// once.
    var isCounted = false
    /// Whether the connection was never made, so the call has not been sent.
    var isUnconnected = false
    /// Whether the call may have reached the server.
    var wasSent = true

    /// Whether no server has begun the call, and another may: no sign of trouble with the call.
    var isUnsent: Bool {
        error.code == .unavailable && isUnconnected || error.isFromLeavingServer
    }

    func with(outcome: LodestoneError.Outcome) -> CallFailure {
        CallFailure(
            error: error.with(outcome: outcome),
            isCounted: isCounted,
            isUnconnected: isUnconnected,
            wasSent: wasSent
        )
    }
}

/// A call whose caller waits.
final class PendingCall: Sendable {
    let call: Call
    let requestID: RequestID?
    /// The deadline in the request.
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

    /// The request for this call, with the time that is left now.
    func request(id: UInt64) -> Request {
        // 0 would mean the server's default, and a call past its deadline ends by itself.
        let remaining = max(ContinuousClock.now.duration(to: deadline), .milliseconds(1))
        return Request(id: id, deadline: remaining, requestID: requestID, call: call)
    }
}

extension Call {
    /// Whether the server replies at once, and does not count the call among those in flight.
    var isUncounted: Bool {
        switch self {
        case .ping, .listCollections, .describeCollection, .stats: true
        default: false
        }
    }
}

/// Tells the task that cancels a call the id of the call, once it is known.
final class CallHandle: Sendable {
    private let storage = Atomic<UInt64>(0)

    /// The id of the call on its connection; `nil` before the connection has taken it.
    var id: UInt64? {
        get {
            let id = storage.load(ordering: .acquiring)
            return id == 0 ? nil : id
        }
        set { storage.store(newValue ?? 0, ordering: .releasing) }
    }
}
