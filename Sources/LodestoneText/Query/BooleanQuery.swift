// SPDX-License-Identifier: Apache-2.0

package import LodestoneCore

/// A part of a text query with AND, OR and "this without that".
///
/// There is no NOT by itself, because neither a scorer of postings nor FTS5 can list the documents
/// that don't match.
package enum BooleanExpression: Sendable, Equatable {
    /// The same as `ParsedQuery.word`.
    case word(String)
    /// The same as `ParsedQuery.fuzzy`.
    case fuzzy(String, Fuzziness)
    /// The same as `ParsedQuery.pattern`.
    case pattern(WordPattern)
    /// The same as `ParsedQuery.phrase`.
    case phrase([String])
    /// The same as `ParsedQuery.prefix`.
    case prefix([String])
    /// The same as `ParsedQuery.field`.
    indirect case field(ByteString, BooleanExpression)
    /// Documents that match every part; at least two parts, none of them an `and`.
    case and([BooleanExpression])
    /// Documents that match any part; at least two parts, none of them an `or`.
    case or([BooleanExpression])
    /// Documents that match the first and not the second.
    indirect case andNot(BooleanExpression, BooleanExpression)
    /// The same as `ParsedQuery.anyOf`.
    case anyOf([QueryTerm])
    /// The documents of a `prefix` or `pattern`, with the stems by which FTS5 finds them.
    indirect case found(BooleanExpression, by: FoundStems)
}

/// A query as an expression without negations of its own, or as the complement of one.
package struct BooleanQuery: Sendable, Equatable {
    /// The expression to search for.
    package let expression: BooleanExpression
    /// Whether the query is a negation: its result is all documents that don't match `expression`.
    package let isComplement: Bool

    /// Moves each negation of `query` outwards by De Morgan's laws, until it joins a part without a
    /// negation as `andNot`, or reaches the top.
    package init(_ query: ParsedQuery) {
        switch query {
        case .word(let word):
            self.init(.word(word), isComplement: false)
        case .fuzzy(let word, let fuzziness):
            self.init(.fuzzy(word, fuzziness), isComplement: false)
        case .pattern(let pattern):
            self.init(.pattern(pattern), isComplement: false)
        case .phrase(let words):
            self.init(.phrase(words), isComplement: false)
        case .prefix(let words):
            self.init(.prefix(words), isComplement: false)
        case .anyOf(let words):
            self.init(.anyOf(words), isComplement: false)
        case .field(let name, let query):
            let inner = BooleanQuery(query)
            self.init(.field(name, inner.expression), isComplement: inner.isComplement)
        case .not(let query):
            let inner = BooleanQuery(query)
            self.init(inner.expression, isComplement: !inner.isComplement)
        case .and(let parts):
            // a ∩ ¬x ∩ ¬y = a \ (x ∪ y), and ¬x ∩ ¬y = ¬(x ∪ y).
            let (plain, negated) = Self.split(parts)
            switch (BooleanExpression.all(plain), BooleanExpression.any(negated)) {
            case (let plain?, let negated?):
                self.init(.andNot(plain, negated), isComplement: false)
            case (let plain?, nil):
                self.init(plain, isComplement: false)
            case (nil, let negated?):
                self.init(negated, isComplement: true)
            case (nil, nil):
                preconditionFailure("an AND of nothing")
            }
        case .or(let parts):
            // a ∪ ¬x ∪ ¬y = ¬((x ∩ y) \ a), and ¬x ∪ ¬y = ¬(x ∩ y).
            let (plain, negated) = Self.split(parts)
            switch (BooleanExpression.any(plain), BooleanExpression.all(negated)) {
            case (let plain?, let negated?):
                self.init(.andNot(negated, plain), isComplement: true)
            case (let plain?, nil):
                self.init(plain, isComplement: false)
            case (nil, let negated?):
                self.init(negated, isComplement: true)
            case (nil, nil):
                preconditionFailure("an OR of nothing")
            }
        }
    }

    init(_ expression: BooleanExpression, isComplement: Bool) {
        self.expression = expression
        self.isComplement = isComplement
    }

    private static func split(_ parts: [ParsedQuery]) -> (
        plain: [BooleanExpression], negated: [BooleanExpression]
    ) {
        var plain: [BooleanExpression] = []
        var negated: [BooleanExpression] = []
        for part in parts.map({ BooleanQuery($0) }) {
            if part.isComplement {
                negated.append(part.expression)
            } else {
                plain.append(part.expression)
            }
        }
        return (plain, negated)
    }
}

extension BooleanQuery {
    /// The fields that the query names.
    package var fields: Set<ByteString> { expression.fields }
}

extension BooleanExpression {
    fileprivate var fields: Set<ByteString> {
        switch self {
        case .field(let name, let inner): inner.fields.union([name])
        case .and(let parts), .or(let parts):
            parts.reduce(into: []) { $0.formUnion($1.fields) }
        case .andNot(let wanted, let unwanted): wanted.fields.union(unwanted.fields)
        case .word, .fuzzy, .pattern, .phrase, .prefix, .anyOf, .found: []
        }
    }

    /// Whether the query needs a list of all words of texts.
    package var needsVocabulary: Bool {
        switch self {
        case .fuzzy, .pattern: true
        // A word of a script without spaces is its own stem.
        case .prefix(let words): !(words.last.map { UnicodeTokenizer.isUnspaced($0) } ?? true)
        case .word, .phrase, .anyOf, .found: false
        case .field(_, let inner): inner.needsVocabulary
        case .and(let parts), .or(let parts): parts.contains(where: \.needsVocabulary)
        case .andNot(let wanted, let unwanted):
            wanted.needsVocabulary || unwanted.needsVocabulary
        }
    }

    /// The AND of `parts`, flat; `nil` without any.
    fileprivate static func all(_ parts: [BooleanExpression]) -> BooleanExpression? {
        let flat = parts.flatMap { part in
            if case .and(let inner) = part { inner } else { [part] }
        }
        return flat.count > 1 ? .and(flat) : flat.first
    }

    /// The OR of `parts`, flat; `nil` without any.
    fileprivate static func any(_ parts: [BooleanExpression]) -> BooleanExpression? {
        let flat = parts.flatMap { part in
            if case .or(let inner) = part { inner } else { [part] }
        }
        return flat.count > 1 ? .or(flat) : flat.first
    }
}
