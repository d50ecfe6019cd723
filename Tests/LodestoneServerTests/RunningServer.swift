// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneEngine
import LodestoneServer
import LodestoneWire
import Logging
import TestSupport

/// A server with a real store in its own directory, on a free port of this machine.
final class RunningServer: StoppableServer {
    let endpoint: Endpoint
    private let directory: TemporaryDirectory
    private let engine: Engine
    private let server: Server

    init(_ change: (inout ServerConfiguration) -> Void) throws {
        directory = try TemporaryDirectory()
        var configuration = ServerConfiguration(endpoint: .tcp(host: "127.0.0.1", port: 0))
        change(&configuration)
        engine = try Engine.open(
            directory: directory.path + "/store",
            options: Engine.Options(durability: .relaxed, limits: configuration.limits)
        )
        server = Server(
            engine: engine,
            configuration: configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        endpoint = try server.start()
    }

    /// A client that has said hello.
    func connect(token: String? = nil) throws -> RawClient {
        try RawClient(endpoint, token: token)
    }

    /// A client that has not said hello.
    func connectSilently() throws -> RawClient {
        try RawClient(endpoint, hello: false)
    }

    /// Replaces the token file.
    func replaceCredentials(_ text: String) throws {
        server.replaceCredentials(try Credentials(text: text, path: "tokens"))
    }

    /// Tells clients to leave.
    func drain() async {
        await server.drain()
    }

    /// A figure from the server's stats.
    func statistic(_ name: String) throws -> Double? {
        guard case .stats(let stats) = try connect().call(.stats) else { return nil }
        return stats.statistics.first { $0.name == name }?.value
    }

    /// The file of a snapshot.
    func snapshotFile(_ name: String) throws -> Data {
        let path = directory.path + "/store/snapshots/\(name).lodestone"
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// Holds the lock that every compaction and every build of an index needs.
    func holdCompactions() throws -> HeldLock {
        try HeldLock(directory.path + "/store/compaction.lock")
    }

    /// Waits until `count` calls are under way.
    func waitUntilCalls(_ count: Int) throws {
        while try statistic("server.calls") != Double(count) {}
    }

    /// The figures from the server's stats, over an existing connection.
    ///
    /// A connection that opens or closes is work for the loop.
    func figures(over client: RawClient) throws -> [String: Double] {
        guard case .stats(let stats) = try client.call(.stats) else { return [:] }
        return Dictionary(uniqueKeysWithValues: stats.statistics.map { ($0.name, $0.value) })
    }

    /// Waits until one read runs and none waits.
    ///
    /// A worker counts from the moment it is called, and takes its read from the queue a little
    /// later.
    func waitUntilOneReadRuns() throws { try waitUntilReadsRun(1, over: connect()) }

    /// Waits until `count` reads run and none waits.
    func waitUntilReadsRun(_ count: Int, over client: RawClient) throws {
        var figures: [String: Double] = [:]
        while figures["server.reads.running"] != Double(count)
            || figures["server.reads.waiting"] != 0
        {
            figures = try self.figures(over: client)
        }
    }

    func stop() async throws {
        await server.shutdown()
        try await offPool { [engine] in engine.close() }
    }
}

/// Runs `body` against a server, off the cooperative pool, and always ends the server afterwards.
func withServer(
    _ change: @Sendable (inout ServerConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (RunningServer) throws -> Void
) async throws {
    try await RunningServer(change).serve { server in try await offPool { try body(server) } }
}

/// A server of a test.
protocol StoppableServer: Sendable {
    func stop() async throws
}

extension StoppableServer {
    /// Runs `body`, and always ends the server afterwards.
    func serve(_ body: (Self) async throws -> Void) async throws {
        do {
            try await body(self)
        } catch {
            try await stop()
            throw error
        }
        try await stop()
    }
}
