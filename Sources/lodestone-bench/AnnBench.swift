// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneANN
import LodestoneCore
import LodestoneStructures

/// Recall against queries per second of processor time, for one vector index in this process.
struct AnnBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ann",
        abstract: "Builds a vector index in this process, and measures recall against speed."
    )

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

    @OptionGroup var strategy: AnnStrategy

    @Option(help: "cosine, euclidean or dot.")
    var metric: MetricName = .cosine

    @Option(help: "Threads of the build.")
    var threads = 1

    @Option(help: "The newest instructions to use: scalar, avx2 or avx512.")
    var isa: VectorKernels.InstructionSet = .avx512

    @Option(help: "Neighbors per query.")
    var k = 10

    @Option(help: "Times that each setting is measured; the best counts.")
    var passes = 3

    @Option(
        parsing: .upToNextOption,
        help: "Also search among so many percent of the rows, and among verbs if --data has them."
    )
    var filter: [Double] = []

    @Option(help: "So many times drop half of the rows, write their vectors again, and compact.")
    var churn = 0

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    @Option(
        parsing: .upToNextOption,
        help: "Libraries to measure in turns: hnswlib, faiss, faiss-sq8, usearch, svs, symphonyqg."
    )
    var vs: [String] = []

    @OptionGroup var peerOptions: PeerOptions

    @Option(parsing: .upToNextOption, help: "Beam widths of the libraries.")
    var peerEf = [20, 40, 60, 80, 120, 160, 200, 240, 320]

    func validate() throws {
        guard filter.allSatisfy({ $0 > 0 && $0 <= 100 }) else {
            throw ValidationError("--filter wants percentages above 0 and up to 100.")
        }
    }

    func run() throws {
        VectorKernels.limit(to: isa)
        let report = Report(isJSON: json)
        let (rows, queries) = try vectors.load()
        let built = try AnnBuild(strategy, rows.table, metric.core, threads: threads)
        if built.index.count > 0 { report.add(built.measurement(rows)) }
        let annQueries = try AnnQueries(queries, k: k, in: rows.table, metric: metric.core)
        try sweep(built, rows, annQueries, report)
        try filters(built, annQueries, report)
        if churn > 0 {
            var work = AnnChurn(built, strategy, annQueries, metric.core, threads: threads)
            try work.run(rounds: churn, report)
        }
    }

    private func sweep(
        _ built: AnnBuild,
        _ rows: AnnRows,
        _ annQueries: AnnQueries,
        _ report: Report
    ) throws {
        let settings = try strategy.settings(
            of: built.index,
            dimension: rows.dimension,
            metric: metric.core
        )
        var sweep = AnnSweep(annQueries, settings)
        let folder = try vs.isEmpty ? nil : AnnFolder(rows, annQueries)
        var peers: [AnnPeer] = []
        for name in vs {
            guard let folder else { break }
            peers.append(
                try AnnPeer(
                    name,
                    peerOptions,
                    folder: folder.path,
                    metric: metric.rawValue,
                    dimension: rows.dimension,
                    k: k,
                    threads: threads
                )
            )
        }
        var peerPoints = [[AnnPeer.Point?]](
            repeating: Array(repeating: nil, count: peerEf.count),
            count: peers.count
        )
        // The indexes take turns, so that other work on the machine slows all equally.
        for _ in 0..<passes {
            try sweep.pass()
            for (number, peer) in peers.enumerated() {
                for (index, width) in peerEf.enumerated() {
                    let point = try peer.measure(width)
                    if point.qps > peerPoints[number][index]?.qps ?? 0 {
                        peerPoints[number][index] = point
                    }
                }
            }
        }
        for (setting, point) in zip(settings, sweep.points) {
            report.add(
                annMeasurement(
                    strategy.label,
                    setting.parameter,
                    point.qps,
                    point.recall,
                    built.parameters + [("distances", .number(point.distances))]
                )
            )
        }
        for (peer, points) in zip(peers, peerPoints) {
            for case let (width, point?) in zip(peerEf, points) {
                report.add(
                    annMeasurement(
                        peer.name,
                        ("ef", width),
                        point.qps,
                        point.recall,
                        [
                            ("build", .number(peer.build)),
                            ("bytes_per_vector", .number(peer.bytesPerVector)),
                        ]
                    )
                )
            }
        }
    }

    private func annMeasurement(
        _ name: String,
        _ parameter: (name: String, value: Int)?,
        _ qps: Double,
        _ recall: Double,
        _ parameters: [(name: String, value: Measurement.Parameter)]
    ) -> Measurement {
        var all: [(name: String, value: Measurement.Parameter)] = [("strategy", .text(name))]
        if let parameter { all.append((parameter.name, .count(parameter.value))) }
        all.append(("recall", .number(recall)))
        return Measurement(
            name: "ann",
            value: qps,
            unit: "queries/cpu-s",
            parameters: all + parameters
        )
    }

    /// Measures searches among some of the rows, with the default settings of a collection.
    private func filters(_ built: AnnBuild, _ annQueries: AnnQueries, _ report: Report) throws {
        let count = built.vectorCount
        var random = SplitMix64(state: 2)
        var sets: [(name: String, rows: RowSet)] = filter.map { percent in
            var rows = RowSet(count: count)
            let passingCount = Int((Double(count) * percent / 100).rounded())
            for row in 0..<count
            where Int.random(in: 0..<count - row, using: &random) < passingCount - rows.count {
                rows.insert(RowID(row))
            }
            return ("random", rows)
        }
        if !filter.isEmpty, let verbs = try vectors.verbs() { sets.append(("pos=v", verbs)) }
        for (name, rows) in sets {
            let filtered = try AnnQueries(
                annQueries.queries,
                k: k,
                in: annQueries.table,
                metric: metric.core,
                allowed: rows
            )
            var sweep = AnnSweep(filtered, [AnnSetting(index: built.index)])
            for _ in 0..<passes { try sweep.pass() }
            let point = sweep.points[0]
            report.add(
                Measurement(
                    name: "ann-filter",
                    value: point.qps,
                    unit: "queries/cpu-s",
                    parameters: [
                        ("strategy", .text(strategy.label)), ("filter", .text(name)),
                        ("percent", .number(100 * Double(rows.count) / Double(count))),
                        ("matches", .count(rows.count)),
                        ("recall", .number(point.recall)),
                        ("short_results", .count(point.shortResults)),
                        ("wrong_rows", .count(point.wrongRows)),
                        ("queries", .count(filtered.queries.count)),
                        ("distances", .number(point.distances)),
                    ]
                )
            )
        }
    }
}

/// A built index, with the cost of its build.
struct AnnBuild {
    let index: any VectorIndex
    let vectorCount: Int
    /// Vectors per second of processor time.
    let rate: Double
    private let strategy: String
    private let threads: Int
    private let seconds: Double
    private let rawByteCount: Int
    /// The peak memory of this process up to the end of the build.
    private let peakByteCount: Int

    /// Builds the index of the existing rows of a table; `nil`: all rows.
    init(
        _ strategy: AnnStrategy,
        _ table: VectorTable,
        _ metric: Metric,
        threads: Int,
        existing: RowSet? = nil
    ) throws {
        let empty = strategy.core.makeIndex(dimension: table.dimension, metric: metric)
        let clock = ContinuousClock()
        let start = clock.now
        let processor = processorSeconds()
        index = try empty.compacted(
            table,
            IndexWork(threads: threads, check: {}, exists: { existing?.contains($0) ?? true })
        )
        let used = processorSeconds() - processor
        seconds = (clock.now - start).seconds
        vectorCount = existing?.count ?? table.blocks.reduce(0) { $0 + $1.count }
        rate = Double(vectorCount) / used
        rawByteCount = vectorCount * table.dimension * MemoryLayout<Float>.stride
        peakByteCount = peakMemoryByteCount()
        self.strategy = strategy.label
        self.threads = threads
    }

    /// The parameters of every point of the index; a flat index has no build.
    var parameters: [(name: String, value: Measurement.Parameter)] {
        let bytes = Double(rawByteCount + index.byteCount) / Double(max(1, vectorCount))
        let build: [(name: String, value: Measurement.Parameter)] =
            index.count > 0 ? [("build", .number(rate))] : []
        return build + [("bytes_per_vector", .number(bytes))]
    }

    func measurement(_ rows: AnnRows) -> Measurement {
        Measurement(
            name: "ann-build",
            value: rate,
            unit: "vectors/cpu-s",
            parameters: [
                ("strategy", .text(strategy)), ("vectors", .count(rows.count)),
                ("threads", .count(threads)), ("seconds", .number(seconds)),
                ("unreachable", .count(index.health.unreachable)),
                ("self_recall", .number(index.health.recall ?? 1)),
                ("expansion", .count(index.health.expansion)),
                ("index_bytes", .count(index.byteCount)),
                ("raw_bytes", .count(rawByteCount)),
                ("peak_bytes", .count(peakByteCount)),
                ("peak_to_raw", .number(Double(peakByteCount) / Double(max(1, rawByteCount)))),
            ]
        )
    }
}

extension VectorKernels.InstructionSet: ExpressibleByArgument {}
