// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A piece of a question in query syntax.
struct TextQueryToken {
    enum Kind {
        case operand(TextQuery)
        /// The name of a field, for the operand or parenthesis that follows.
        case field(String)
        case and, or, not, open, close
    }

    var kind: Kind
    /// Where it starts, in Unicode scalars from 1.
    var column: Int
}

/// Cuts a question in query syntax into operands, operators and parentheses.
struct TextQueryLexer {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    /// Words in all operands.
    private(set) var wordCount = 0

    init(_ query: String) {
        scalars = Array(query.unicodeScalars)
    }

    mutating func tokens() throws(LodestoneError) -> [TextQueryToken] {
        var tokens: [TextQueryToken] = []
        while position < scalars.count {
            let column = position + 1
            switch scalars[position] {
            case "(":
                tokens.append(TextQueryToken(kind: .open, column: column))
                position += 1
            case ")":
                tokens.append(TextQueryToken(kind: .close, column: column))
                position += 1
            case "\"":
                tokens.append(TextQueryToken(kind: try quoted(), column: column))
            case "*":
                throw .textSyntax(
                    "The * at column \(column) does not follow a word.",
                    "Write it right behind the beginning of a word: pyth*."
                )
            case let scalar where scalar.properties.isWhitespace:
                position += 1
            default:
                if let name = fieldName() {
                    tokens.append(TextQueryToken(kind: .field(name), column: column))
                    if scalars[position] == "\"" || scalars[position] == "(" { continue }
                    // What is behind a colon is no operator and no field again.
                    let words = Words.split(runScalars())
                    let term = TextQueryToken.Kind.operand(try operand(words))
                    tokens.append(TextQueryToken(kind: term, column: column))
                } else if let kind = try run() {
                    tokens.append(TextQueryToken(kind: kind, column: column))
                }
            }
        }
        return tokens
    }

    /// A phrase in quotes; inside, nothing but the closing quote is syntax.
    private mutating func quoted() throws(LodestoneError) -> TextQueryToken.Kind {
        let column = position + 1
        guard let end = scalars[(position + 1)...].firstIndex(of: "\"") else {
            throw .textSyntax(
                "The quote at column \(column) is not closed.",
                "Close it with another \"."
            )
        }
        let words = Words.split(scalars[(position + 1)..<end])
        position = end + 1
        guard !words.isEmpty else {
            throw .textSyntax(
                "The phrase at column \(column) holds no word.",
                "Put words between the quotes, or leave it out."
            )
        }
        return .operand(try operand(words))
    }

    /// The name of a field before a colon that a word, a quote or a parenthesis follows, so that
    /// `12:30` and `http://host` stay words; goes behind the colon.
    private mutating func fieldName() -> String? {
        guard scalars[position] == "_" || scalars[position].properties.isAlphabetic,
            let colon = scalars[position...].firstIndex(of: ":"), colon + 1 < scalars.count,
            scalars[position..<colon].allSatisfy({ scalar in
                Words.begins(scalar) || scalar == "_" || scalar == "-" || scalar == "."
            })
        else { return nil }
        switch scalars[colon + 1] {
        case "\"", "(": break
        case let scalar where Words.begins(scalar): break
        default: return nil
        }
        defer { position = colon + 1 }
        return String(String.UnicodeScalarView(scalars[position..<colon]))
    }

    /// Characters up to a space, quote, parenthesis or star.
    private mutating func runScalars() -> ArraySlice<Unicode.Scalar> {
        let start = position
        while position < scalars.count, !Self.endsRun(scalars[position]) {
            position += 1
        }
        return scalars[start..<position]
    }

    /// Characters up to a space, quote, parenthesis or star: an operator, a word, words with
    /// separators between, or only punctuation, which is `nil`.
    private mutating func run() throws(LodestoneError) -> TextQueryToken.Kind? {
        let start = position
        let run = runScalars()
        let following = position < scalars.count ? scalars[position] : nil
        if following != "*" {
            switch String(String.UnicodeScalarView(run)) {
            case "AND": return .and
            case "OR": return .or
            case "NOT": return .not
            default: break
            }
        }
        let words = Words.split(run)
        // Elsewhere a minus before a term means "without"; here it would silently ask for the term.
        if run.first == "-", !words.isEmpty || following == "\"" || following == "(" {
            throw .textSyntax(
                "The term at column \(start + 1) begins with -.",
                "Write NOT before a term to leave out what matches it, or drop the -."
            )
        }
        guard !words.isEmpty else { return nil }
        return .operand(try operand(words))
    }

    /// An operand of `words`, which just ended at `position`, and the star that may follow.
    private mutating func operand(_ words: [String]) throws(LodestoneError) -> TextQuery {
        wordCount += words.count
        guard position < scalars.count, scalars[position] == "*" else {
            return words.count == 1 ? .word(words[0]) : .phrase(words)
        }
        position += 1
        if position < scalars.count, !Self.endsRun(scalars[position]) || scalars[position] == "*" {
            throw .textSyntax(
                "The * at column \(position) is not at the end of a word.",
                "Only the end of a word can be left open: pyth*."
            )
        }
        return .prefix(words)
    }

    private static func endsRun(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "(", ")", "\"", "*": true
        default: scalar.properties.isWhitespace
        }
    }
}
