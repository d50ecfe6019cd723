// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneCore
import LodestoneEngine

/// The target of a measurement: a server behind a client, or an engine in this process.
protocol BenchTarget: Sendable {
    func create(_ collection: String, _ options: CollectionOptions) async throws
    /// Writes over one of the connections, which an engine in this process ignores.
    func index(_ collection: String, _ documents: [Document], connection: Int) async throws
    /// Searches over one of the connections, which an engine in this process ignores.
    func search(_ collection: String, _ queries: [Query], connection: Int) async throws
        -> [QueryResult]
    func walk(_ collection: String, _ walks: [Walk]) async throws -> [WalkResult]
    /// Compacts the collection.
    func compact(_ collection: String) async throws
    /// Builds the index of the collection, without a deadline.
    func buildIndex(_ collection: String) async throws
    func describe(_ collection: String) async throws -> CollectionDescription
    /// Seconds of processor time that a server in another process has used.
    var serverProcessorSeconds: Double { get }
    /// The executor on which the replies of a connection arrive; `nil` in process.
    func executor(of connection: Int) -> (any TaskExecutor)?
    func close() async
}

struct EngineTarget: BenchTarget {
    let engine: Engine

    func create(_ collection: String, _ options: CollectionOptions) async throws {
        try await engine.createCollection(collection, options)
    }

    func index(_ collection: String, _ documents: [Document], connection: Int) async throws {
        try await engine.indexMany(
            IndexManyRequest(collection: collection, documents: documents)
        )
    }

    func search(_ collection: String, _ queries: [Query], connection: Int) async throws
        -> [QueryResult]
    {
        try await engine.search(SearchRequest(collection: collection, queries: queries)).results
    }

    func walk(_ collection: String, _ walks: [Walk]) async throws -> [WalkResult] {
        try await engine.walk(WalkRequest(collection: collection, walks: walks)).results
    }

    func compact(_ collection: String) async throws {
        _ = try await engine.compact(collection)
    }

    func buildIndex(_ collection: String) async throws {
        _ = try await engine.buildIndex(collection)
    }

    func describe(_ collection: String) throws -> CollectionDescription {
        try engine.describe(collection)
    }

    var serverProcessorSeconds: Double { 0 }

    func executor(of connection: Int) -> (any TaskExecutor)? { nil }

    func close() async {
        engine.close()
    }
}

struct ServerTarget: BenchTarget {
    let process: ServerProcess
    /// One client per connection; the first one makes the calls that are not measured.
    let clients: [LodestoneClient]

    private var client: LodestoneClient { clients[0] }

    init(_ process: ServerProcess, connections: Int = 1) async throws {
        var clients: [LodestoneClient] = []
        for _ in 0..<connections {
            clients.append(try await process.connect())
        }
        self.process = process
        self.clients = clients
    }

    func create(_ collection: String, _ options: CollectionOptions) async throws {
        _ = try await client.createCollection(collection, options)
    }

    func index(_ collection: String, _ documents: [Document], connection: Int) async throws {
        _ = try await clients[connection].collection(collection).indexMany(documents)
    }

    func search(_ collection: String, _ queries: [Query], connection: Int) async throws
        -> [QueryResult]
    {
        try await clients[connection].collection(collection).search(queries).results
    }

    func walk(_ collection: String, _ walks: [Walk]) async throws -> [WalkResult] {
        try await client.collection(collection).walk(walks).results
    }

    func compact(_ collection: String) async throws {
        _ = try await client.collection(collection).compact()
    }

    func buildIndex(_ collection: String) async throws {
        _ = try await client.collection(collection).buildIndex()
    }

    func describe(_ collection: String) async throws -> CollectionDescription {
        try await client.collection(collection).describe()
    }

    var serverProcessorSeconds: Double { process.processorSeconds }

    func executor(of connection: Int) -> (any TaskExecutor)? { clients[connection].executor }

    func close() async {
        for client in clients { await client.close() }
        process.stop()
    }
}

/// A server process on its own port, ended with the measurement.
final class ServerProcess: Sendable {
    private let process: Process
    let address: String
    /// The encryption for its clients; `nil` without encryption.
    private let tls: LodestoneClient.TLS?

    /// Starts the server and waits until it listens.
    init(program: String, directory: String, certificate: BenchCertificate? = nil) throws {
        tls = certificate?.tls
        process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        let arguments = [
            "--data", directory, "--listen", "127.0.0.1:0", "--log-level", "warning",
        ]
        process.arguments = arguments + (certificate?.arguments ?? [])
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var text = ""
        var found: String?
        while found == nil {
            let data = output.fileHandleForReading.availableData
            if data.isEmpty { throw ValidationFailure(text: "\(program) ended at once") }
            text += String(decoding: data, as: UTF8.self)
            found = text.split(separator: "\n").first { $0.hasPrefix("listening on ") }
                .map { String($0.dropFirst("listening on ".count)) }
        }
        address = found ?? ""
    }

    /// A client of the server.
    func connect() async throws -> LodestoneClient {
        try await .connect(LodestoneClient.Configuration(address: address, tls: tls))
    }

    /// Seconds of processor time that the server has used.
    var processorSeconds: Double {
        var clock = clockid_t()
        clock_getcpuclockid(process.processIdentifier, &clock)
        return seconds(of: clock)
    }

    /// The server's current and peak memory in bytes.
    var memory: (now: Int, peak: Int) {
        let path = "/proc/\(process.processIdentifier)/status"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n")
        let byteCount = { (name: String) in
            lines.first { $0.hasPrefix(name) }.flatMap { Int($0.filter(\.isNumber)) }
                .map { $0 << 10 } ?? 0
        }
        return (byteCount("VmRSS:"), byteCount("VmHWM:"))
    }

    /// Bytes that the server has written to the disk.
    var writtenByteCount: Int {
        let path = "/proc/\(process.processIdentifier)/io"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("write_bytes:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    /// Measures the peak of memory from now on.
    func forgetPeakMemory() {
        let path = "/proc/\(process.processIdentifier)/clear_refs"
        try? Data("5".utf8).write(to: URL(fileURLWithPath: path))
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// Ends the server as a crash would.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

/// A new store, removed when the measurement ends.
struct BenchStore {
    let directory: String
    private let isTemporary: Bool

    init(_ options: CommonOptions) {
        isTemporary = options.directory == nil
        directory =
            options.directory
            ?? FileManager.default.temporaryDirectory.path + "/lodestone-bench-\(UUID().uuidString)"
    }

    func open(_ options: CommonOptions, connections: Int = 1) async throws -> any BenchTarget {
        if options.inProcess {
            return EngineTarget(engine: try Engine.open(directory: directory))
        }
        return try await ServerTarget(startServer(options), connections: connections)
    }

    func startServer(_ options: CommonOptions) throws -> ServerProcess {
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let program = options.server ?? folder.appendingPathComponent("lodestoned").path
        return try ServerProcess(
            program: program,
            directory: directory,
            certificate: options.tls ? BenchCertificate(directory: directory) : nil
        )
    }

    /// Bytes of all files of the store.
    var byteCount: Int {
        let names = FileManager.default.enumerator(atPath: directory)?.allObjects ?? []
        return names.reduce(0) { total, name in
            let path = "\(directory)/\(name)"
            let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            return total + (size ?? 0)
        }
    }

    func remove() {
        if isTemporary { try? FileManager.default.removeItem(atPath: directory) }
    }
}

extension BenchTarget {
    func search(_ collection: String, _ queries: [Query]) async throws -> [QueryResult] {
        try await search(collection, queries, connection: 0)
    }

    func index(_ collection: String, _ documents: [Document]) async throws {
        try await index(collection, documents, connection: 0)
    }

    /// Builds the index of the collection until it has all documents.
    ///
    /// - Returns: The seconds that this took.
    func buildWholeIndex(_ collection: String) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        // A build that ran during the writes lacks the last documents.
        for _ in 0..<3 {
            try await buildIndex(collection)
            let status = try await describe(collection).index
            if status.state == .ready, status.scannedVectors == 0 {
                return (clock.now - start).seconds
            }
        }
        throw ValidationFailure(text: "the index is not ready after three builds")
    }

    /// Writes all batches, `inFlight` at once, over the connections in turn.
    ///
    /// - Returns: The seconds for all batches, and for each batch, in the order of their ends.
    func ingest(
        _ batches: [[Document]],
        into collection: String,
        inFlight: Int,
        connections: Int = 1
    ) async throws -> (seconds: Double, latencies: [Double]) {
        let clock = ContinuousClock()
        let start = clock.now
        let latencies = try await withThrowingTaskGroup(of: Double.self) { group in
            var latencies: [Double] = []
            for (index, batch) in batches.enumerated() {
                if index >= inFlight, let latency = try await group.next() {
                    latencies.append(latency)
                }
                group.addTask {
                    let start = clock.now
                    try await self.index(collection, batch, connection: index % connections)
                    return (clock.now - start).seconds
                }
            }
            for try await latency in group { latencies.append(latency) }
            return latencies
        }
        return ((clock.now - start).seconds, latencies)
    }
}
