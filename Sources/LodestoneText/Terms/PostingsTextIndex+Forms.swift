// SPDX-License-Identifier: Apache-2.0
// Words with a prefix or a pattern, each with the documents that have it in exactly this form.
import LodestoneCore

extension PostingsTextIndex {
    /// The words of texts with a prefix, in no order.
    ///
    /// Their number is unlimited; a query for one letter has thousands.
    ///
    /// - Parameters:
    ///   - prefix: The prefix.
    ///   - context: Checked for each length of words.
    /// - Returns: Each word once, with the lists of the documents that have it.
    /// - Throws: The errors of `context`.
    /// - Complexity: O(letters of the longest word × log of the words of a length), a test of each
    ///   word of the delta, and a stem per word found. If accents are folded, each word that begins
    ///   with the same letter, or beyond ASCII, is tested.
    func forms(
        _ prefix: WordPrefix,
        context: CallContext?
    ) throws(LodestoneError) -> [Expansion] {
        var forms = FoundForms(self)
        let append = { (word: UnsafeBufferPointer<UInt8>) in
            if prefix.matches(word), !ExactSpelling.isOne(word) { forms.append(word) }
        }
        // Any letter may have an accent, except a first letter of ASCII.
        let bytes = prefix.foldsAccents ? Array(prefix.bytes.prefix(1)) : prefix.bytes
        if let vocabulary = base?.vocabulary {
            for length in 1...BaseVocabulary.longest {
                try context?.check()
                vocabulary.forEach(beginningWith: bytes, letters: length, append)
                if prefix.foldsAccents { vocabulary.forEachBeyondASCII(letters: length, append) }
            }
        }
        try context?.check()
        delta.dictionary.forEachForm(
            beginningWith: bytes,
            orBeyondASCII: prefix.foldsAccents,
            append
        )
        return forms.all
    }

    /// The words of texts that match a pattern, in no order.
    ///
    /// The search scans all masks, and tests the words with the letters. Measured (98,130 words):
    /// 0.05 to 0.1 ms, so an index of trigrams isn't worth its bytes.
    ///
    /// - Throws: `.invalidArgument` when more than `limit` words match, because some of them would
    ///   be a wrong result, for example under NOT; the errors of `context`.
    func forms(
        like pattern: WordPattern,
        limit: Int = Limits.standard.maxPatternWords,
        context: CallContext?
    ) throws(LodestoneError) -> [Expansion] {
        let matcher = WordMatcher(pattern, delta.dictionary.analyzer)
        var forms = FoundForms(self)
        let letters = max(1, matcher.letterCount)...Int.max
        try scan(.containing(matcher.mask), letters: letters, context) { found in
            if matcher.matches(found) { forms.append(found) }
            return forms.count <= limit
        }
        guard forms.count <= limit else { throw .tooManyWords(pattern, limit) }
        return forms.all
    }

    /// The lists that together have each document with a word in exactly this form once.
    func cursors(ofForm form: TermKey, stem: TermKey) -> [PostingsCursor] {
        var cursors: [PostingsCursor] = []
        forEachList(ofStem: stem, forms: [form]) { cursor, _, form in
            if form != nil { cursors.append(cursor) }
        }
        return cursors
    }
}

/// The distinct words that were found.
private struct FoundForms {
    private let index: PostingsTextIndex
    private var known: Set<TermKey> = []
    private(set) var all: [Expansion] = []

    init(_ index: PostingsTextIndex) {
        self.index = index
    }

    /// The number of words found that some document has.
    var count: Int { all.count }

    mutating func append(_ word: UnsafeBufferPointer<UInt8>) {
        let form = TermKey(bytes: word)
        guard known.insert(form).inserted else { return }
        let stem = index.delta.dictionary.analyzer.stem(of: word)
        let cursors = index.cursors(ofForm: form, stem: stem)
        let expansion = Expansion(
            word: ContiguousArray(word),
            stem: stem,
            distance: 0,
            cursors: cursors
        )
        if expansion.frequency > 0 { all.append(expansion) }
    }
}
