// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

extension BooleanQuery {
    /// The same query with the words that its fuzzy words, patterns and prefixes match.
    ///
    /// `PostingsTextIndex` finds the same words, by the same rules, limits and order.
    ///
    /// - Throws: `.invalidArgument` for a pattern that matches too many words; the errors of
    ///   `words`.
    /// - Complexity: O(words of all texts) for each fuzzy word and pattern, and for each prefix
    ///   where words keep their accents; else O(words with the prefix).
    func expanded(
        by words: some StoredWords,
        _ analyzer: TextAnalyzer
    ) throws(LodestoneError) -> BooleanQuery {
        guard expression.needsVocabulary else { return self }
        let fuzzyCount = expression.disjunction(by: analyzer)?.fuzzy.count ?? 1
        let expansion = FTS5Expansion(
            words: words,
            analyzer: analyzer,
            mostExpansions: FuzzyWord.mostExpansions / max(1, fuzzyCount)
        )
        return BooleanQuery(
            try expansion.expanded(expression),
            isComplement: isComplement
        )
    }
}

/// Finds the words that a query's words match, by a scan of the store's words.
private struct FTS5Expansion<Vocabulary: StoredWords> {
    let words: Vocabulary
    let analyzer: TextAnalyzer
    let mostExpansions: Int

    func expanded(_ expression: BooleanExpression) throws(LodestoneError) -> BooleanExpression {
        switch expression {
        case .fuzzy(let word, let fuzziness):
            return .anyOf(try near(word, fuzziness))
        case .pattern(let pattern):
            return .found(expression, by: try alike(pattern))
        case .prefix(let words) where expression.needsVocabulary:
            return .found(expression, by: try withPrefix(words))
        case .field(let name, let inner):
            return .field(name, try expanded(inner))
        case .and(let parts):
            return .and(try parts.map { (part) throws(LodestoneError) in try expanded(part) })
        case .or(let parts):
            return .or(try parts.map { (part) throws(LodestoneError) in try expanded(part) })
        case .andNot(let wanted, let unwanted):
            return .andNot(try expanded(wanted), try expanded(unwanted))
        case .word, .phrase, .prefix, .anyOf, .found:
            return expression
        }
    }

    /// The words near a word, equal to those of `PostingsTextIndex.fuzzyWord`.
    private func near(_ word: String, _ fuzziness: Fuzziness) throws(LodestoneError) -> [QueryTerm]
    {
        guard let term = analyzer.words(of: word).first else { return [] }
        let folded = term.form.bytes
        let scalars = folded.withUnsafeBufferPointer { WordScalars.all(in: $0) }
        let edits = fuzziness.edits(forLetters: scalars.count)
        let limit = min(fuzziness.maxExpansions, mostExpansions)
        guard edits > 0 else { return [term] }
        let distances = EditDistance(scalars)
        let mask = folded.withUnsafeBufferPointer { CharacterMask.of($0) }
        let prefix = PostingsTextIndex.prefix(of: folded, letters: fuzziness.prefixLength)
        var found: [(form: [UInt8], distance: Int)] = []
        try self.words.forEachForm(from: []) { form in
            form.withUnsafeBufferPointer { bytes in
                let own = CharacterMask.of(bytes)
                if (own & ~mask).nonzeroBitCount <= edits,
                    (mask & ~own).nonzeroBitCount <= edits, bytes.starts(with: prefix),
                    let distance = distances.distance(to: bytes, limit: edits)
                {
                    found.append((form, distance))
                }
            }
            return true
        }
        var best: [TermKey: ExpansionRank] = [:]
        for (form, distance) in found where try self.words.isVisible(form) {
            let stem = analyzer.stem(of: form)
            let frequency: Int
            if let known = best[stem] {
                frequency = known.frequency
            } else {
                frequency = try self.words.frequency(ofStem: stem.bytes)
            }
            let rank = form.withUnsafeBufferPointer { bytes in
                ExpansionRank(
                    word: bytes,
                    distance: distance,
                    first: scalars.first,
                    letters: scalars.count,
                    frequency: frequency
                )
            }
            if best[stem].map({ rank.precedes($0) }) ?? true { best[stem] = rank }
        }
        let ranked = best.sorted { $0.value.precedes($1.value) }
        if ranked.first?.value.distance == 0 {
            return ranked.prefix(limit + 1).map { QueryTerm(stem: $0.key) }
        }
        // If no text has the word itself, it finds the texts with its stem.
        let others = ranked.prefix(limit).map(\.key).filter { $0 != term.stem }
        return [term] + others.map { QueryTerm(stem: $0) }
    }

    /// The stems of the words that match a pattern, like `PostingsTextIndex.forms(like:)`.
    private func alike(_ pattern: WordPattern) throws(LodestoneError) -> FoundStems {
        let matcher = WordMatcher(pattern, analyzer)
        let limit = Limits.standard.maxPatternWords
        var found = FoundStems()
        var count = 0
        try self.words.forEachForm(from: []) { (form) throws(LodestoneError) in
            let isMatch = form.withUnsafeBufferPointer { matcher.matches($0) }
            if isMatch, try self.words.isVisible(form) {
                count += 1
                found.stems.insert(analyzer.stem(of: form))
            }
            return count <= limit
        }
        guard count <= limit else { throw .tooManyWords(pattern, limit) }
        return found
    }

    /// The stems of the words that have the last of `words` as their prefix.
    ///
    /// These words are those of `PostingsTextIndex.forms(_:)`.
    ///
    /// Most stems have the prefix of their words, so FTS5 finds them by the prefix alone.
    private func withPrefix(_ words: [String]) throws(LodestoneError) -> FoundStems {
        guard let last = analyzer.phraseTerms(of: words).last else { return FoundStems() }
        let prefix = WordPrefix(last.form.bytes, analyzer)
        var found = FoundStems(prefix: prefix.bytes)
        let limit = Limits.standard.maxPatternWords
        let start = prefix.foldsAccents ? [] : prefix.bytes
        try self.words.forEachForm(from: start) { (form) throws(LodestoneError) in
            guard prefix.matches(form) else { return prefix.foldsAccents }
            let stem = analyzer.stem(of: form)
            if !stem.bytes.starts(with: prefix.bytes), try self.words.isVisible(form) {
                found.stems.insert(stem)
            }
            return found.stems.count <= limit
        }
        guard found.stems.count <= limit else {
            let pattern = WordPattern([last.text], isOpenAtStart: false, isOpenAtEnd: true)
            throw .tooManyWords(pattern, limit)
        }
        return found
    }
}

/// The stems of the words that a prefix or pattern matches.
///
/// By these stems FTS5 finds all documents of the prefix or pattern, and possibly documents with
/// other words of the same stems.
package struct FoundStems: Sendable, Equatable {
    /// A prefix; every stem with it counts.
    var prefix: [UInt8]?
    /// Further stems that count.
    var stems: Set<TermKey> = []

    init(prefix: [UInt8]? = nil) {
        self.prefix = prefix
    }
}

extension QueryTerm {
    /// An expansion of a word, by its stem.
    fileprivate init(stem: TermKey) {
        self.init(text: "", form: stem, stem: stem, isStopWord: false, isEndOfRun: false)
    }
}
