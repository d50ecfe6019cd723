// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension PostingsTextIndex {
    /// The `k` best rows that have any of the words, best first; of equal scores the smaller row.
    ///
    /// Every row with one of the words is scored, so the result is exact. A word given twice counts
    /// twice. The score is the BM25F of the stems plus `TextOptions.exactWeight` times the BM25F of
    /// the words in their exact form.
    ///
    /// - Parameters:
    ///   - words: The words of the query, with those that they stand for.
    ///   - k: The number of rows wanted.
    ///   - context: Checked once per 65,536 rows.
    ///   - isAllowed: Called only for rows that would enter the result.
    /// - Returns: No more than `k` rows with their scores.
    /// - Throws: The errors of `context`.
    /// - Complexity: O(postings of the words), about 1 ns each.
    func rank(
        _ words: TextExpression.AnyWord,
        k: Int,
        context: CallContext? = nil,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        guard k > 0 else { return [] }
        var question = try DisjunctionScorer(self, words, context)
        guard !question.lists.isEmpty else { return [] }
        let classes = classWeights
        var top = TopHits(limit: k)
        var lists: ContiguousArray<ChunkRanking.List> = []
        lists.reserveCapacity(question.lists.count)
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            for number in 0..<Chunk.count(self) {
                try context?.check()
                let chunk = Chunk(self, number)
                lists.removeAll(keepingCapacity: true)
                for place in question.lists.indices
                where question.lists[place].cursor.move(to: number, of: self) {
                    // The cursor is not copied as a whole: the copy would wait for the last write
                    // to it.
                    let postings = chunk.postings(of: question.lists[place].cursor)
                    let count = question.lists[place].cursor
                        .count(in: number, enough: Scratch.rows, of: delta)
                    lists.append((postings, count, question.lists[place].weight))
                }
                ChunkRanking(chunk: chunk, sums: scratch.sums, classes: classes, lists: lists)
                    .rank(into: &top, isAllowed)
            }
        }
        return top.hits(question.scale)
    }

    /// The weight of each class, by the current average lengths.
    var classWeights: ImpactTable {
        let key = ImpactTable.Key(BM25(options), slots, count: classCount)
        return scratch.weights(key, of: delta.tables.classes)
    }

    /// Calls `body` with each list of a stem, and with the place in `forms` of the list's form.
    ///
    /// Lists of the kind `among` are left out, unless their form is one of `forms`.
    func forEachList(
        ofStem stem: TermKey,
        forms: [TermKey],
        _ body: (_ cursor: PostingsCursor, _ kind: PostingList.Kind, _ form: Int?) -> Void
    ) {
        stem.withWord { stem in
            if let base {
                base.forEachList(ofStem: stem) { list, key in
                    let form = forms.firstIndex { $0.withWord { key.isList(of: $0) } }
                    if key.kind == .among, form == nil { return }
                    body(PostingsCursor(list), key.kind, form)
                }
            }
            let dictionary = delta.dictionary
            if dictionary.listCount == 0 { return }
            let numbers = forms.map { $0.withWord { dictionary.number(of: $0) } }
            dictionary.forEachList(ofStem: stem) { list in
                let form = list.kind == .mixed ? nil : numbers.firstIndex(of: list.word)
                if list.kind == .among, form == nil { return }
                body(PostingsCursor(list.number, of: delta), list.kind, form)
            }
        }
    }
}

/// Adds up the scores of a chunk's rows, list by list, and picks the best.
private struct ChunkRanking {
    /// The postings of one list in the chunk, their number, and the list's weight.
    typealias List = (postings: ChunkPostings, count: Int, weight: UInt64)

    let chunk: Chunk
    let sums: UnsafeMutablePointer<UInt32>
    let classes: ImpactTable
    /// The lists, the heaviest first.
    let lists: ContiguousArray<List>

    /// Adds up the scores, then picks the best rows; leaves the sums zeroed.
    ///
    /// The pick goes through the lists again, the heaviest first. It ends when the lists that are
    /// left can't make a row good enough by themselves, so rows with common words alone are never
    /// looked at. Where a long list comes before that end, all rows are scanned instead.
    func rank(into top: inout TopHits, _ isAllowed: (UInt32) -> Bool) {
        addUp()
        var rest = lists.reduce(0) { $0 + $1.weight }
        for place in lists.indices {
            if rest < UInt64(top.threshold) { return clear(lists[place...]) }
            if lists[place].count >= Self.long {
                pickFromAll(&top, isAllowed)
                return sums.update(repeating: 0, count: Scratch.rows)
            }
            pick(from: lists[place].postings, into: &top, isAllowed)
            rest -= lists[place].weight
        }
    }

    /// The number of postings that take as long to read as every row of the chunk.
    private static let long = 8_192

    private func addUp() {
        let mask = classes.mask
        var products: ContiguousArray<UInt32> = []
        classes.weights.withUnsafeBufferPointer { weights in
            for (postings, count, weight) in lists {
                if count <= 4 * weights.count {
                    chunk.forEachPosting(postings) { row, postingClass in
                        let weightOfClass = weights[postingClass & mask]
                        sums[row] = sums[row] &+ QuantizedIDF.product(weight, weightOfClass)
                    }
                    continue
                }
                // The product of each class is computed before a long list is read. Measured
                // (sentences with their stop words): 5 to 10 percent more per second.
                products.removeAll(keepingCapacity: true)
                products.append(contentsOf: weights.lazy.map { QuantizedIDF.product(weight, $0) })
                products.withUnsafeBufferPointer { products in
                    chunk.forEachPosting(postings) { row, postingClass in
                        sums[row] = sums[row] &+ products[postingClass & mask]
                    }
                }
            }
        }
    }

    private func pick(
        from postings: ChunkPostings,
        into top: inout TopHits,
        _ isAllowed: (UInt32) -> Bool
    ) {
        // A row that an earlier list has picked has sum 0.
        var least = max(1, top.threshold)
        chunk.forEachPosting(postings) { row, _ in
            let sum = sums[row]
            sums[row] = 0
            if sum < least { return }
            let number = chunk.firstRow | UInt32(row)
            if top.accepts(sum, number), isAllowed(number) {
                top.insert(sum, number)
                least = max(1, top.threshold)
            }
        }
    }

    private func pickFromAll(_ top: inout TopHits, _ isAllowed: (UInt32) -> Bool) {
        // Sums stay below 2^31, so signed comparisons suffice, and every CPU has these.
        typealias Lanes = SIMD16<Int32>
        let lanes = UnsafeMutableRawPointer(sums).assumingMemoryBound(to: Lanes.self)
        var least = Lanes(repeating: Int32(truncatingIfNeeded: max(1, top.threshold)))
        for group in 0..<(Scratch.rows / Lanes.scalarCount) {
            let values = lanes[group]
            guard any(values .>= least) else { continue }
            for lane in 0..<Lanes.scalarCount where values[lane] >= least[0] {
                let sum = UInt32(truncatingIfNeeded: values[lane])
                let row = chunk.firstRow | UInt32(group * Lanes.scalarCount + lane)
                guard top.accepts(sum, row), isAllowed(row) else { continue }
                top.insert(sum, row)
                least = Lanes(repeating: Int32(truncatingIfNeeded: max(1, top.threshold)))
            }
        }
    }

    /// Zeroes the sums of all rows that the lists have.
    private func clear(_ lists: ContiguousArray<List>.SubSequence) {
        if lists.reduce(0, { $0 + $1.count }) >= Self.long {
            sums.update(repeating: 0, count: Scratch.rows)
        } else {
            for list in lists { chunk.forEachPosting(list.postings) { row, _ in sums[row] = 0 } }
        }
    }
}
