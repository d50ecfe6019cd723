// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneCredentials

/// The errors that the server itself raises, each worded once.
extension LodestoneError {
    /// The one reply to a missing, unknown or wrong token; it does not reveal which.
    static var unauthenticated: LodestoneError {
        LodestoneError(
            .unauthenticated,
            reason: .unauthenticated,
            "The connection has not been opened with a valid token.",
            recovery: "Send hello first, with a token that this server accepts."
        )
    }

    static func helloTooLate(_ limit: Duration) -> LodestoneError {
        LodestoneError(
            .unauthenticated,
            reason: .authTimeout,
            "No valid hello came within \(limit).",
            recovery: "Connect again and send hello at once."
        )
    }

    static var helloTwice: LodestoneError {
        .invalid(
            .helloTwice,
            "The connection is open already.",
            recovery: "Say hello once; connect again to use another token."
        )
    }

    static func unknownVersion(_ version: UInt32) -> LodestoneError {
        LodestoneError(
            .unimplemented,
            reason: .protocolVersion,
            "The client speaks version \(version) of the protocol; this server speaks "
                + "\(LodestoneVersion.wireProtocol).",
            recovery: "Use a client and a server of the same release.",
            field: "protocol_version"
        )
    }

    static func behindClient(server: UInt64, client: UInt64) -> LodestoneError {
        LodestoneError(
            .dataLoss,
            reason: .serverBehind,
            "The client was given sequence number \(client); this store ends at \(server).",
            recovery: "Check that this is the right server and that its store was not set back; a "
                + "client that connects without a last sequence number accepts the store as it is.",
            sequenceNumber: server
        )
    }

    static func permissionDenied(_ call: CallKind, role: Role) -> LodestoneError {
        LodestoneError(
            .permissionDenied,
            reason: .role,
            "The call \(call.name) needs the role \(call.requiredRole.name); this token has "
                + "the role \(role.name).",
            recovery: "Use a token with that role."
        )
    }

    /// The one reply to a call on a collection that the token may not use, whether that exists or
    /// not.
    static func otherCollection(_ name: String) -> LodestoneError {
        LodestoneError(
            .permissionDenied,
            reason: .collection,
            "This token does not allow calls on the collection '\(name.printable)'.",
            recovery: "Use a token for the collection, or list the collections of this one."
        )
    }

    static func partOfStore(_ call: CallKind) -> LodestoneError {
        LodestoneError(
            .permissionDenied,
            reason: .collection,
            "The call \(call.name) concerns all collections; this token is for some of them.",
            recovery: "Use a token for all collections."
        )
    }

    static var credentialEnded: LodestoneError {
        LodestoneError(
            .unauthenticated,
            reason: .credentialEnded,
            "The credential of this connection was revoked, or has expired.",
            recovery: "Connect again with a credential that this server accepts."
        )
    }

    static func rateLimit(_ excess: RateLimiter.Excess, name: String) -> LodestoneError {
        let limit = Int(exactly: excess.perSecond).map { "\($0)" } ?? "\(excess.perSecond)"
        return LodestoneError(
            .resourceExhausted,
            reason: .rateLimit,
            "'\(name)' has used more \(excess.unit) than its limit of \(limit) per second allows.",
            recovery: "Send less, or have the limit in the token file raised.",
            retryAfter: excess.wait
        )
    }

    static func tooManyBuilds(limit: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .buildsRun,
            "\(limit) builds of indexes are under way or wait for one another; that is the limit.",
            recovery: "Wait until one has ended."
        )
    }

    static func idInUse(_ id: UInt64) -> LodestoneError {
        .invalid(
            .idInUse,
            "A request with id \(id) is under way on this connection.",
            recovery: "Count ids up from 1.",
            field: "id"
        )
    }

    static func tooManyInFlight(_ limit: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .tooManyInFlight,
            "\(limit) requests are under way on this connection; that is the limit.",
            recovery: "Wait for a reply before sending more, or open another connection.",
            retryAfter: .milliseconds(10)
        )
    }

    static func overloaded(waiting: Int, wait: Duration) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .overloaded,
            "\(waiting) requests wait for a worker; this one would wait for about "
                + "\(wait.milliseconds) ms.",
            recovery: "Try again later, or send less at once.",
            retryAfter: min(max(wait, .milliseconds(10)), .seconds(1))
        )
    }

    static func decodeBudget(_ byteCount: Int, limit: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .decodeBudget,
            "The request needs about \(byteCount) bytes; requests under way may take \(limit) "
                + "together.",
            recovery: "Try again when others are done, or send the batch in parts.",
            retryAfter: .milliseconds(50)
        )
    }

    static var draining: LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .draining,
            "The server is shutting down.",
            recovery: "Connect again, here once it has restarted or to another server.",
            retryAfter: .milliseconds(500)
        )
    }

    static func tooManyConnections(_ limit: Int) -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .tooManyConnections,
            "The server has its \(limit) connections.",
            recovery: "Try again later, and share connections: each carries many calls at once.",
            retryAfter: .milliseconds(500)
        )
    }

    static func frameMemory(_ byteCount: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .frameMemory,
            "A frame of \(byteCount) bytes arrived more slowly than any other, and others need its "
                + "memory.",
            recovery: "Connect again and send smaller frames over a slow network.",
            retryAfter: .milliseconds(500)
        )
    }

    static func slowRead(_ byteCount: Int, in time: Duration) -> LodestoneError {
        LodestoneError(
            .deadlineExceeded,
            reason: .slowRead,
            "Only \(byteCount) bytes of a frame arrived in \(time.milliseconds) ms.",
            recovery: "Send frames whole, or smaller ones over a slow network."
        )
    }
}

extension Duration {
    /// Whole nanoseconds.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// Whole milliseconds.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}

extension String {
    /// The string as it may stand in a log: one line, printable, at most 64 characters.
    var printable: String { printable(upTo: 64) }

    /// The string as it may stand in a log, with at most `count` characters.
    func printable(upTo count: Int) -> String {
        let cleaned = unicodeScalars.prefix(count).map { scalar in
            scalar.properties.generalCategory == .control
                || scalar.properties.generalCategory == .format
                || scalar.properties.generalCategory == .lineSeparator
                || scalar.properties.generalCategory == .paragraphSeparator
                ? "?" : String(Character(scalar))
        }
        return cleaned.joined()
    }
}
