// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Takes connections at an address.
///
/// Threading: belongs to its loop; create, start and close may be called from any thread.
package final class Listener: Sendable {
    /// Where it listens; with the port that was given for port 0.
    package let localEndpoint: Endpoint

    /// Binds and listens, but takes no connection before `start`.
    ///
    /// - Parameters:
    ///   - endpoint: Port 0 takes any free port. A Unix socket file that nobody listens on is
    ///     replaced.
    ///   - loop: Where connections are taken.
    ///   - streamLoops: Where the connections live, in turns; empty: on `loop`.
    ///   - socketMode: Permissions of the file of a Unix socket.
    /// - Throws: `.unavailable` when the address is taken or not ours.
    package init(
        _ endpoint: Endpoint,
        loop: EventLoop,
        streamLoops: [EventLoop] = [],
        socketMode: UInt32 = 0o600
    ) throws(LodestoneError) {
        localEndpoint = endpoint
    }

    /// Starts to take connections. `accepted` runs on the loop of the new stream, which reads
    /// nothing before its own `start`.
    package func start(_ accepted: @escaping @Sendable (ByteStream) -> Void) {}

    /// Takes no more connections for now; the system queues some. On the loop only.
    package func pause() {}

    /// Takes connections again. On the loop only.
    package func resume() {}

    /// Stops listening for good and removes the file of a Unix socket. Any thread may ask.
    package func close() {}
}
