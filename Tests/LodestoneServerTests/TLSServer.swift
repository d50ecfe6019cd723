// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneCredentials
import LodestoneEngine
import LodestoneServer
import Logging
import Synchronization
import TestSupport

/// A server that speaks TLS, on a store of its own, with the lines of its log.
final class TLSServer: StoppableServer {
    static let token = "0123456789abcdef0123456789abcdef"

    let authority: TestAuthority
    let endpoint: Endpoint
    let log = LogLines()
    private let directory: TemporaryDirectory
    private let engine: Engine
    private let server: Server

    /// Starts a server.
    ///
    /// - Parameters:
    ///   - authority: Signs the server's certificate.
    ///   - days: The days until the end of the certificate.
    ///   - clientAuthority: Signs the certificates that clients must show; `nil`: they show none.
    ///   - change: Changes the configuration.
    /// - Throws: When the server does not start.
    init(
        authority: TestAuthority? = nil,
        days: Int = 1,
        clientAuthority: TestAuthority? = nil,
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        let authority = try authority ?? TestAuthority()
        self.authority = authority
        directory = try TemporaryDirectory()
        let issued = try authority.issue("server", days: days)
        var configuration = ServerConfiguration(
            endpoint: .tcp(host: "127.0.0.1", port: 0),
            credentials: try Credentials(text: "admin \(Self.token)", path: "tokens"),
            tls: TLSFiles(
                certificate: issued.certificate,
                key: issued.key,
                clientCA: clientAuthority?.certificate
            )
        )
        change(&configuration)
        engine = try Engine.open(
            directory: directory.path + "/store",
            options: Engine.Options(durability: .relaxed, limits: configuration.limits)
        )
        let log = log
        server = Server(
            engine: engine,
            configuration: configuration,
            logger: Logger(label: "test") { _ in LogRecorder(lines: log) }
        )
        endpoint = try server.start()
    }

    /// The port at which it listens.
    var port: UInt16 {
        if case .tcp(_, let port) = endpoint { port } else { 0 }
    }

    /// The configuration of a client that trusts the server's authority.
    func configuration(
        host: String = "localhost",
        tls: LodestoneClient.TLS? = nil
    ) -> LodestoneClient.Configuration {
        LodestoneClient.Configuration(
            endpoint: .tcp(host: host, port: port),
            token: Self.token,
            tls: tls ?? LodestoneClient.TLS(authorities: authority.certificate),
            connectTimeout: .seconds(20)
        )
    }

    /// A client that trusts the server's authority.
    func connect() async throws -> LodestoneClient { try await .connect(configuration()) }

    /// Makes another certificate, and lets the server use it from now on.
    func rotate() throws {
        _ = try authority.issue("server")
        try server.reloadTLS()
    }

    /// Puts another token file into effect.
    func replaceCredentials(_ text: String) throws {
        server.replaceCredentials(try Credentials(text: text, path: "tokens"))
    }

    /// Reads the files again.
    func reload() throws { try server.reloadTLS() }

    func stop() async throws {
        await server.shutdown()
        try await offPool { [engine] in engine.close() }
    }
}

/// The lines of a log, for tests.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    /// Waits for a line that has all of `parts`.
    func contains(_ parts: String...) async -> Bool {
        let end = ContinuousClock.now.advanced(by: .seconds(20))
        while ContinuousClock.now < end {
            let found = lines.withLock { lines in
                lines.contains { line in parts.allSatisfy { line.contains($0) } }
            }
            if found { return true }
            await Task.yield()
        }
        return false
    }

    fileprivate func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Writes to `LogLines`.
private struct LogRecorder: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    init(lines: LogLines) {
        self.lines = lines
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        lines.add("\(event.message) \(all)")
    }
}
