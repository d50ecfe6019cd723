// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

extension TextIndex {
    /// What each of some rows scores for a question, as `search` would answer it: 0 for a row that
    /// doesn't match, and for every row when the question is a negation.
    ///
    /// - Parameters:
    ///   - query: What to look for.
    ///   - rows: In any order, repeated or not.
    ///   - context: Looked at once for 65,536 rows of the index.
    /// - Returns: A score for each element of `rows`.
    /// - Throws: What `context` throws.
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
        var scorer = try RowScorer(self, query.expression, context)
        var start = 0
        while start < places.count {
            try context?.check()
            let number = Int(rows[places[start]] >> 16)
            var end = start
            while end < places.count, Int(rows[places[end]] >> 16) == number { end += 1 }
            let wanted = places[start..<end].map { Int(rows[$0] & 0xFFFF) }
            try scratch.withScratch { (scratch) throws(LodestoneError) in
                scorer.add(wanted, in: number, to: scratch.sums)
                for (place, row) in zip(places[start..<end], wanted) {
                    scores[place] = scorer.score(of: scratch.sums[row])
                }
                for row in wanted { scratch.sums[row] = 0 }
            }
            start = end
        }
        return scores
    }
}

/// Adds up what given rows score, chunk after chunk.
private struct RowScorer {
    private let index: TextIndex
    private var cursors: [TermCursor] = []
    private var weights: [UInt64] = []
    /// For questions that are more than words.
    private var matcher: TextMatcher?
    private let scale: WordWeights
    private let classes: ClassWeights

    init(_ index: TextIndex, _ expression: TextExpression, _ context: CallContext?)
        throws(LodestoneError)
    {
        self.index = index
        classes = index.classWeights
        if let words = expression.anyWord(by: index.delta.dictionary.analyzer) {
            let question = try WordQuestion(index, words, context)
            (cursors, weights, scale) = (question.cursors, question.weights, question.scale)
        } else {
            let matcher = try TextMatcher(index, expression, context)
            scale = matcher.weights
            self.matcher = matcher
        }
    }

    func score(of sum: UInt32) -> Double { scale.score(of: sum) }

    /// Adds to the sums of `wanted`, which rise; chunks rise from call to call.
    mutating func add(_ wanted: [Int], in number: Int, to sums: UnsafeMutablePointer<UInt32>) {
        if matcher != nil {
            guard var rows = matcher?.rows(in: number) else { return }
            var asked = RowBits()
            for row in wanted { asked.insert(row) }
            rows.formIntersection(asked)
            matcher?.addWeights(scale.weights, classes, of: rows, to: sums)
            return
        }
        let chunk = Chunk(index, number)
        for place in cursors.indices where cursors[place].move(to: number, of: index) {
            let (weight, mask) = (weights[place], classes.mask)
            chunk.forEachPosting(cursors[place], of: wanted) { row, postingClass in
                sums[row] &+= WordWeights.product(weight, classes.weights[postingClass & mask])
            }
        }
    }
}

extension Chunk {
    /// Calls `body` with the row and the class of each posting of a term whose row is one of
    /// `wanted`, once for each; `wanted` rises and may repeat itself.
    func forEachPosting(
        _ cursor: TermCursor,
        of wanted: [Int],
        _ body: (_ row: Int, _ postingClass: Int) -> Void
    ) {
        if let base = index.base {
            let rows = base.rows.elements(cursor.basePostings)
            let classes = base.classes.elements(cursor.basePostings)
            var place = 0
            forEachOnce(wanted) { row in
                place = Self.first(place..<min(rows.count, classes.count)) { Int(rows[$0]) >= row }
                guard place < min(rows.count, classes.count) else { return false }
                if Int(rows[place]) == row { body(row, Int(classes[place])) }
                return true
            }
        }
        guard cursor.firstBlock != 0 else { return }
        var block = index.delta.block(cursor.firstBlock)
        var place = 0
        forEachOnce(wanted) { row in
            guard row < bound else { return false }
            while Int(block.chunk) == number, block.count > 0 {
                let postings = block.postings
                if DeltaPosting(postings[block.count - 1].load(ordering: .relaxed)).row >= row {
                    place = Self.first(place..<block.count) {
                        DeltaPosting(postings[$0].load(ordering: .relaxed)).row >= row
                    }
                    let posting = DeltaPosting(postings[place].load(ordering: .relaxed))
                    if posting.row == row { body(row, posting.postingClass) }
                    return true
                }
                guard block.next != 0 else { return false }
                block = index.delta.block(block.next)
                place = 0
            }
            return false
        }
    }

    /// Calls `body` with each number of a rising list, until it answers false.
    private func forEachOnce(_ wanted: [Int], _ body: (Int) -> Bool) {
        var last = -1
        for row in wanted where row != last {
            last = row
            guard body(row) else { return }
        }
    }

    /// The first of `range` from which on `holds` does, looked for in growing steps; else its end.
    private static func first(_ range: Range<Int>, _ holds: (Int) -> Bool) -> Int {
        var (low, step) = (range.lowerBound, 1)
        while low < range.upperBound, low + step <= range.upperBound, !holds(low + step - 1) {
            low += step
            step *= 2
        }
        var high = min(low + step, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
