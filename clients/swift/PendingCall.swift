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
    /// The connection was never made, so the call has not been sent.
    var isUnconnected = false
    /// The call may have reached the server.
    var wasSent = true

    /// The call was not sent, or the server has not begun it, and another may: no sign of trouble
    /// with the call.
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

extension Call {
    /// The server answers it at once, and does not count it among those under way.
    var isAnsweredAtOnce: Bool {
        switch self {
        case .ping, .listCollections, .describeCollection, .stats: true
        default: false
        }
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
