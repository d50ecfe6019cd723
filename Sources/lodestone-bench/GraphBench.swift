// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneCore

/// Measures walks.
struct GraphBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Walks over the folder's edges, or over a generated graph with hubs."
    )

    enum DirectionName: String, CaseIterable, ExpressibleByArgument {
        case outgoing, incoming, both

        var core: Direction {
            switch self {
            case .outgoing: .outgoing
            case .incoming: .incoming
            case .both: .both
            }
        }
    }

    @OptionGroup var common: CommonOptions

    @Option(
        name: .customLong("data"),
        help: "A folder with docs.jsonl.zst, docs.f16 and edges.tsv.zst."
    )
    var folder: String?

    @Option(help: "Elements of each vector of the folder.")
    var dimension = 384

    @Option(help: "Documents of a generated graph, in place of a folder.")
    var generated: Int?

    @Option(help: "Edges per document of a generated graph, apart from its ten hubs.")
    var degree = 10

    @Option(parsing: .upToNextOption, help: "The depths to measure.")
    var hops = [3, 5]

    @Option(help: "outgoing, incoming or both.")
    var direction = DirectionName.outgoing

    @Option(help: "The most documents that a walk reports.")
    var nodes = 100_000

    @Option(help: "Walks, each from a random document.")
    var walks = 2_000

    @Option(help: "Walks of one call.")
    var batch = 1

    @Option(help: "Passes over the walks; the best one counts.")
    var passes = 3

    @Option(help: "Compare with ladybug, in a process of its own that takes turns.")
    var vs: String?

    @OptionGroup var peerOptions: PeerOptions

    func validate() throws {
        guard (folder == nil) != (generated == nil) else {
            throw ValidationError("Give either --data or --generated.")
        }
        guard walks > 0, batch > 0, passes > 0 else {
            throw ValidationError("Give at least 1 of everything.")
        }
        guard vs == nil || vs == "ladybug" && folder != nil else {
            throw ValidationError("--vs takes ladybug, with --data.")
        }
    }

    func run() async throws {
        let batches = try generated.map(generatedBatches) ?? folderBatches()
        let store = BenchStore(common)
        defer { store.remove() }
        let target = try await store.open(common)
        let hasVectors = batches.first?.first?.vector != nil
        try await target.create(
            "bench",
            CollectionOptions(dimension: hasVectors ? dimension : 0, vectorStrategy: .flatScan)
        )
        _ = try await target.ingest(batches, into: "bench", inFlight: 2)
        try await target.compact("bench")
        let starts = starts(among: batches)
        let peer = try vs.map { name in
            try PeerProcess(
                name,
                python: peerOptions.python,
                script: peerOptions.scripts + "/graph_peer.py",
                arguments: [(folder ?? "") + "/edges.tsv.zst", direction.rawValue]
            )
        }
        for depth in hops {
            try await measure(depth, starts, target, peer)
        }
        await target.close()
    }

    private func measure(
        _ depth: Int,
        _ starts: [DocumentID],
        _ target: any BenchTarget,
        _ peer: PeerProcess?
    ) async throws {
        let calls = stride(from: 0, to: starts.count, by: batch).map { first in
            starts[first..<min(first + batch, starts.count)].map { walk(from: $0, depth) }
        }
        var best = Pass()
        var peerSeconds = Double.infinity
        for _ in 0..<passes {
            let pass = try await pass(calls, target)
            if pass.processor < best.processor { best = pass }
            if let peer {
                let line =
                    "{\"depth\": \(depth), \"starts\": ["
                    + starts.map { "\"\($0)\"" }.joined(separator: ", ") + "]}"
                peerSeconds = min(peerSeconds, try peer.request(line, PeerPass.self).seconds)
            }
        }
        let count = Double(starts.count)
        var parameters: [(name: String, value: Measurement.Parameter)] = [
            ("hops", .count(depth)), ("direction", .text(direction.rawValue)),
            ("via", .text(common.inProcess ? "process" : "wire")), ("batch", .count(batch)),
            ("documents_per_walk", .number(Double(best.reached) / count)),
            ("edges_per_walk", .number(Double(best.edges) / count)),
            ("p50_ms", .number(1e3 * best.latencies.quantile(0.5))),
            ("p99_ms", .number(1e3 * best.latencies.quantile(0.99))),
            ("us_per_walk", .number(1e6 * best.processor / count)),
            ("ns_per_edge", .number(1e9 * best.processor / Double(max(1, best.edges)))),
        ]
        if let vs {
            parameters.append(("\(vs)_per_cpu_second", .number(count / peerSeconds)))
            parameters.append(("ratio", .number(peerSeconds / best.processor)))
        }
        Report(isJSON: common.json).add(
            Measurement(
                name: "graph",
                value: count / best.processor,
                unit: common.inProcess ? "walks/CPU s" : "walks/server CPU s",
                parameters: parameters
            )
        )
    }

    private struct PeerPass: Decodable {
        /// Seconds of processor time for all walks.
        var seconds: Double
    }

    /// One pass over all walks, with its cost.
    private struct Pass {
        /// Seconds of processor time, of the server or, without one, of this process.
        var processor = Double.infinity
        var latencies: [Double] = []
        var reached = 0
        var edges = 0
    }

    private func pass(_ calls: [[Walk]], _ target: any BenchTarget) async throws -> Pass {
        let clock = ContinuousClock()
        var pass = Pass()
        let processor = { common.inProcess ? processorSeconds() : target.serverProcessorSeconds }
        let start = processor()
        for call in calls {
            let begin = clock.now
            let results = try await target.walk("bench", call)
            pass.latencies.append((clock.now - begin).seconds)
            for result in results {
                pass.reached += result.reached.count
                pass.edges += result.edgesFollowed
            }
        }
        pass.processor = processor() - start
        return pass
    }

    private func walk(from start: DocumentID, _ depth: Int) -> Walk {
        Walk(
            from: [start],
            direction: direction.core,
            depth: depth,
            budget: WalkBudget(nodes: nodes, edges: 10_000_000)
        )
    }

    // MARK: Graphs

    private func folderBatches() throws -> [[Document]] {
        try BenchData(folder: folder ?? "", dimension: dimension)
            .batches(of: 1_000, count: nil, randomIDs: false, withEdges: true)
    }

    /// Random edges, and ten hubs: five with edges to a tenth of the documents, five with edges
    /// from a tenth.
    private func generatedBatches(_ count: Int) throws -> [[Document]] {
        var random = SplitMix64(state: 11)
        let id = { (number: Int) throws(LodestoneError) in try DocumentID("n\(number)") }
        let hubs = 10
        return try stride(from: 0, to: count, by: 2_000).map { first in
            try (first..<min(first + 2_000, count)).map { number in
                var document = Document(id: try id(number))
                let targets =
                    number < hubs / 2
                    ? (0..<count / 10).map { (number + 1 + $0 * 9) % count }
                    : (0..<degree).map { _ in Int(random.next() % UInt64(count)) }
                document.edges = try targets.map { Edge("to", to: try id($0)) }
                if number % 10 == 7 {
                    let hub = hubs / 2 + Int(random.next() % UInt64(hubs / 2))
                    document.edges.append(Edge("hub", to: try id(hub)))
                }
                return document
            }
        }
    }

    private func starts(among batches: [[Document]]) -> [DocumentID] {
        var random = SplitMix64(state: 3)
        let count = batches.reduce(0) { $0 + $1.count }
        let size = batches.first?.count ?? 1
        return (0..<walks).map { _ in
            let number = Int(random.next() % UInt64(count))
            return batches[number / size][number % size].id
        }
    }
}
