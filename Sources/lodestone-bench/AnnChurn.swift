// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStructures

/// Repeated rounds that drop half of the rows at random, and write their vectors again.
///
/// It measures the effect on an index, compared with an index that is built from the same rows at
/// the end.
struct AnnChurn {
    /// The number of searches between the drops and the compaction.
    ///
    /// They scan half of the vectors, enough to reach a dropped row.
    private static let queriesBeforeCompaction = 100

    private struct Round {
        var point: AnnPoint
        var droppedReturned: Int
        var unreachable: Int
        /// Existing rows per second of the compaction's processor time.
        var repairRate: Double
    }

    private let strategy: AnnStrategy
    private let queries: [[Float]]
    private let k: Int
    private let metric: Metric
    private let threads: Int
    private var index: any VectorIndex
    private var table: VectorTable
    private var live: [RowID]
    private var endRow: RowID
    private var random = SplitMix64(state: 3)

    init(
        _ built: AnnBuild,
        _ strategy: AnnStrategy,
        _ annQueries: AnnQueries,
        _ metric: Metric,
        threads: Int
    ) {
        self.strategy = strategy
        self.metric = metric
        self.threads = threads
        queries = annQueries.queries
        k = annQueries.k
        index = built.index
        table = annQueries.table
        endRow = RowID(built.vectorCount)
        live = Array(RowID.first..<endRow)
    }

    /// Runs all rounds, builds the index to compare with, and reports every round.
    mutating func run(rounds: Int, _ report: Report) throws {
        let rounds = try (0..<rounds).map { _ in try round() }
        let existing = rowSet()
        let fresh = try AnnBuild(strategy, table, metric, threads: threads, existing: existing)
        let annQueries = try AnnQueries(
            queries,
            k: k,
            in: table,
            metric: metric,
            existing: existing
        )
        let freshPoint = try annQueries.run(fresh.index, ef: nil)
        for (number, round) in rounds.enumerated() {
            report.add(
                Measurement(
                    name: "ann-churn",
                    value: round.point.recall,
                    unit: "recall",
                    parameters: [
                        ("strategy", .text(strategy.label)), ("round", .count(number + 1)),
                        ("fresh_recall", .number(freshPoint.recall)),
                        ("unreachable", .count(round.unreachable)),
                        ("dropped_returned", .count(round.droppedReturned)),
                        ("short_results", .count(round.point.shortResults)),
                        ("repair", .number(round.repairRate)), ("build", .number(fresh.rate)),
                        ("queries_per_cpu_second", .number(round.point.qps)),
                        ("fresh_queries_per_cpu_second", .number(freshPoint.qps)),
                        ("vectors", .count(live.count)),
                        ("threads", .count(threads)),
                    ]
                )
            )
        }
    }

    private mutating func round() throws -> Round {
        live.shuffle(using: &random)
        let dropped = live.prefix(live.count / 2)
        for row in dropped { index.drop(row) }
        var next = dropped.startIndex
        let again = AnnRows(count: dropped.count, dimension: table.dimension) { vector in
            guard let old = table.vector(of: dropped[next]) else { return }
            vector.baseAddress?.initialize(from: old, count: vector.count)
            next += 1
        }
        table.append(again.block(firstRow: endRow))
        index.indexMany(table, from: endRow)
        let newEnd = endRow + dropped.count
        live = Array(live.dropFirst(dropped.count)) + Array(endRow..<newEnd)
        endRow = newEnd
        let existing = rowSet()
        let annQueries = try AnnQueries(
            queries,
            k: k,
            in: table,
            metric: metric,
            existing: existing
        )
        let uncompacted = try annQueries.run(index, ef: nil, count: Self.queriesBeforeCompaction)
        let start = processorSeconds()
        index = try index.compacted(
            table,
            IndexWork(threads: threads, check: {}, exists: { existing.contains($0) })
        )
        let repairRate = Double(live.count) / (processorSeconds() - start)
        let point = try annQueries.run(index, ef: nil)
        return Round(
            point: point,
            droppedReturned: uncompacted.wrongRows + point.wrongRows,
            unreachable: index.health.unreachable,
            repairRate: repairRate
        )
    }

    /// The rows that exist.
    private func rowSet() -> RowSet {
        var rows = RowSet(count: Int(endRow))
        for row in live { rows.insert(row) }
        return rows
    }
}
