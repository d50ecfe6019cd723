// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneANN
import LodestoneCore
import LodestoneImport

/// Recall against queries a second of processor time, for one vector index in this process.
struct AnnBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ann",
        abstract: "Builds a vector index in this process, and measures recall against speed."
    )

    enum Strategy: String, CaseIterable, ExpressibleByArgument {
        case flat, lsh, hnsw
    }

    enum Quantization: String, CaseIterable, ExpressibleByArgument {
        case int8, int4, none

        var core: VectorQuantization {
            switch self {
            case .int8: .int8
            case .int4: .int4
            case .none: .none
            }
        }
    }

    enum MetricName: String, CaseIterable, ExpressibleByArgument {
        case cosine, euclidean, dot

        var core: Metric {
            switch self {
            case .cosine: .cosine
            case .euclidean: .euclidean
            case .dot: .dotProduct
            }
        }
    }

    @OptionGroup var vectors: AnnVectors

    @Option(help: "flat, lsh or hnsw.")
    var strategy: Strategy = .hnsw

    @Option(help: "cosine, euclidean or dot.")
    var metric: MetricName = .cosine

    @Option(help: "What a graph is walked over: int8, int4 or none.")
    var quantization: Quantization = .int8

    @Option(help: "Links chosen on each layer above the bottom.")
    var m = HNSWOptions().m

    @Option(name: .customLong("ef-construction"), help: "Beam width while building.")
    var efConstruction = HNSWOptions().efConstruction

    @Option(parsing: .upToNextOption, help: "Beam widths while searching.")
    var ef = [16, 25, 40, 64, 75, 96, 128, 192, 256]

    @Option(help: "Threads of the build.")
    var threads = 1

    @Option(help: "Neighbors asked for.")
    var k = 10

    @Option(help: "Times that each beam width is measured; the best counts.")
    var passes = 3

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    private var report: Report { Report(isJSON: json) }

    @Option(
        parsing: .upToNextOption,
        help: "Libraries to measure in turns: hnswlib, faiss, faiss-sq8, usearch, svs, symphonyqg."
    )
    var vs: [String] = []

    @Option(help: "The Python that has the libraries.")
    var python = "python3"

    @Option(help: "The script that runs them.")
    var script = "Tests/Bench/ann_peer.py"

    @Option(parsing: .upToNextOption, help: "Beam widths of the libraries.")
    var peerEf = [20, 40, 60, 80, 120, 160, 200, 240, 320]

    func run() throws {
        let (rows, queries) = try vectors.load()
        let context = CallContext(deadline: .now.advanced(by: .seconds(86_400)))
        let flat = FlatIndex(dimension: rows.dimension, metric: metric.core)
        let truth = try flat.search(
            queries,
            k: k,
            in: rows.table.blocks,
            isAllowed: nil,
            context: context
        ).map { $0.map(\.row) }
        let index = try build(rows, context)
        var sweep = AnnSweep(
            index: index,
            table: rows.table,
            queries: queries,
            truth: truth.map { Set($0) },
            k: k,
            widths: ef,
            context: context
        )
        let folder = try vs.isEmpty ? nil : AnnFolder(rows, queries, truth)
        var peers: [AnnPeer] = []
        for name in vs {
            guard let folder else { break }
            let peer = try AnnPeer(
                name,
                python: python,
                script: script,
                folder: folder.path,
                metric: metric.rawValue,
                dimension: rows.dimension,
                k: k,
                threads: threads
            )
            addBuild(peer.build, of: peer.name, rows.count, [])
            peers.append(peer)
        }
        var peerPoints = [[AnnPeer.Point?]](
            repeating: Array(repeating: nil, count: peerEf.count),
            count: peers.count
        )
        // In turns, so that what else the machine does strikes all alike.
        for _ in 0..<passes {
            try sweep.pass()
            for (number, peer) in peers.enumerated() {
                for (place, width) in peerEf.enumerated() {
                    let point = try peer.measure(width)
                    if point.qps > peerPoints[number][place]?.qps ?? 0 {
                        peerPoints[number][place] = point
                    }
                }
            }
        }
        let bytes = Double(rows.dimension * 4 + index.byteCount / max(1, index.count))
        for (width, point) in zip(ef, sweep.points) {
            addPoint(
                strategy.rawValue,
                width,
                point.qps,
                point.recall,
                [("bytes_per_vector", .number(bytes)), ("distances", .number(point.distances))]
            )
        }
        for (number, peer) in peers.enumerated() {
            for (width, point) in zip(peerEf, peerPoints[number]) {
                if let point { addPoint(peer.name, width, point.qps, point.recall, []) }
            }
        }
    }

    private func build(_ rows: AnnRows, _ context: CallContext) throws -> any VectorIndex {
        let options = HNSWOptions(
            m: m,
            efConstruction: efConstruction,
            quantization: quantization.core
        )
        let empty: any VectorIndex = HNSWIndex(
            options,
            linksInline: false,
            dimension: rows.dimension,
            metric: metric.core
        )
        let start = processorSeconds()
        let wall = ContinuousClock.now
        let index = try empty.compacted(
            rows.table,
            IndexWork(threads: threads, check: {}, exists: { _ in true })
        )
        addBuild(
            Double(rows.count) / (processorSeconds() - start),
            of: strategy.rawValue,
            rows.count,
            [
                ("seconds", .number(wall.duration(to: .now).seconds)),
                ("unreachable", .number(Double(index.health.unreachable))),
                ("self_recall", .number(index.health.selfRecall ?? 1)),
            ]
        )
        return index
    }

    private func addBuild(
        _ rate: Double,
        of name: String,
        _ count: Int,
        _ parameters: [(String, Measurement.Parameter)]
    ) {
        report.add(
            Measurement(
                name: "ann-build",
                value: rate,
                unit: "vectors/cpu-s",
                parameters: [
                    ("strategy", .text(name)), ("vectors", .number(Double(count))),
                    ("threads", .number(Double(threads))),
                ] + parameters
            )
        )
    }

    private func addPoint(
        _ name: String,
        _ width: Int,
        _ qps: Double,
        _ recall: Double,
        _ parameters: [(String, Measurement.Parameter)]
    ) {
        report.add(
            Measurement(
                name: "ann",
                value: qps,
                unit: "queries/cpu-s",
                parameters: [
                    ("strategy", .text(name)), ("ef", .number(Double(width))),
                    ("recall", .number(recall)),
                ] + parameters
            )
        )
    }
}

/// Searches with several beam widths, the best pass of each.
struct AnnSweep {
    struct Point {
        var qps = 0.0
        var recall = 0.0
        var distances = 0.0
    }

    let index: any VectorIndex
    let table: VectorTable
    let queries: [[Float]]
    let truth: [Set<UInt32>]
    let k: Int
    let widths: [Int]
    let context: CallContext
    private(set) var points: [Point]

    init(
        index: any VectorIndex,
        table: VectorTable,
        queries: [[Float]],
        truth: [Set<UInt32>],
        k: Int,
        widths: [Int],
        context: CallContext
    ) {
        self.index = index
        self.table = table
        self.queries = queries
        self.truth = truth
        self.k = k
        self.widths = widths
        self.context = context
        points = Array(repeating: Point(), count: widths.count)
    }

    /// One pass over all queries with every width.
    mutating func pass() throws {
        for (place, width) in widths.enumerated() {
            var found = 0
            var computed = 0
            let start = processorSeconds()
            for (query, expected) in zip(queries, truth) {
                var questions = VectorQuestions(
                    [query],
                    k: k,
                    exists: { _ in true },
                    context: context
                )
                questions.efSearch = width
                let answer = try index.search(questions, in: table)[0]
                for neighbor in answer.neighbors where expected.contains(neighbor.row) {
                    found += 1
                }
                computed += answer.computed
            }
            let qps = Double(queries.count) / (processorSeconds() - start)
            points[place].qps = max(points[place].qps, qps)
            points[place].recall = Double(found) / Double(queries.count * k)
            points[place].distances = Double(computed) / Double(queries.count)
        }
    }
}

/// Which vectors are indexed, and which are asked for.
struct AnnVectors: ParsableArguments {
    @Option(help: "A folder with docs.f16 and queries.f16.")
    var data: String?

    @Option(help: "A file of vectors (.npy, .f16, .f32).")
    var vectors: String?

    @Option(help: "A file of queries.")
    var queries: String?

    @Option(help: "So many vectors around random centers instead, made from a seed.")
    var synthetic: Int?

    @Option(help: "Elements of each vector.")
    var dimension = 384

    @Option(help: "Queries to leave out at the beginning: those that settings were tried with.")
    var skip = 0

    @Option(help: "Queries.")
    var count = 2_000

    func load() throws -> (AnnRows, [[Float]]) {
        if let synthetic {
            var random = ClusteredVectors(dimension: dimension, seed: 1)
            let rows = AnnRows((0..<synthetic).map { _ in random.next() }, dimension)
            return (rows, (0..<count).map { _ in random.next() })
        }
        guard let rowPath = vectors ?? data.map({ $0 + "/docs.f16" }),
            let queryPath = queries ?? data.map({ $0 + "/queries.f16" })
        else { throw ValidationError("Give --data, --vectors with --queries, or --synthetic.") }
        let rows = try VectorFile(path: rowPath, dimension: dimension)
        let asked = try VectorFile(path: queryPath, dimension: dimension)
        let end = min(asked.count, skip + count)
        return (
            AnnRows(try rows.read(0..<rows.count), dimension),
            try asked.read(min(skip, end)..<end)
        )
    }
}

/// Vectors one after the other in memory, as they lie in a segment.
// Unchecked: nobody changes them.
final class AnnRows: @unchecked Sendable {
    let dimension: Int
    let count: Int
    private let elements: UnsafeMutablePointer<Float>

    init(_ vectors: [[Float]], _ dimension: Int) {
        self.dimension = dimension
        count = vectors.count
        elements = .allocate(capacity: vectors.count * dimension)
        for (place, vector) in vectors.enumerated() {
            (elements + place * dimension).initialize(from: vector, count: dimension)
        }
    }

    deinit { elements.deallocate() }

    /// The bytes of all.
    var data: Data { Data(bytes: elements, count: count * dimension * 4) }

    var table: VectorTable {
        var table = VectorTable(dimension: dimension)
        table.append(VectorBlock(base: elements, firstRow: 0, count: count, owner: self))
        return table
    }
}

/// Vectors around random centers: like those of texts, most lie near some others.
struct ClusteredVectors {
    private var random: SplitMix64
    private let centers: [[Float]]
    private static let centerCount = 1_000

    init(dimension: Int, seed: UInt64) {
        var random = SplitMix64(state: seed)
        centers = (0..<Self.centerCount).map { _ in random.normal(dimension) }
        self.random = random
    }

    mutating func next() -> [Float] {
        let center = centers[Int(random.next() % UInt64(Self.centerCount))]
        let offset = random.normal(center.count)
        return zip(center, offset).map { $0 + $1 }
    }
}

/// The generator of Steele, Lea and Flood (2014): the same numbers everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Normally distributed numbers (Box and Muller).
    mutating func normal(_ count: Int) -> [Float] {
        (0..<count).map { _ in
            let radius = (-2 * Double.random(in: 1e-12..<1, using: &self).logarithm).squareRoot()
            return Float(radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self)))
        }
    }
}

extension Double {
    fileprivate var logarithm: Double { log(self) }
}
