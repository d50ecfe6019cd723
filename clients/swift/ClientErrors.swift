// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The errors that the client itself raises.
extension LodestoneError {
    static func deadlineExceeded(_ outcome: Outcome) -> LodestoneError {
        LodestoneError(
            .deadlineExceeded,
            reason: .deadline,
            "The deadline passed before the reply came.",
            recovery: "Allow more time, or request less in one call.",
            outcome: outcome
        )
    }

    static func cancelled(_ outcome: Outcome) -> LodestoneError {
        LodestoneError(
            .cancelled,
            reason: .cancelled,
            "The task that made the call was cancelled.",
            recovery: "Nothing to do; make the call again if it is still needed.",
            outcome: outcome
        )
    }

    static var clientClosed: LodestoneError {
        LodestoneError(
            .cancelled,
            reason: .clientClosed,
            "The client has been closed.",
            recovery: "Connect a new client."
        )
    }

    /// The server is stopping and has not started the call.
    static var serverLeaving: LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .goingAway,
            "The server is about to leave.",
            recovery: "Make the call again, over a new connection.",
            retryAfter: .zero
        )
    }

    /// Whether the server is stopping, or has stopped, and did not start the call.
    ///
    /// Such an error does not count as a failure.
    var isFromLeavingServer: Bool {
        code == .unavailable && outcome == .notApplied
            && (reason == .goingAway || reason == .draining)
    }

    static func helloTimeout(_ endpoint: Endpoint) -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .helloTimeout,
            "\(endpoint) accepts connections but does not reply.",
            recovery: "Check that a Lodestone server listens there.",
            object: "\(endpoint)"
        )
    }

    static func silent(_ endpoint: Endpoint) -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .noReply,
            "\(endpoint) no longer replies.",
            recovery: "Check the server and the network.",
            object: "\(endpoint)"
        )
    }

    static func connectionClosed(_ endpoint: Endpoint) -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .connectionLost,
            "The connection to \(endpoint) was lost: the other end closed it.",
            recovery: "Make the call again; a write has one effect under the same request id.",
            object: "\(endpoint)"
        )
    }

    static func unexpectedReply(to call: String, outcome: Outcome) -> LodestoneError {
        LodestoneError(
            .internal,
            reason: .unexpectedReply,
            "The reply does not fit the call \(call).",
            recovery: "Use a client and a server of the same release.",
            outcome: outcome
        )
    }

    /// This error with advice for this client: the server has less than it has acknowledged.
    var withWayOut: LodestoneError {
        var copy = self
        copy.recovery =
            "Check that this is the right server and that its store was not set back; if the store is "
            + "to be accepted as it is, call the client's acceptStore(), or connect a new one."
        return copy
    }

    func with(outcome: Outcome) -> LodestoneError {
        var copy = self
        copy.outcome = outcome
        return copy
    }
}
