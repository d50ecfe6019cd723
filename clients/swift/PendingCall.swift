// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import LodestoneWire

/// The result of an attempt at a call.
enum CallResult: Sendable {
    case success(Reply)
    indirect case failure(CallFailure)
    /// The connection takes no more calls, so nothing was attempted.
    case refused
}

/// The reason why an attempt at a call failed.
struct CallFailure: Sendable {
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
struct PendingCall: Sendable {
    let call: Call
    let requestID: RequestID?
    /// The trace of the caller's task.
    let trace: TraceParent?
    /// The deadline in the request.
    let deadline: MonotonicTime
    /// Resumed once: by the code that takes the call out of the table.
    let caller: UnsafeContinuation<CallResult, Never>

    /// The request for this call, with the time that is left now.
    func request(id: UInt64, now: MonotonicTime) -> Request {
        // 0 would mean the server's default, and a call past its deadline ends by itself.
        let remaining = UInt32(clamping: max(1, now.milliseconds(to: deadline)))
        return Request(
            id: id,
            deadlineMilliseconds: remaining,
            requestID: requestID,
            trace: trace,
            call: call
        )
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
