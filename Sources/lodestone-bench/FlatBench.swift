// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneANN
import LodestoneCore
import LodestoneImport

/// Measures the speed of comparing every vector, by one thread, without a store or a server.
struct FlatBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flat",
        abstract: "Searches the flat index in this process; recall against a loop in float64."
    )

    @OptionGroup var options: DataOptions

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    @Option(help: "Queries of one call.")
    var batch = 1_000

    @Option(help: "Queries.")
    var queries = 1_000

    @Option(help: "Hits per query.")
    var limit = 10

    @OptionGroup var metricOption: MetricOption

    @Option(help: "Passes over the queries; the best one counts.")
    var passes = 3

    @Option(help: "Queries whose recall is measured.")
    var recallQueries = 20

    func run() throws {
        let metric = metricOption.metric
        let file = try VectorFile(path: options.folder + "/docs.f16", dimension: options.dimension)
        let rows = try AnnRows(file)
        let queryVectors = try options.data.queries(queries).vectors
        let index = FlatIndex(dimension: options.dimension, metric: metric)
        var best = Double.infinity
        var results: [[Neighbor]] = []
        for _ in 0..<passes {
            results = []
            let start = processorSeconds()
            for first in stride(from: 0, to: queryVectors.count, by: batch) {
                results += try index.search(
                    Array(queryVectors[first..<min(first + batch, queryVectors.count)]),
                    k: limit,
                    in: [rows.block()],
                    isAllowed: nil,
                    context: CallContext(timeout: .seconds(3_600))
                )
            }
            best = min(best, processorSeconds() - start)
        }
        var parameters: [(name: String, value: Measurement.Parameter)] = [
            ("metric", .text("\(metric)")), ("batch", .number(Double(batch))),
            ("queries", .number(Double(queryVectors.count))),
            ("vectors", .number(Double(rows.count))), ("k", .number(Double(limit))),
        ]
        if metric == .cosine {
            let vectors = try file.read(0..<file.count)
            parameters.append(("recall", .number(recall(results, queryVectors, vectors))))
        }
        Report(isJSON: json).add(
            Measurement(
                name: "flat",
                value: Double(queryVectors.count) / best,
                unit: "queries_per_cpu_second",
                parameters: parameters
            )
        )
    }
}

extension FlatBench {
    /// The recall of the results: the share of the true nearest by cosine.
    private func recall(_ results: [[Neighbor]], _ queryVectors: [[Float]], _ vectors: [[Float]])
        -> Double
    {
        var found = 0
        var expectedCount = 0
        for (result, query) in zip(results, queryVectors).prefix(recallQueries) {
            let truth = Set(trueNeighbors(of: query, among: vectors, k: result.count))
            found += result.count { truth.contains(Int($0.row)) }
            expectedCount += truth.count
        }
        return expectedCount == 0 ? 1 : Double(found) / Double(expectedCount)
    }
}

/// The metric by which vectors are compared.
struct MetricOption: ParsableArguments {
    @Option(
        help: "cosine, euclidean or dotProduct.",
        transform: { text in
            guard let metric = Metric.allCases.first(where: { "\($0)" == text }) else {
                throw ValidationError("There is no metric '\(text)'.")
            }
            return metric
        }
    )
    var metric = Metric.cosine
}
