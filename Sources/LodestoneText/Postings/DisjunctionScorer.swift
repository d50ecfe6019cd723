// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension TextExpression {
    /// The words of a query for documents with any of them.
    struct AnyWord {
        var plain: [QueryTerm] = []
        var fuzzy: [(text: String, fuzziness: Fuzziness)] = []
    }

    /// The words, if this query looks for any of some single words; else `nil`.
    func anyWord(by analyzer: TextAnalyzer) -> AnyWord? {
        switch self {
        case .word(let word):
            let words = analyzer.question([word])
            return words.count == 1 ? AnyWord(plain: words) : nil
        case .anyOf(let words):
            return AnyWord(plain: words)
        case .fuzzy(let word, let fuzziness):
            return AnyWord(fuzzy: [(word, fuzziness)])
        case .or(let parts):
            var all = AnyWord()
            for part in parts {
                guard let words = part.anyWord(by: analyzer) else { return nil }
                all.plain += words.plain
                all.fuzzy += words.fuzzy
            }
            return all
        case .pattern, .phrase, .prefix, .field, .and, .andNot, .found:
            return nil
        }
    }
}

/// The postings of plain words, and the weight of each list.
struct DisjunctionScorer {
    struct List {
        var cursor: PostingsCursor
        let weight: UInt64
    }

    /// The lists, the heaviest first.
    var lists: ContiguousArray<List>
    let scale: QuantizedIDF

    /// A part with a weight of its own: a stem, or a word in its exact form.
    private struct Part {
        /// The repetitions of the part in the query, times its weight compared with others.
        var factor: Double
        /// The number of documents that have the part.
        var frequency = 0
    }

    init(_ index: PostingsTextIndex, _ words: TextExpression.AnyWord, _ context: CallContext?)
        throws(LodestoneError)
    {
        let bm25 = BM25(index.options)
        var parts: ContiguousArray<Part> = []
        var found: ContiguousArray<(cursor: PostingsCursor, share: TermContribution)> = []
        parts.reserveCapacity(words.plain.count * 2)
        found.reserveCapacity(words.plain.count * 4)
        var forms: [TermKey] = []
        let (plain, counts) = Self.counted(words.plain, index)
        // A query has few words, so they are compared one by one.
        for (place, word) in plain.enumerated()
        where !plain[..<place].contains(where: { $0.stem == word.stem }) {
            let stem = parts.count
            parts.append(Part(factor: 0))
            forms.removeAll(keepingCapacity: true)
            for (number, other) in plain[place...].enumerated() where other.stem == word.stem {
                let count = counts[place + number]
                parts[stem].factor += count
                if bm25.exactWeight == 0 { continue }
                let form = forms.firstIndex(of: other.form) ?? forms.count
                if form == forms.count {
                    forms.append(other.form)
                    parts.append(Part(factor: 0))
                }
                parts[stem + 1 + form].factor += count * bm25.exactWeight
            }
            index.forEachList(ofStem: word.stem, forms: forms) { cursor, kind, form in
                if kind != .among { parts[stem].frequency += cursor.frequency }
                if let form { parts[stem + 1 + form].frequency += cursor.frequency }
                if cursor.isAtEnd { return }
                let share = TermContribution(kind, stem: stem, form: form.map { stem + 1 + $0 })
                found.append((cursor, share))
            }
        }
        let count = index.documentCount
        // Words that occur nowhere take part in the weights. So the weights don't depend on whether
        // the postings of dropped documents are still there.
        var inverseFrequencies = parts.map {
            $0.factor * bm25.inverseFrequency($0.frequency, of: count)
        }
        for word in try index.fuzzyWords(words.fuzzy, context) {
            let inverse = word.inverseFrequencies(bm25, of: count)
            for (expansion, weight) in zip(word.expansions, inverse) {
                inverseFrequencies.append(weight)
                for cursor in expansion.cursors where !cursor.isAtEnd {
                    let share = TermContribution(stem: inverseFrequencies.count - 1, form: nil)
                    found.append((cursor, share))
                }
            }
        }
        let scale = QuantizedIDF(inverseFrequencies, bm25: bm25)
        lists = ContiguousArray(
            found.lazy.map { List(cursor: $0.cursor, weight: $0.share.weight(scale.weights)) }
        )
        lists.sort { $0.weight > $1.weight }
        self.scale = scale
    }

    /// The weight of all parts of a token together, where some document has the token as it is
    /// spelled.
    ///
    /// It is small compared with the weight of the spelling. A long text may have the spelling
    /// once, while other texts have the parts often and lack the spelling.
    private static let partsCount = 0.25

    /// The weight of a word, compared with the others.
    private static func count(of word: QueryTerm, _ index: PostingsTextIndex) -> Double {
        guard let token = word.token,
            index.frequency(ofStem: token.spelling.bytes) > 0
        else { return 1 }
        return partsCount / Double(token.wordCount)
    }

    /// The different words of a query, and the weight of each over all its repetitions.
    ///
    /// Repetitions are joined only in queries of more than 64 words.
    private static func counted(_ words: [QueryTerm], _ index: PostingsTextIndex) -> (
        words: [QueryTerm], counts: [Double]
    ) {
        if words.count <= 64 { return (words, words.map { count(of: $0, index) }) }
        var places: [QueryTerm: Int] = [:]
        var (different, counts): ([QueryTerm], [Double]) = ([], [])
        for word in words {
            let count = count(of: word, index)
            if let place = places[word] {
                counts[place] += count
            } else {
                places[word] = different.count
                different.append(word)
                counts.append(count)
            }
        }
        return (different, counts)
    }
}
