// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport

/// An event loop with its connections.
///
/// Threading: the variables belong to the loop.
// Sendable is unchecked because the compiler can't see that the variables are used on the loop
// only: `add` and `remove` are called from stream events, everything else goes through
// `loop.async`.
final class ServerLoop: @unchecked Sendable {
    let loop: EventLoop
    private let handler: RequestHandler
    private let tickInterval: Duration
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var isDraining = false

    init(index: Int, handler: RequestHandler) throws(LodestoneError) {
        loop = try EventLoop(
            label: "lodestone.loop.\(index)",
            busyPoll: handler.configuration.busyPoll
        )
        self.handler = handler
        handler.relief.add { [weak loop] in loop?.trimBuffers() }
        let limits = handler.configuration.limits
        let shortest = min(
            limits.helloTimeout,
            limits.frameTimeout,
            limits.idleTimeout,
            limits.unreadTimeout
        )
        tickInterval = max(.milliseconds(10), min(.seconds(1), shortest / 4))
    }

    /// Starts the tick.
    func start() {
        loop.schedule(after: tickInterval) { [weak self] in self?.tick() }
    }

    /// Serves an accepted connection, or refuses it.
    ///
    /// On the loop.
    func add(_ stream: ByteStream) {
        let ticket: ConnectionLimiter.Ticket
        do throws(LodestoneError) {
            if isDraining { throw .draining }
            ticket = try handler.connectionLimiter.connectionOpened { stream.reset() }
        } catch {
            turnAway(stream, error)
            return
        }
        handler.metrics.accepted.increment()
        let connection = Connection(stream, ticket: ticket, handler: handler, serverLoop: self)
        connections[ObjectIdentifier(connection)] = connection
        stream.start(connection, outputMemory: handler.memory.output)
    }

    /// Removes a closed connection.
    ///
    /// On the loop.
    func remove(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Sends every client a go-away message.
    ///
    /// Any thread.
    func drain() {
        loop.async {
            self.isDraining = true
            for connection in self.connections.values { connection.drain() }
        }
    }

    /// Closes every connection now.
    ///
    /// Any thread.
    func closeAll() {
        loop.async {
            self.isDraining = true
            for connection in self.connections.values { connection.stream.close() }
        }
    }

    /// Closes connections that read nothing, and later those that read slowly.
    ///
    /// It stops once the unread replies take so little memory that every read may begin.
    private func closeUnread(_ now: ContinuousClock.Instant) {
        let wait = handler.output.longestWait(now)
        guard handler.output.isFull || wait ?? .zero >= OutputGate.gracePeriod else { return }
        let isLong = wait ?? .zero >= OutputGate.longestWait
        let stalled = connections.values
            .filter { connection in
                guard let since = connection.stream.stalledSince else { return false }
                return isLong || since.duration(to: now) >= OutputGate.gracePeriod
            }
            .sorted { $0.stream.unsentByteCount > $1.stream.unsentByteCount }
        var excess = handler.output.excess
        for connection in stalled where excess > 0 {
            excess -= connection.stream.unsentByteCount
            connection.closeUnread("others need the memory")
        }
    }

    private func turnAway(_ stream: ByteStream, _ error: LodestoneError) {
        handler.metrics.turnedAway.increment()
        handler.logger.debug(
            "turned a connection away",
            metadata: ["peer": "\(stream.peer)", "reason": "\(error.reason)"]
        )
        Connection.turnAway(stream, error, limits: handler.configuration.limits)
    }

    private func tick() {
        let now = ContinuousClock.now
        for connection in connections.values { connection.tick(now: now) }
        handler.frames.relieve(now)
        closeUnread(now)
        handler.output.letInIfAnyWaits()
        handler.relief.tick(now)
        loop.schedule(after: tickInterval) { [weak self] in self?.tick() }
    }
}
