// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

extension PostingsTextIndex {
    /// The score of each of some rows for a query, as `search` would give it.
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
    ///   block of the delta; else O(postings of all words) in the chunks of the rows.
    package func scores(
        of query: NormalizedTextQuery,
        rows: [UInt32],
        context: CallContext? = nil
    ) throws(LodestoneError) -> [Double] {
        var scores = [Double](repeating: 0, count: rows.count)
        if query.isComplement { return scores }
        let places = rows.indices.filter { rows[$0] < rowBound }
            .sorted { rows[$0] < rows[$1] }
        guard !places.isEmpty else { return scores }
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            var scorer = try RowScorer(self, query.expression, scratch, context)
            var start = 0
            while start < places.count {
                try context?.check()
                let number = Int(rows[places[start]] >> 16)
                var end = start
                while end < places.count, Int(rows[places[end]] >> 16) == number { end += 1 }
                let asked = places[start..<end]
                let wanted = RowList(rising: asked.lazy.map { Int(rows[$0] & 0xFFFF) })
                scorer.addUp(wanted, in: number)
                for place in asked {
                    scores[place] = scorer.score(of: Int(rows[place] & 0xFFFF))
                }
                scorer.clear(wanted)
                start = end
            }
        }
        return scores
    }
}

/// Adds up the scores of given rows, chunk after chunk.
private struct RowScorer {
    private let index: PostingsTextIndex
    private var lists: ContiguousArray<DisjunctionScorer.List> = []
    /// The matcher of a query that is more than words.
    private var matcher: BooleanScorer?
    private let scale: QuantizedIDF
    private let classes: ImpactTable
    private let scratch: Scratch

    init(
        _ index: PostingsTextIndex,
        _ expression: TextExpression,
        _ scratch: Scratch,
        _ context: CallContext?
    ) throws(LodestoneError) {
        self.index = index
        self.scratch = scratch
        classes = index.classWeights
        if let words = expression.anyWord(by: index.delta.dictionary.analyzer) {
            let question = try DisjunctionScorer(index, words, context)
            (lists, scale) = (question.lists, question.scale)
        } else {
            let matcher = try BooleanScorer(index, expression, scratch, context)
            scale = matcher.weights
            self.matcher = matcher
        }
    }

    /// The score of a row that was added up.
    func score(of row: Int) -> Double { scale.score(of: scratch.sums[row]) }

    /// Forgets the rows that were added up.
    mutating func clear(_ rows: RowList) {
        for row in rows.rows { scratch.sums[Int(row)] = 0 }
        matcher?.clearSums(of: rows)
    }

    /// Adds up the scores of `wanted`; chunks rise from call to call.
    mutating func addUp(_ wanted: RowList, in number: Int) {
        if let rows = matcher?.rows(in: number, among: wanted) {
            matcher?.addWeights(scale.weights, classes, of: rows)
            for row in wanted.subtracting(rows).rows { scratch.sums[Int(row)] = 0 }
            return
        }
        let sums = scratch.sums
        let chunk = Chunk(index, number)
        for place in lists.indices where lists[place].cursor.move(to: number, of: index) {
            let (weight, mask) = (lists[place].weight, classes.mask)
            chunk.lookUp(wanted, in: lists[place].cursor) { place, postingClass in
                sums[wanted[place]] &+=
                    QuantizedIDF.product(weight, classes.weights[postingClass & mask])
            }
        }
    }
}
