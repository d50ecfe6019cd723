// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension BooleanExpression {
    /// The words of a query for documents with any of them.
    struct Disjunction {
        var plain: [QueryTerm] = []
        var fuzzy: [(text: String, fuzziness: Fuzziness)] = []
    }

    /// The words, if this query is for any of some single words; else `nil`.
    func disjunction(by analyzer: TextAnalyzer) -> Disjunction? {
        switch self {
        case .word(let word):
            let words = analyzer.phraseTerms(of: [word])
            return words.count == 1 ? Disjunction(plain: words) : nil
        case .anyOf(let words):
            return Disjunction(plain: words)
        case .fuzzy(let word, let fuzziness):
            return Disjunction(fuzzy: [(word, fuzziness)])
        case .or(let parts):
            var all = Disjunction()
            for part in parts {
                guard let words = part.disjunction(by: analyzer) else { return nil }
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

    /// A term of the query with its own weight: a stem, or a word in its exact form.
    private struct Term {
        /// The repetitions of the term in the query, times its relative weight.
        var factor: Double
        /// The number of documents that have the term.
        var frequency = 0
    }

    init(
        _ index: PostingsTextIndex,
        _ words: BooleanExpression.Disjunction,
        _ context: CallContext?
    ) throws(LodestoneError) {
        let bm25 = BM25(index.options)
        var terms: ContiguousArray<Term> = []
        var found: ContiguousArray<(cursor: PostingsCursor, contribution: TermContribution)> = []
        terms.reserveCapacity(words.plain.count * 2)
        found.reserveCapacity(words.plain.count * 4)
        var forms: [TermKey] = []
        let (plain, counts) = Self.counted(words.plain, index)
        // A query has few words, so the loop compares them one by one.
        for (first, word) in plain.enumerated()
        where !plain[..<first].contains(where: { $0.stem == word.stem }) {
            let stem = terms.count
            terms.append(Term(factor: 0))
            forms.removeAll(keepingCapacity: true)
            for (offset, other) in plain[first...].enumerated() where other.stem == word.stem {
                let count = counts[first + offset]
                terms[stem].factor += count
                if bm25.exactWeight == 0 { continue }
                let form = forms.firstIndex(of: other.form) ?? forms.count
                if form == forms.count {
                    forms.append(other.form)
                    terms.append(Term(factor: 0))
                }
                terms[stem + 1 + form].factor += count * bm25.exactWeight
            }
            index.forEachList(ofStem: word.stem, forms: forms) { cursor, kind, form in
                if kind != .formOfMixed { terms[stem].frequency += cursor.frequency }
                if let form { terms[stem + 1 + form].frequency += cursor.frequency }
                if cursor.isAtEnd { return }
                found.append(
                    (cursor, TermContribution(kind, stem: stem, form: form.map { stem + 1 + $0 }))
                )
            }
        }
        let count = index.documentCount
        // Words that occur nowhere also have weights. So the weights don't depend on the postings
        // of dropped documents.
        var inverseFrequencies = terms.map {
            $0.factor * bm25.inverseFrequency($0.frequency, of: count)
        }
        for word in try index.fuzzyWords(words.fuzzy, context) {
            let inverse = word.inverseFrequencies(bm25, of: count)
            for (expansion, weight) in zip(word.expansions, inverse) {
                inverseFrequencies.append(weight)
                for cursor in expansion.cursors where !cursor.isAtEnd {
                    let stem = inverseFrequencies.count - 1
                    found.append((cursor, TermContribution(stem: stem, form: nil)))
                }
            }
        }
        let scale = QuantizedIDF(inverseFrequencies, bm25: bm25)
        lists = ContiguousArray(
            found.lazy.map {
                List(cursor: $0.cursor, weight: $0.contribution.weight(scale.weights))
            }
        )
        lists.sort { $0.weight > $1.weight }
        self.scale = scale
    }

    /// The sum of the relative weights of a token's parts, if a document has the token's spelling.
    ///
    /// If no document has the spelling, each part has the relative weight 1.
    ///
    /// The parts of `e-mail` are `e` and `mail`. The parts weigh less than the spelling, because a
    /// long text may have the spelling once, while other texts have the parts often and lack the
    /// spelling.
    private static let partsCount = 0.25

    /// The relative weight of a word.
    private static func count(of word: QueryTerm, _ index: PostingsTextIndex) -> Double {
        guard let token = word.token,
            index.frequency(ofStem: token.spelling.bytes) > 0
        else { return 1 }
        return partsCount / Double(token.wordCount)
    }

    /// The different words of a query, and the weight of each over all its repetitions.
    ///
    /// Repetitions are merged only in queries of more than 64 words.
    private static func counted(_ words: [QueryTerm], _ index: PostingsTextIndex) -> (
        words: [QueryTerm], counts: [Double]
    ) {
        if words.count <= 64 { return (words, words.map { count(of: $0, index) }) }
        var indexes: [QueryTerm: Int] = [:]
        var (different, counts): ([QueryTerm], [Double]) = ([], [])
        for word in words {
            let count = count(of: word, index)
            if let known = indexes[word] {
                counts[known] += count
            } else {
                indexes[word] = different.count
                different.append(word)
                counts.append(count)
            }
        }
        return (different, counts)
    }
}
