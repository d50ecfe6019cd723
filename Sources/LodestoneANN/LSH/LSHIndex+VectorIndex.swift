// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Every write is hashed inside it: that costs microseconds.
extension LSHIndex: VectorIndex {
    package var name: String { "lsh" }
    package var health: IndexHealth { IndexHealth() }
    package var indexesCheaply: Bool { true }

    package func search(_ questions: VectorQuestions, in table: VectorTable) throws(LodestoneError)
        -> [VectorAnswer]
    {
        guard !questions.isExact, count > 0, questions.k > 0 else {
            return try flat.search(questions, in: table.blocks)
        }
        var answers: [VectorAnswer] = []
        answers.reserveCapacity(questions.queries.count)
        for query in questions.queries {
            let found = try search(
                query,
                k: questions.k,
                vector: table.vector(of:),
                isAllowed: questions.allows,
                context: questions.context
            )
            var answer = VectorAnswer(neighbors: found.neighbors, strategy: name)
            answer.visited = found.probedBuckets
            answer.computed = found.computedDistances
            answer.scanned = found.computedDistances
            answers.append(answer)
        }
        withExtendedLifetime(table) {}
        let rest = table.suffix(from: endRow)
        if rest.isEmpty { return answers }
        for (index, late) in try flat.search(questions, in: rest).enumerated() {
            answers[index].merge(late, k: questions.k)
        }
        return answers
    }

    package mutating func indexMany(_ table: VectorTable, from row: UInt32) {
        // Rows that were not hashed when they came wait for the next compaction, and with them all
        // after.
        guard let first = table.suffix(from: endRow).first, first.firstRow >= row else { return }
        var rows: [(row: UInt32, vector: UnsafePointer<Float>)] = []
        table.forEach(from: endRow) { row, vector in rows.append((row, vector)) }
        append(rows)
        withExtendedLifetime(table) {}
    }

    package mutating func drop(_ row: UInt32) {}

    /// The same tables with other probes; `nil` when the options ask for other tables.
    func adapted(to options: LSHOptions) -> LSHIndex? {
        guard options.tables == self.options.tables,
            options.hyperplanes == self.options.hyperplanes
        else { return nil }
        var adapted = LSHIndex(options, flat: flat, hyperplanes: hyperplanes)
        adapted.endRow = endRow
        adapted.runs = runs
        return adapted
    }

    package func compacted(_ table: VectorTable, _ work: IndexWork) throws(LodestoneError)
        -> any VectorIndex
    {
        try work.check()
        // What Euclidean distance and dot product take from the data is taken anew.
        var index =
            flat.metric == .cosine
            ? compacted(keeping: work.exists)
            : LSHIndex(options, dimension: flat.dimension, metric: flat.metric)
        let total = table.blocks.reduce(0) { $0 + $1.count }
        var rows: [(row: UInt32, vector: UnsafePointer<Float>)] = []
        table.forEach(from: index.endRow) { row, vector in
            if work.exists(row) { rows.append((row, vector)) }
        }
        work.onProgress(total - rows.count, total)
        index.append(rows)
        withExtendedLifetime(table) {}
        work.onProgress(total, total)
        return index
    }
}
