// SPDX-License-Identifier: Apache-2.0

/// The reasons of a call, its connection or the server's load.
extension LodestoneError.Reason {
    /// The call was cancelled.
    public static let cancelled = Self(rawValue: "CANCELLED")
    /// The deadline passed before the reply.
    public static let deadline = Self(rawValue: "DEADLINE")
    /// Other calls use the queue or the memory that the call needs.
    public static let overloaded = Self(rawValue: "OVERLOADED")
    /// Other requests use the memory that decoding the request needs.
    public static let decodeBudget = Self(rawValue: "DECODE_BUDGET")
    /// The reply does not fit into a frame or into its memory.
    public static let replyTooLarge = Self(rawValue: "REPLY_TOO_LARGE")
    /// The server runs its most builds of indexes.
    public static let buildsRun = Self(rawValue: "BUILDS_RUN")
    /// The connection has its most requests in flight.
    public static let tooManyInFlight = Self(rawValue: "TOO_MANY_IN_FLIGHT")
    /// The server has its most connections.
    public static let tooManyConnections = Self(rawValue: "TOO_MANY_CONNECTIONS")
    /// Other frames need the memory of the slowest one.
    public static let frameMemory = Self(rawValue: "FRAME_MEMORY")
    /// A frame arrived too slowly.
    public static let slowRead = Self(rawValue: "SLOW_READ")
    /// The server is shutting down.
    public static let draining = Self(rawValue: "DRAINING")
    /// The server has announced that it stops, and has not started the call.
    public static let goingAway = Self(rawValue: "GOING_AWAY")
    /// The token is missing or wrong.
    public static let unauthenticated = Self(rawValue: "UNAUTHENTICATED")
    /// No valid hello came in time.
    public static let authTimeout = Self(rawValue: "AUTH_TIMEOUT")
    /// The connection is open already.
    public static let helloTwice = Self(rawValue: "HELLO_TWICE")
    /// The server speaks another version of the protocol.
    public static let protocolVersion = Self(rawValue: "PROTOCOL_VERSION")
    /// The server's store ends before a batch that it has acknowledged.
    public static let serverBehind = Self(rawValue: "SERVER_BEHIND")
    /// The token's role does not permit the call.
    public static let role = Self(rawValue: "ROLE")
    /// The token does not permit calls on the collection, or on all collections.
    public static let collection = Self(rawValue: "COLLECTION")
    /// The token has used its requests or documents per second.
    public static let rateLimit = Self(rawValue: "RATE_LIMIT")
    /// The credential of the connection was revoked, or has expired.
    public static let credentialEnded = Self(rawValue: "CREDENTIAL_ENDED")
    /// A request with the same number is running on the connection.
    public static let idInUse = Self(rawValue: "ID_IN_USE")
    /// The client has been closed.
    public static let clientClosed = Self(rawValue: "CLIENT_CLOSED")
    /// The server accepts connections and does not reply.
    public static let helloTimeout = Self(rawValue: "HELLO_TIMEOUT")
    /// The server has stopped replying.
    public static let noReply = Self(rawValue: "NO_REPLY")
    /// The reply belongs to another kind of call.
    public static let unexpectedReply = Self(rawValue: "UNEXPECTED_REPLY")
    /// The client's release does not know the reply.
    public static let unknownReply = Self(rawValue: "UNKNOWN_REPLY")
    /// The connection was lost.
    public static let connectionLost = Self(rawValue: "CONNECTION_LOST")
    /// Nothing listens at the address.
    public static let connectionRefused = Self(rawValue: "CONNECTION_REFUSED")
    /// No connection was made in time.
    public static let connectTimeout = Self(rawValue: "CONNECT_TIMEOUT")
    /// This end of the connection has shut down.
    public static let shutDown = Self(rawValue: "SHUT_DOWN")
    /// The host has no address.
    public static let unknownHost = Self(rawValue: "UNKNOWN_HOST")
    /// The network has no route to the host.
    public static let unreachable = Self(rawValue: "UNREACHABLE")
    /// Another program listens at the address.
    public static let addressInUse = Self(rawValue: "ADDRESS_IN_USE")
    /// The machine does not have the address.
    public static let addressNotAvailable = Self(rawValue: "ADDRESS_NOT_AVAILABLE")
    /// The process may not use the address.
    public static let addressForbidden = Self(rawValue: "ADDRESS_FORBIDDEN")
    /// The process or the machine has its most open files.
    public static let tooManyFiles = Self(rawValue: "TOO_MANY_FILES")
    /// Another error of the system.
    public static let system = Self(rawValue: "SYSTEM")
}
