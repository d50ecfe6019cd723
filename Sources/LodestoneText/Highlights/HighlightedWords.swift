// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The words that make a text match: those of a question and all that they stand for.
///
/// Words behind NOT are left out.
package struct HighlightedWords: Sendable {
    /// Single words: the stem, and which word of the question it comes from.
    private var stems: [[UInt8]: Int] = [:]
    /// Words of phrases in a row; the last of a prefix may go on.
    private var phrases: [(stems: [[UInt8]], isOpen: Bool, word: Int)] = []
    private var wordCount = 0
    /// Of the collection.
    let analyzer: TextAnalyzer

    /// - Parameters:
    ///   - queries: Of all text sources.
    ///   - analyzer: Of the collection.
    ///   - index: Knows what words stand for; `nil` where words stand for themselves.
    ///   - context: Looked at while words are looked for.
    /// - Throws: What a search for them would.
    package init(
        _ queries: [NormalizedTextQuery],
        analyzer: TextAnalyzer,
        index: TextIndex?,
        context: CallContext?
    ) throws(LodestoneError) {
        self.analyzer = analyzer
        for query in queries where !query.isComplement {
            try add(query.expression, index, context)
        }
    }

    private mutating func add(
        _ expression: TextExpression,
        _ index: TextIndex?,
        _ context: CallContext?
    ) throws(LodestoneError) {
        switch expression {
        case .word(let word):
            add(stems(of: [word]), isOpen: false)
        case .phrase(let words):
            add(stems(of: words), isOpen: false)
        case .prefix(let words):
            add(stems(of: words), isOpen: true)
        case .fuzzy(let word, let fuzziness):
            let found = try index?.fuzzyWord(word, fuzziness, context: context)
            add(found?.expansions ?? [])
        case .pattern(let pattern):
            add(try index?.expansions(of: pattern, context: context) ?? [])
        case .field(_, let inner):
            try add(inner, index, context)
        case .and(let parts), .or(let parts):
            for part in parts { try add(part, index, context) }
        case .anyOf(let words):
            for word in words { add([word.stem.bytes], isOpen: false) }
        case .andNot(let wanted, _):
            try add(wanted, index, context)
        }
    }

    private func stems(of words: [String]) -> [[UInt8]] {
        analyzer.question(words).map(\.stem.bytes)
    }

    private mutating func add(_ found: [[UInt8]], isOpen: Bool) {
        guard let first = found.first else { return }
        wordCount += 1
        if found.count == 1, !isOpen {
            stems[first] = stems[first] ?? wordCount
        } else {
            phrases.append((found, isOpen, wordCount))
        }
    }

    private mutating func add(_ expansions: [Expansion]) {
        wordCount += 1
        for expansion in expansions {
            let stem = expansion.stem.bytes
            stems[stem] = stems[stem] ?? wordCount
        }
    }

    /// What a word of a text matches.
    struct Match {
        /// The word of the question, counted from 1, or 0.
        var word: Int
        /// How many of its bytes do, where it isn't all of them.
        var byteCount: Int?
    }

    /// What each word of a text, by its stem, matches.
    func matches(in text: [[UInt8]]) -> [Match] {
        var matches = text.map { Match(word: stems[$0] ?? 0) }
        for phrase in phrases where phrase.stems.count <= text.count {
            for start in 0...(text.count - phrase.stems.count) {
                let isMatch = phrase.stems.indices.allSatisfy { place in
                    place == phrase.stems.count - 1 && phrase.isOpen
                        ? text[start + place].starts(with: phrase.stems[place])
                        : text[start + place] == phrase.stems[place]
                }
                guard isMatch else { continue }
                for place in phrase.stems.indices {
                    let match = matches[start + place]
                    guard match.word == 0 || match.byteCount != nil else { continue }
                    let isOpen = place == phrase.stems.count - 1 && phrase.isOpen
                    matches[start + place] = Match(
                        word: phrase.word,
                        byteCount: isOpen ? Self.character(phrase.stems[place]) : nil
                    )
                }
            }
        }
        return matches
    }

    /// The bytes of a word that is a character of Chinese, Japanese or Korean: words that begin with
    /// it are no more than places of it.
    private static func character(_ word: [UInt8]) -> Int? {
        Words.isUnspacedCharacter(String(decoding: word, as: UTF8.self)) ? word.count : nil
    }
}
