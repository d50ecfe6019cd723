// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

extension TextIndex {
    /// The `k` best rows that have any of the words, best first; of equal scores the smaller row.
    ///
    /// Every row with one of the words is scored, so the answer is exact. A word given twice counts
    /// twice.
    ///
    /// - Parameters:
    ///   - words: As they were typed; one that is several (`rock-n-roll`) counts as those.
    ///   - k: How many rows.
    ///   - bm25: How much an occurrence says.
    ///   - context: Looked at once for 65,536 rows.
    ///   - isAllowed: Asked only for rows that would enter the answer.
    /// - Returns: No more than `k` rows with their scores.
    /// - Throws: What `context` throws.
    /// - Complexity: O(postings of the words), about 1 ns each.
    package func rank(
        _ words: [String],
        k: Int,
        bm25: BM25 = BM25(),
        context: CallContext? = nil,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        guard k > 0 else { return [] }
        var (cursors, weights) = wordCursors(words, bm25)
        guard cursors.contains(where: { !$0.isAtEnd }) else { return [] }
        let classes = classWeights(bm25)
        var top = TopRows(limit: k)
        try scratch.withScratch { (scratch) throws(LodestoneError) in
            for number in 0..<Chunk.count(self) {
                try context?.check()
                let chunk = Chunk(self, number)
                var count = 0
                for index in cursors.indices where cursors[index].move(to: number, of: self) {
                    count += cursors[index].count(in: number, of: self, enough: Scratch.sparse)
                }
                if count == 0 { continue }
                let ranking = ChunkRanking(chunk: chunk, scratch: scratch, classes: classes)
                if count < Scratch.sparse {
                    ranking.rankSparse(cursors, weights.weights, into: &top, isAllowed)
                } else {
                    ranking.rankDense(cursors, weights.weights, into: &top, isAllowed)
                }
            }
        }
        return top.hits(weights)
    }

    /// The postings of words, each once, and what they weigh.
    func wordCursors(_ words: [String], _ bm25: BM25) -> (
        cursors: [TermCursor], weights: WordWeights
    ) {
        var places: [[UInt8]: Int] = [:]
        var stems: [(stem: [UInt8], times: Int)] = []
        for stem in words.flatMap({ QueryWords.stems(of: $0) }) {
            if let place = places[stem] {
                stems[place].times += 1
            } else {
                places[stem] = stems.count
                stems.append((stem, 1))
            }
        }
        var cursors: [TermCursor] = []
        var inverseFrequencies: [Double] = []
        for (stem, times) in stems {
            // Words that occur nowhere take part in the weights, so that these don't depend on
            // whether the postings of gone documents are still there.
            let cursor = cursor(forStem: stem)
            cursors.append(cursor)
            inverseFrequencies.append(
                Double(times) * bm25.inverseFrequency(cursor.frequency, of: documentCount)
            )
        }
        return (cursors, WordWeights(inverseFrequencies, bm25: bm25))
    }

    /// What each class counts, by today's average length.
    func classWeights(_ bm25: BM25) -> ClassWeights {
        scratch.weights(
            ClassWeights.Key(
                bm25,
                length: totalLength,
                documents: documentCount,
                maxClass: maxClass
            )
        )
    }

    /// The postings of a stem.
    func cursor(forStem stem: [UInt8]) -> TermCursor {
        var buffer = WordBuffer()
        buffer.append(contentsOf: stem)
        return TermCursor(
            self,
            baseTerm: base?.term(forStem: buffer.word),
            deltaTerm: delta.dictionary.term(forStem: buffer.word)
        )
    }
}

/// Adds up the scores of a chunk's rows, term by term, and picks the best.
private struct ChunkRanking {
    let chunk: Chunk
    let scratch: Scratch
    let classes: ClassWeights

    /// Notes the rows that are touched.
    func rankSparse(
        _ cursors: [TermCursor],
        _ weights: [UInt64],
        into top: inout TopRows,
        _ isAllowed: (UInt32) -> Bool
    ) {
        let (sums, touched, mask) = (scratch.sums, scratch.touched, classes.mask)
        var count = 0
        classes.weights.withUnsafeBufferPointer { classes in
            for (cursor, weight) in zip(cursors, weights) {
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
        _ cursors: [TermCursor],
        _ weights: [UInt64],
        into top: inout TopRows,
        _ isAllowed: (UInt32) -> Bool
    ) {
        let (sums, mask) = (scratch.sums, classes.mask)
        classes.weights.withUnsafeBufferPointer { classes in
            for (cursor, weight) in zip(cursors, weights) {
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

/// What a question's words are in the index.
enum QueryWords {
    /// The stems of the words in `text`, in order.
    static func stems(of text: String) -> [[UInt8]] {
        var tokenizer = Tokenizer()
        var buffer = WordBuffer()
        var stems: [[UInt8]] = []
        var text = text
        text.withUTF8 { text in
            tokenizer.forEachWord(in: text) { word in
                buffer.set(word)
                PorterStemmer.stem(&buffer)
                stems.append(Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count)))
            }
        }
        return stems
    }
}
