// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Says whether a document matches a question by a look at its text.
///
/// FTS5 keeps all fields of a document as one text, so it finds the documents that may match a
/// question for a field (`TextExpression.withoutFields`); which do, their texts say.
///
/// Threading: a value, of one thread.
package struct FieldMatcher {
    private indirect enum Node {
        /// Stems in a row; the last of them may go on.
        case row([[UInt8]], isOpen: Bool)
        case anyOf(Set<[UInt8]>)
        case field(String, Node)
        case and([Node])
        case or([Node])
        case andNot(Node, Node)
    }

    private let root: Node
    private let analyzer: TextAnalyzer

    /// - Parameters:
    ///   - expression: Without fuzzy words and patterns, which were expanded.
    ///   - analyzer: Of the collection.
    package init(_ expression: TextExpression, _ analyzer: TextAnalyzer) {
        self.analyzer = analyzer
        root = Self.node(expression, analyzer)
    }

    private static func node(_ expression: TextExpression, _ analyzer: TextAnalyzer) -> Node {
        let stems = { (words: [String]) in analyzer.question(words).map(\.stem.bytes) }
        return switch expression {
        case .word(let word): .row(stems([word]), isOpen: false)
        case .phrase(let words): .row(stems(words), isOpen: false)
        case .prefix(let words): .row(stems(words), isOpen: true)
        case .anyOf(let words): .anyOf(Set(words.map(\.stem.bytes)))
        case .field(let name, let inner): .field(name, node(inner, analyzer))
        case .and(let parts): .and(parts.map { node($0, analyzer) })
        case .or(let parts): .or(parts.map { node($0, analyzer) })
        case .andNot(let wanted, let unwanted):
            .andNot(node(wanted, analyzer), node(unwanted, analyzer))
        case .fuzzy, .pattern: preconditionFailure("a word that was not expanded")
        }
    }

    /// Whether a document with these fields matches.
    ///
    /// - Complexity: O(length of the text × words of the question).
    package func matches(_ fields: [TextField]) -> Bool {
        let analyzed = fields.map { field in
            (name: field.name, stems: analyzer.stems(of: field.text))
        }
        return Self.matches(root, analyzed, nil)
    }

    private static func matches(
        _ node: Node,
        _ fields: [(name: String, stems: [[UInt8]])],
        _ scope: String?
    ) -> Bool {
        switch node {
        case .row(let row, let isOpen):
            fields.contains { field in
                (scope == nil || scope == field.name) && has(row, isOpen, in: field.stems)
            }
        case .anyOf(let stems):
            fields.contains { field in
                (scope == nil || scope == field.name) && field.stems.contains(where: stems.contains)
            }
        case .field(let name, let inner): matches(inner, fields, name)
        case .and(let parts): parts.allSatisfy { matches($0, fields, scope) }
        case .or(let parts): parts.contains { matches($0, fields, scope) }
        case .andNot(let wanted, let unwanted):
            matches(wanted, fields, scope) && !matches(unwanted, fields, scope)
        }
    }

    private static func has(_ row: [[UInt8]], _ isOpen: Bool, in stems: [[UInt8]]) -> Bool {
        guard !row.isEmpty, row.count <= stems.count else { return false }
        return (0...(stems.count - row.count)).contains { start in
            row.indices.allSatisfy { place in
                isOpen && place == row.count - 1
                    ? stems[start + place].starts(with: row[place])
                    : stems[start + place] == row[place]
            }
        }
    }
}

extension TextExpression {
    /// Whether it asks for words of one field.
    package var hasFields: Bool {
        switch self {
        case .field: true
        case .and(let parts), .or(let parts): parts.contains(where: \.hasFields)
        case .andNot(let wanted, let unwanted): wanted.hasFields || unwanted.hasFields
        case .word, .fuzzy, .pattern, .phrase, .prefix, .anyOf: false
        }
    }

    /// A question without fields and without negations that every document matches that matches this
    /// one.
    package var withoutFields: TextExpression {
        switch self {
        case .field(_, let inner): inner.withoutFields
        case .and(let parts): .and(parts.map(\.withoutFields))
        case .or(let parts): .or(parts.map(\.withoutFields))
        case .andNot(let wanted, _): wanted.withoutFields
        case .word, .fuzzy, .pattern, .phrase, .prefix, .anyOf: self
        }
    }
}
