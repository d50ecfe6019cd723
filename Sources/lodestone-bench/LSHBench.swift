// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneANN
import LodestoneCore

/// How fast and how truly hash tables answer, by one thread, with nothing around them.
struct LSHBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lsh",
        abstract: "Searches an LSH index in this process; recall and speed against the flat index."
    )

    @OptionGroup var options: DataOptions

    @OptionGroup var metricOption: MetricOption

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    @Option(help: "Hash tables.")
    var tables = LSHOptions().tables

    @Option(help: "Hyperplanes of a table.")
    var hyperplanes = LSHOptions().hyperplanes

    @Option(help: "Buckets looked at in a table; may be given several times.")
    var probes: [Int] = []

    @Option(help: "Questions.")
    var queries = 1_000

    @Option(help: "Questions for the flat index, one by one.")
    var flatQueries = 50

    @Option(help: "Hits wanted.")
    var limit = 10

    @Option(help: "Passes over the questions; the best one counts.")
    var passes = 3

    func run() throws {
        let metric = metricOption.metric
        let vectors = try BenchVectors(options)
        let questions = try options.data.questions(queries).vectors
        let flat = FlatIndex(dimension: options.dimension, metric: metric)
        let truth = try flat.search(
            questions,
            k: limit,
            in: [vectors.block],
            isAllowed: nil,
            context: CallContext(timeout: .seconds(3_600))
        )
        for probes in probes.isEmpty ? [LSHOptions().probes] : probes {
            var index = LSHIndex(
                LSHOptions(tables: tables, hyperplanes: hyperplanes, probes: probes),
                dimension: options.dimension,
                metric: metric
            )
            let start = processorSeconds()
            index.append(vectors.rows)
            let build = processorSeconds() - start
            try measure(index, flat, vectors, questions, truth, buildSeconds: build)
        }
    }

    private func measure(
        _ index: LSHIndex,
        _ flat: FlatIndex,
        _ vectors: BenchVectors,
        _ questions: [[Float]],
        _ truth: [[Neighbor]],
        buildSeconds: Double
    ) throws {
        let block = vectors.block
        let dimension = options.dimension
        var best = Double.infinity
        var bestFlat = Double.infinity
        var answers: [LSHResult] = []
        for _ in 0..<passes {
            var start = processorSeconds()
            answers = try questions.map { question in
                try index.search(
                    question,
                    k: limit,
                    vector: { block.base + Int($0) * dimension },
                    isAllowed: nil,
                    context: CallContext()
                )
            }
            best = min(best, processorSeconds() - start)
            start = processorSeconds()
            for question in questions.prefix(flatQueries) {
                _ = try flat.search(
                    [question],
                    k: limit,
                    in: [block],
                    isAllowed: nil,
                    context: CallContext()
                )
            }
            bestFlat = min(bestFlat, processorSeconds() - start)
        }
        var found = 0
        for (answer, truth) in zip(answers, truth) {
            let rows = Set(truth.map(\.row))
            found += answer.neighbors.count { rows.contains($0.row) }
        }
        let count = Double(questions.count)
        Report(isJSON: json).add(
            Measurement(
                name: "lsh",
                value: count / best,
                unit: "queries_per_cpu_second",
                parameters: [
                    ("tables", .number(Double(index.options.tables))),
                    ("hyperplanes", .number(Double(index.options.hyperplanes))),
                    ("probes", .number(Double(index.options.probes))),
                    ("metric", .text("\(metricOption.metric)")),
                    ("vectors", .number(Double(block.count))), ("k", .number(Double(limit))),
                    ("recall", .number(Double(found) / (count * Double(limit)))),
                    (
                        "distances",
                        .number(
                            Double(answers.reduce(0) { $0 + $1.computedDistances }) / count
                        )
                    ),
                    ("flat", .number(Double(min(flatQueries, questions.count)) / bestFlat)),
                    ("build_cpu_s", .number(buildSeconds)),
                    ("bytes_per_vector", .number(Double(index.byteCount) / Double(block.count))),
                ]
            )
        )
    }
}
