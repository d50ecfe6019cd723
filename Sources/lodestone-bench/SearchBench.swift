// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneCore

/// Measures the speed and the recall of queries.
struct SearchBench: AsyncParsableCommand {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case vector, text, hybrid
    }

    enum Strategy: String, ExpressibleByArgument, CaseIterable {
        case flat, lsh, hnsw
        case hnswInline = "hnsw-inline"

        func core(_ options: HNSWOptions = HNSWOptions()) -> VectorIndexStrategy {
            switch self {
            case .flat: .flatScan
            case .lsh: .lsh(LSHOptions())
            case .hnsw: .hnsw(inlineIndexing: false, options)
            case .hnswInline: .hnsw(inlineIndexing: true, options)
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Sends queries by vector, by text or both; recall against exact results."
    )

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: DataOptions

    @Option(help: "vector, text or hybrid; may be given several times.")
    var kind: [Kind] = [.vector]

    @Option(help: "flat, lsh, hnsw or hnsw-inline; its index is built before the first query.")
    var strategy: Strategy = .flat

    @Option(
        parsing: .upToNextOption,
        help: "Beam widths to measure with; the collection's unless given."
    )
    var ef: [Int] = []

    @Option(
        help: """
            Search only among the documents whose metadata satisfies this, as in "pos = 'v'"; each {} \
            stands for the query's number, so that every filter is a new one.
            """
    )
    var filter: String?

    @Option(
        name: .customLong("index"),
        parsing: .upToNextOption,
        help: "Fields of the metadata to index; 'number' is each document's number."
    )
    var indexes: [String] = []

    @Option(help: "Queries.")
    var queries = 200

    @Option(help: "Queries of one call.")
    var batch = 1

    @Option(
        name: [.customLong("pipelined"), .customLong("in-flight")],
        help: "Calls under way at once on each connection."
    )
    var inFlight = 1

    @Option(help: "Connections, which send queries at the same time.")
    var clients = 1

    @Option(help: "Hits per query.")
    var limit = 10

    @Option(help: "Passes over the queries; the best one counts.")
    var passes = 3

    @Option(help: "Write so many documents; beyond those of the folder, the same again.")
    var documents: Int?

    @Flag(
        help:
            "Search in the store that an earlier run left in --directory, instead of writing it again."
    )
    var reuse = false

    @Flag(help: "Search from tasks that run where the replies arrive, on the client's executor.")
    var onLoop = false

    func validate() throws {
        guard batch > 0, inFlight > 0, clients > 0, passes > 0 else {
            throw ValidationError("Give at least 1 of everything.")
        }
    }

    func run() async throws {
        let data = options.data
        let benchQueries = try data.queries(queries)
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await store.open(common, connections: clients)
        var shared: [(name: String, value: Measurement.Parameter)] = [
            ("strategy", .text(strategy.rawValue))
        ]
        if !reuse { shared += try await fill(target, data) }
        let documents = try await target.describe("bench").documents
        shared.append(("documents", .count(documents)))
        for kind in kind {
            var truth: [QueryResult]?
            if kind == .vector {
                truth = try await exactResults(to: benchQueries.vectors, target)
            }
            for ef in ef.isEmpty || kind == .text ? [nil] : ef.map(Optional.some) {
                let searches = try zip(benchQueries.texts, benchQueries.vectors).enumerated().map {
                    index,
                    words in
                    try query(kind, words.0, words.1, ef, index)
                }
                try await measure(kind, ef, searches, truth, shared, target)
            }
        }
        await target.close()
    }

    /// Writes the documents, and waits until the index has all of them.
    ///
    /// - Returns: The cost of the writes and the index.
    private func fill(_ target: any BenchTarget, _ data: BenchData) async throws
        -> [(name: String, value: Measurement.Parameter)]
    {
        var batches = try data.batches(
            of: 1_000,
            count: documents,
            randomIDs: false,
            withEdges: false
        )
        var number: Int64 = 0
        for batch in batches.indices {
            for index in batches[batch].indices {
                batches[batch][index].metadata["number"] = .int(number)
                number += 1
            }
        }
        try await target.create(
            "bench",
            CollectionOptions(
                dimension: options.dimension,
                vectorStrategy: strategy.core(),
                metadataIndexes: indexes.map { MetadataIndex($0) }
            )
        )
        let ingest = try await target.ingest(batches, into: "bench", inFlight: 2)
        let buildSeconds = try await target.buildWholeIndex("bench")
        let count = batches.reduce(0) { $0 + $1.count }
        return [
            ("ingest_per_s", .number(Double(count) / ingest.seconds)),
            ("ready_s", .number(buildSeconds)),
        ]
    }

    private func query(
        _ kind: Kind,
        _ text: String,
        _ vector: [Float],
        _ ef: Int?,
        _ index: Int
    ) throws -> Query {
        let sources: [Source] =
            switch kind {
            case .vector: [.near(vector, efSearch: ef)]
            case .text: [.matching(text)]
            case .hybrid: [.near(vector, efSearch: ef), .matching(text)]
            }
        return Query(sources, filter: try condition(index), limit: limit)
    }

    /// The filter for the hits of a query.
    private func condition(_ index: Int) throws -> Filter? {
        guard let filter else { return nil }
        return try Filter(text: filter.replacing("{}", with: "\(index)"))
    }

    private func exactResults(to vectors: [[Float]], _ target: any BenchTarget) async throws
        -> [QueryResult]
    {
        var results: [QueryResult] = []
        for first in stride(from: 0, to: vectors.count, by: 100) {
            let some = try (first..<min(first + 100, vectors.count)).map { index in
                Query(
                    [.near(vectors[index], exact: true)],
                    filter: try condition(index),
                    limit: limit
                )
            }
            results += try await target.search("bench", some)
        }
        return results
    }

    private func measure(
        _ kind: Kind,
        _ ef: Int?,
        _ searches: [Query],
        _ truth: [QueryResult]?,
        _ shared: [(name: String, value: Measurement.Parameter)],
        _ target: any BenchTarget
    ) async throws {
        let calls = stride(from: 0, to: searches.count, by: batch).map {
            Array(searches[$0..<min($0 + batch, searches.count)])
        }
        guard let first = calls.first else { return }
        for connection in 0..<clients {
            _ = try await target.search("bench", first, connection: connection)
        }
        var best = QueryPass()
        for _ in 0..<passes {
            let pass = try await QueryPass.run(
                calls,
                on: target,
                clients: clients,
                inFlight: inFlight,
                onLoop: onLoop
            )
            if pass.seconds < best.seconds { best = pass }
        }
        let count = Double(searches.count)
        var parameters: [(name: String, value: Measurement.Parameter)] = [
            ("kind", .text(kind.rawValue))
        ]
        parameters += shared
        if let ef { parameters.append(("ef", .count(ef))) }
        if let filter { parameters.append(("filter", .text(filter))) }
        if !indexes.isEmpty {
            parameters.append(("indexes", .text(indexes.joined(separator: " "))))
        }
        parameters += [
            ("queries", .number(count)), ("k", .count(limit)),
            ("batch", .count(batch)), ("in_flight", .count(inFlight)),
            ("clients", .count(clients)),
            ("p50_ms", .number(1e3 * best.latencies.quantile(0.5))),
            ("p99_ms", .number(1e3 * best.latencies.quantile(0.99))),
            ("via", .text(common.inProcess ? "process" : "wire")),
            ("per_cpu_second", .number(count / (best.processor + best.serverProcessor))),
        ]
        if !common.inProcess {
            parameters.append(("per_server_cpu_second", .number(count / best.serverProcessor)))
        }
        if let truth { parameters += quality(of: best.results, truth) }
        Report(isJSON: common.json).add(
            Measurement(
                name: "search",
                value: count / best.seconds,
                unit: "queries/s",
                parameters: parameters
            )
        )
    }

    /// The share of the exact results' hits that was found, and the number of results with fewer
    /// hits.
    private func quality(of results: [QueryResult], _ truth: [QueryResult])
        -> [(name: String, value: Measurement.Parameter)]
    {
        var found = 0
        var expectedCount = 0
        var short = 0
        for (result, exact) in zip(results, truth) {
            let ids = Set(exact.hits.map(\.id))
            found += result.hits.count { ids.contains($0.id) }
            expectedCount += exact.hits.count
            if result.hits.count < exact.hits.count { short += 1 }
        }
        return [
            ("recall", .number(expectedCount == 0 ? 1 : Double(found) / Double(expectedCount))),
            ("short_results", .count(short)),
        ]
    }
}
