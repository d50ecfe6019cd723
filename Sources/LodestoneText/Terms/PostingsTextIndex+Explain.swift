// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures

extension PostingsTextIndex {
    /// The words of a query, and their expansions.
    ///
    /// - Throws: The errors of a search for the query.
    /// - Complexity: That of finding a search's words, without reading postings.
    package func explanation(
        of query: BooleanQuery,
        context: CallContext? = nil
    ) throws(LodestoneError) -> [TextExplanation.Word] {
        var words: [TextExplanation.Word] = []
        try explain(query.expression, context, into: &words)
        return words
    }

    private func explain(
        _ expression: BooleanExpression,
        _ context: CallContext?,
        into words: inout [TextExplanation.Word]
    ) throws(LodestoneError) {
        let analyzer = delta.dictionary.analyzer
        switch expression {
        case .word(let word):
            words += plain([word])
        case .phrase(let phrase):
            words += plain(phrase)
        case .prefix(let phrase):
            words += plain(phrase.dropLast())
            guard let last = phrase.last else { return }
            let expansions = try analyzer.phraseTerms(of: [last]).last
                .map { (last) throws(LodestoneError) in
                    try forms(WordPrefix(last.form.bytes, analyzer), context: context)
                }
            words.append(word(last + "*", documents: 0, (expansions ?? []).mostFrequentFirst))
        case .found(let original, _):
            try explain(original, context, into: &words)
        case .fuzzy(let text, let fuzziness):
            let found = try fuzzyWord(text, fuzziness, context: context).expansions
            let own = found.first { $0.distance == 0 }
            words.append(
                word(
                    text,
                    documents: own?.frequency ?? 0,
                    found.filter { $0.distance > 0 }
                )
            )
        case .pattern(let pattern):
            let found = try forms(like: pattern, context: context)
            words.append(word(pattern.description, documents: 0, found.mostFrequentFirst))
        case .field(_, let inner):
            try explain(inner, context, into: &words)
        case .and(let parts), .or(let parts):
            for part in parts { try explain(part, context, into: &words) }
        case .anyOf(let terms):
            var known: Set<QueryTerm> = []
            words += terms.filter { known.insert($0).inserted }.map { word in
                TextExplanation.Word(word.text, documents: max(0, frequency(ofStem: word.stem)))
            }
        case .andNot(let wanted, let unwanted):
            try explain(wanted, context, into: &words)
            try explain(unwanted, context, into: &words)
        }
    }

    private func plain(_ words: some Sequence<String>) -> [TextExplanation.Word] {
        words.map { word in
            // A word with separators inside is a phrase, and at most as frequent as its rarest
            // part.
            let stems = delta.dictionary.analyzer.phraseTerms(of: [word]).map(\.stem)
            let documents = stems.map { frequency(ofStem: $0) }.min()
            return TextExplanation.Word(word, documents: max(0, documents ?? 0))
        }
    }

    fileprivate func frequency(ofStem stem: TermKey) -> Int {
        cursors(ofStem: stem).reduce(0) { $0 + $1.frequency }
    }

    private func word(_ text: String, documents: Int, _ found: [Expansion])
        -> TextExplanation.Word
    {
        TextExplanation.Word(
            text,
            documents: documents,
            expansionCount: found.count,
            expansions: found.prefix(50).map { expansion in
                TextExplanation.Expansion(
                    String(decoding: expansion.word, as: UTF8.self),
                    distance: expansion.distance,
                    documents: expansion.frequency
                )
            }
        )
    }
}

extension PostingsTextIndex: StemFrequencies {
    package func frequency(ofStem stem: [UInt8]) -> Int { frequency(ofStem: TermKey(bytes: stem)) }
}

extension [Expansion] {
    /// The expansions, the most frequent first, then by their bytes.
    fileprivate var mostFrequentFirst: [Expansion] {
        sorted { one, other in
            one.frequency == other.frequency
                ? one.word.lexicographicallyPrecedes(other.word) : one.frequency > other.frequency
        }
    }
}
