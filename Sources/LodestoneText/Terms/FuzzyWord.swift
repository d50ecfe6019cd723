// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A fuzzy word of a query, with its expansions.
///
/// All expansions have the same frequency: that of the query's word or, if no text has it, that of
/// the most frequent expansion. So a rare word near the query's word does not outweigh it. Lucene's
/// fuzzy queries blend frequencies for the same reason.
struct FuzzyWord {
    /// The expansions, nearest first.
    let expansions: [Expansion]
    /// The number of documents for the word's weight.
    let frequency: Int
    /// The most expansions for which the quantized weights are still precise enough.
    static let mostExpansions = 8_192

    /// The weight of an expansion's occurrence, relative to one of the word itself.
    ///
    /// Measured (2,000 words of WordNet with random edits that found a document with the original
    /// word among the first ten): 94 % with one edit, 81 % with two. Weights from 0.2 to 0.5 are
    /// equal within a point. Measured (words without edits that missed): with 0.35 one in 2,000,
    /// with 0.5 three in a thousand. The best of a document's expansions, instead of their sum,
    /// found one to two points less.
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
    /// Finds the expansions of some words, at most 8,192 in all.
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

    /// Finds the expansions of a word.
    ///
    /// If no text has a query's word, but some have its stem, the stem counts as one edit away:
    /// `runing` has the stem `rune`.
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

    /// The lists that together have each document of a stem once.
    func cursors(ofStem stem: TermKey) -> [PostingsCursor] {
        var cursors: [PostingsCursor] = []
        forEachList(ofStem: stem, forms: []) { cursor, _, _ in cursors.append(cursor) }
        return cursors
    }
}
