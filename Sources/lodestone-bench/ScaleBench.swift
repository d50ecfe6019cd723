// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneCore

/// Measures the cost of large numbers: of collections, of edges at one document, of documents.
struct ScaleBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Measures thousands of collections, hubs, and millions of small documents.",
        subcommands: [ScaleCollections.self, ScaleHub.self, ScaleDocuments.self]
    )
}

/// Thousands of collections: the time until a server is ready, and the cost of each collection.
struct ScaleCollections: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collections",
        abstract: "Starts a server on many collections, and searches in each."
    )

    @OptionGroup var common: CommonOptions

    @Option(help: "Collections.")
    var count = 10_000

    @Option(help: "Documents in each.")
    var documents = 3

    @Option(help: "Collections that are created and dropped again afterwards.")
    var churn = 1_000

    func run() async throws {
        let report = Report(isJSON: common.json)
        let store = BenchStore(common)
        defer { store.remove() }
        var server = try store.startServer(common)
        let empty = server.memory.now
        let batch = (0..<documents).map { number in
            Document(
                id: DocumentID(trusted: "d\(number)"),
                vector: [Float(number), 1, 2, 3],
                text: "word\(number)"
            )
        }
        try await create(0..<count, with: batch, on: server)
        server.kill()

        let start = ContinuousClock.now
        server = try store.startServer(common)
        let client = try await server.connect()
        _ = try await client.ping()
        let ready = (ContinuousClock.now - start).seconds
        let resting = server.memory.now
        report.add(
            Measurement(
                name: "scale-ready",
                value: ready,
                unit: "s",
                parameters: [
                    ("collections", .count(count)), ("memory_mib", .count(resting >> 20)),
                    ("closed_bytes", .count((resting - empty) / max(1, count))),
                ]
            )
        )

        var waits: [Double] = []
        for number in 0..<count {
            let start = ContinuousClock.now
            let query = Query([.near([1, 1, 2, 3])], limit: 1)
            let hits = try await client.collection("c\(number)").search(query).hits
            waits.append((ContinuousClock.now - start).seconds)
            guard hits.map(\.id) == ["d1"] || documents < 2 else {
                throw ValidationFailure(text: "c\(number) found \(hits)")
            }
        }
        report.add(
            Measurement(
                name: "scale-first-search",
                value: 1e3 * waits.quantile(1),
                unit: "ms (longest)",
                parameters: [
                    ("p50_ms", .number(1e3 * waits.quantile(0.5))),
                    ("p99_ms", .number(1e3 * waits.quantile(0.99))),
                    ("used_bytes", .count((server.memory.now - resting) / max(1, count))),
                ]
            )
        )

        let before = (server.memory.now, store.byteCount)
        for number in 0..<churn {
            _ = try await client.createCollection("churn", CollectionOptions(dimension: 4))
            try await client.collection("churn").indexMany(batch)
            _ = try await client.dropCollection("churn")
            if number % 100 == 99 { try await client.ping() }
        }
        report.add(
            Measurement(
                name: "scale-churn",
                value: Double(server.memory.now - before.0),
                unit: "bytes of memory",
                parameters: [
                    ("created_and_dropped", .count(churn)),
                    ("disk_bytes", .number(Double(store.byteCount) - Double(before.1))),
                ]
            )
        )
        await client.close()
        server.stop()
    }

    private func create(_ range: Range<Int>, with batch: [Document], on server: ServerProcess)
        async throws
    {
        let client = try await server.connect()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in range {
                if number >= range.lowerBound + 32 { try await group.next() }
                group.addTask {
                    let options = CollectionOptions(dimension: 4)
                    _ = try await client.createCollection("c\(number)", options)
                    try await client.collection("c\(number)").indexMany(batch)
                }
            }
            try await group.waitForAll()
        }
        await client.close()
    }
}

/// A document with very many edges.
struct ScaleHub: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub",
        abstract: "Adds edges to one document, in batches; the last one against the first."
    )

    enum Direction: String, CaseIterable, ExpressibleByArgument, Sendable {
        /// The document is the source of all edges.
        case outgoing
        /// The document is the target of all edges.
        case incoming
    }

    @OptionGroup var common: CommonOptions

    @Option(help: "Edges.")
    var edges = 1_000_000

    @Option(help: "Edges of a batch.")
    var batch = 2_000

    @Option(help: "Whether they leave the document or enter it.")
    var direction = Direction.outgoing

    func run() async throws {
        let store = BenchStore(common)
        defer { store.remove() }
        let server = try store.startServer(common)
        let target = try await ServerTarget(server)
        try await target.create("bench", CollectionOptions(dimension: 0))
        let collection = target.clients[0].collection("bench")
        let others = batch * 4
        for start in stride(from: 0, to: others, by: 1_000) {
            let documents = (start..<min(others, start + 1_000)).map {
                Document(id: DocumentID(trusted: "n\($0)"))
            }
            try await target.index("bench", documents)
        }
        try await target.index("bench", [Document(id: "hub")])
        var waits: [Double] = []
        let written = server.writtenByteCount
        for start in stride(from: 0, to: edges, by: batch) {
            let added = (start..<min(edges, start + batch)).map { number in
                // The label differs when the same document is used again.
                let other = DocumentID(trusted: "n\(number % others)")
                let label = "l\(number / others)"
                return direction == .outgoing
                    ? SourcedEdge(from: "hub", Edge(label, to: other))
                    : SourcedEdge(from: other, Edge(label, to: "hub"))
            }
            let begin = ContinuousClock.now
            try await collection.indexMany([], edges: added)
            waits.append((ContinuousClock.now - begin).seconds)
        }
        let tenth = max(1, waits.count / 10)
        let first = Array(waits.prefix(tenth)).quantile(0.5)
        let last = Array(waits.suffix(tenth)).quantile(0.5)
        Report(isJSON: common.json).add(
            Measurement(
                name: "scale-hub",
                value: last / first,
                unit: "times (last tenth / first, medians)",
                parameters: [
                    ("direction", .text(direction.rawValue)), ("edges", .count(edges)),
                    ("first_ms", .number(1e3 * first)), ("last_ms", .number(1e3 * last)),
                    ("longest_ms", .number(1e3 * waits.quantile(1))),
                    ("written_bytes_per_edge", .count((server.writtenByteCount - written) / edges)),
                    ("memory_mib", .count(server.memory.now >> 20)),
                ]
            )
        )
        await target.close()
    }
}

/// Millions of small documents.
struct ScaleDocuments: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "documents",
        abstract: "Writes many small documents, kills the server, and queries the next one."
    )

    @OptionGroup var common: CommonOptions

    @Option(help: "Documents.")
    var count = 10_000_000

    @Option(help: "Documents of a batch.")
    var batch = 10_000

    func run() async throws {
        let report = Report(isJSON: common.json)
        let store = BenchStore(common)
        defer { store.remove() }
        var server = try store.startServer(common)
        var target = try await ServerTarget(server)
        let options = CollectionOptions(dimension: 0, metadataIndexes: [MetadataIndex("number")])
        try await target.create("bench", options)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { [target] group in
            for (index, first) in stride(from: 0, to: count, by: batch).enumerated() {
                if index >= 2 { try await group.next() }
                group.addTask {
                    let documents = (first..<min(count, first + batch)).map { number in
                        Document(
                            id: DocumentID(trusted: "d\(number)"),
                            text: "word\(number % 10_007) term\(number % 101)",
                            metadata: ["number": .int(Int64(number))]
                        )
                    }
                    try await target.index("bench", documents)
                }
            }
            try await group.waitForAll()
        }
        let seconds = (ContinuousClock.now - start).seconds
        report.add(
            Measurement(
                name: "scale-documents",
                value: Double(count) / seconds,
                unit: "docs/s",
                parameters: [
                    ("documents", .count(count)),
                    ("memory_mib", .count(server.memory.now >> 20)),
                    ("peak_mib", .count(server.memory.peak >> 20)),
                    ("disk_bytes_per_document", .number(Double(store.byteCount) / Double(count))),
                    (
                        "written_bytes_per_document",
                        .number(Double(server.writtenByteCount) / Double(count))
                    ),
                ]
            )
        )
        await target.clients[0].close()
        server.kill()

        let begin = ContinuousClock.now
        server = try store.startServer(common)
        target = try await ServerTarget(server)
        var waits: [Double] = []
        var ready = 0.0
        for round in 0..<1_000 {
            let start = ContinuousClock.now
            let results = try await target.search(
                "bench",
                [Query([.matching("word\(round % 10_007)")], limit: 10)]
            )
            waits.append((ContinuousClock.now - start).seconds)
            if round == 0 { ready = (ContinuousClock.now - begin).seconds }
            guard results[0].hits.count == min(10, (count + 10_006 - round) / 10_007) else {
                throw ValidationFailure(text: "\(results[0].hits.count) hits for word\(round)")
            }
        }
        report.add(
            Measurement(
                name: "scale-reopen",
                value: ready,
                unit: "s (first result)",
                parameters: [
                    ("p50_ms", .number(1e3 * waits.quantile(0.5))),
                    ("p99_ms", .number(1e3 * waits.quantile(0.99))),
                    ("memory_mib", .count(server.memory.now >> 20)),
                ]
            )
        )
        await target.close()
    }
}
