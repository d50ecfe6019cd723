// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension PostingsTextIndex {
    /// The `k` best rows that match a query, best first; at equal scores the smaller row first.
    ///
    /// The score is the sum of the BM25F of all matching parts that are not negated. Each word of a
    /// phrase counts. All words of a prefix together count as one word. For a query that is a
    /// negation, the rows come ascending with the score 0. Any allowed row below `rowBound` may
    /// match it, even a row without words.
    ///
    /// - Parameters:
    ///   - query: The query.
    ///   - k: The most rows to return.
    ///   - context: Checked once per 65,536 rows.
    ///   - isAllowed: Called only for rows that would enter the result.
    /// - Returns: At most `k` rows with their scores.
    /// - Throws: The errors of `context`.
    /// - Complexity: O(postings of all words in the query); for phrases, also the positions of the
    ///   rows that have all words.
    package func search(
        _ query: BooleanQuery,
        k: Int,
        context: CallContext? = nil,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        guard k > 0 else { return [] }
        return try search(query, k: k, scoring: [], context: context, isAllowed: isAllowed).hits
    }

    /// The `k` best rows, `k` at least 1, and the scores of `rows`, which ascend without
    /// repetitions.
    func search(
        _ query: BooleanQuery,
        k: Int,
        scoring rows: [RowID],
        context: CallContext?,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> (hits: [TextHit], scores: [Double]) {
        if query.isComplement {
            let hits = try others(
                than: query.expression,
                k: k,
                context: context,
                isAllowed: isAllowed
            )
            return (hits, [Double](repeating: 0, count: rows.count))
        }
        if let words = query.expression.disjunction(by: delta.dictionary.analyzer) {
            return try rank(words, k: k, scoring: rows, context: context, isAllowed: isAllowed)
        }
        var scored = RowSums(of: rows)
        let classes = classWeights
        var top = TopHits(limit: k)
        return try scratch.withScratch { (scratch) throws(LodestoneError) in
            var scorer = try BooleanScorer(self, query.expression, scratch, context)
            let weights = scorer.weights
            for number in 0..<RowBlock.count(self) {
                try context?.check()
                let rows = scorer.rows(in: number)
                if rows.isEmpty { continue }
                scorer.addWeights(weights.weights, classes, of: rows)
                scored.read(scratch.sums, in: number, of: rows)
                for row in rows.rows {
                    let sum = scratch.sums[Int(row)]
                    if sum < top.threshold { continue }
                    let row = RowID(rowBlock: number, offset: Int(row))
                    if top.accepts(sum, row), isAllowed(row) { top.insert(sum, row) }
                }
                scorer.clearSums(of: rows)
            }
            return (top.hits(weights), scored.scores(weights))
        }
    }

    /// The first `k` allowed rows that don't match.
    private func others(
        than expression: BooleanExpression,
        k: Int,
        context: CallContext?,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            var scorer = try BooleanScorer(self, expression, scratch, context)
            var hits: [TextHit] = []
            for number in 0..<RowBlock.count(self) {
                try context?.check()
                var matching = scorer.rows(in: number).rows[...]
                for offset in 0..<RowBlock(self, number).bound {
                    if hits.count == k { return hits }
                    if matching.first.map(Int.init) == offset {
                        matching.removeFirst()
                        continue
                    }
                    let row = RowID(rowBlock: number, offset: offset)
                    if isAllowed(row) { hits.append(TextHit(row: row, score: 0)) }
                }
            }
            return hits
        }
    }
}
