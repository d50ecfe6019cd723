// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneCore
import LodestoneEngine

/// Measures queries by words per second of processor time, for an engine in this process.
struct TextBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "text",
        abstract:
            "Queries by words, by one thread in this process; --vs queries tantivy in turns."
    )

    @Option(help: "A folder with docs.jsonl.zst and queries.jsonl.")
    var data: String?

    @Option(help: "So many documents of words by Zipf's law instead, made from a seed.")
    var synthetic: Int?

    @Option(
        parsing: .upToNextOption,
        help: "keep or drop: whether the English stop words count; one after the other."
    )
    var stopWords: [StopWords] = [.keep, .drop]

    @Option(parsing: .upToNextOption, help: "ranked, boolean, phrase, fuzzy.")
    var kind: [TextQueries.Kind] = TextQueries.Kind.allCases

    @Option(help: "Queries of each kind.")
    var queries = 2_000

    @Option(help: "Hits per query.")
    var limit = 10

    @Option(help: "Times that each kind is measured; the best counts.")
    var passes = 3

    @Flag(
        help: """
            Sends ranked queries to the text index alone as well, analyzed beforehand and with rows \
            as the result, as the libraries get them.
            """
    )
    var prepared = false

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    @Option(parsing: .upToNextOption, help: "Libraries to measure in turns: tantivy.")
    var vs: [String] = []

    @OptionGroup var peerOptions: PeerOptions

    enum StopWords: String, ExpressibleByArgument, CaseIterable {
        case keep, drop
    }

    func validate() throws {
        guard (data == nil) != (synthetic == nil) else {
            throw ValidationError("Give --data or --synthetic.")
        }
    }

    func run() async throws {
        let corpus = try TextCorpus(data: data, synthetic: synthetic)
        let textQueries = try corpus.queries(queries)
        let folder = try vs.isEmpty ? nil : TextFolder(corpus, textQueries)
        for stopWords in stopWords {
            let directory = TextFolder.temporaryPath()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let engine = try Engine.open(directory: directory)
            try await fill(engine, corpus, stopWords)
            let peers = try vs.map { name in
                guard let folder else { preconditionFailure("Peers have a folder.") }
                return try TextPeer(name, peerOptions, folder.path, stopWords.rawValue)
            }
            for kind in kind {
                let requests = textQueries[kind].map {
                    SearchRequest(
                        collection: "bench",
                        queries: [Query([kind.source($0)], limit: limit)]
                    )
                }
                try measure(kind, "text-\(kind.rawValue)", stopWords, corpus.count, peers) {
                    try TextPass(requests) { request in
                        try engine.search(request, context: CallContext()).results[0].hits.count
                    }
                }
                guard prepared, kind == .ranked else { continue }
                let texts = try PreparedText(
                    corpus.texts,
                    textQueries[kind],
                    textOptions(stopWords),
                    in: directory
                )
                try measure(kind, "text-ranked-prepared", stopWords, corpus.count, peers) {
                    try texts.pass(limit: limit)
                }
            }
            engine.close()
        }
    }

    private func fill(_ engine: Engine, _ corpus: TextCorpus, _ stopWords: StopWords) async throws {
        try await engine.createCollection("bench", options(stopWords))
        let start = processorSeconds()
        for first in stride(from: 0, to: corpus.count, by: 1_000) {
            let batch = try corpus.documents(first..<min(first + 1_000, corpus.count))
            try await engine.indexMany(IndexManyRequest(collection: "bench", documents: batch))
        }
        _ = try await engine.compact("bench")
        Report(isJSON: json).add(
            Measurement(
                name: "text-build",
                value: Double(corpus.count) / (processorSeconds() - start),
                unit: "documents/cpu-s",
                parameters: [
                    ("stop_words", .text(stopWords.rawValue)), ("documents", .count(corpus.count)),
                ]
            )
        )
    }

    private func options(_ stopWords: StopWords) -> CollectionOptions {
        CollectionOptions(dimension: 0, text: textOptions(stopWords))
    }

    private func textOptions(_ stopWords: StopWords) -> TextOptions {
        TextOptions(keepsStopWords: stopWords == .keep)
    }

    /// Calls `pass` and the peers in turns, so that other work on the machine slows all equally.
    private func measure(
        _ kind: TextQueries.Kind,
        _ name: String,
        _ stopWords: StopWords,
        _ documents: Int,
        _ peers: [TextPeer],
        pass: () throws -> TextPass
    ) throws {
        var (best, queryCount, hits) = (0.0, 0, 0)
        var bestOfPeers = [Double](repeating: 0, count: peers.count)
        for _ in 0..<passes {
            let pass = try pass()
            best = max(best, pass.speed)
            (queryCount, hits) = (pass.queryCount, pass.hits)
            for (number, peer) in peers.enumerated() {
                bestOfPeers[number] = max(bestOfPeers[number], try peer.measure(kind.rawValue))
            }
        }
        var parameters: [(name: String, value: Measurement.Parameter)] = [
            ("stop_words", .text(stopWords.rawValue)), ("documents", .count(documents)),
            ("queries", .count(queryCount)), ("k", .count(limit)),
            ("hits", .number(Double(hits) / Double(max(1, queryCount)))),
        ]
        for (peer, speed) in zip(peers, bestOfPeers) {
            parameters += [(peer.name, .number(speed)), ("ratio", .number(best / speed))]
        }
        Report(isJSON: json).add(
            Measurement(name: name, value: best, unit: "queries/cpu-s", parameters: parameters)
        )
    }
}

/// One pass of queries, one after the other.
struct TextPass {
    let queryCount: Int
    /// The hits of all queries.
    let hits: Int
    /// Queries per second of processor time.
    let speed: Double

    /// Runs the queries; `run` returns the number of hits.
    init<SomeQuery>(_ queries: [SomeQuery], _ run: (SomeQuery) throws -> Int) rethrows {
        let start = processorSeconds()
        hits = try queries.reduce(0) { try $0 + run($1) }
        speed = Double(queries.count) / (processorSeconds() - start)
        queryCount = queries.count
    }
}

/// A library's text index, measured by `text_peer.py`.
struct TextPeer {
    private struct Built: Decodable { let built: Double }
    private struct Pass: Decodable { let qps: Double }

    private let process: PeerProcess

    var name: String { process.name }

    /// Starts the script, and waits until the index is built.
    init(_ name: String, _ peers: PeerOptions, _ folder: String, _ stopWords: String) throws {
        process = try PeerProcess(
            name,
            python: peers.python,
            script: peers.scripts + "/text_peer.py",
            arguments: [folder, stopWords]
        )
        _ = try process.next(Built.self)
    }

    /// Measures one pass over all queries of a kind, in queries per second of processor time.
    func measure(_ kind: String) throws -> Double { try process.request(kind, Pass.self).qps }
}
