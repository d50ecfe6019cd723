// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A matcher that decides by a document's text whether the document matches a query.
///
/// FTS5 has the stems of all fields as one text. For a query with a field, a prefix or a pattern it
/// finds only candidates (`BooleanExpression.candidates`), whose texts this matcher reads.
///
/// Threading: a value for one thread.
struct DocumentMatcher {
    private indirect enum Node {
        /// Consecutive stems, and the prefix of the word after them.
        case row([[UInt8]], WordPrefix?)
        case pattern(WordMatcher)
        case anyOf(Set<[UInt8]>)
        case field(ByteString, Node)
        case and([Node])
        case or([Node])
        case andNot(Node, Node)
    }

    private let root: Node
    private let analyzer: TextAnalyzer

    /// - Parameters:
    ///   - expression: A query with expanded fuzzy words.
    ///   - analyzer: The analyzer of the collection.
    init(_ expression: BooleanExpression, _ analyzer: TextAnalyzer) {
        self.analyzer = analyzer
        root = Self.node(expression, analyzer)
    }

    private static func node(_ expression: BooleanExpression, _ analyzer: TextAnalyzer) -> Node {
        let row = { (words: [String], isOpen: Bool) in
            var words = analyzer.phraseTerms(of: words)
            let last = isOpen ? words.popLast() : nil
            return Node.row(
                words.map(\.stem.bytes),
                last.map { WordPrefix($0.form.bytes, analyzer) }
            )
        }
        return switch expression {
        case .word(let word): row([word], false)
        case .phrase(let words): row(words, false)
        case .prefix(let words): row(words, true)
        case .pattern(let pattern): .pattern(WordMatcher(pattern, analyzer))
        case .found(let original, _): node(original, analyzer)
        case .anyOf(let words): .anyOf(Set(words.map(\.stem.bytes)))
        case .field(let name, let inner): .field(name, node(inner, analyzer))
        case .and(let parts): .and(parts.map { node($0, analyzer) })
        case .or(let parts): .or(parts.map { node($0, analyzer) })
        case .andNot(let wanted, let unwanted):
            .andNot(node(wanted, analyzer), node(unwanted, analyzer))
        case .fuzzy: preconditionFailure("a word that was not expanded")
        }
    }

    /// Whether a document with these fields matches.
    ///
    /// - Complexity: O(length of the text × words of the query).
    func matches(_ fields: [TextField]) -> Bool {
        let analyzed = fields.map { Field($0, analyzer) }
        return Self.matches(root, analyzed, nil)
    }

    private struct Field {
        let name: ByteString
        let stems: [[UInt8]]
        let forms: [[UInt8]]

        init(_ field: TextField, _ analyzer: TextAnalyzer) {
            name = ByteString(field.name)
            let all = analyzer.allWords(of: field.text)
            let count = analyzer.words(of: field.text).count
            var stems = all.map(\.stem.bytes)
            // No prefix and no pattern finds an exact spelling.
            var forms = all.map { word in
                word.form.withWord { ExactSpelling.isOne($0) } ? [] : word.form.bytes
            }
            if count < all.count {
                // No query word has the empty stem, so no phrase has an extra word.
                stems.insert([], at: count)
                forms.insert([], at: count)
            }
            (self.stems, self.forms) = (stems, forms)
        }

        /// Whether the field has the words of `row`, followed by a word with `prefix`.
        func has(_ row: [[UInt8]], _ prefix: WordPrefix?) -> Bool {
            let count = row.count + (prefix == nil ? 0 : 1)
            guard count > 0, count <= stems.count else { return false }
            return (0...(stems.count - count)).contains { start in
                row.indices.allSatisfy { stems[start + $0] == row[$0] }
                    && prefix?.matches(forms[start + row.count]) ?? true
            }
        }
    }

    private static func matches(_ node: Node, _ fields: [Field], _ scope: ByteString?) -> Bool {
        let inScope = { (isSo: (Field) -> Bool) in
            fields.contains { field in (scope == nil || scope == field.name) && isSo(field) }
        }
        return switch node {
        case .row(let row, let prefix):
            inScope { $0.has(row, prefix) }
        case .pattern(let matcher):
            inScope { $0.forms.contains { $0.withUnsafeBufferPointer { matcher.matches($0) } } }
        case .anyOf(let stems):
            inScope { $0.stems.contains(where: stems.contains) }
        case .field(let name, let inner): matches(inner, fields, name)
        case .and(let parts): parts.allSatisfy { matches($0, fields, scope) }
        case .or(let parts): parts.contains { matches($0, fields, scope) }
        case .andNot(let wanted, let unwanted):
            matches(wanted, fields, scope) && !matches(unwanted, fields, scope)
        }
    }
}

extension BooleanExpression {
    /// Whether FTS5 finds only candidates, whose texts must be read.
    var needsTexts: Bool {
        switch self {
        case .field, .found: true
        case .and(let parts), .or(let parts): parts.contains(where: \.needsTexts)
        case .andNot(let wanted, let unwanted): wanted.needsTexts || unwanted.needsTexts
        case .word, .fuzzy, .pattern, .phrase, .prefix, .anyOf: false
        }
    }

    /// A query without fields and negations that matches at least the documents of this query.
    var candidates: BooleanExpression {
        switch self {
        case .field(_, let inner): inner.candidates
        case .and(let parts): .and(parts.map(\.candidates))
        case .or(let parts): .or(parts.map(\.candidates))
        case .andNot(let wanted, _): wanted.candidates
        case .word, .fuzzy, .pattern, .phrase, .prefix, .anyOf, .found: self
        }
    }
}
