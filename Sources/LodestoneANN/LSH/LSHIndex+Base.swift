// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The sections of hash tables in a base:
///
/// | section | holds |
/// | --- | --- |
/// | `LSHH` | version, tables, hyperplanes, dimension, metric, rows, end row |
/// | `LSHP` | the hyperplanes |
/// | `LSHR` | rows, ascending |
/// | `LSHS` | the signatures of rows, one per row and table |
/// | `LSHB` | for each table the slots of rows in `LSHR`, in the order of signatures |
/// | `LSHD` | for each table the directory: where the signatures with the same first bits begin |
/// | `IXHE` | the health of the index |
extension LSHIndex {
    private static let version: UInt32 = 1

    /// Writes the index, merged into one run.
    package func write(to sink: inout some SectionSink) throws(LodestoneError) {
        let run: LSHRun
        if let only = runs.first, runs.count == 1 {
            run = only
        } else {
            run = merge(runs) { _ in true }
        }
        try sink.write("LSHH", header(count: run.count))
        try hyperplanes.write(to: &sink)
        try run.write(to: &sink)
        try health.write(to: &sink)
    }

    /// Opens the sections that `write` wrote; `nil` when they have other options, or are not
    /// complete.
    ///
    /// The number of probes may differ, because no table depends on it.
    ///
    /// - Complexity: O(tables × hyperplanes × `dimension`), for any number of rows.
    package init?(
        from source: some SectionSource,
        _ options: LSHOptions,
        dimension: Int,
        metric: Metric
    ) {
        guard Self.isValid(options),
            let header = source.section("LSHH", of: UInt32.self), header.count == 7,
            let hyperplanes = Hyperplanes(
                from: source,
                count: options.tables * options.hyperplanes,
                dimension: dimension,
                metric: metric
            )
        else { return nil }
        self.init(
            options,
            flat: FlatIndex(dimension: dimension, metric: metric),
            hyperplanes: hyperplanes
        )
        let count = header.element(5, or: 0)
        endRow = RowID(rawValue: header.element(6, or: 0))
        let expected = self.header(count: Int(count))
        guard expected.indices.allSatisfy({ header.element($0, or: .max) == expected[$0] }),
            let run = LSHRun(
                from: source,
                count: Int(count),
                tables: options.tables,
                hyperplanes: options.hyperplanes
            )
        else { return nil }
        // Later rows must not fall below the rows of the base.
        if run.count > 0, run.row(of: run.count - 1) >= endRow { return nil }
        runs = [run]
        fittedCount = run.count
        health = IndexHealth(from: source) ?? IndexHealth()
    }

    private func header(count: Int) -> ContiguousArray<UInt32> {
        [
            Self.version, UInt32(options.tables), UInt32(options.hyperplanes),
            UInt32(flat.dimension), UInt32(flat.metric.rawValue), UInt32(count),
            endRow.rawValue,
        ]
    }
}
