// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneCore
import LodestoneImport

/// Measures hybrid queries: a vector and a text, a filter or a third source, and their relevance.
struct HybridBench: AsyncParsableCommand {
    enum Third: String, ExpressibleByArgument, CaseIterable {
        case none, words, phrase, prefix, fuzzy, vector, walk
        case walkFromHits = "walk-from-hits"
    }

    static let configuration = CommandConfiguration(
        commandName: "hybrid",
        abstract:
            "Sends queries by vector and text; queries per second of processor, mrr@10, hit@10.",
        discussion: """
            The third source is of the query before: its words, a phrase, prefix or fuzzy word of \
            them, its vector, or a walk from its document. It costs what it usually does and says \
            nothing about relevance.
            """
    )

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: DataOptions

    @Option(help: "cosine, euclidean or dot.")
    var metric: AnnBench.MetricName = .cosine

    @Option(help: "hnsw, hnsw-inline, flat or lsh; its index is built before the first query.")
    var strategy: SearchBench.Strategy = .hnsw

    @Option(help: "Codes of the graph: int8, int4 or none.")
    var quantization: AnnStrategy.Quantization = .int8

    @Option(help: "Only documents whose metadata satisfies this, as in \"pos = 'v'\".")
    var filter: String?

    @Option(help: "none, words, phrase, prefix, fuzzy, vector, walk or walk-from-hits.")
    var third: Third = .none

    @Option(help: "best, min-max or reciprocal-rank.")
    var fusion: RelevanceBench.Scores = .best

    @Option(help: "Queries.")
    var queries = 10_000

    @Option(help: "Connections, which send queries at the same time.")
    var clients = 1

    @Option(name: .customLong("in-flight"), help: "Calls under way at once on each connection.")
    var inFlight = 1

    @Option(help: "Hits per query.")
    var limit = 10

    @Option(help: "Passes over the queries; each is reported.")
    var passes = 1

    @Option(name: .customLong("run"), help: "A file for the hits of the last pass, as TREC's runs.")
    var runFile: String?

    @Flag(help: "Search what an earlier run left in --directory, instead of writing it again.")
    var reuse = false

    func validate() throws {
        guard queries > 0, inFlight > 0, clients > 0, passes > 0 else {
            throw ValidationError("Give at least 1 of everything.")
        }
    }

    func run() async throws {
        let benchQueries = try options.data.queries(queries)
        let filter = try filter.map { try Filter(text: $0) }
        let searches = try benchQueries.texts.indices.map { index in
            var query = Query(try sources(benchQueries, index), filter: filter, limit: limit)
            query.fusion = fusion.fusion(60)
            return query
        }
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await store.open(common, connections: clients)
        if !reuse { try await fill(target) }
        for connection in 0..<clients {
            for query in searches.prefix(100) {
                _ = try await target.search("bench", [query], connection: connection)
            }
        }
        var last: [QueryResult] = []
        for _ in 0..<passes {
            let pass = try await QueryPass.run(
                searches.map { [$0] },
                on: target,
                clients: clients,
                inFlight: inFlight
            )
            report(pass, benchQueries)
            last = pass.results
        }
        if let runFile {
            var file = try RunFile(path: runFile)
            for (index, result) in last.enumerated() { try file.add(result.hits, of: index + 1) }
            try file.close()
        }
        await target.close()
    }

    private func sources(_ benchQueries: BenchQueries, _ index: Int) throws -> [Source] {
        let (texts, vectors) = (benchQueries.texts, benchQueries.vectors)
        let before = (index + texts.count - 1) % texts.count
        let words = texts[before].split(whereSeparator: { !$0.isLetter })
        let longest = words.max { $0.count < $1.count } ?? "a"
        let walk = Walk(from: [benchQueries.ids[before]], direction: .both, depth: 2)
        let sources = [Source.near(vectors[index]), .matching(texts[index])]
        return switch third {
        case .none: sources
        case .words: sources + [.matching(texts[before])]
        case .phrase:
            sources
                + [
                    .matching(
                        "\"\(words.prefix(2).joined(separator: " "))\"",
                        mode: .querySyntax
                    )
                ]
        case .prefix: sources + [.matching("\(longest.prefix(5))*", mode: .querySyntax)]
        case .fuzzy: sources + [.matching(String(longest), fuzzy: .edits(1))]
        case .vector: sources + [.near(vectors[before])]
        case .walk: sources + [Source(.walk(walk))]
        case .walkFromHits: sources + [Source(.walkFromHits(Walk(from: [], direction: .both)))]
        }
    }

    /// Writes the documents, and builds the index until it has all of them.
    private func fill(_ target: any BenchTarget) async throws {
        try await target.create(
            "bench",
            CollectionOptions(
                dimension: options.dimension,
                metric: metric.core,
                vectorStrategy: strategy.core(HNSWOptions(quantization: quantization.core)),
                metadataIndexes: [MetadataIndex("pos"), MetadataIndex("lexname")]
            )
        )
        let batches = try options.data.batches(
            of: 1_000,
            count: nil,
            randomIDs: false,
            withEdges: true
        )
        _ = try await target.ingest(batches, into: "bench", inFlight: 2)
        _ = try await target.buildWholeIndex("bench")
    }

    private func report(_ pass: QueryPass, _ benchQueries: BenchQueries) {
        var relevance = Relevance()
        for (result, id) in zip(pass.results, benchQueries.ids) { relevance.add(result, id) }
        let count = Double(pass.results.count)
        let processor = common.inProcess ? pass.processor : pass.serverProcessor
        var parameters: [(name: String, value: Measurement.Parameter)] = [
            ("metric", .text(metric.rawValue)), ("strategy", .text(strategy.rawValue)),
            ("quantization", .text(quantization.rawValue)), ("third", .text(third.rawValue)),
            ("fusion", .text(fusion.rawValue)),
        ]
        if let filter { parameters.append(("filter", .text(filter))) }
        parameters += [
            ("via", .text(common.inProcess ? "process" : "wire")), ("clients", .count(clients)),
            ("in_flight", .count(inFlight)), ("queries", .number(count)),
            ("queries_per_s", .number(count / pass.seconds)),
            ("p50_ms", .number(1e3 * pass.latencies.quantile(0.5))),
            ("p99_ms", .number(1e3 * pass.latencies.quantile(0.99))),
            ("mrr@10", .number(relevance.meanReciprocalRank)),
            ("hit@10", .number(relevance.hitRate)),
        ]
        Report(isJSON: common.json).add(
            Measurement(
                name: "hybrid",
                value: count / processor,
                unit: "queries/CPU-s",
                parameters: parameters
            )
        )
    }
}
