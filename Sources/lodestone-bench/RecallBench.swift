// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneANN
import LodestoneCore
import LodestoneStructures

/// Measures recall while data are written, on data that were not used to choose any setting.
struct RecallBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recall",
        abstract: "Measures recall at the default settings, on vectors that indexes are bad at."
    )

    /// The way in which an index gets the rows.
    enum Way: String, CaseIterable, ExpressibleByArgument {
        /// A graph that is built of all rows at once.
        case built
        /// A graph that each compaction continues from the previous one.
        case compacted
        /// A graph into which every write links its rows.
        case inline
        /// Hash tables to which every write adds its rows.
        case lsh

        fileprivate var strategy: VectorIndexStrategy {
            switch self {
            case .built, .compacted: .hnswBatch
            case .inline: .hnswInline
            case .lsh: .lsh(LSHOptions())
            }
        }
    }

    @Option(parsing: .upToNextOption, help: "Scenarios whose names begin so; all unless given.")
    var scenario: [String] = []

    @Option(parsing: .upToNextOption, help: "Only these metrics.")
    var metric = AnnBench.MetricName.allCases

    @Option(
        name: .customLong("way"),
        parsing: .upToNextOption,
        help: "built, compacted, inline, lsh."
    )
    var ways = Way.allCases

    @Option(help: "Vectors that are written.")
    var writes = 20_000

    @Option(help: "Writes between two measurements.")
    var every = 1_000

    @Option(help: "Writes between two graphs that are built of all rows at once.")
    var builtEvery = 5_000

    @Option(help: "Vectors of a write, after one that has the first alone.")
    var batch = 100

    @Option(name: .customLong("queries"), help: "Queries at each measurement.")
    var queryCount = 200

    @Option(help: "Neighbors per query.")
    var k = 10

    @Option(help: "The seed of random numbers.")
    var seed: UInt64 = 1

    @Option(help: "Threads of a build.")
    var threads = 1

    @Option(parsing: .upToNextOption, help: "Libraries to compare with: faiss.")
    var vs: [String] = []

    @OptionGroup var peerOptions: PeerOptions

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    @Flag(help: "Ends with an error where a graph finds too few: see RecallBench.isShort.")
    var check = false

    func validate() throws {
        guard writes > 0, every > 0, builtEvery > 0, batch > 0, queryCount > 0, k > 0 else {
            throw ValidationError("Numbers of writes, queries and neighbors are 1 or more.")
        }
    }

    func run() throws {
        let chosen = RecallScenario.all.filter { candidate in
            scenario.isEmpty || scenario.contains { candidate.name.hasPrefix($0) }
        }
        let report = RecallReport(isJSON: json, ways: ways, peers: vs)
        var shortCount = 0
        for scenario in chosen {
            for metric in scenario.metrics where self.metric.contains(metric) {
                shortCount += try run(scenario, metric, report)
            }
        }
        guard !check || shortCount == 0 else {
            throw ValidationFailure(text: "\(shortCount) measurements are short of recall.")
        }
    }

    /// Whether the recall of an index is too low compared with a library.
    ///
    /// It is below 0.95 if the library reaches 0.96, and always if it is more than 0.02 below the
    /// library's.
    static func isShort(_ recall: Double, comparedWith peer: Double) -> Bool {
        peer >= 0.96 && recall < 0.95 || recall < peer - 0.02
    }

    private func run(
        _ scenario: RecallScenario,
        _ metric: AnnBench.MetricName,
        _ report: RecallReport
    ) throws -> Int {
        let vectors = scenario.vectors(count: writes, queries: queryCount, seed: seed)
        var next = vectors.rows.startIndex
        let rows = AnnRows(count: writes, dimension: scenario.dimension) { row in
            _ = row.initialize(fromContentsOf: vectors.rows[next])
            next += 1
        }
        var indexes = ways.map { way in
            way.strategy.makeIndex(dimension: scenario.dimension, metric: metric.core)
        }
        let folder = try vs.isEmpty ? nil : RecallFolder(rows, vectors.queries)
        let peers = try vs.map { name in
            try PeerProcess(
                name,
                python: peerOptions.python,
                script: peerOptions.scripts + "/recall_peer.py",
                arguments: [
                    folder?.path ?? "", metric.rawValue, String(scenario.dimension), String(k),
                    String(HNSWOptions().m), String(HNSWOptions().efConstruction),
                    String(HNSWOptions().efSearch),
                ]
            )
        }
        var written = 0
        var shortCount = 0
        while written < writes {
            let end = min(written + every, writes)
            var line = RecallReport.Line(
                scenario: scenario.name,
                metric: metric.rawValue,
                writes: end
            )
            let table = rows.table(of: end)
            let truth = try RecallTruth(vectors.queries, k: k, in: table, metric: metric.core)
            for (index, way) in ways.enumerated() {
                switch way {
                case .inline, .lsh:
                    write(from: written, to: end, of: rows, into: &indexes[index])
                case .compacted:
                    indexes[index] = try indexes[index].compacted(table, work)
                case .built:
                    guard end % builtEvery == 0 || end == writes else { continue }
                    indexes[index] = try way.strategy
                        .makeIndex(dimension: scenario.dimension, metric: metric.core)
                        .compacted(table, work)
                }
                line.points[way] = try truth.point(of: indexes[index])
            }
            for peer in peers {
                let found = try peer.request(String(end), RecallPeerResult.self)
                let rows = found.rows.map { $0.map { RowID(rawValue: $0) } }
                line.peers[peer.name] = truth.recall(of: rows)
            }
            written = end
            report.add(line)
            let best = line.peers.values.max() ?? 0
            shortCount += line.points.count { way, point in
                way != .lsh && Self.isShort(point.recall, comparedWith: best)
            }
        }
        return shortCount
    }

    private var work: IndexWork { IndexWork(threads: threads, check: {}, exists: { _ in true }) }

    private func write(
        from start: Int,
        to end: Int,
        of rows: AnnRows,
        into index: inout any VectorIndex
    ) {
        var written = start
        while written < end {
            let next = written == 0 ? 1 : min((written / batch + 1) * batch, end)
            index.indexMany(rows.table(of: next), from: RowID(written))
            written = next
        }
    }
}

/// The nearest neighbors of some queries in a table, by a comparison with all rows.
struct RecallTruth {
    private let queries: [[Float]]
    private let k: Int
    private let table: VectorTable
    private let flat: FlatIndex
    private let nearest: [[Neighbor]]

    init(_ queries: [[Float]], k: Int, in table: VectorTable, metric: Metric) throws {
        self.queries = queries
        self.k = k
        self.table = table
        flat = FlatIndex(dimension: table.dimension, metric: metric)
        nearest = try flat.search(
            queries,
            k: k,
            in: table.blocks,
            isAllowed: nil,
            context: Self.context
        )
    }

    /// Measures an index, one query after the other.
    func point(of index: any VectorIndex) throws -> RecallPoint {
        var found: [[RowID]] = []
        for query in queries {
            let query = VectorQuery(
                [query],
                k: k,
                exists: { _ in true },
                context: Self.context
            )
            found += try index.search(query, in: table).map { $0.neighbors.map(\.row) }
        }
        var point = RecallPoint(recall: recall(of: found), isScan: !index.health.isUsable)
        if let graph = index as? any HNSWIndex, graph.count > 0 {
            point.unreachable = Double(graph.unreachableCount) / Double(graph.count)
        }
        return point
    }

    /// The share of the nearest that was found; any of equally near rows counts.
    func recall(of found: [[RowID]]) -> Double {
        var right = 0
        var expectedCount = 0
        for ((query, expected), rows) in zip(zip(queries, nearest), found) {
            guard let last = expected.last else { continue }
            expectedCount += expected.count
            let near = Set(rows).count { row in
                table.vector(of: row).map { flat.distance(query, $0) <= last.distance } ?? false
            }
            right += min(near, expected.count)
        }
        return Double(right) / Double(max(1, expectedCount))
    }

    private static var context: CallContext { CallContext(timeout: .seconds(86_400)) }
}

/// The measurement of one index.
struct RecallPoint {
    var recall: Double
    /// Whether the index is not used because of its recall, and every vector is compared.
    var isScan = false
    /// The share of a graph's nodes that no search reaches.
    var unreachable: Double?
}

/// The output of `recall_peer.py`: the rows that each query found.
struct RecallPeerResult: Decodable {
    let rows: [[UInt32]]
}

/// Rows and queries in a temporary folder, for peers.
final class RecallFolder {
    let path: String

    init(_ rows: AnnRows, _ queries: [[Float]]) throws {
        path = NSTemporaryDirectory() + "lodestone-recall-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try rows.withData { try $0.write(to: URL(fileURLWithPath: path + "/rows.f32")) }
        try Data(queries.flatMap { $0 }.withUnsafeBytes { Array($0) })
            .write(to: URL(fileURLWithPath: path + "/queries.f32"))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
