// SPDX-License-Identifier: Apache-2.0
// Words with a prefix or a pattern: each stands for the documents that have it in exactly this
// form.
import LodestoneCore

extension PostingsTextIndex {
    /// The words of texts with a prefix, in no order.
    ///
    /// Their number has no limit; a query for one letter has thousands of them.
    ///
    /// - Parameters:
    ///   - prefix: The prefix.
    ///   - context: Checked for each length of words.
    /// - Returns: Each word once, with the lists of the documents that have it.
    /// - Throws: The errors of `context`.
    /// - Complexity: O(letters of the longest word × log of the words of a length), with a look at
    ///   each word of the delta, and a stem for each word found. Where accents are folded, each
    ///   word that begins with the same letter or with one beyond ASCII is looked at.
    func forms(
        _ prefix: WordPrefix,
        context: CallContext?
    ) throws(LodestoneError) -> [Expansion] {
        var forms = FoundForms(self)
        let append = { (word: UnsafeBufferPointer<UInt8>) in
            if prefix.matches(word), !ExactSpelling.isOne(word) { forms.append(word) }
        }
        // Accents may stand in any letter except a first letter of ASCII.
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

    /// The words of texts that look like a pattern, in no order.
    ///
    /// The search scans all masks and looks at the words with the letters. Over 98,130 words
    /// it takes 0.05 to 0.1 ms, so an index of the words' trigrams isn't worth its bytes.
    ///
    /// - Throws: `.invalidArgument` when more than `limit` words match, because a part of them
    ///   would be a wrong result, at the latest under NOT; the errors of `context`.
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

    /// The lists that together hold the documents with a word in exactly this form, each once.
    func cursors(ofForm form: TermKey, stem: TermKey) -> [PostingsCursor] {
        var cursors: [PostingsCursor] = []
        forEachList(ofStem: stem, forms: [form]) { cursor, _, form in
            if form != nil { cursors.append(cursor) }
        }
        return cursors
    }
}

/// Words that were found, each once.
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
