// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

extension PostingsTextIndex {
    /// The `k` best rows that have any of the words, best first; at equal scores the smaller row
    /// first.
    ///
    /// Every row with one of the words is scored, so the result is exact. A repeated word counts as
    /// often as it occurs. The score is the BM25F of the stems plus `TextOptions.exactWeight` times
    /// the BM25F of the words in their exact form.
    ///
    /// - Parameters:
    ///   - words: The words of the query, with the expansions of fuzzy words.
    ///   - k: The most rows to return, at least 1.
    ///   - rows: Other rows to score, ascending, without repetitions.
    ///   - context: Checked once per 65,536 rows.
    ///   - isAllowed: Called only for rows that would enter the result.
    /// - Returns: At most `k` rows with their scores, and the scores of `rows`.
    /// - Throws: The errors of `context`.
    /// - Complexity: O(postings of the words), about 1 ns each.
    func rank(
        _ words: BooleanExpression.Disjunction,
        k: Int,
        scoring rows: [RowID],
        context: CallContext?,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> (hits: [TextHit], scores: [Double]) {
        var scorer = try DisjunctionScorer(self, words, context)
        var scored = RowSums(of: rows)
        guard !scorer.lists.isEmpty else { return ([], scored.scores(scorer.scale)) }
        let classes = classWeights
        var top = TopHits(limit: k)
        var lists: ContiguousArray<RowBlockRanking.List> = []
        lists.reserveCapacity(scorer.lists.count)
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            for number in 0..<RowBlock.count(self) {
                try context?.check()
                let rowBlock = RowBlock(self, number)
                lists.removeAll(keepingCapacity: true)
                for index in scorer.lists.indices
                where scorer.lists[index].cursor.move(to: number, of: self) {
                    // The cursor is not copied: a copy would wait for the last write to it.
                    let postings = rowBlock.postings(of: scorer.lists[index].cursor)
                    let count = scorer.lists[index].cursor
                        .count(in: number, enough: Scratch.rows, of: delta)
                    lists.append((postings, count, scorer.lists[index].weight))
                }
                RowBlockRanking(
                    rowBlock: rowBlock,
                    sums: scratch.sums,
                    classes: classes,
                    lists: lists
                )
                .rank(into: &top, scoring: &scored, isAllowed)
            }
        }
        return (top.hits(scorer.scale), scored.scores(scorer.scale))
    }

    /// The weight of each class, by the current average lengths.
    var classWeights: ImpactTable {
        let key = ImpactTable.Key(BM25(options), slots, count: classCount)
        return scratch.weights(key, of: delta.tables.classes)
    }

    /// Calls `body` with each list of a stem, and with the index in `forms` of the list's form.
    ///
    /// A list of the kind `formOfMixed` is left out if its form is not one of `forms`.
    func forEachList(
        ofStem stem: TermKey,
        forms: [TermKey],
        _ body: (_ cursor: PostingsCursor, _ kind: PostingListKey.Kind, _ form: Int?) -> Void
    ) {
        stem.withWord { stem in
            if let base {
                base.forEachList(ofStem: stem) { list, key in
                    let form = forms.firstIndex { $0.withWord { key.isList(of: $0) } }
                    if key.kind == .formOfMixed, form == nil { return }
                    let frequency = visible.map { self.frequency(of: list, among: $0) }
                    body(PostingsCursor(list, frequency: frequency), key.kind, form)
                }
            }
            let dictionary = delta.dictionary
            if dictionary.listCount == 0 { return }
            let numbers = forms.map { $0.withWord { dictionary.number(of: $0) } }
            dictionary.forEachList(ofStem: stem) { list in
                let form = list.kind == .mixedForms ? nil : numbers.firstIndex(of: list.term)
                if list.kind == .formOfMixed, form == nil { return }
                let frequency = visible.map { self.frequency(ofDeltaList: list.number, among: $0) }
                body(
                    PostingsCursor(list.number, of: delta, frequency: frequency),
                    list.kind,
                    form
                )
            }
        }
    }
}

/// The ranking of one row block: adds up scores list by list, and picks the best rows.
private struct RowBlockRanking {
    /// The postings of one list in the row block, their number, and the list's weight.
    typealias List = (postings: RowBlockPostings, count: Int, weight: UInt64)

    let rowBlock: RowBlock
    let sums: UnsafeMutablePointer<UInt32>
    let classes: ImpactTable
    /// The lists, the heaviest first.
    let lists: ContiguousArray<List>

    /// Adds up the scores, reads those of `scored`, picks the best rows, and zeroes the sums.
    ///
    /// The pick reads the lists again, the heaviest first. It ends when the remaining lists
    /// together can't raise a row above the threshold, so rows with only common words are not
    /// tested. If a long list comes before that end, all rows are scanned instead.
    func rank(
        into top: inout TopHits,
        scoring scored: inout RowSums,
        _ isAllowed: (RowID) -> Bool
    ) {
        addUp()
        scored.read(sums, in: rowBlock.number)
        var remaining = lists.reduce(0) { $0 + $1.weight }
        for index in lists.indices {
            if remaining < UInt64(top.threshold) { return clear(lists[index...]) }
            if lists[index].count >= Self.long {
                pickFromAll(&top, isAllowed)
                return sums.update(repeating: 0, count: Scratch.rows)
            }
            pick(from: lists[index].postings, into: &top, isAllowed)
            remaining -= lists[index].weight
        }
    }

    /// The number of postings that take as long to read as all rows of a row block.
    private static let long = 8_192

    private func addUp() {
        let mask = classes.mask
        var products: ContiguousArray<UInt32> = []
        classes.weights.withUnsafeBufferPointer { weights in
            for (postings, count, weight) in lists {
                if count <= 4 * weights.count {
                    rowBlock.forEachPosting(postings) { row, postingClass in
                        let weightOfClass = weights[postingClass & mask]
                        sums[row] = sums[row] &+ QuantizedIDF.product(weight, weightOfClass)
                    }
                    continue
                }
                // The product of each class is computed before a long list is read. Measured
                // (sentences with their stop words): 5 to 10 percent more queries per second.
                products.removeAll(keepingCapacity: true)
                products.append(contentsOf: weights.lazy.map { QuantizedIDF.product(weight, $0) })
                products.withUnsafeBufferPointer { products in
                    rowBlock.forEachPosting(postings) { row, postingClass in
                        sums[row] = sums[row] &+ products[postingClass & mask]
                    }
                }
            }
        }
    }

    private func pick(
        from postings: RowBlockPostings,
        into top: inout TopHits,
        _ isAllowed: (RowID) -> Bool
    ) {
        // A row that was picked from an earlier list has sum 0.
        var least = max(1, top.threshold)
        rowBlock.forEachPosting(postings) { offset, _ in
            let sum = sums[offset]
            sums[offset] = 0
            if sum < least { return }
            let row = rowBlock.row(at: offset)
            if top.accepts(sum, row), isAllowed(row) {
                top.insert(sum, row)
                least = max(1, top.threshold)
            }
        }
    }

    private func pickFromAll(_ top: inout TopHits, _ isAllowed: (RowID) -> Bool) {
        // Sums stay below 2^31, so signed comparisons suffice, which every CPU has.
        typealias Lanes = SIMD16<Int32>
        let lanes = UnsafeMutableRawPointer(sums).assumingMemoryBound(to: Lanes.self)
        var least = Lanes(repeating: Int32(truncatingIfNeeded: max(1, top.threshold)))
        for group in 0..<(Scratch.rows / Lanes.scalarCount) {
            let values = lanes[group]
            guard any(values .>= least) else { continue }
            for lane in 0..<Lanes.scalarCount where values[lane] >= least[0] {
                let sum = UInt32(truncatingIfNeeded: values[lane])
                let row = rowBlock.row(at: group * Lanes.scalarCount + lane)
                guard top.accepts(sum, row), isAllowed(row) else { continue }
                top.insert(sum, row)
                least = Lanes(repeating: Int32(truncatingIfNeeded: max(1, top.threshold)))
            }
        }
    }

    /// Zeroes the sums of all rows of the lists.
    private func clear(_ lists: ContiguousArray<List>.SubSequence) {
        if lists.reduce(0, { $0 + $1.count }) >= Self.long {
            sums.update(repeating: 0, count: Scratch.rows)
        } else {
            for list in lists { rowBlock.forEachPosting(list.postings) { row, _ in sums[row] = 0 } }
        }
    }
}
