// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneCore

/// How fast and how truly questions are answered.
struct SearchBench: AsyncParsableCommand {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case vector, text, hybrid
    }

    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Asks questions by vector, by text or both; recall against a loop in float64."
    )

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: DataOptions

    @Option(help: "vector, text or hybrid; may be given several times.")
    var kind: [Kind] = [.vector]

    @Option(help: "Questions.")
    var queries = 200

    @Option(help: "Questions of one call.")
    var batch = 1

    @Option(help: "Calls under way at once.")
    var inFlight = 1

    @Option(help: "Hits wanted.")
    var limit = 10

    @Option(help: "Passes over the questions; the best one counts.")
    var passes = 3

    @Option(help: "Questions whose recall is measured.")
    var recallQueries = 50

    @Option(help: "Write so many documents; beyond those of the folder, the same again.")
    var documents: Int?

    func run() async throws {
        let data = options.data
        let batches = try data.batches(
            of: 1_000,
            count: documents,
            randomIDs: false,
            withEdges: false
        )
        let (texts, vectors) = try data.questions(queries)
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await store.open(common)
        try await target.create("bench", CollectionOptions(dimension: options.dimension))
        _ = try await target.ingest(batches, into: "bench", inFlight: 2)
        let stored = batches.flatMap { $0 }
        for kind in kind {
            let questions = zip(texts, vectors).map { question(kind, $0, $1) }
            try await measure(kind, questions, vectors, stored, target)
        }
        await target.close()
    }

    private func question(_ kind: Kind, _ text: String, _ vector: [Float]) -> Query {
        let sources: [Source] =
            switch kind {
            case .vector: [.near(vector)]
            case .text: [.matching(text)]
            case .hybrid: [.near(vector), .matching(text)]
            }
        return Query(sources, limit: limit)
    }

    private func measure(
        _ kind: Kind,
        _ questions: [Query],
        _ vectors: [[Float]],
        _ stored: [Document],
        _ target: any BenchTarget
    ) async throws {
        let calls = stride(from: 0, to: questions.count, by: batch).map {
            Array(questions[$0..<min($0 + batch, questions.count)])
        }
        _ = try await target.search("bench", calls[0])
        var best = (seconds: Double.infinity, processor: 0.0, latencies: [Double]())
        var answers: [QueryResult] = []
        for _ in 0..<passes {
            let processor = processorSeconds()
            let (seconds, latencies, results) = try await pass(calls, target)
            if seconds < best.seconds {
                best = (seconds, processorSeconds() - processor, latencies)
            }
            answers = results
        }
        var parameters: [(name: String, value: Measurement.Parameter)] = [
            ("kind", .text(kind.rawValue)), ("queries", .number(Double(questions.count))),
            ("documents", .number(Double(stored.count))), ("k", .number(Double(limit))),
            ("batch", .number(Double(batch))), ("in_flight", .number(Double(inFlight))),
            ("p50_ms", .number(1e3 * best.latencies.quantile(0.5))),
            ("p99_ms", .number(1e3 * best.latencies.quantile(0.99))),
            ("via", .text(common.inProcess ? "process" : "wire")),
        ]
        if common.inProcess {
            parameters.append(
                ("per_cpu_second", .number(Double(questions.count) / best.processor))
            )
        }
        if kind == .vector {
            parameters.append(("recall", .number(recall(of: answers, vectors, stored))))
        }
        Report(isJSON: common.json).add(
            Measurement(
                name: "search",
                value: Double(questions.count) / best.seconds,
                unit: "queries/s",
                parameters: parameters
            )
        )
    }

    private func pass(_ calls: [[Query]], _ target: any BenchTarget) async throws -> (
        Double, [Double], [QueryResult]
    ) {
        let clock = ContinuousClock()
        let start = clock.now
        let answers = try await withThrowingTaskGroup(
            of: (Int, Double, [QueryResult]).self
        ) { group in
            var answers: [(Int, Double, [QueryResult])] = []
            for (index, call) in calls.enumerated() {
                if index >= inFlight, let answer = try await group.next() { answers.append(answer) }
                group.addTask {
                    let start = clock.now
                    let results = try await target.search("bench", call)
                    return (index, (clock.now - start).seconds, results)
                }
            }
            for try await answer in group { answers.append(answer) }
            return answers.sorted { $0.0 < $1.0 }
        }
        return ((clock.now - start).seconds, answers.map(\.1), answers.flatMap(\.2))
    }

    /// The share of the true nearest that were found; ties at the end count either way.
    private func recall(of answers: [QueryResult], _ vectors: [[Float]], _ stored: [Document])
        -> Double
    {
        let matrix = stored.compactMap(\.vector)
        var found = 0
        var wanted = 0
        for (answer, vector) in zip(answers, vectors).prefix(recallQueries) {
            let truth = trueNeighbors(of: vector, among: matrix, k: limit)
            let ids = Set(truth.map { stored[$0].id })
            found += answer.hits.count { ids.contains($0.id) }
            wanted += truth.count
        }
        return wanted == 0 ? 1 : Double(found) / Double(wanted)
    }
}
