// SPDX-License-Identifier: Apache-2.0
package import CoreMetrics
package import LodestoneCore
package import LodestoneCredentials
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
        case running(Listener, [ServerLoop], TLSAcceptor?)
        case ended
    }

    private let configuration: ServerConfiguration
    private let handler: RequestHandler
    private let pages: OperationsPages?
    private let state = Mutex(State.idle)

    /// Creates a server that does not listen yet.
    ///
    /// - Parameters:
    ///   - engine: The store that is served.
    ///   - configuration: The settings.
    ///   - logger: The log.
    ///   - metrics: The backend of the metrics.
    ///   - pages: The pages that show the state of the server; `nil`: none.
    package init(
        engine: Engine,
        configuration: ServerConfiguration,
        logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory,
        pages: OperationsPages? = nil
    ) {
        self.configuration = configuration
        self.pages = pages
        handler = RequestHandler(
            engine: engine,
            configuration: configuration,
            logger: logger,
            metrics: metrics
        )
    }

    /// Opens the port.
    ///
    /// - Returns: The address of the server; for port 0 it has the port that the system chose.
    /// - Throws: `.unavailable` when the address is taken; `.failedPrecondition` when it would
    ///   leave the data open to other machines, when a file of the encryption can't be used, and
    ///   when the server was started before.
    package func start() throws(LodestoneError) -> Endpoint {
        try configuration.checkExposure()
        let tls = try configuration.tls?.acceptor()
        var serverLoops: [ServerLoop] = []
        for index in 0..<max(1, configuration.eventLoops) {
            serverLoops.append(try ServerLoop(index: index, handler: handler))
        }
        let listener: Listener
        do {
            listener = try Listener(
                configuration.endpoint,
                loop: serverLoops[0].loop,
                streamLoops: serverLoops.map(\.loop),
                socketMode: configuration.socketMode,
                tls: tls
            )
        } catch {
            for serverLoop in serverLoops { serverLoop.loop.shutdown() }
            throw error
        }
        let isFirst = state.withLock { state in
            guard case .idle = state else { return false }
            state = .running(listener, serverLoops, tls)
            return true
        }
        guard isFirst else {
            listener.close()
            for serverLoop in serverLoops { serverLoop.loop.shutdown() }
            throw LodestoneError(
                .failedPrecondition,
                reason: .startedTwice,
                "The server was started before.",
                recovery: "Create another server."
            )
        }
        for serverLoop in serverLoops { serverLoop.start() }
        let started = serverLoops
        listener.start { stream in
            started.first { $0.loop === stream.loop }?.add(stream)
        }
        pages?.serve(handler)
        handler.logger.info(
            "serving",
            metadata: [
                "endpoint": "\(listener.localEndpoint)",
                "tokens": "\(configuration.credentials?.entries.count ?? 0)",
                "encryption": "\(configuration.tls?.mode ?? "none")",
                "eventLoops": "\(serverLoops.count)", "readWorkers": "\(configuration.readWorkers)",
            ]
        )
        if tls == nil, !configuration.endpoint.isLoopback {
            warnOfCleartext(on: serverLoops[0].loop)
        }
        return listener.localEndpoint
    }

    /// Reads the certificates and the key again, for the connections from now on.
    ///
    /// Earlier connections keep theirs. When a file can't be used, nothing changes. Blocks while
    /// the disk is read.
    ///
    /// - Throws: `BAD_TLS_FILE`.
    package func reloadTLS() throws(LodestoneError) {
        guard case .running(_, _, let acceptor?) = state.withLock({ $0 }),
            let context = try configuration.tls?.load()
        else { return }
        acceptor.replace(context)
        handler.logger.notice(
            "certificate loaded",
            metadata: [
                "certificate": "\(configuration.tls?.certificate ?? "")",
                "validUntil": "\(context.validUntilText)",
            ]
        )
    }

    /// Replaces the credentials of a server that has some.
    ///
    /// Open connections have the new rights at their next call. Within a second, those end whose
    /// credential is missing in the new table.
    package func replaceCredentials(_ credentials: Credentials) {
        handler.credentials?.replace(credentials)
    }

    /// Changes the time after which a request is logged as slow.
    package func setSlowRequest(_ time: Duration) { handler.slow.threshold = time }

    /// Ends the server after the calls in flight.
    ///
    /// It accepts no more connections, sends clients a go-away message, and waits for the calls in
    /// flight, at most for `drainTimeout`. It returns when no connection and no call is left.
    package func drain() async {
        guard let (listener, serverLoops) = leave() else { return }
        handler.logger.info(
            "draining",
            metadata: ["connections": "\(handler.connectionLimiter.counts.connections)"]
        )
        listener.close()
        for serverLoop in serverLoops { serverLoop.drain() }
        serverLoops[0].loop.schedule(after: configuration.drainTimeout) { [handler] in
            handler.logger.warning(
                "calls are still under way; closing their connections",
                metadata: ["calls": "\(handler.connectionLimiter.counts.calls)"]
            )
            for serverLoop in serverLoops { serverLoop.closeAll() }
        }
        await waitUntilEmpty(serverLoops)
    }

    /// Accepts no more connections, closes all, cancels the calls in flight and waits for them.
    package func shutdown() async {
        guard let (listener, serverLoops) = leave() else { return }
        listener.close()
        for serverLoop in serverLoops { serverLoop.closeAll() }
        await waitUntilEmpty(serverLoops)
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
        pages?.drain()
        return state.withLock { state in
            guard case .running(let listener, let serverLoops, _) = state else {
                state = .ended
                return nil
            }
            state = .ended
            return (listener, serverLoops)
        }
    }

    private func waitUntilEmpty(_ serverLoops: [ServerLoop]) async {
        // A cancelled call ends within milliseconds. The server does not wait for one that does
        // not.
        serverLoops[0].loop.schedule(after: configuration.drainTimeout + .seconds(5)) { [handler] in
            handler.logger.error(
                "calls did not end when cancelled; stopping without them",
                metadata: ["calls": "\(handler.connectionLimiter.counts.calls)"]
            )
            handler.connectionLimiter.giveUpWaiting()
        }
        await handler.connectionLimiter.waitUntilEmpty()
        for serverLoop in serverLoops { serverLoop.loop.shutdown() }
    }

    private func warnOfCleartext(on loop: EventLoop) {
        handler.logger.warning(
            "tokens and data travel unencrypted; give a certificate with --tls-certificate",
            metadata: ["endpoint": "\(configuration.endpoint)"]
        )
        loop.schedule(after: .seconds(60)) { [weak self, weak loop] in
            guard let self, let loop else { return }
            self.warnOfCleartext(on: loop)
        }
    }
}
