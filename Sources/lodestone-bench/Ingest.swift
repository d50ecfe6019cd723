// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneCore

/// Measures how fast documents become durable and searchable.
struct Ingest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes documents with vector, text and metadata in durable batches."
    )

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: DataOptions

    @Option(help: "Documents of a batch.")
    var batch = 1_000

    @Option(help: "Batches under way at once.")
    var inFlight = 2

    @Option(help: "Connections over which they go by turns.")
    var connections = 1

    @Option(help: "Write so many documents; beyond those of the folder, the same again.")
    var documents: Int?

    @Flag(
        name: .customLong("random-ids"),
        help: "Replace the ids by sixteen random hexadecimal digits."
    )
    var randomIDs = false

    @Flag(help: "Write the edges, too.")
    var edges = false

    @Flag(help: "Leave out the texts.")
    var withoutText = false

    @Option(
        name: .customLong("index"),
        parsing: .upToNextOption,
        help: "Fields of the metadata to index; 'number' is each document's number."
    )
    var indexes: [String] = []

    func run() async throws {
        var batches = try options.data
            .batches(of: batch, count: documents, randomIDs: randomIDs, withEdges: edges)
        if withoutText {
            for batch in batches.indices {
                for index in batches[batch].indices { batches[batch][index].text = [] }
            }
        }
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await store.open(common, connections: connections)
        try await target.create(
            "bench",
            CollectionOptions(
                dimension: options.dimension,
                metadataIndexes: indexes.map { MetadataIndex($0) }
            )
        )
        let processor = target.serverProcessorSeconds
        let (seconds, latencies) = try await target.ingest(
            batches,
            into: "bench",
            inFlight: inFlight,
            connections: connections
        )
        let spent = target.serverProcessorSeconds - processor
        await target.close()
        let count = batches.reduce(0) { $0 + $1.count }
        // Concurrent batches share their time.
        let tenth = max(1, latencies.count / 10)
        let rate = { (part: ArraySlice<Double>) in
            Double(part.count * batch * inFlight) / part.reduce(0, +)
        }
        Report(isJSON: common.json).add(
            Measurement(
                name: "ingest",
                value: Double(count) / seconds,
                unit: "docs/s",
                parameters: [
                    ("documents", .number(Double(count))), ("batch", .number(Double(batch))),
                    ("in_flight", .number(Double(inFlight))),
                    ("edges", .text(edges ? "yes" : "no")),
                    ("text", .text(withoutText ? "no" : "yes")),
                    ("index", .text(indexes.joined(separator: ","))),
                    ("server_us", .number(1e6 * spent / Double(count))),
                    ("ids", .text(randomIDs ? "random" : "sorted")),
                    ("first_tenth", .number(rate(latencies.prefix(tenth)))),
                    ("last_tenth", .number(rate(latencies.suffix(tenth)))),
                    ("p50_ms", .number(1e3 * latencies.quantile(0.5))),
                    ("p99_ms", .number(1e3 * latencies.quantile(0.99))),
                    ("via", .text(common.inProcess ? "process" : "wire")),
                ]
            )
        )
    }
}
