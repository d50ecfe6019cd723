// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

extension NormalizedTextQuery {
    /// The same query with the words that its fuzzy words, patterns and prefixes stand for.
    ///
    /// The words are those that `PostingsTextIndex` finds, by the same rules, limits and order.
    ///
    /// - Throws: `.invalidArgument` for a pattern that stands for too many words; the errors of
    ///   `words`.
    /// - Complexity: O(words of all texts) for each fuzzy word and pattern, and for each prefix
    ///   where words keep their accents; else O(words with the prefix).
    func expanded(
        by words: some StoredWords,
        _ analyzer: TextAnalyzer
    ) throws(LodestoneError) -> NormalizedTextQuery {
        guard expression.needsVocabulary else { return self }
        let fuzzyCount = expression.anyWord(by: analyzer)?.fuzzy.count ?? 1
        let expansion = FTS5Expansion(
            words: words,
            analyzer: analyzer,
            mostExpansions: FuzzyWord.mostExpansions / max(1, fuzzyCount)
        )
        return NormalizedTextQuery(
            try expansion.expanded(expression),
            isComplement: isComplement
        )
    }
}

/// Finds the words that a query's words stand for, by a scan of the store's words.
private struct FTS5Expansion<Vocabulary: StoredWords> {
    let words: Vocabulary
    let analyzer: TextAnalyzer
    let mostExpansions: Int

    func expanded(_ expression: TextExpression) throws(LodestoneError) -> TextExpression {
        switch expression {
        case .fuzzy(let word, let fuzziness):
            return .anyOf(try near(word, fuzziness))
        case .pattern(let pattern):
            return .found(expression, by: try alike(pattern))
        case .prefix(let words) where expression.needsVocabulary:
            return .found(expression, by: try beginning(words))
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

    /// The words near a word, as `PostingsTextIndex.fuzzyWord` finds them.
    private func near(_ word: String, _ fuzziness: Fuzziness) throws(LodestoneError) -> [QueryTerm]
    {
        guard let asked = analyzer.words(of: word).first else { return [] }
        let folded = asked.form.bytes
        let scalars = folded.withUnsafeBufferPointer { WordScalars.all(in: $0) }
        let edits = fuzziness.edits(forLetters: scalars.count)
        let limit = min(fuzziness.maxExpansions, mostExpansions)
        guard edits > 0 else { return [asked] }
        let distances = EditDistance(scalars)
        let signature = folded.withUnsafeBufferPointer { CharacterMask.of($0) }
        let prefix = PostingsTextIndex.prefix(of: folded, letters: fuzziness.prefixLength)
        var found: [(form: [UInt8], distance: Int)] = []
        try words.forEachForm(from: []) { form in
            form.withUnsafeBufferPointer { bytes in
                let own = CharacterMask.of(bytes)
                if (own & ~signature).nonzeroBitCount <= edits,
                    (signature & ~own).nonzeroBitCount <= edits, bytes.starts(with: prefix),
                    let distance = distances.distance(to: bytes, limit: edits)
                {
                    found.append((form, distance))
                }
            }
            return true
        }
        var best: [TermKey: ExpansionRank] = [:]
        for (form, distance) in found {
            let stem = analyzer.stem(of: form)
            let frequency: Int
            if let known = best[stem] {
                frequency = known.frequency
            } else {
                frequency = try words.frequency(ofStem: stem.bytes)
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
        // No text has the word itself, but some texts may have its stem; the word then finds these.
        let others = ranked.prefix(limit).map(\.key).filter { $0 != asked.stem }
        return [asked] + others.map { QueryTerm(stem: $0) }
    }

    /// The stems of the words that look like a pattern, as in `PostingsTextIndex.forms(like:)`.
    private func alike(_ pattern: WordPattern) throws(LodestoneError) -> FoundStems {
        let matcher = WordMatcher(pattern, analyzer)
        let limit = Limits.standard.maxPatternWords
        var found = FoundStems()
        var count = 0
        try words.forEachForm(from: []) { form in
            if form.withUnsafeBufferPointer({ matcher.matches($0) }) {
                count += 1
                found.stems.insert(analyzer.stem(of: form))
            }
            return count <= limit
        }
        guard count <= limit else { throw .tooManyWords(pattern, limit) }
        return found
    }

    /// The stems of the words that begin like the last text, as in `PostingsTextIndex.forms(_:)`.
    ///
    /// Most stems begin as their words do, so FTS5 finds these by the beginning alone.
    private func beginning(_ asked: [String]) throws(LodestoneError) -> FoundStems {
        guard let last = analyzer.question(asked).last else { return FoundStems() }
        let beginning = WordBeginning(last.form.bytes, analyzer)
        var found = FoundStems(beginning: beginning.bytes)
        let limit = Limits.standard.maxPatternWords
        try words.forEachForm(from: beginning.foldsAccents ? [] : beginning.bytes) { form in
            guard beginning.matches(form) else { return beginning.foldsAccents }
            let stem = analyzer.stem(of: form)
            if !stem.bytes.starts(with: beginning.bytes) { found.stems.insert(stem) }
            return found.stems.count <= limit
        }
        guard found.stems.count <= limit else {
            let pattern = WordPattern([last.text], isOpenAtStart: false, isOpenAtEnd: true)
            throw .tooManyWords(pattern, limit)
        }
        return found
    }
}

/// The stems of the words that a prefix or pattern stands for.
///
/// FTS5 misses no document by these stems. It may also find documents with other words that have
/// the same stems.
package struct FoundStems: Sendable, Equatable {
    /// A beginning; every stem with it counts.
    var beginning: [UInt8]?
    /// Further stems that count.
    var stems: Set<TermKey> = []

    init(beginning: [UInt8]? = nil) {
        self.beginning = beginning
    }
}

extension QueryTerm {
    /// A word that another word stands for, by its stem.
    fileprivate init(stem: TermKey) {
        self.init(text: "", form: stem, stem: stem, isStopWord: false, isEndOfRun: false)
    }
}
