// SPDX-License-Identifier: Apache-2.0
// The refusal of other query languages' syntax, which would silently mean something else here.
import LodestoneCore

extension TextQueryLexer {
    /// Refuses a run with a range, a weight, a wildcard for one letter or a regular expression.
    func refuseSyntax(in run: Range<Int>) throws(LodestoneError) {
        if let start = run.first, beginsExpression(at: start) {
            throw .textSyntax(
                "The / at column \(start + 1) begins a regular expression, which text queries do not have.",
                "Write * for any letters of a word, p*thon, or quote it to search for its words."
            )
        }
        if run.count == 1 && scalars[run.lowerBound] == ":" || isBehindOperand(run, ":") {
            throw .textSyntax(
                "The : at column \(run.lowerBound + 1) has no name of a field right before it.",
                "Write title:word, or quote it to search for the words."
            )
        }
        for index in run {
            switch scalars[index] {
            case "[", "]", "{", "}":
                throw .textSyntax(
                    "The \(scalars[index]) at column \(index + 1) is of a range, which texts don't have.",
                    "Quote it to search for the words, or filter by metadata: year >= 2020."
                )
            case "^" where touchesTerm(index, in: run):
                throw .textSyntax(
                    "The ^ at column \(index + 1) is a weight, or the start of a text, elsewhere.",
                    "Leave it out, or declare weights of fields; quote it to search for the words."
                )
            case "?" where touchesTerm(index, in: run):
                throw .textSyntax(
                    "The ? at column \(index + 1) stands for one letter elsewhere.",
                    "Write * for any letters: fo*; leave the ? out behind a whole word."
                )
            default:
                break
            }
        }
        let isCall = run.upperBound < scalars.count && scalars[run.upperBound] == "("
        if isCall, scalars[run].elementsEqual("NEAR".unicodeScalars) {
            throw .textSyntax(
                "The NEAR at column \(run.lowerBound + 1) asks for words near each other.",
                "Write a phrase in quotes for words in a row, or AND between them."
            )
        }
    }

    /// Whether a run begins with `scalar` and directly follows a quote or a parenthesis.
    private func isBehindOperand(_ run: Range<Int>, _ scalar: Unicode.Scalar) -> Bool {
        guard let start = run.first, start > 0, scalars[start] == scalar else { return false }
        return scalars[start - 1] == "\"" || scalars[start - 1] == ")"
    }

    /// Whether the character at `index` is directly after a term or before a word.
    private func touchesTerm(_ index: Int, in run: Range<Int>) -> Bool {
        if index + 1 < run.upperBound, UnicodeTokenizer.begins(scalars[index + 1]) { return true }
        guard index > 0 else { return false }
        switch scalars[index - 1] {
        case "*", "~", "\"", ")": return true
        default: return Self.isLetter(scalars[index - 1])
        }
    }

    /// Whether a regular expression begins at `start`: a slash, some text, and a slash that ends a
    /// word of the query.
    func beginsExpression(at start: Int) -> Bool {
        guard let end = lastSlash, start + 1 < end, scalars[start] == "/",
            scalars[start + 1] != "/"
        else { return false }
        return !scalars[(start + 1)..<end].contains("\"")
    }

    /// Refuses a + before a term when the query has an OR.
    ///
    /// Without an OR all terms must occur, so a + changes nothing.
    func refuseMixedPlus(_ tokens: [TextQueryToken]) throws(LodestoneError) {
        var hasOr = false
        for case .or in tokens.lazy.map(\.kind) { hasOr = true }
        guard hasOr else { return }
        for token in tokens {
            guard let column = plus(of: token) else { continue }
            throw .textSyntax(
                "The term at column \(column) begins with +, and the query has an OR.",
                "Drop the +, which all terms have that stand next to each other, and write "
                    + "parentheses: red (hen OR fox)."
            )
        }
    }

    /// The column of the + that begins a term.
    private func plus(of token: TextQueryToken) -> Int? {
        switch token.kind {
        case .and, .or, .not, .close: return nil
        case .operand, .field, .open: break
        }
        let start = token.column - 1
        if scalars[start] == "+" { return token.column }
        guard start > 0, scalars[start - 1] == "+" else { return nil }
        let isFirst = start == 1 || Self.endsRun(scalars[start - 2])
        return isFirst ? token.column - 1 : nil
    }

    /// The error for a field without a following term.
    func noTerm(behind column: Int) -> LodestoneError {
        .textSyntax(
            "The field at column \(column) has no term after it.",
            "Write a word, a phrase in quotes or a parenthesis behind the colon: title:red; "
                + "quote it to search for the word."
        )
    }

    /// The error for a field's term whose first character can't be part of a term.
    func refusedTerm(of column: Int, at index: Int) -> LodestoneError {
        .textSyntax(
            "The term of the field at column \(column) begins with \(scalars[index]).",
            "Write a word, a phrase in quotes or a parenthesis behind the colon, and NOT before "
                + "the field: NOT title:red; filter by metadata for numbers: year >= 2020."
        )
    }
}
