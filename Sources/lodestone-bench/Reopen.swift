// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneCore

/// Measures the time until a killed server replies again.
struct Reopen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kills a server with a log to replay, and times the next one's first reply."
    )

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: DataOptions

    @Option(help: "Write so many documents; beyond those of the folder, the same again.")
    var documents: Int?

    @Option(help: "Batches of one document each that come after the base.")
    var logRows = 900

    @Option(help: "Kills; the median counts.")
    var passes = 5

    func run() async throws {
        let data = options.data
        let batches = try data.batches(
            of: 1_000,
            count: documents,
            randomIDs: false,
            withEdges: true
        )
        let benchQueries = try data.queries(1)
        let query = Query(
            [.near(benchQueries.vectors[0]), .matching(benchQueries.texts[0])],
            limit: 10
        )
        let store = BenchStore(common)
        defer { store.remove() }
        var server = try store.startServer(common)
        let target = try await ServerTarget(server)
        try await target.create("bench", CollectionOptions(dimension: options.dimension))
        var client = target.clients[0]
        _ = try await target.ingest(batches, into: "bench", inFlight: 2)
        try await target.compact("bench")
        let again = batches.joined().prefix(logRows).map { [$0] }
        _ = try await target.ingest(again, into: "bench", inFlight: 16)
        let expected = try await target.search("bench", [query])
        var ready: [Double] = []
        var replyTimes: [Double] = []
        let clock = ContinuousClock()
        for _ in 0..<passes {
            server.kill()
            await client.close()
            let start = clock.now
            server = try store.startServer(common)
            client = try await server.connect()
            _ = try await client.ping()
            ready.append((clock.now - start).seconds)
            let results = try await client.collection("bench").search([query]).results
            replyTimes.append((clock.now - start).seconds)
            guard results == expected else {
                throw ValidationFailure(text: "another result than before the kill: \(results)")
            }
        }
        await client.close()
        server.stop()
        Report(isJSON: common.json).add(
            Measurement(
                name: "reopen",
                value: 1e3 * replyTimes.quantile(0.5),
                unit: "ms",
                parameters: [
                    ("documents", .number(Double(batches.reduce(0) { $0 + $1.count }))),
                    ("log_rows", .number(Double(logRows))),
                    ("ready_ms", .number(1e3 * ready.quantile(0.5))),
                    ("worst_ms", .number(1e3 * replyTimes.quantile(1))),
                ]
            )
        )
    }
}
