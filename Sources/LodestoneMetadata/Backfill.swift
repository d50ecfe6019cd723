// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The collection of the values of rows that were written before some fields were indexed.
///
/// Writes continue meanwhile and do not affect these rows: a row never changes, and its row id is
/// never given again.
///
/// Each `rowsPerRun` rows are sorted into a run, and each eight runs are merged, as in the index
/// itself. This takes a little more than 16 bytes of memory per value.
package struct Backfill {
    /// The values of one field.
    package struct Part: Sendable {
        let field: ValueField
        /// `nil` when no row has the field.
        let run: SortedRun?
    }

    /// The number of rows that are sorted into a run, and of runs that are merged.
    private static let rowsPerRun = 1 << 15
    private static let fanout = 8

    /// Per field its runs, and how often each was merged.
    private var gathered: [(field: ValueField, runs: [(run: SortedRun, level: Int)])]
    private var collectors: [ValueCollector]
    private var rowCount = 0

    /// Creates a backfill of incomplete fields, without rows.
    package init(_ fields: [ValueField]) {
        gathered = fields.map { ($0, []) }
        collectors = fields.map { _ in ValueCollector() }
    }

    /// The row after the last row of the backfill.
    package var endRow: RowID { gathered.map(\.field.firstRow).max() ?? .first }

    /// Adds the values of a row; rows come in ascending order.
    package mutating func add(_ metadata: Metadata, row: RowID) {
        for position in gathered.indices where row < gathered[position].field.firstRow {
            collectors[position].add(metadata, row: row, fields: [gathered[position].field])
        }
        rowCount += 1
        let isFull = collectors.contains { $0.byteCount >= ValueCollector.fullByteCount }
        if rowCount == Self.rowsPerRun || isFull { sort() }
    }

    private mutating func sort() {
        rowCount = 0
        for position in gathered.indices {
            let entries = collectors[position].sorted(of: [gathered[position].field])
            collectors[position] = ValueCollector()
            if entries.rows.isEmpty { continue }
            guard let run = SortedRun(entries) else { continue }
            gathered[position].runs.append((run, 0))
            merge(position)
        }
    }

    private mutating func merge(_ position: Int) {
        while let level = gathered[position].runs.last?.level {
            let last = gathered[position].runs.suffix(Self.fanout)
            guard last.count == Self.fanout, last.allSatisfy({ $0.level == level }),
                let merged = SortedRun(SortedRun.merge(last.map(\.run)))
            else { return }
            gathered[position].runs.removeLast(Self.fanout)
            gathered[position].runs.append((merged, level + 1))
        }
    }

    /// Returns all gathered values, one part for each field.
    package mutating func finish() -> [Part] {
        sort()
        return gathered.map { field, runs in
            let run = runs.count > 1 ? SortedRun(SortedRun.merge(runs.map(\.run))) : runs.first?.run
            return Part(field: field, run: run)
        }
    }
}
