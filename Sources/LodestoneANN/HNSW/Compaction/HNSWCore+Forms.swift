// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The form of a graph: that of the options, or another one if that form's recall is too low.
extension HNSWCore {
    /// The factors by which beams are widened before a graph is refused.
    ///
    /// Wider walks are tried while they cost less than a scan. A distance of a scan costs as much
    /// as four distances of codes.
    private static let expansions = [1, 2, 4, 8]
    private static let scanCost = 4.0
    /// The least width at which recall is measured; a query with a narrower beam prefers speed.
    private static let measuredWidth = 64
    /// A graph is measured again when one vector in this many was added or dropped.
    private static let measuredShare = 64

    /// The forms that are tried in turn: that of the options, then vectors instead of codes, then
    /// more links.
    static func forms(_ options: HNSWOptions) -> [HNSWOptions] {
        var forms = [options]
        var form = options
        form.quantization = .none
        if form != options { forms.append(form) }
        form.m = min(2 * options.m, HNSWOptions.mRange.upperBound)
        form.efConstruction = max(options.efConstruction, form.m)
        if form != forms[forms.count - 1] { forms.append(form) }
        return forms
    }

    /// The form of the current graph, or of the next one.
    ///
    /// It is the form after the refused ones. When all are refused, no graph is built until the
    /// number of vectors has doubled.
    var form: HNSWOptions {
        let forms = Self.forms(options)
        return forms[min(health.refusedForms, forms.count - 1)]
    }

    /// A state whose graph covers exactly the existing rows.
    func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError) -> HNSWCore {
        let existing = table.blocks.reduce(0) { sum, block in
            sum + (0..<block.count).count { work.exists(block.row(at: $0)) }
        }
        var base = health
        if existing >= 2 * base.refusedCount { (base.refusedForms, base.refusedCount) = (0, 0) }
        let forms = Self.forms(options)
        guard base.refusedForms < forms.count else { return scanning(base) }
        for index in base.refusedForms..<forms.count {
            let compaction = HNSWCompaction(
                metric: metric,
                options: forms[index],
                table: table,
                work: work,
                checkpoint: checkpoint
            )
            // A build does not continue a graph whose recall is too low, or a graph of another
            // form.
            let previous = index == health.refusedForms && health.isUsable ? graph : nil
            for graph in previous.map({ [$0, nil] }) ?? [nil] {
                guard let result = try compaction.run(over: graph) else { return scanning(base) }
                var core = replacingGraph(by: HNSWFrozenGraph(result.graph), base)
                core.health.unreachable = result.unreachable
                core.health.changedCount += result.changed
                let isSettled =
                    graph != nil && health.recall != nil
                    && core.health.changedCount * Self.measuredShare < existing
                if !isSettled { core.measure(table, work.threads, existing, work.exists) }
                if core.health.isUsable { return core }
                base.recall = core.health.recall
            }
            base.refusedForms = index + 1
            base.refusedCount = existing
            base.measuredCount = existing
        }
        return scanning(base)
    }

    /// A state without a graph: a search compares with every vector.
    private func scanning(_ health: IndexHealth) -> HNSWCore {
        var health = health
        health.unreachable = 0
        return replacingGraph(by: nil, health)
    }

    /// Measures recall after rows were linked, if a measurement is due.
    mutating func measureIfDue(
        _ table: VectorTable,
        _ exists: @escaping @Sendable (RowID) -> Bool
    ) {
        guard let count = graph?.count, health.isMeasurementDue(at: count) else { return }
        // Unlinked rows are compared one by one, so they would distort the graph's recall.
        let end = endRow
        measure(table, 1, count) { $0 < end && exists($0) }
    }

    /// Whether every form was refused; no graph is then built until the number of vectors has
    /// doubled.
    var isRefused: Bool { health.refusedForms >= Self.forms(options).count }

    /// Whether a graph of `count` vectors may find enough to be used.
    func isWanted(for count: Int) -> Bool {
        !isRefused || count >= 2 * health.refusedCount
    }

    /// Measures the recall of ever wider walks until it is high enough; keeps the last figures.
    private mutating func measure(
        _ table: VectorTable,
        _ threads: Int,
        _ existing: Int,
        _ exists: @escaping @Sendable (RowID) -> Bool
    ) {
        var core = self
        core.options.efSearch = max(options.efSearch, Self.measuredWidth)
        core.health.recall = 1
        let sample = SampledQueries(table, metric, threads: threads, exists: exists)
        var recall = 0.0
        for expansion in Self.expansions {
            let width = Double(core.options.efSearch * expansion)
            let scanCost = Self.scanCost * Double(existing)
            if expansion > 1, HNSWSearch.cost(ofWidth: width) > scanCost { break }
            core.health.expansion = expansion
            recall = sample.recall { query throws(LodestoneError) in
                try core.search(query, in: table)
            }
            if recall >= IndexHealth.recallGoal { break }
        }
        health.recall = recall
        health.expansion = recall >= IndexHealth.recallFloor ? core.health.expansion : 1
        health.measuredCount = existing
        health.changedCount = 0
    }

    /// The remark of `VectorIndex`.
    var remark: String {
        guard health.refusedForms > 0 || !health.isUsable else { return "" }
        let forms = Self.forms(options)
        let refused = forms.prefix(health.refusedForms).map(Self.name).joined(separator: ", ")
        let again =
            "The graph of the options is tried again once there are "
            + "\(2 * health.refusedCount) vectors."
        if !health.isUsable {
            let finding = health.finding("A search of the graph finds")
            return refused.isEmpty
                ? finding + " The next compaction makes another graph."
                : finding + " Tried: \(refused). " + again
        }
        return "The graph is one with \(Self.name(form)), because one with \(refused) found fewer "
            + "than \(IndexHealth.recallFloor) of the nearest neighbors. " + again
    }

    private static func name(_ form: HNSWOptions) -> String {
        "\(form.quantization == .none ? "float32" : "\(form.quantization)") and m \(form.m)"
    }
}
