// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The words of a document for FTS5, cut, folded and stemmed.
///
/// So both text strategies have the same words in every language. FTS5's tokenizer `ascii` only
/// splits at the spaces between them.
extension DocumentWords {
    /// The words of a document.
    ///
    /// - Returns: `nil` when it has none.
    init?(of fields: [TextField], _ analyzer: TextAnalyzer) {
        // The gap between fields, so that no phrase crosses fields: a space that no word has, and
        // that the tokenizer reads as a word.
        let gap = "\u{A0}".utf8
        var tokenizer = analyzer.tokenizer()
        var buffer = WordBuffer()
        var stems: [UInt8] = []
        var forms: [UInt8] = []
        var known: Set<TermKey> = []
        func add(_ word: NormalizedToken) {
            buffer.set(word)
            analyzer.stem(&buffer)
            if !stems.isEmpty { stems.append(UInt8(ascii: " ")) }
            buffer.word.withBytes { stems += $0 }
        }
        func addForm(_ word: NormalizedToken) {
            guard known.insert(TermKey(word)).inserted else { return }
            if !forms.isEmpty { forms.append(UInt8(ascii: " ")) }
            word.withBytes { forms += $0 }
        }
        for field in fields {
            if !stems.isEmpty {
                stems.append(UInt8(ascii: " "))
                stems += gap
            }
            var text = field.text
            text.withUTF8 { text in
                tokenizer.forEachWord(in: text) { word in
                    add(word)
                    addForm(word)
                }
                guard tokenizer.hasExtras else { return }
                // Extra words come after all others, so that no phrase has them.
                stems.append(UInt8(ascii: " "))
                stems += gap
                tokenizer.forEachExtra(in: text) { word, _ in
                    add(word)
                    if !ExactSpelling.isOne(word) { addForm(word) }
                }
            }
        }
        if known.isEmpty { return nil }
        self.init(
            stems: String(decoding: stems, as: UTF8.self),
            forms: String(decoding: forms, as: UTF8.self)
        )
    }
}
