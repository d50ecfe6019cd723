// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension TextExpression {
    /// Words, of which a question asks for any.
    struct AnyWord {
        var plain: [QueryWord] = []
        var fuzzy: [(text: String, fuzziness: Fuzziness)] = []
    }

    /// The words, if this asks for any of some single words.
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
        case .pattern, .phrase, .prefix, .field, .and, .andNot:
            return nil
        }
    }
}

/// The postings of plain words, and what each list counts, the heaviest first.
struct WordQuestion {
    var cursors: [TermCursor]
    /// Of each cursor.
    let weights: [UInt64]
    let scale: WordWeights

    init(_ index: TextIndex, _ words: TextExpression.AnyWord, _ context: CallContext?)
        throws(LodestoneError)
    {
        let bm25 = BM25(index.options)
        // A question has few words, so they are compared one by one.
        var stems: [(stem: WordKey, times: Int, forms: [WordKey], formTimes: [Int])] = []
        stems.reserveCapacity(words.plain.count)
        for word in words.plain {
            let place = stems.firstIndex { $0.stem == word.stem } ?? stems.count
            if place == stems.count { stems.append((word.stem, 0, [], [])) }
            stems[place].times += 1
            if bm25.exactWeight == 0 { continue }
            if let form = stems[place].forms.firstIndex(of: word.form) {
                stems[place].formTimes[form] += 1
            } else {
                stems[place].forms.append(word.form)
                stems[place].formTimes.append(1)
            }
        }
        // Of each list.
        var shares: [ListShare] = []
        var inverseFrequencies: [Double] = []
        var found: [TermCursor] = []
        let count = index.documentCount
        for (stem, times, forms, formTimes) in stems {
            var frequency = 0
            var formFrequencies = [Int](repeating: 0, count: forms.count)
            let place = inverseFrequencies.count
            index.forEachList(ofStem: stem, forms: forms) { cursor, kind, form in
                if kind != .among { frequency += cursor.frequency }
                if let form { formFrequencies[form] += cursor.frequency }
                if cursor.isAtEnd { return }
                found.append(cursor)
                shares.append(ListShare(kind, stem: place, form: form.map { place + 1 + $0 }))
            }
            // Words that occur nowhere take part in the weights, so that these don't depend on
            // whether the postings of gone documents are still there.
            inverseFrequencies.append(Double(times) * bm25.inverseFrequency(frequency, of: count))
            for (times, frequency) in zip(formTimes, formFrequencies) {
                inverseFrequencies.append(
                    Double(times) * bm25.exactWeight
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
                    shares.append(ListShare(stem: inverseFrequencies.count - 1, form: nil))
                }
            }
        }
        let scale = WordWeights(inverseFrequencies, bm25: bm25)
        let lists = zip(found, shares)
            .map { (cursor: $0, weight: $1.weight(scale.weights)) }
            .sorted { $0.weight > $1.weight }
        cursors = lists.map(\.cursor)
        weights = lists.map(\.weight)
        self.scale = scale
    }
}
