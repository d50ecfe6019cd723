// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneCore
import Synchronization

/// Measures the cost of a compaction for concurrent searches.
struct CompactionBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compaction",
        abstract: "Sends queries one after the other, without and during compactions."
    )

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: DataOptions

    @Option(help: "Documents written again before each compaction.")
    var changes = 20_000

    @Option(help: "Compactions.")
    var passes = 5

    func run() async throws {
        let data = options.data
        let batches = try data.batches(
            of: 1_000,
            count: nil,
            randomIDs: false,
            withEdges: true
        )
        let benchQueries = try data.queries(200)
        let queries = zip(benchQueries.texts, benchQueries.vectors).map {
            Query([.near($1), .matching($0)], limit: 10)
        }
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await store.open(common)
        try await target.create("bench", CollectionOptions(dimension: options.dimension))
        _ = try await target.ingest(batches, into: "bench", inFlight: 2)
        try await target.compact("bench")
        var calm: [Double] = []
        var busy: [Double] = []
        var seconds = 0.0
        for pass in 0..<passes {
            let first = pass * changes / 1_000
            let again = (0..<changes / 1_000).map { batches[(first + $0) % batches.count] }
            _ = try await target.ingest(again, into: "bench", inFlight: 2)
            let clock = ContinuousClock()
            let start = clock.now
            let isDone = Atomic(false)
            async let during = latencies(queries, target) { isDone.load(ordering: .acquiring) }
            try await target.compact("bench")
            seconds += (clock.now - start).seconds
            isDone.store(true, ordering: .releasing)
            busy += try await during
            calm += try await latencies(queries, target) { false }
        }
        await target.close()
        Report(isJSON: common.json).add(
            Measurement(
                name: "compaction",
                value: busy.quantile(0.99) / calm.quantile(0.99),
                unit: "p99 during / without",
                parameters: [
                    ("during_p50_ms", .number(1e3 * busy.quantile(0.5))),
                    ("during_p99_ms", .number(1e3 * busy.quantile(0.99))),
                    ("without_p50_ms", .number(1e3 * calm.quantile(0.5))),
                    ("without_p99_ms", .number(1e3 * calm.quantile(0.99))),
                    ("searches_during", .number(Double(busy.count))),
                    ("searches_without", .number(Double(calm.count))),
                    ("seconds", .number(seconds / Double(passes))),
                    ("changes", .number(Double(changes))),
                    ("via", .text(common.inProcess ? "process" : "wire")),
                ]
            )
        )
    }

    /// The seconds of each query, one after the other, until all have run or `isDone` returns true.
    private func latencies(
        _ queries: [Query],
        _ target: any BenchTarget,
        _ isDone: () -> Bool
    ) async throws -> [Double] {
        let clock = ContinuousClock()
        var latencies: [Double] = []
        for query in queries where !isDone() {
            let start = clock.now
            _ = try await target.search("bench", [query])
            latencies.append((clock.now - start).seconds)
        }
        return latencies
    }
}
