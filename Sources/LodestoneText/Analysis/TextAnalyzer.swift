// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// What a collection makes of words: which have the same stem, and which say nothing.
package struct TextAnalyzer: Sendable {
    private let language: TextLanguage
    private let stopWords: StopWords

    /// The analyzer of a collection.
    package init(_ options: TextOptions) {
        language = options.language
        stopWords = options.keepsStopWords ? .none : StopWords(options.language)
    }

    /// Makes the stem of a folded word.
    func stem(_ word: inout WordBuffer) {
        switch language {
        case .english: PorterStemmer.stem(&word)
        case .none: break
        }
    }

    /// The stem of a folded word.
    func stem(of folded: some Sequence<UInt8>) -> [UInt8] {
        var buffer = WordBuffer()
        buffer.append(contentsOf: folded)
        stem(&buffer)
        return Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
    }

    /// Whether a folded word is left out of plain questions and of the lengths of documents.
    func isStopWord(_ word: FoldedWord) -> Bool { stopWords.contains(word) }

    /// The words in a question, in order, and their stems.
    func words(of text: String) -> [QueryWord] {
        var tokenizer = Tokenizer()
        var buffer = WordBuffer()
        var words: [QueryWord] = []
        var text = text
        text.withUTF8 { text in
            tokenizer.forEachWord(in: text) { word in
                buffer.set(word)
                let form = Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
                stem(&buffer)
                let stem = Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
                words.append(QueryWord(form: form, stem: stem, isStopWord: isStopWord(word)))
            }
        }
        return words
    }

    /// Plain words without the stop words among them, unless all are.
    func withoutStopWords(_ words: [String]) -> [String] {
        let others = words.filter { word in !self.words(of: word).allSatisfy(\.isStopWord) }
        return others.isEmpty ? words : others
    }
}

/// A word of a question.
struct QueryWord: Hashable {
    /// Folded, as UTF-8.
    let form: [UInt8]
    let stem: [UInt8]
    let isStopWord: Bool
}

/// Words so frequent that they say nothing.
struct StopWords: Sendable {
    /// Words of up to eight bytes, as `FoldedWord.low`; all are.
    private let words: Set<UInt64>

    static let none = StopWords("")

    init(_ language: TextLanguage) {
        switch language {
        case .english: self = Self.english
        case .none: self = .none
        }
    }

    /// The 33 that Lucene leaves out of English text.
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

    func contains(_ word: FoldedWord) -> Bool {
        word.count <= 8 && words.contains(word.low)
    }
}
