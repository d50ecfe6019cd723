// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The words by which texts match: the words of queries, and all words that these match.
///
/// Each word counts in the field that its query names.
///
/// Words after NOT are left out.
package struct HighlightTerms: Sendable {
    /// The words of one field, or of all fields.
    private struct Scope {
        let field: ByteString?
        /// Single words: the stem, and the number of its word in the query.
        var stems: [[UInt8]: Int] = [:]
        var rows: [Row] = []
        var patterns: [(matcher: WordMatcher, word: Int)] = []
    }

    /// Consecutive words.
    private struct Row {
        let stems: [[UInt8]]
        /// The prefix of the word after them.
        let prefix: WordPrefix?
        let word: Int

        var count: Int { stems.count + (prefix == nil ? 0 : 1) }
    }

    private var scopes: [Scope] = []
    private var wordCount = 0
    /// The analyzer of the collection.
    let analyzer: TextAnalyzer

    /// - Parameters:
    ///   - queries: The queries of all text sources.
    ///   - analyzer: The analyzer of the collection.
    ///   - index: The index that expands words; `nil` if the words are already expanded.
    ///   - context: Checked while words are looked up.
    /// - Throws: The errors of a search for the same words.
    init(
        _ queries: [BooleanQuery],
        analyzer: TextAnalyzer,
        index: PostingsTextIndex?,
        context: CallContext?
    ) throws(LodestoneError) {
        self.analyzer = analyzer
        for query in queries {
            try add(query.expression, isWanted: !query.isComplement, nil, index, context)
        }
    }

    private mutating func add(
        _ expression: BooleanExpression,
        isWanted: Bool,
        _ field: ByteString?,
        _ index: PostingsTextIndex?,
        _ context: CallContext?
    ) throws(LodestoneError) {
        switch expression {
        case .field(let name, let inner):
            return try add(inner, isWanted: isWanted, name, index, context)
        case .and(let parts), .or(let parts):
            for part in parts { try add(part, isWanted: isWanted, field, index, context) }
            return
        case .andNot(let wanted, let unwanted):
            // In a query that is negated as a whole, the part after NOT is highlighted.
            try add(wanted, isWanted: isWanted, field, index, context)
            return try add(unwanted, isWanted: !isWanted, field, index, context)
        case .found(let original, _):
            return try add(original, isWanted: isWanted, field, index, context)
        case .word, .fuzzy, .pattern, .phrase, .prefix, .anyOf:
            break
        }
        guard isWanted else { return }
        let target = scope(of: field)
        switch expression {
        case .word(let word):
            add(analyzer.phraseTerms(of: [word]), to: target)
        case .phrase(let words):
            add(analyzer.phraseTerms(of: words), to: target)
        case .prefix(let words):
            var words = analyzer.phraseTerms(of: words)
            guard let last = words.popLast() else { return }
            add(words, prefix: WordPrefix(last.form.bytes, analyzer), to: target)
        case .fuzzy(let word, let fuzziness):
            let found = try index?.fuzzyWord(word, fuzziness, context: context)
            wordCount += 1
            for expansion in found?.expansions ?? [] { add(expansion.stem.bytes, to: target) }
        case .pattern(let pattern):
            wordCount += 1
            scopes[target].patterns.append((WordMatcher(pattern, analyzer), wordCount))
        case .anyOf(let words):
            for word in words { add([word], to: target) }
        case .field, .and, .or, .andNot, .found:
            break
        }
    }

    private mutating func scope(of field: ByteString?) -> Int {
        if let known = scopes.firstIndex(where: { $0.field == field }) { return known }
        scopes.append(Scope(field: field))
        return scopes.count - 1
    }

    private mutating func add(
        _ words: [QueryTerm],
        prefix: WordPrefix? = nil,
        to scope: Int
    ) {
        wordCount += 1
        if words.count == 1, prefix == nil {
            add(words[0].stem.bytes, to: scope)
        } else {
            scopes[scope].rows.append(
                Row(stems: words.map(\.stem.bytes), prefix: prefix, word: wordCount)
            )
        }
    }

    private mutating func add(_ stem: [UInt8], to scope: Int) {
        scopes[scope].stems[stem] = scopes[scope].stems[stem] ?? wordCount
    }

    /// The match of a word of a text.
    struct Match {
        /// The number of the query's word, from 1; 0 for no match.
        var word: Int
        /// The number of matching bytes at the word's start; `nil` if all match.
        var byteCount: Int?
    }

    /// The match of each word of a field's text, given by the words' stems and forms.
    func matches(in stems: [[UInt8]], _ forms: [[UInt8]], field: ByteString) -> [Match] {
        var matches = stems.map { _ in Match(word: 0) }
        for scope in scopes where scope.field == nil || scope.field == field {
            for word in stems.indices where matches[word].word == 0 {
                matches[word].word =
                    scope.stems[stems[word]]
                    ?? scope.patterns.first { pattern in
                        forms[word].withUnsafeBufferPointer { pattern.matcher.matches($0) }
                    }?.word ?? 0
            }
        }
        for scope in scopes where scope.field == nil || scope.field == field {
            for row in scope.rows where row.count > 0 && row.count <= stems.count {
                mark(row, in: stems, forms, &matches)
            }
        }
        return matches
    }

    /// Marks the positions of some consecutive words.
    private func mark(
        _ row: Row,
        in stems: [[UInt8]],
        _ forms: [[UInt8]],
        _ matches: inout [Match]
    ) {
        for start in 0...(stems.count - row.count) {
            guard row.stems.indices.allSatisfy({ stems[start + $0] == row.stems[$0] }),
                row.prefix?.matches(forms[start + row.stems.count]) ?? true
            else { continue }
            for offset in 0..<row.count {
                let match = matches[start + offset]
                guard match.word == 0 || match.byteCount != nil else { continue }
                let prefix = offset == row.stems.count ? row.prefix : nil
                matches[start + offset] = Match(
                    word: row.word,
                    byteCount: prefix.flatMap { Self.character($0.bytes) }
                )
            }
        }
    }

    /// The byte count of a word that is one character of Chinese, Japanese or Korean; else `nil`.
    ///
    /// The words that begin with the character show its positions.
    private static func character(_ word: [UInt8]) -> Int? {
        UnicodeTokenizer.isUnspacedCharacter(String(decoding: word, as: UTF8.self))
            ? word.count : nil
    }
}
