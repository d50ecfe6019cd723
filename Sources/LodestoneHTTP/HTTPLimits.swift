// SPDX-License-Identifier: Apache-2.0

/// The limits of an HTTP listener.
package struct HTTPLimits: Sendable {
    /// Connections at once; the one that is silent for longest makes room for another.
    package var maxConnections = 64
    /// The bytes of a request line.
    package var maxLineBytes = 2_048
    /// The bytes of all header fields of a request.
    package var maxHeaderBytes = 8_192
    /// The header fields of a request.
    package var maxHeaderCount = 64
    /// The requests of one connection.
    package var maxRequests = 1_000
    /// The time from the first byte of a connection, or of a request, to the request's end.
    package var requestTime = Duration.seconds(10)
    /// The time without a request after which a connection is closed.
    package var idleTime = Duration.seconds(90)
    /// The time in which a response must be ready.
    package var serviceTime = Duration.seconds(20)
    /// The time in which a client must have read a response.
    package var readTime = Duration.seconds(20)
    /// The bytes of all responses that clients have not read.
    package var maxUnreadBytes = 32 << 20

    /// Creates the standard limits.
    package init() {}
}
