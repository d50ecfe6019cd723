// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A word of a query, and the words that it finds.
///
/// All expansions have one frequency: that of the query's word or, when no text has this word, that
/// of the most frequent expansion. So a rare word near the query's word does not win over the
/// query's word. Lucene's fuzzy queries blend frequencies for the same reason.
struct FuzzyWord {
    /// The words found, nearest first.
    let expansions: [Expansion]
    /// The number of documents for the word's weight.
    let frequency: Int
    /// The most expansions whose weights still tell rare postings apart.
    static let mostExpansions = 8_192

    /// The weight of an occurrence of each expansion, compared with one of the word itself.
    ///
    /// Measured (words of WordNet that found a document with the word among the first ten): 94 % of
    /// 2,000 words with one random edit, 81 % of as many with two. Any weight from 0.2 to 0.5 gave
    /// the same within a point. Measured (words without an edit that missed): with 0.35 one in
    /// 2,000, with 0.5 three in a thousand. The best of a document's expansions instead of their
    /// sum found one to two points less.
    func relativeWeight(of expansion: Expansion) -> Double {
        switch expansion.distance {
        case 0: 1
        case 1: 0.35
        default: 0.35 * 0.35
        }
    }

    /// The weights of all expansions.
    func inverseFrequencies(_ bm25: BM25, of count: Int) -> [Double] {
        let inverse = bm25.inverseFrequency(frequency, of: count)
        return expansions.map { inverse * relativeWeight(of: $0) }
    }
}

extension PostingsTextIndex {
    /// Finds the words that some words stand for, at most 8,192 in all.
    func fuzzyWords(
        _ words: [(text: String, fuzziness: Fuzziness)],
        _ context: CallContext?
    ) throws(LodestoneError) -> [FuzzyWord] {
        try words.map { (word) throws(LodestoneError) in
            var fuzziness = word.fuzziness
            let limit = FuzzyWord.mostExpansions / words.count
            fuzziness.maxExpansions = min(fuzziness.maxExpansions, limit)
            return try fuzzyWord(word.text, fuzziness, context: context)
        }
    }

    /// Finds the words that a word stands for.
    ///
    /// A query's word may be in no text while its stem is in some. The word then finds these texts
    /// as if the stem were one edit away: `runing` has the stem `rune`.
    func fuzzyWord(
        _ word: String,
        _ fuzziness: Fuzziness,
        context: CallContext?
    ) throws(LodestoneError) -> FuzzyWord {
        let analyzer = delta.dictionary.analyzer
        guard let term = analyzer.words(of: word).first else {
            return FuzzyWord(expansions: [], frequency: 0)
        }
        let folded = term.form.bytes
        let letters = folded.withUnsafeBufferPointer { WordScalars.count(in: $0) }
        let edits = fuzziness.edits(forLetters: letters)
        var expansions: [Expansion] = []
        if edits > 0 {
            expansions = try self.expansions(
                of: folded,
                edits: edits,
                prefixLength: fuzziness.prefixLength,
                limit: fuzziness.maxExpansions + 1,
                context: context
            )
        }
        if let first = expansions.first, first.distance == 0 {
            return FuzzyWord(expansions: expansions, frequency: first.frequency)
        }
        expansions = Array(expansions.prefix(fuzziness.maxExpansions))
        let own = Expansion(
            word: ContiguousArray(term.stem.bytes),
            stem: term.stem,
            distance: min(edits, 1),
            cursors: cursors(ofStem: term.stem)
        )
        if own.frequency > 0 {
            expansions.removeAll { $0.stem == term.stem }
            expansions.insert(own, at: 0)
        }
        let frequency = expansions.lazy.map(\.frequency).max() ?? 0
        return FuzzyWord(expansions: expansions, frequency: frequency)
    }

    /// The lists that together hold the documents of a stem, each once.
    func cursors(ofStem stem: TermKey) -> [PostingsCursor] {
        var cursors: [PostingsCursor] = []
        forEachList(ofStem: stem, forms: []) { cursor, _, _ in cursors.append(cursor) }
        return cursors
    }
}
