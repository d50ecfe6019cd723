// SPDX-License-Identifier: Apache-2.0
// HTTP for machines: a listener for short requests of scrapers and probes, with a limit on all that
// a client can make it hold or wait for.
package import LodestoneCore
import LodestoneStructures
import LodestoneTransport
package import Synchronization

/// Serves GET and HEAD requests without bodies on a loop of its own.
///
/// Clients need no credential, so every client may be hostile. When the connections are used up,
/// the one that has waited for its own client for longest is closed. So clients that never end a
/// request can't keep out those that do.
///
/// Threading: `start` and `close` may be called from any thread; the rest runs on the loop.
// Sendable is unchecked because the compiler can't see that the variables are used on the loop
// only.
package final class HTTPListener: @unchecked Sendable {
    /// The maker of a response: it may call its function from any thread, once, now or later.
    package typealias Responder =
        @Sendable (HTTPRequest, @escaping @Sendable (HTTPResponse) -> Void) -> Void

    /// The numbers of connections and requests since the start; any thread may read them.
    package struct Counts: ~Copyable, Sendable {
        /// Connections accepted.
        package let accepted = Atomic<UInt64>(0)
        /// Connections closed to make room for others.
        package let evicted = Atomic<UInt64>(0)
        /// Connections closed because a request, a response or the next request took too long.
        package let timedOut = Atomic<UInt64>(0)
        /// Requests that were refused before they were served: malformed or over a limit.
        package let refused = Atomic<UInt64>(0)
        /// Requests that were served.
        package let served = Atomic<UInt64>(0)
        /// Connections that are open now.
        package let open = Atomic<Int>(0)
    }

    /// The address, with the port that the system chose for port 0.
    package let endpoint: Endpoint
    package let counts = Counts()
    let limits: HTTPLimits
    let respond: Responder
    private let loop: EventLoop
    private let listener: Listener
    private let unread: MemoryBudget
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    private(set) var isDraining = false

    /// The time between two looks at the limits of time.
    private static let tickInterval = Duration.milliseconds(100)
    /// The time for which a response must be stuck before its connection makes room.
    private static let stuckTime = Duration.seconds(1)

    /// Opens the port; no connection is accepted before `start`.
    ///
    /// - Parameters:
    ///   - endpoint: The address.
    ///   - limits: The limits.
    ///   - socketMode: The permissions of the file of a Unix socket.
    ///   - respond: Makes the responses.
    /// - Throws: `.unavailable` when the address is taken.
    package init(
        _ endpoint: Endpoint,
        limits: HTTPLimits = HTTPLimits(),
        socketMode: UInt32 = 0o600,
        respond: @escaping Responder
    ) throws(LodestoneError) {
        self.limits = limits
        self.respond = respond
        unread = MemoryBudget(limit: limits.maxUnreadBytes)
        // A scrape each few seconds is not worth a poll of the processor.
        loop = try EventLoop(label: "lodestone.http", busyPoll: .zero)
        do throws(LodestoneError) {
            listener = try Listener(endpoint, loop: loop, socketMode: socketMode)
        } catch {
            loop.shutdown()
            throw error
        }
        self.endpoint = listener.localEndpoint
    }

    /// Accepts connections from now on.
    package func start() {
        listener.start { [weak self] stream in
            guard let self else { return stream.close() }
            self.add(stream)
        }
        loop.async { self.scheduleTick() }
    }

    /// Closes the port and all connections; responses on their way have a moment to be read.
    ///
    /// - Parameter done: Runs once everything is closed.
    package func close(_ done: @escaping @Sendable () -> Void = {}) {
        loop.async { [self] in
            isDraining = true
            listener.close()
            for connection in connections.values { connection.drain() }
            loop.schedule(after: connections.isEmpty ? .zero : .milliseconds(500)) { [loop] in
                loop.shutdown(done)
            }
        }
    }

    /// Whether a response may be sent, with those that are unread.
    func hasRoom(for response: HTTPResponse) -> Bool {
        unread.usedByteCount + response.body.count <= unread.limit
    }

    func remove(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = nil
        counts.open.store(connections.count, ordering: .relaxed)
    }

    private func add(_ stream: ByteStream) {
        counts.accepted.add(1, ordering: .relaxed)
        guard !isDraining, connections.count < limits.maxConnections || makeRoom() else {
            counts.evicted.add(1, ordering: .relaxed)
            return stream.reset()
        }
        let connection = HTTPConnection(stream, listener: self)
        connections[ObjectIdentifier(connection)] = connection
        counts.open.store(connections.count, ordering: .relaxed)
        stream.start(connection, outputMemory: unread)
    }

    /// Closes the connection that has waited for its client for longest.
    ///
    /// - Returns: Whether there was one.
    private func makeRoom() -> Bool {
        let now = ContinuousClock.now
        let idle = connections.values.filter { connection in
            switch connection.phase {
            case .silent, .reading, .closing: true
            case .sending: connection.since.duration(to: now) > Self.stuckTime
            case .serving: false
            }
        }
        guard let oldest = idle.min(by: { $0.since < $1.since }) else { return false }
        counts.evicted.add(1, ordering: .relaxed)
        oldest.stream.reset()
        // Its handler learns of the end at the end of this round.
        remove(oldest)
        return true
    }

    private func scheduleTick() {
        guard !isDraining else { return }
        loop.schedule(after: Self.tickInterval) { [weak self] in
            guard let self else { return }
            let now = ContinuousClock.now
            for connection in connections.values { connection.tick(now) }
            scheduleTick()
        }
    }
}
