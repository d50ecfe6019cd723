// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension PostingsTextIndex {
    /// The score of each of some rows for a query, equal to that of `search`.
    ///
    /// It is 0 for a row that doesn't match, and for every row when the query is a negation.
    ///
    /// - Parameters:
    ///   - query: The query.
    ///   - rows: The rows, in any order, with or without repetitions.
    ///   - context: Checked once per 65,536 rows of the index.
    /// - Returns: A score for each element of `rows`.
    /// - Throws: The errors of `context`.
    /// - Complexity: For plain words O(rows × words × log of the postings), with a step for each
    ///   node of the delta; else O(postings of all words) in the row blocks of the rows.
    package func scores(
        of query: BooleanQuery,
        rows: [RowID],
        context: CallContext? = nil
    ) throws(LodestoneError) -> [Double] {
        var scores = [Double](repeating: 0, count: rows.count)
        if query.isComplement { return scores }
        let order = rows.indices.filter { rows[$0] < rowBound }
            .sorted { rows[$0] < rows[$1] }
        guard !order.isEmpty else { return scores }
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            var scorer = try RowScorer(self, query.expression, scratch, context)
            var start = 0
            while start < order.count {
                try context?.check()
                let number = rows[order[start]].rowBlock
                var end = start
                while end < order.count, rows[order[end]].rowBlock == number { end += 1 }
                let indexes = order[start..<end]
                let wanted = RowList(rising: indexes.lazy.map { rows[$0].offset })
                scorer.addUp(wanted, in: number)
                for index in indexes {
                    scores[index] = scorer.score(of: rows[index].offset)
                }
                scorer.clear(wanted)
                start = end
            }
        }
        return scores
    }
}

/// A scorer of given rows, one row block at a time.
private struct RowScorer {
    private let index: PostingsTextIndex
    private var lists: ContiguousArray<DisjunctionScorer.List> = []
    /// The scorer of a query with operators; `nil` for plain words.
    private var scorer: BooleanScorer?
    private let scale: QuantizedIDF
    private let classes: ImpactTable
    private let scratch: Scratch

    init(
        _ index: PostingsTextIndex,
        _ expression: BooleanExpression,
        _ scratch: Scratch,
        _ context: CallContext?
    ) throws(LodestoneError) {
        self.index = index
        self.scratch = scratch
        classes = index.classWeights
        if let words = expression.disjunction(by: index.delta.dictionary.analyzer) {
            let disjunction = try DisjunctionScorer(index, words, context)
            (lists, scale) = (disjunction.lists, disjunction.scale)
        } else {
            let scorer = try BooleanScorer(index, expression, scratch, context)
            scale = scorer.weights
            self.scorer = scorer
        }
    }

    /// The score of a row whose sum is complete.
    func score(of row: Int) -> Double { scale.score(of: scratch.sums[row]) }

    /// Zeroes the sums of the rows.
    mutating func clear(_ rows: RowList) {
        for row in rows.rows { scratch.sums[Int(row)] = 0 }
        scorer?.clearSums(of: rows)
    }

    /// Adds up the scores of `wanted`; row blocks ascend from call to call.
    mutating func addUp(_ wanted: RowList, in number: Int) {
        if let rows = scorer?.rows(in: number, among: wanted) {
            scorer?.addWeights(scale.weights, classes, of: rows)
            for row in wanted.subtracting(rows).rows { scratch.sums[Int(row)] = 0 }
            return
        }
        let sums = scratch.sums
        let rowBlock = RowBlock(index, number)
        for list in lists.indices where lists[list].cursor.move(to: number, of: index) {
            let (weight, mask) = (lists[list].weight, classes.mask)
            rowBlock.lookUp(wanted, in: lists[list].cursor) { row, postingClass in
                sums[wanted[row]] &+=
                    QuantizedIDF.product(weight, classes.weights[postingClass & mask])
            }
        }
    }
}
