// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The form of a graph: that of the options, or another where that one finds too few neighbors.
extension HNSWIndex {
    /// Factors by which walks are widened before a graph is refused.
    ///
    /// A wider walk is tried while it costs less than a scan. One distance of a scan costs as much
    /// as four distances of codes.
    private static let widenings = [1, 2, 4, 8]
    private static let scanCost = 4.0
    /// The least width at which health is measured: a query with a narrower walk wants speed.
    private static let measuredWidth = 64
    /// A graph is measured again once one vector in so many was added or dropped.
    private static let measuredShare = 64

    /// The forms that are tried in turn: that of the options, then vectors instead of codes, then
    /// more links.
    static func forms(_ asked: HNSWOptions) -> [HNSWOptions] {
        var forms = [asked]
        var form = asked
        form.quantization = .none
        if form != asked { forms.append(form) }
        form.m = min(2 * asked.m, HNSWOptions.mRange.upperBound)
        form.efConstruction = max(asked.efConstruction, form.m)
        if form != forms[forms.count - 1] { forms.append(form) }
        return forms
    }

    /// The form of the present graph, or of the next one.
    ///
    /// After the refused forms comes the next. When all were refused, no graph is built until the
    /// vectors have doubled.
    var form: HNSWOptions {
        let forms = Self.forms(options)
        return forms[min(health.refusedForms, forms.count - 1)]
    }

    package func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError)
        -> any VectorIndex
    {
        let existing = table.blocks.reduce(0) { sum, block in
            sum + (0..<block.count).count { work.exists(block.row(at: $0)) }
        }
        var base = health
        if existing >= 2 * base.refusedCount { (base.refusedForms, base.refusedCount) = (0, 0) }
        let forms = Self.forms(options)
        guard base.refusedForms < forms.count else { return scanning(base) }
        for place in base.refusedForms..<forms.count {
            let fold = HNSWCompaction(
                metric: metric,
                options: forms[place],
                table: table,
                work: work,
                unfinished: unfinished
            )
            // A build continues neither a graph that finds too few nor one of another form.
            let previous = place == health.refusedForms && health.isGood ? store : nil
            for store in previous.map({ [$0, nil] }) ?? [nil] {
                guard let made = try fold.run(over: store) else { return scanning(base) }
                var index = self.index(HNSWStore(made.graph), base)
                index.health.unreachable = made.unreachable
                index.health.changedCount += made.changed
                let isSettled =
                    store != nil && health.recall != nil
                    && index.health.changedCount * Self.measuredShare < existing
                if !isSettled { index.measure(table, work.threads, existing, work.exists) }
                if index.health.isGood { return index }
                base.recall = index.health.recall
            }
            base.refusedForms = place + 1
            base.refusedCount = existing
            base.measuredCount = existing
        }
        return scanning(base)
    }

    /// An index without a graph, which compares with every vector.
    private func scanning(_ health: IndexHealth) -> HNSWIndex {
        var health = health
        health.unreachable = 0
        return index(nil, health)
    }

    /// Measures recall after rows were linked, where that is due.
    mutating func measureIfDue(
        _ table: VectorTable,
        _ exists: @escaping @Sendable (UInt32) -> Bool
    ) {
        guard store != nil, health.isDue(at: count) else { return }
        // Rows that are not linked yet are compared one by one, which says nothing of the graph.
        let end = endRow
        measure(table, 1, count) { $0 < end && exists($0) }
    }

    /// Whether every form was refused; then no graph is built until the vectors have doubled.
    var isRefused: Bool { health.refusedForms >= Self.forms(options).count }

    package func isWanted(for count: Int) -> Bool {
        !isRefused || count >= 2 * health.refusedCount
    }

    /// Measures the recall of wider and wider walks, until they find enough; keeps the last
    /// figures.
    private mutating func measure(
        _ table: VectorTable,
        _ threads: Int,
        _ existing: Int,
        _ exists: @escaping @Sendable (UInt32) -> Bool
    ) {
        var wide = options
        wide.efSearch = max(options.efSearch, Self.measuredWidth)
        var index = self
        index.options = wide
        index.health.recall = 1
        let sample = SampledQueries(table, metric, threads: threads, exists: exists)
        var recall = 0.0
        for widening in Self.widenings {
            let cost = Double(wide.efSearch * widening) * Self.distancesPerPlace * Self.walkCost
            if widening > 1, cost > Self.scanCost * Double(existing) { break }
            index.health.widening = widening
            recall = sample.recall { index.answers($0, exists, table) }
            if recall >= IndexHealth.recallGoal { break }
        }
        health.recall = recall
        health.widening = recall >= IndexHealth.recallFloor ? index.health.widening : 1
        health.measuredCount = existing
        health.changedCount = 0
    }

    package var remark: String {
        guard health.refusedForms > 0 || !health.isGood else { return "" }
        let forms = Self.forms(options)
        let refused = forms.prefix(health.refusedForms).map(Self.name).joined(separator: ", ")
        let again =
            "The graph asked for is tried again once there are "
            + "\(2 * health.refusedCount) vectors."
        if !health.isGood {
            let finding = health.finding("A search of the graph finds")
            return refused.isEmpty
                ? finding + " Another graph is made by the next compaction."
                : finding + " Tried: \(refused). " + again
        }
        return "The graph is one with \(Self.name(form)), because one with \(refused) found fewer "
            + "than \(IndexHealth.recallFloor) of the nearest neighbors. " + again
    }

    private static func name(_ form: HNSWOptions) -> String {
        "\(form.quantization == .none ? "float32" : "\(form.quantization)") and m \(form.m)"
    }
}
