// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The analyzer of a collection: the stems and the stop words of its language.
package struct TextAnalyzer: Sendable {
    private let language: TextLanguage
    private let stopWords: StopWords
    /// Whether words keep their accents until they are stemmed.
    let keepsAccents: Bool

    /// The analyzer of a collection.
    package init(_ options: TextOptions) {
        language = options.language
        stopWords = options.keepsStopWords ? .none : StopWords(options.language)
        keepsAccents = SnowballStemmer.of(options.language) != nil
    }

    /// Whether this machine can stem words of a language.
    package static func knows(_ language: TextLanguage) -> Bool {
        SnowballStemmer.of(language)?.isThere ?? true
    }

    /// A tokenizer that cuts texts into words for this analyzer.
    func tokenizer() -> Tokenizer { Tokenizer(language, keepsAccents: keepsAccents) }

    /// Makes the stem of a folded word.
    func stem(_ word: inout WordBuffer) {
        if ExactSpelling.isOne(word.word) { return }
        switch language {
        case .english: PorterStemmer.stem(&word)
        case .none: break
        // The stemmer is looked up here, so that copies of an analyzer need no reference count.
        default: SnowballStemmer.of(language)?.stem(&word)
        }
    }

    /// The stem of a folded word.
    func stem(of folded: some Sequence<UInt8>) -> TermKey {
        var buffer = WordBuffer()
        buffer.append(contentsOf: folded)
        stem(&buffer)
        return TermKey(buffer.word)
    }

    /// Whether plain queries and the lengths of documents leave a folded word out.
    func isStopWord(_ word: NormalizedToken) -> Bool { stopWords.contains(word) }

    /// The words of a phrase of some pieces of a query.
    ///
    /// The last word of a run without spaces is its last character alone. A text has that word only
    /// at the end of its own run. So a phrase leaves out that word of its last run.
    func phraseTerms(of texts: some Sequence<String>) -> [QueryTerm] {
        var words = texts.flatMap { self.words(of: $0) }
        if words.last?.isEndOfRun ?? false { words.removeLast() }
        return words
    }

    /// The words in a text, in order, and their stems.
    func words(of text: String) -> [QueryTerm] { words(of: text, withExtras: false) }

    /// The words in a text, in order, then its extra words (`Tokenizer.forEachExtra`).
    ///
    /// A query in plain words searches for these.
    func allWords(of text: String) -> [QueryTerm] { words(of: text, withExtras: true) }

    private func words(of text: String, withExtras: Bool) -> [QueryTerm] {
        var tokenizer = tokenizer()
        var end = 0
        var words: [QueryTerm] = []
        var ranges: [Range<Int>] = []
        var text = text
        text.withUTF8 { text in
            tokenizer.forEachWordRange(in: text) { word, range in
                words.append(queryWord(word, text[range], isEndOfRun: range.upperBound == end))
                ranges.append(range)
                end = range.upperBound
            }
            guard withExtras else { return }
            var next = 0
            tokenizer.forEachExtra(in: text) { word, range in
                var extra = queryWord(word, text[range], isEndOfRun: false)
                extra.isExtra = true
                words.append(extra)
                guard ExactSpelling.isOne(word) else { return }
                // The ranges of both ascend.
                while next < ranges.count, ranges[next].lowerBound < range.lowerBound { next += 1 }
                let start = next
                while next < ranges.count, ranges[next].upperBound <= range.upperBound { next += 1 }
                let token = QueryTerm.Token(spelling: extra.stem, wordCount: next - start)
                for part in start..<next { words[part].token = token }
            }
        }
        return words
    }

    private func queryWord(
        _ word: NormalizedToken,
        _ text: Slice<UnsafeBufferPointer<UInt8>>,
        isEndOfRun: Bool
    ) -> QueryTerm {
        var buffer = WordBuffer()
        buffer.set(word)
        stem(&buffer)
        let folded = word.withBytes { String(decoding: $0, as: UTF8.self) }
        return QueryTerm(
            text: UnicodeTokenizer.isUnspaced(folded)
                ? folded : String(decoding: text, as: UTF8.self),
            form: TermKey(word),
            stem: TermKey(buffer.word),
            isStopWord: isStopWord(word),
            isEndOfRun: isEndOfRun
        )
    }
}

/// A word of a query; words with equal folded forms are equal.
package struct QueryTerm: Hashable, Sendable {
    /// The word as typed; folded in scripts without spaces between words.
    let text: String
    /// The folded word.
    let form: TermKey
    let stem: TermKey
    let isStopWord: Bool
    /// Whether the word is the last character of a longer run without spaces.
    ///
    /// The word before it also ends with that character.
    let isEndOfRun: Bool
    /// Whether the word is an extra word, which is searched for in exactly this form.
    var isExtra = false
    /// The token of the word, if the token's exact spelling is an extra word.
    var token: Token?

    /// A token of several words, or of one word with signs.
    struct Token: Sendable {
        /// Its exact spelling.
        let spelling: TermKey
        let wordCount: Int
    }

    package static func == (one: QueryTerm, other: QueryTerm) -> Bool { one.form == other.form }

    package func hash(into hasher: inout Hasher) { hasher.combine(form) }
}

/// Words too frequent to be useful in a query.
struct StopWords: Sendable {
    /// The stop words as `NormalizedToken.low`; all have at most eight bytes.
    private let words: Set<UInt64>

    static let none = StopWords("")

    init(_ language: TextLanguage) {
        switch language {
        case .english: self = Self.english
        // Debian has no package with only the lists of other languages; rare words outweigh stop
        // words anyway.
        default: self = .none
        }
    }

    /// The 33 stop words that Lucene leaves out of English text.
    private static let english = StopWords(
        """
        a an and are as at be but by for if in into is it no not of on or such that the their then \
        there these they this to was will with
        """
    )

    private init(_ list: String) {
        words = Set(
            list.split(separator: " ").map { word in
                word.utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) }
            }
        )
    }

    func contains(_ word: NormalizedToken) -> Bool {
        word.count <= 8 && words.contains(word.low)
    }
}
