// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

extension TextIndex {
    /// The `k` best rows that have any of the words, best first; of equal scores the smaller row.
    ///
    /// Every row with one of the words is scored, so the answer is exact. A word given twice counts
    /// twice. The score is the BM25F of the stems, and on top that of the words in their exact
    /// form, times `TextOptions.exactWeight`.
    ///
    /// - Parameters:
    ///   - words: As they were typed; one that is several (`rock-n-roll`) counts as those.
    ///   - k: How many rows.
    ///   - context: Looked at once for 65,536 rows.
    ///   - isAllowed: Asked only for rows that would enter the answer.
    /// - Returns: No more than `k` rows with their scores.
    /// - Throws: What `context` throws.
    /// - Complexity: O(postings of the words), about 1 ns each.
    package func rank(
        _ words: [String],
        k: Int,
        context: CallContext? = nil,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        let words = words.flatMap { delta.dictionary.analyzer.words(of: $0) }
        return try rank(.init(plain: words), k: k, context: context, isAllowed: isAllowed)
    }

    func rank(
        _ words: TextExpression.AnyWord,
        k: Int,
        context: CallContext? = nil,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        guard k > 0 else { return [] }
        var question = try WordQuestion(self, words, context)
        guard !question.cursors.isEmpty else { return [] }
        let classes = classWeights
        var top = TopRows(limit: k)
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            for number in 0..<Chunk.count(self) {
                try context?.check()
                let chunk = Chunk(self, number)
                var count = 0
                for index in question.cursors.indices
                where question.cursors[index].move(to: number, of: self) {
                    count += question.cursors[index]
                        .count(in: number, of: self, enough: Scratch.sparse)
                }
                if count == 0 { continue }
                let ranking = ChunkRanking(chunk: chunk, scratch: scratch, classes: classes)
                if count < Scratch.sparse {
                    ranking.rankSparse(question, into: &top, isAllowed)
                } else {
                    ranking.rankDense(question, into: &top, isAllowed)
                }
            }
        }
        return top.hits(question.scale)
    }

    /// What each class counts, by today's average lengths.
    var classWeights: ClassWeights {
        let key = ClassWeights.Key(BM25(options), slots, count: classCount)
        return scratch.weights(key, of: delta.tables.classes)
    }

    /// Calls `body` with each list of a stem, and which of `forms` it is of.
    ///
    /// Lists of forms among others are left out, unless these are some of `forms`.
    func forEachList(
        ofStem stem: [UInt8],
        forms: [[UInt8]],
        _ body: (_ cursor: TermCursor, _ kind: PostingList.Kind, _ form: Int?) -> Void
    ) {
        var buffer = WordBuffer()
        buffer.append(contentsOf: stem)
        if let base {
            base.forEachList(ofStem: buffer.word) { list, key in
                let form = forms.firstIndex { key.isList(of: $0) }
                if key.kind == .among, form == nil { return }
                body(TermCursor(self, baseList: list), key.kind, form)
            }
        }
        let dictionary = delta.dictionary
        if dictionary.listCount == 0 { return }
        var other = WordBuffer()
        let numbers = forms.map { form in
            other.removeAll()
            other.append(contentsOf: form)
            return dictionary.number(of: other.word)
        }
        dictionary.forEachList(ofStem: buffer.word) { list in
            let form = list.kind == .mixed ? nil : numbers.firstIndex(of: list.word)
            if list.kind == .among, form == nil { return }
            body(TermCursor(self, deltaList: list.number), list.kind, form)
        }
    }
}

/// The postings of plain words, and what each list counts.
struct WordQuestion {
    var cursors: [TermCursor]
    /// Of each cursor.
    let weights: [UInt64]
    let scale: WordWeights

    init(_ index: TextIndex, _ words: TextExpression.AnyWord, _ context: CallContext?)
        throws(LodestoneError)
    {
        struct Form {
            let bytes: [UInt8]
            var times: Int
        }
        let bm25 = BM25(index.options)
        var stems: [(stem: [UInt8], times: Int, forms: [Form])] = []
        var places: [[UInt8]: Int] = [:]
        for word in words.plain {
            let place = places[word.stem] ?? stems.count
            if place == stems.count {
                places[word.stem] = place
                stems.append((word.stem, 0, []))
            }
            stems[place].times += 1
            if bm25.exactWeight == 0 { continue }
            if let form = stems[place].forms.firstIndex(where: { $0.bytes == word.form }) {
                stems[place].forms[form].times += 1
            } else {
                stems[place].forms.append(Form(bytes: word.form, times: 1))
            }
        }
        // Of each list which of the inverse frequencies it counts with.
        var counted: [(stem: Int?, form: Int?)] = []
        var inverseFrequencies: [Double] = []
        var found: [TermCursor] = []
        let count = index.documentCount
        for (stem, times, forms) in stems {
            var frequency = 0
            var formFrequencies = [Int](repeating: 0, count: forms.count)
            let place = inverseFrequencies.count
            index.forEachList(ofStem: stem, forms: forms.map(\.bytes)) { cursor, kind, form in
                if kind != .among { frequency += cursor.frequency }
                if let form { formFrequencies[form] += cursor.frequency }
                if cursor.isAtEnd { return }
                found.append(cursor)
                counted.append((kind == .among ? nil : place, form.map { place + 1 + $0 }))
            }
            // Words that occur nowhere take part in the weights, so that these don't depend on
            // whether the postings of gone documents are still there.
            inverseFrequencies.append(Double(times) * bm25.inverseFrequency(frequency, of: count))
            for (form, frequency) in zip(forms, formFrequencies) {
                inverseFrequencies.append(
                    Double(form.times) * bm25.exactWeight
                        * bm25.inverseFrequency(frequency, of: count)
                )
            }
        }
        for word in try index.fuzzyWords(words.fuzzy, context) {
            let inverse = word.inverseFrequencies(bm25, of: count)
            for (expansion, weight) in zip(word.expansions, inverse) {
                inverseFrequencies.append(weight)
                for cursor in expansion.cursors where !cursor.isAtEnd {
                    found.append(cursor)
                    counted.append((inverseFrequencies.count - 1, nil))
                }
            }
        }
        let scale = WordWeights(inverseFrequencies, bm25: bm25)
        weights = counted.map { stem, form in
            (stem.map { scale.weights[$0] } ?? 0) + (form.map { scale.weights[$0] } ?? 0)
        }
        cursors = found
        self.scale = scale
    }
}

/// Adds up the scores of a chunk's rows, term by term, and picks the best.
private struct ChunkRanking {
    let chunk: Chunk
    let scratch: Scratch
    let classes: ClassWeights

    /// Notes the rows that are touched.
    func rankSparse(
        _ question: WordQuestion,
        into top: inout TopRows,
        _ isAllowed: (UInt32) -> Bool
    ) {
        let (sums, touched, mask) = (scratch.sums, scratch.touched, classes.mask)
        var count = 0
        classes.weights.withUnsafeBufferPointer { classes in
            for (cursor, weight) in zip(question.cursors, question.weights) {
                chunk.forEachPosting(cursor) { row, postingClass in
                    let sum = sums[row]
                    // The delta may have grown since its postings were counted, but then its rows
                    // are out of bounds; the list holds one more than that.
                    touched[min(count, Scratch.sparse)] = UInt16(truncatingIfNeeded: row)
                    count &+= sum == 0 ? 1 : 0
                    sums[row] = sum &+ WordWeights.product(weight, classes[postingClass & mask])
                }
            }
        }
        for place in 0..<min(count, Scratch.sparse) {
            let row = Int(touched[place])
            let sum = sums[row]
            sums[row] = 0
            let number = chunk.firstRow | UInt32(row)
            if sum >= top.threshold, top.accepts(sum, number), isAllowed(number) {
                top.insert(sum, number)
            }
        }
    }

    /// Scans all rows.
    func rankDense(
        _ question: WordQuestion,
        into top: inout TopRows,
        _ isAllowed: (UInt32) -> Bool
    ) {
        let (sums, mask) = (scratch.sums, classes.mask)
        classes.weights.withUnsafeBufferPointer { classes in
            for (cursor, weight) in zip(question.cursors, question.weights) {
                chunk.forEachPosting(cursor) { row, postingClass in
                    sums[row] =
                        sums[row] &+ WordWeights.product(weight, classes[postingClass & mask])
                }
            }
        }
        // Sums stay below 2^31, so signed comparisons do, which every CPU has.
        typealias Lanes = SIMD16<Int32>
        let lanes = UnsafeMutableRawPointer(sums).assumingMemoryBound(to: Lanes.self)
        var threshold = Lanes(repeating: Int32(truncatingIfNeeded: top.threshold))
        for group in 0..<(Scratch.rows / Lanes.scalarCount) {
            let values = lanes[group]
            if any(values .> threshold) {
                for lane in 0..<Lanes.scalarCount where values[lane] > threshold[0] {
                    let sum = UInt32(truncatingIfNeeded: values[lane])
                    let row = chunk.firstRow | UInt32(group * Lanes.scalarCount + lane)
                    guard isAllowed(row) else { continue }
                    top.insert(sum, row)
                    threshold = Lanes(repeating: Int32(truncatingIfNeeded: top.threshold))
                }
            }
            lanes[group] = .zero
        }
    }
}
