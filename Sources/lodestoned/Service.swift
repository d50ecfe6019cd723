// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CoreMetrics
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneEngine
import LodestoneHTTP
import LodestoneMetrics
import LodestoneServer
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// One run of the program: opens the store, serves it, and closes it again.
struct Service: Sendable {
    let settings: Settings
    /// The reader of the settings, for a reload.
    let reader: SettingsReader

    /// - Returns: The exit status.
    func run() async -> Int32 {
        // A write to a closed connection is an error of its socket, and must not end the program.
        signal(SIGPIPE, SIG_IGN)
        allowManyFiles()
        lode_memory_keep_little()
        let level = SharedLogLevel(settings.logLevel)
        let logsJSON = settings.logsJSON
        LoggingSystem.bootstrap { label -> any LogHandler in
            let handler: any LogHandler =
                logsJSON
                ? JSONLogHandler(label: label, level: .trace)
                : StreamLogHandler.standardError(label: label)
            return LeveledLogHandler(handler, level)
        }
        let logger = Logger(label: "lodestoned")
        let engine: Engine
        let pages: ServedPages?
        do throws(LodestoneError) {
            pages = try servePages(logger)
            if !settings.isReadOnly { try createDirectory() }
            // An erasure rewrites the database, and the system's temporary folder may be too small
            // for the copy. SQLite reads the variable at its first use.
            setenv("SQLITE_TMPDIR", settings.data ?? "", 0)
            let start = ContinuousClock.now
            engine = try await offPool { () throws(LodestoneError) in try openEngine() }
            if !engine.remadeWords.isEmpty {
                logger.notice(
                    "texts were analyzed again: another release, libstemmer or Unicode table",
                    metadata: [
                        "collections": "\(engine.remadeWords.joined(separator: ", "))",
                        "time": "\(start.duration(to: .now))",
                    ]
                )
            }
        } catch {
            return Lodestoned.report(error, status: exitStatus(of: error))
        }
        let status = await serve(engine, pages, logger, level)
        if let pages {
            await withCheckedContinuation { done in pages.listener.close { done.resume() } }
        }
        await offPool { engine.close() }
        logger.info("stopped")
        return status
    }

    /// Each connection is an open file.
    ///
    /// The usual limit of a shell, 1,024, leaves no room for the store's files next to
    /// `maxConnections` connections.
    private func allowManyFiles() {
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 1 << 20)
        setrlimit(resource, &limit)
    }

    private func createDirectory() throws(LodestoneError) {
        let path = settings.data ?? ""
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw LodestoneError(
                .failedPrecondition,
                reason: .cannotCreate,
                "The directory '\(path)' can't be created: \(error.localizedDescription)",
                recovery: "Check the path and its permissions.",
                object: path
            )
        }
    }

    private func openEngine() throws(LodestoneError) -> Engine {
        try Engine.open(
            directory: settings.data ?? "",
            options: Engine.Options(
                durability: settings.durability,
                limits: settings.limits,
                compaction: settings.compaction,
                openCollections: settings.openCollections,
                graphMemory: settings.graphMemory,
                cacheMemory: settings.cacheMemory,
                isReadOnly: settings.isReadOnly
            )
        )
    }

    /// The pages for machines, with the listener that serves them.
    private struct ServedPages {
        let pages: OperationsPages
        let listener: HTTPListener
    }

    /// Serves the pages for machines, if they have an address.
    ///
    /// They answer before the store is open. Without them, nothing is counted.
    private func servePages(_ logger: Logger) throws(LodestoneError) -> ServedPages? {
        guard let endpoint = settings.http else { return nil }
        let registry = MetricRegistry(help: MetricHelp.texts)
        MetricsSystem.bootstrap(registry)
        let pages = OperationsPages(registry, dataDirectory: settings.data ?? "")
        let listener = try HTTPListener(endpoint, socketMode: settings.server.socketMode) {
            pages.respond(to: $0, $1)
        }
        pages.count(listener)
        listener.start()
        logger.info("serving pages", metadata: ["endpoint": "\(listener.endpoint)"])
        return ServedPages(pages: pages, listener: listener)
    }

    private func serve(
        _ engine: Engine,
        _ pages: ServedPages?,
        _ logger: Logger,
        _ level: SharedLogLevel
    ) async -> Int32 {
        // The handlers are installed before the first line of output, because a supervisor may send
        // a signal after that line.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let supervisor = Supervisor(
            environment: ProcessInfo.processInfo.environment,
            logger: logger
        )
        let server: Server
        let endpoint: Endpoint
        let reloads: Reloads
        let auditLog: AuditLog?
        do throws(LodestoneError) {
            let files = [
                settings.tokenFile, reader.file, settings.tlsCertificate, settings.tlsKey,
                settings.tlsClientCA,
            ].compactMap { $0 }
            let signatures = Reloads.signatures(of: files)
            var configuration = try settings.serverConfiguration()
            auditLog = try settings.openAuditLog(logger)
            configuration.auditLog = auditLog
            server = Server(
                engine: engine,
                configuration: configuration,
                logger: logger,
                pages: pages?.pages
            )
            reloads = Reloads(
                reloadActions(server, auditLog, level, logger),
                since: signatures,
                logger: logger
            )
            endpoint = try server.start()
        } catch {
            return Lodestoned.report(error, status: exitStatus(of: error))
        }
        logger.info(
            "started",
            metadata: [
                "version": "\(LodestoneVersion.release)",
                "store": "\(engine.storeVersion)",
                "data": "\(settings.data ?? "")",
                "endpoint": "\(endpoint)",
                "durability": "\(settings.durability)",
                "readOnly": "\(settings.isReadOnly)",
            ]
        )
        let group = ServiceGroup(services: [server], logger: logger)
        let signalTask = Task {
            var count = 0
            for await signal in signals {
                if signal == .sighup {
                    reloads.runAll()
                    continue
                }
                count += 1
                // The store recovers as from a crash: no acknowledged write is lost.
                if count > 1 { exit(128 + signal.rawValue) }
                logger.info("told to stop", metadata: ["signal": "\(signal)"])
                await offPool { supervisor.tell(.stopping) }
                await group.triggerGracefulShutdown()
            }
        }
        reloads.start()
        defer {
            reloads.end()
            signalTask.cancel()
        }
        await offPool { supervisor.tell(.ready(at: "\(endpoint)")) }
        FileHandle.standardOutput.write(Data("listening on \(endpoint)\n".utf8))
        if let pages {
            let line = "pages on \(pages.listener.endpoint)\n"
            FileHandle.standardOutput.write(Data(line.utf8))
        }
        let status: Int32
        do {
            try await group.run()
            status = 0
        } catch {
            logger.error("the server ended: \(error)")
            status = ExitStatus.unavailable
        }
        if let auditLog { await offPool { auditLog.flush() } }
        return status
    }

    /// The parts of the configuration that a running server reads again.
    private func reloadActions(
        _ server: Server,
        _ auditLog: AuditLog?,
        _ level: SharedLogLevel,
        _ logger: Logger
    ) -> [ReloadAction] {
        var actions: [ReloadAction] = []
        if let file = settings.tokenFile {
            actions.append(
                ReloadAction(name: "tokens", files: [file]) { () throws(LodestoneError) in
                    server.replaceCredentials(try Credentials(file: file))
                }
            )
        }
        if let certificate = settings.tlsCertificate, let key = settings.tlsKey {
            let files = TLSFiles(certificate: certificate, key: key, clientCA: settings.tlsClientCA)
            actions.append(
                ReloadAction(name: "TLS", files: files.paths) { () throws(LodestoneError) in
                    try server.reloadTLS()
                }
            )
        }
        if let auditLog {
            actions.append(ReloadAction(name: "audit log", files: []) { auditLog.reopen() })
        }
        let files = [reader.file].compactMap { $0 }
        actions.append(
            ReloadAction(name: "settings", files: files) { () throws(LodestoneError) in
                let next = try reader.read()
                try next.check()
                level.current = next.logLevel
                server.setSlowRequest(next.server.slowRequest)
                let others = Setting.all.filter {
                    !["logLevel", "slowRequestMs"].contains($0.name)
                        && $0.show(next) != $0.show(settings)
                }
                if !others.isEmpty {
                    logger.warning(
                        "these settings changed and need a restart",
                        metadata: ["settings": "\(others.map(\.name).joined(separator: ", "))"]
                    )
                }
            }
        )
        return actions
    }

    private func exitStatus(of error: LodestoneError) -> Int32 {
        switch (error.code, error.reason) {
        case (.invalidArgument, _), (_, .noTokens), (_, .cleartext), (_, .badTokenFile),
            (_, .auditLog):
            ExitStatus.configuration
        case (_, .cannotCreate): ExitStatus.cannotCreate
        case (.dataLoss, _), (.unknown, _), (_, .ioError), (_, .diskFull):
            ExitStatus.inputOutput
        default: ExitStatus.unavailable
        }
    }

    /// Runs blocking work on its own thread instead of the cooperative pool.
    private func offPool<R: Sendable, E: Error>(
        _ body: @escaping @Sendable () throws(E) -> R
    ) async throws(E) -> R {
        let result: Result<R, E> = await withCheckedContinuation { continuation in
            DispatchQueue(label: "lodestone.life").async {
                continuation.resume(returning: Result { () throws(E) -> R in try body() })
            }
        }
        return try result.get()
    }
}
