// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneHTTP
import LodestoneMetrics
import LodestoneServer
import LodestoneWire
import Logging
import TestSupport

/// A server with the pages for machines, in this process.
final class WatchedServer: StoppableServer {
    let endpoint: Endpoint
    /// The address of the pages.
    let pagesEndpoint: Endpoint
    private let directory: TemporaryDirectory
    private let engine: Engine
    let server: Server
    private let listener: HTTPListener

    init(_ change: (inout ServerConfiguration) -> Void) throws {
        directory = try TemporaryDirectory()
        var configuration = ServerConfiguration(endpoint: .tcp(host: "127.0.0.1", port: 0))
        change(&configuration)
        let registry = MetricRegistry(help: MetricHelp.texts)
        let pages = OperationsPages(registry, dataDirectory: directory.path)
        listener = try HTTPListener(.tcp(host: "127.0.0.1", port: 0)) { pages.respond(to: $0, $1) }
        pages.count(listener)
        listener.start()
        pagesEndpoint = listener.endpoint
        engine = try Engine.open(
            directory: directory.path + "/store",
            options: Engine.Options(durability: .relaxed, limits: configuration.limits)
        )
        server = Server(
            engine: engine,
            configuration: configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            metrics: registry,
            pages: pages
        )
        endpoint = try server.start()
    }

    func connect() throws -> RawClient { try RawClient(endpoint) }

    /// A page.
    func page(_ path: String, accept: String? = nil) throws -> HTTPClient.Response {
        try HTTPClient(pagesEndpoint).get(path, accept: accept)
    }

    /// The value of a series, written as in the page: `name{label="value"}`; 0 when it is absent.
    func value(of series: String) throws -> Double {
        let lines = try page("/metrics").text.split(separator: "\n")
        let line = lines.first { $0.hasPrefix(series + " ") }
        return line.flatMap { Double($0.dropFirst(series.count + 1)) } ?? 0
    }

    /// Fills a collection with documents that have a random vector, a text and a number.
    func fill(_ collection: String, count: Int, hnsw: Bool = false) throws -> RawClient {
        let client = try connect()
        let strategy: VectorIndexStrategy =
            hnsw ? .hnsw(inlineIndexing: false, HNSWOptions(efSearch: 16)) : .flatScan
        let options = CollectionOptions(dimension: 8, vectorStrategy: strategy)
        try client.require(.createCollection(name: collection, options))
        var random = SeededGenerator(seed: 5)
        for start in stride(from: 0, to: count, by: 1_000) {
            let documents = (start..<min(count, start + 1_000)).map { number in
                Document(
                    id: DocumentID(trusted: "\(number)"),
                    vector: (0..<8).map { _ in .random(in: -1...1, using: &random) },
                    text: "common word\(number % 7)",
                    metadata: ["n": .int(Int64(number))]
                )
            }
            try client.require(
                .indexMany(IndexManyRequest(collection: collection, documents: documents))
            )
        }
        if hnsw { try client.require(.buildIndex(collection: collection)) }
        return client
    }

    func stop() async throws {
        await server.shutdown()
        await withCheckedContinuation { done in listener.close { done.resume() } }
        try await offPool { [engine] in engine.close() }
    }
}

extension RawClient {
    /// Makes a call that must succeed.
    @discardableResult
    func require(_ call: Call) throws -> Reply {
        let reply = try self.call(call)
        if let error = reply.error { throw error }
        return reply
    }
}

/// Runs `body` against a watched server, off the cooperative pool, and always ends the server.
func withWatchedServer(
    _ change: @Sendable (inout ServerConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (WatchedServer) throws -> Void
) async throws {
    try await WatchedServer(change).serve { server in try await offPool { try body(server) } }
}
