// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneCore
import LodestoneImport

/// Measures how often a query finds its right document: by vector, by text and by both.
struct RelevanceBench: AsyncParsableCommand {
    enum Scores: String, ExpressibleByArgument, CaseIterable {
        case best
        case minMax = "min-max"
        case reciprocalRank = "reciprocal-rank"

        func fusion(_ k: Int) -> Fusion {
            switch self {
            case .best: .weightedScores(.best)
            case .minMax: .weightedScores(.minMax)
            case .reciprocalRank: .reciprocalRank(k: k)
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "relevance",
        abstract: "Searches documents by their example sentences: mrr@10 and hit@10.",
        discussion: """
            mrr@10 is the mean of 1 / rank of the expected document, 0 where it is not among the first \
            ten; hit@10 is how often it is.

            --robustness checks more than sentences: whether the first ten are the same with limit 300; \
            whether the vector's best is in the first three when it is right and the words are those \
            of another query, or three common ones; and whether documents with a code that no \
            other has, 1, 2 or 5 of them, are in the first ten next to the vector of another query.
            """
    )

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: DataOptions

    @Option(help: "Lines of {\"query\": …, \"id\": …}; the folder's unless given.")
    var queries: String?

    @Option(help: "The queries' vectors, one after the other (.npy, .f16, .f32).")
    var queryVectors: String?

    @Option(help: "Queries to use at most.")
    var count = 1_000_000

    @Option(help: "best, min-max or reciprocal-rank; the default of a search unless given.")
    var fusion: Scores?

    @Option(help: "With reciprocal-rank: what is added to each rank.")
    var rankConstant = 60

    @Option(help: "Weight of the text in the fusion; the vector has the rest of 1.")
    var textWeight: Float?

    @Option(
        help: "Hits of each source that enter the fusion; the default of a search unless given."
    )
    var candidates: Int?

    @Option(name: .customLong("limit"), help: "Hits per query, at least 10.")
    var limit = 10

    @Option(
        name: .customLong("run"),
        help:
            "A file for the hybrid hits, in the format of TREC's runs: what evaluation tools read."
    )
    var runFile: String?

    @Option(help: "Codes to plant, and queries to send with other words and limits.")
    var robustness = 0

    @Option(name: .customLong("text-field"), help: "A field with a weight, as in words:5.")
    var textFields: [String] = []

    func validate() throws {
        guard (queries == nil) == (queryVectors == nil) else {
            throw ValidationError("Give --queries and --query-vectors together.")
        }
        guard (10...1_000).contains(limit) else {
            throw ValidationError("--limit is \(limit); it must be 10 to 1000.")
        }
        guard (0...1_000).contains(robustness) else {
            throw ValidationError("--robustness is \(robustness); it must be 0 to 1000.")
        }
    }

    func run() async throws {
        let benchQueries = try BenchQueries(
            path: queries ?? options.folder + "/queries.jsonl",
            vectors: queryVectors ?? options.folder + "/queries.f16",
            dimension: options.dimension,
            count: count
        )
        let batches = try options.data.batches(
            of: 1_000,
            count: nil,
            randomIDs: false,
            withEdges: false
        )
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await store.open(common)
        try await target.create(
            "bench",
            CollectionOptions(
                dimension: options.dimension,
                text: TextOptions(fields: try textFields.map(Self.field))
            )
        )
        _ = try await target.ingest(batches, into: "bench", inFlight: 2)
        try await target.compact("bench")
        for source in ["vector", "text", "hybrid"] {
            let queries = zip(benchQueries.texts, benchQueries.vectors).map {
                query(source, $0, $1)
            }
            try await report(source, queries, benchQueries.ids, target)
        }
        if robustness > 0 {
            let check = RelevanceRobustness(
                target: target,
                benchQueries: benchQueries,
                count: robustness
            ) {
                query("hybrid", $0, $1)
            }
            for (name, value) in try await check.run(batches) {
                Report(isJSON: common.json).add(
                    Measurement(
                        name: "relevance",
                        value: value,
                        unit: "share",
                        parameters: [("source", .text("hybrid")), ("metric", .text(name))]
                    )
                )
            }
        }
        await target.close()
    }

    private static func field(_ text: String) throws -> TextFieldOptions {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let weight = Double(parts[1]) else {
            throw ValidationError("--text-field wants FIELD:WEIGHT, not '\(text)'.")
        }
        return TextFieldOptions(String(parts[0]), weight: weight)
    }

    private func query(_ source: String, _ text: String, _ vector: [Float]) -> Query {
        var near = Source.near(vector)
        var matching = Source.matching(text)
        if let textWeight { (near.weight, matching.weight) = (1 - textWeight, textWeight) }
        near.candidates = candidates
        matching.candidates = candidates
        switch source {
        case "vector": return Query([near], limit: limit)
        case "text": return Query([matching], limit: limit)
        default:
            var query = Query([near, matching], limit: limit)
            if let fusion { query.fusion = fusion.fusion(rankConstant) }
            return query
        }
    }

    private func report(
        _ source: String,
        _ queries: [Query],
        _ expected: [DocumentID],
        _ target: any BenchTarget
    ) async throws {
        var relevance = Relevance()
        var run = try runFile.flatMap { source == "hybrid" ? try RunFile(path: $0) : nil }
        for first in stride(from: 0, to: queries.count, by: 250) {
            let part = first..<min(first + 250, queries.count)
            let results = try await target.search("bench", Array(queries[part]))
            for (offset, (result, id)) in zip(results, expected[part]).enumerated() {
                try run?.add(result.hits, of: first + offset + 1)
                relevance.add(result, id)
            }
        }
        try run?.close()
        let measures = [
            ("mrr@10", relevance.meanReciprocalRank), ("hit@10", relevance.hitRate),
        ]
        for (metric, value) in measures {
            Report(isJSON: common.json).add(
                Measurement(
                    name: "relevance",
                    value: value,
                    unit: "share",
                    parameters: [
                        ("source", .text(source)), ("metric", .text(metric)),
                        ("queries", .count(queries.count)),
                    ]
                )
            )
        }
    }
}

/// The ranks of the expected documents among the first ten hits.
struct Relevance {
    private var queries = 0
    private var found = 0
    /// The sum of 1 / rank of the documents that were found.
    private var reciprocalRanks = 0.0

    mutating func add(_ result: QueryResult, _ expected: DocumentID) {
        queries += 1
        let ten = result.hits.prefix(10)
        guard let index = ten.firstIndex(where: { $0.id == expected }) else { return }
        found += 1
        reciprocalRanks += 1 / Double(index + 1)
    }

    var meanReciprocalRank: Double { reciprocalRanks / Double(queries) }
    var hitRate: Double { Double(found) / Double(queries) }
}
