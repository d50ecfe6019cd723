// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A parser that builds a query from its tokens.
///
///     disjunction = conjunction { OR conjunction }
///     conjunction = negation { [ AND ] negation }
///     negation    = NOT negation | [ field ] ( operand | "(" disjunction ")" )
///
/// Recursive descent; `maxNesting` bounds its stack.
struct TextQueryGrammar {
    let tokens: [TextQueryToken]
    let maxNesting: Int
    private var position = 0

    init(tokens: [TextQueryToken], maxNesting: Int) {
        self.tokens = tokens
        self.maxNesting = maxNesting
    }

    mutating func parse() throws(LodestoneError) -> ParsedQuery {
        let query = try disjunction(depth: 0)
        // The only token that no rule accepts is an unmatched parenthesis.
        if position < tokens.count {
            throw .textSyntax(
                "The ) at column \(tokens[position].column) closes nothing.",
                "Remove it, or open a parenthesis before it."
            )
        }
        return query
    }

    private mutating func disjunction(depth: Int) throws(LodestoneError) -> ParsedQuery {
        var parts = [try conjunction(depth: depth)]
        while case .or? = next {
            position += 1
            parts.append(try conjunction(depth: depth))
        }
        return parts.count == 1 ? parts[0] : .or(parts)
    }

    private mutating func conjunction(depth: Int) throws(LodestoneError) -> ParsedQuery {
        var parts = [try negation(depth: depth)]
        while let kind = next {
            switch kind {
            case .or, .close:
                return parts.count == 1 ? parts[0] : .and(parts)
            case .and:
                position += 1
            case .operand, .field, .not, .open:
                break
            }
            parts.append(try negation(depth: depth))
        }
        return parts.count == 1 ? parts[0] : .and(parts)
    }

    private mutating func negation(depth: Int) throws(LodestoneError) -> ParsedQuery {
        guard depth <= maxNesting else {
            throw .limit("query", depth, maxNesting, unit: "levels of nesting")
        }
        switch next {
        case .operand(let query)?:
            position += 1
            return query
        case .field(let name)?:
            position += 1
            return .field(ByteString(name), try negation(depth: depth))
        case .not?:
            position += 1
            return .not(try negation(depth: depth + 1))
        case .open?:
            let column = tokens[position].column
            position += 1
            let query = try disjunction(depth: depth + 1)
            guard case .close? = next else { throw Self.notClosed(column) }
            position += 1
            return query
        case .and?, .or?, .close?, nil:
            throw missingOperand()
        }
    }

    private var next: TextQueryToken.Kind? {
        position < tokens.count ? tokens[position].kind : nil
    }

    /// The error for a missing term.
    private func missingOperand() -> LodestoneError {
        let here = position < tokens.count ? tokens[position] : nil
        if let here, let name = here.operatorName {
            return .textSyntax(
                "\(name) at column \(here.column) has no term before it.",
                "Write a term before it, or quote it to search for the word."
            )
        }
        guard position > 0 else {
            return .textSyntax(
                "The ) at column \(here?.column ?? 1) closes nothing.",
                "Remove it, or open a parenthesis before it."
            )
        }
        let before = tokens[position - 1]
        if let name = before.operatorName {
            return .textSyntax(
                "\(name) at column \(before.column) has no term after it.",
                "Write a term after it, or quote it to search for the word."
            )
        }
        guard here != nil else { return Self.notClosed(before.column) }
        return .textSyntax(
            "The parentheses at column \(before.column) are empty.",
            "Put a term between them, or remove them."
        )
    }

    private static func notClosed(_ column: Int) -> LodestoneError {
        .textSyntax("The ( at column \(column) is not closed.", "Close it with a ).")
    }
}

extension TextQueryToken {
    /// The operator as it was written; `nil` for a token that is no operator.
    fileprivate var operatorName: String? {
        switch kind {
        case .and, .or, .not: text
        case .operand, .field, .open, .close: nil
        }
    }
}
