// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The words of a query for documents with any of them.
package struct PlainWords: Sendable {
    /// The words to search for, in their order.
    ///
    /// A repeated word is in the list as often as in the query; in a fuzzy query once.
    private var words: [QueryTerm]
    private let fuzzy: Fuzziness?
    /// The words that are left out because the query has too many: as typed, in order, without
    /// repetitions.
    package private(set) var leftOut: [String] = []
    /// Whether a document has a word that was left out.
    package private(set) var isPartial = false

    /// Reads the words in `query`, without stop words unless there are no others.
    ///
    /// Nothing in the query is syntax. If it has more than `maxQueryTerms` different stems, the
    /// rarest are kept: stems that no document has come last, and equally frequent stems keep their
    /// order.
    ///
    /// - Parameters:
    ///   - query: The query, at most `maxQueryBytes`.
    ///   - fuzzy: The distance up to which each word also finds other words.
    ///   - limits: The limits of the query.
    ///   - analyzer: The analyzer of the collection.
    ///   - frequencies: The frequencies of the collection's stems; without them all are equally
    ///     frequent.
    /// - Throws: `.invalidArgument` for more than `maxQueryBytes`; the errors of `frequencies`.
    /// - Complexity: O(words of the query); if there are too many, also a lookup per stem.
    package init(
        of query: String,
        fuzzy: Fuzziness?,
        limits: Limits,
        analyzer: TextAnalyzer,
        rarestBy frequencies: (any StemFrequencies)?
    ) throws(LodestoneError) {
        try TextQueryParser.checkBytes(query, limits)
        self.fuzzy = fuzzy
        let all = analyzer.allWords(of: query).filter { !$0.isEndOfRun }
        words = all.filter { !$0.isStopWord }
        if words.isEmpty { words = all }
        if fuzzy != nil {
            var known: Set<QueryTerm> = []
            words.removeAll { !known.insert($0).inserted }
        }
        if words.count > limits.maxQueryTerms {
            try keepRarest(limits.maxQueryTerms, by: frequencies)
        }
    }

    private mutating func keepRarest(
        _ limit: Int,
        by frequencies: (any StemFrequencies)?
    ) throws(LodestoneError) {
        // Each different key costs a postings list, or a scan of the vocabulary.
        let key = { [isFuzzy = fuzzy != nil] (word: QueryTerm) in isFuzzy ? word.form : word.stem }
        var different: [(key: TermKey, stem: TermKey, frequency: Int)] = []
        var known: Set<TermKey> = []
        for word in words where known.insert(key(word)).inserted {
            different.append((key(word), word.stem, 0))
        }
        if different.count <= limit { return }
        for index in different.indices {
            let stem = different[index].stem.bytes
            different[index].frequency = max(0, try frequencies?.frequency(ofStem: stem) ?? 1)
        }
        // Swift's sort is stable.
        different.sort { one, other in
            other.frequency == 0 ? one.frequency > 0 : 1..<other.frequency ~= one.frequency
        }
        let rarest = Set(different.prefix(limit).map(\.key))
        isPartial = different.dropFirst(limit).contains { $0.frequency > 0 }
        for word in words where !rarest.contains(key(word)) && known.remove(key(word)) != nil {
            leftOut.append(word.text)
        }
        words.removeAll { !rarest.contains(key($0)) }
    }

    /// A query for documents with any of the words.
    ///
    /// `nil` when there are no words.
    package var query: ParsedQuery? {
        if words.isEmpty { return nil }
        // Single characters are prefixes of several words.
        let characters = words.filter { UnicodeTokenizer.isUnspacedCharacter($0.text) }
        guard fuzzy != nil || !characters.isEmpty else { return .anyOf(words) }
        let extras = words.filter(\.isExtra)
        var parts = words.filter { !$0.isExtra }.map { ParsedQuery.word($0.text, fuzzy: fuzzy) }
        if !extras.isEmpty { parts.append(.anyOf(extras)) }
        if fuzzy == nil {
            let whole = words.filter { !characters.contains($0) }
            parts = whole.isEmpty ? [] : [.anyOf(whole)]
            parts += Set(characters.map(\.text)).sorted().map { .inRow([$0]) }
        }
        return parts.count == 1 ? parts[0] : .or(parts)
    }
}
