// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneEngine
import LodestoneTransport
package import Logging
import ServiceLifecycle
import Synchronization

/// Serves a store over sockets.
///
/// `start` opens the port. `drain` ends the server without failing a call; `shutdown` ends it at
/// once. The engine stays open: its owner closes it after the server has ended.
///
/// Threading: every method may be called from any thread.
package final class Server: Service {
    private enum State {
        case idle
        case running(Listener, [ServerLoop])
        case ended
    }

    private let configuration: ServerConfiguration
    private let handler: RequestHandler
    private let state = Mutex(State.idle)

    /// Creates a server that does not listen yet.
    package init(engine: Engine, configuration: ServerConfiguration, logger: Logger) {
        self.configuration = configuration
        handler = RequestHandler(engine: engine, configuration: configuration, logger: logger)
    }

    /// Opens the port.
    ///
    /// - Returns: The address of the server; for port 0 it has the port that was taken.
    /// - Throws: `.unavailable` when the address is taken; `.failedPrecondition` when it would
    ///   leave the data open to other machines, and when the server was started before.
    package func start() throws(LodestoneError) -> Endpoint {
        try configuration.checkExposure()
        var shards: [ServerLoop] = []
        for index in 0..<max(1, configuration.eventLoops) {
            shards.append(try ServerLoop(index: index, handler: handler))
        }
        let listener: Listener
        do {
            listener = try Listener(
                configuration.endpoint,
                loop: shards[0].loop,
                streamLoops: shards.map(\.loop),
                socketMode: configuration.socketMode
            )
        } catch {
            for shard in shards { shard.loop.shutdown() }
            throw error
        }
        let isFirst = state.withLock { state in
            guard case .idle = state else { return false }
            state = .running(listener, shards)
            return true
        }
        guard isFirst else {
            listener.close()
            for shard in shards { shard.loop.shutdown() }
            throw LodestoneError(
                .failedPrecondition,
                reason: "STARTED_TWICE",
                "The server was started before.",
                recovery: "Create another server."
            )
        }
        for shard in shards { shard.start() }
        let started = shards
        listener.start { stream in
            started.first { $0.loop === stream.loop }?.add(stream)
        }
        handler.logger.info(
            "serving",
            metadata: [
                "endpoint": "\(listener.localEndpoint)",
                "tokens": "\(configuration.tokens?.count ?? 0)",
                "eventLoops": "\(shards.count)", "readWorkers": "\(configuration.readWorkers)",
            ]
        )
        if !configuration.endpoint.isLoopback { warnOfCleartext(on: shards[0].loop) }
        return listener.localEndpoint
    }

    /// Ends the server after the calls under way.
    ///
    /// It takes no more connections, tells clients to leave, and waits for the calls under way, at
    /// most for `drainTimeout`. Returns when no connection and no call is left.
    package func drain() async {
        guard let (listener, shards) = leave() else { return }
        handler.logger.info(
            "draining",
            metadata: ["connections": "\(handler.occupancy.counts.connections)"]
        )
        listener.close()
        for shard in shards { shard.drain() }
        shards[0].loop.schedule(after: configuration.drainTimeout) { [handler] in
            handler.logger.warning(
                "calls are still under way; closing their connections",
                metadata: ["calls": "\(handler.occupancy.counts.calls)"]
            )
            for shard in shards { shard.closeAll() }
        }
        await waitUntilEmpty(shards)
    }

    /// Takes no more connections, closes all, cancels the calls under way and waits for them.
    package func shutdown() async {
        guard let (listener, shards) = leave() else { return }
        listener.close()
        for shard in shards { shard.closeAll() }
        await waitUntilEmpty(shards)
    }

    /// Serves until the service group requests a shutdown, then drains.
    package func run() async throws {
        if case .idle = state.withLock({ $0 }) { _ = try start() }
        do {
            try await gracefulShutdown()
        } catch {
            await shutdown()
            throw error
        }
        await drain()
    }

    private func leave() -> (Listener, [ServerLoop])? {
        state.withLock { state in
            guard case .running(let listener, let shards) = state else {
                state = .ended
                return nil
            }
            state = .ended
            return (listener, shards)
        }
    }

    private func waitUntilEmpty(_ shards: [ServerLoop]) async {
        // A cancelled call ends within milliseconds. If one does not, stopping matters more.
        shards[0].loop.schedule(after: configuration.drainTimeout + .seconds(5)) { [handler] in
            handler.logger.error(
                "calls did not end when cancelled; stopping without them",
                metadata: ["calls": "\(handler.occupancy.counts.calls)"]
            )
            handler.occupancy.giveUpWaiting()
        }
        await handler.occupancy.waitUntilEmpty()
        for shard in shards { shard.loop.shutdown() }
    }

    private func warnOfCleartext(on loop: EventLoop) {
        handler.logger.warning(
            "tokens and data travel unencrypted; put a TLS proxy or a tunnel in front",
            metadata: ["endpoint": "\(configuration.endpoint)"]
        )
        loop.schedule(after: .seconds(60)) { [weak self, weak loop] in
            guard let self, let loop else { return }
            self.warnOfCleartext(on: loop)
        }
    }
}
