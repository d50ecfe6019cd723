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
    /// What words that say nothing themselves find.
    private let fuzzy: Fuzziness?

    init(_ query: String, fuzzy: Fuzziness?) {
        scalars = Array(query.unicodeScalars)
        self.fuzzy = fuzzy
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
            case let scalar where scalar.properties.isWhitespace:
                position += 1
            default:
                if let name = fieldName() {
                    tokens.append(TextQueryToken(kind: .field(name), column: column))
                    if scalars[position] == "\"" || scalars[position] == "(" { continue }
                    // What is behind a colon is no operator and no field again.
                    guard let term = try term(runScalars()) else { continue }
                    tokens.append(TextQueryToken(kind: .operand(term), column: column))
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
        wordCount += words.count
        guard position < scalars.count, scalars[position] == "*" || scalars[position] == "~" else {
            return .operand(.inRow(words))
        }
        position += 1
        let mark = scalars[position - 1]
        if mark == "~" {
            throw .textSyntax(
                "The ~ at column \(position) follows a phrase.",
                "Only single words find others that are like them: pytohn~."
            )
        }
        if position < scalars.count, !Self.endsRun(scalars[position]) {
            throw .textSyntax(
                "The * at column \(position) is not at the end of a word.",
                "Behind a phrase it leaves the last word open: \"rock n ro\"*."
            )
        }
        return .operand(.prefix(words))
    }

    /// The name of a field before a colon that a word, a star, a quote or a parenthesis follows, so
    /// that `12:30` and `http://host` stay words; goes behind the colon.
    private mutating func fieldName() -> String? {
        guard scalars[position] == "_" || scalars[position].properties.isAlphabetic,
            let colon = scalars[position...].firstIndex(of: ":"), colon + 1 < scalars.count,
            scalars[position..<colon].allSatisfy({ scalar in
                Words.begins(scalar) || scalar == "_" || scalar == "-" || scalar == "."
            })
        else { return nil }
        switch scalars[colon + 1] {
        case "\"", "(", "*": break
        case let scalar where Words.begins(scalar): break
        default: return nil
        }
        defer { position = colon + 1 }
        return String(String.UnicodeScalarView(scalars[position..<colon]))
    }

    /// Characters up to a space, quote or parenthesis.
    private mutating func runScalars() -> ArraySlice<Unicode.Scalar> {
        let start = position
        while position < scalars.count, !Self.endsRun(scalars[position]) {
            position += 1
        }
        return scalars[start..<position]
    }

    /// Characters up to a space, quote or parenthesis: an operator, a word, words with separators
    /// between, a pattern, or only punctuation, which is `nil`.
    private mutating func run() throws(LodestoneError) -> TextQueryToken.Kind? {
        let start = position
        let run = runScalars()
        switch String(String.UnicodeScalarView(run)) {
        case "AND": return .and
        case "OR": return .or
        case "NOT": return .not
        default: break
        }
        let following = position < scalars.count ? scalars[position] : nil
        let words = Words.split(run)
        // Elsewhere a minus before a term means "without"; here it would silently ask for the term.
        if run.first == "-", !words.isEmpty || following == "\"" || following == "(" {
            throw .textSyntax(
                "The term at column \(start + 1) begins with -.",
                "Write NOT before a term to leave out what matches it, or drop the -."
            )
        }
        return try term(run).map { .operand($0) }
    }

    /// A word, words with separators between, or a pattern; `nil` for only punctuation.
    private mutating func term(_ run: ArraySlice<Unicode.Scalar>) throws(LodestoneError)
        -> TextQuery?
    {
        if run.contains("*") { return try pattern(run) }
        if let word = try fuzzy(run) { return word }
        let words = Words.split(run)
        wordCount += words.count
        switch words.count {
        case 0: return nil
        case 1: return .word(words[0], fuzzy: fuzzy)
        default: return .inRow(words)
        }
    }

    // MARK: Words that stand for several

    /// A word with ~, ~0, ~1 or ~2 behind it; `nil` when there is no such mark.
    private mutating func fuzzy(_ run: ArraySlice<Unicode.Scalar>) throws(LodestoneError)
        -> TextQuery?
    {
        guard let mark = run.lastIndex(of: "~"),
            run[(mark + 1)...].allSatisfy({ "0"..."9" ~= $0 })
        else { return nil }
        let words = Words.split(run[..<mark])
        if words.isEmpty { return nil }
        guard words.count == 1, Words.begins(run[mark - 1]) || Words.isMark(run[mark - 1]) else {
            throw .textSyntax(
                "The ~ at column \(mark + 1) does not follow a single word.",
                "Write it right behind a word of letters and digits alone: pytohn~."
            )
        }
        var fuzziness = fuzzy ?? .auto
        switch String(String.UnicodeScalarView(run[(mark + 1)...])) {
        case "": break
        case "0": fuzziness.distance = .edits(0)
        case "1": fuzziness.distance = .edits(1)
        case "2": fuzziness.distance = .edits(2)
        default:
            throw .textSyntax(
                "The ~ at column \(mark + 1) allows more than 2 edits.",
                "Write ~, ~1 or ~2."
            )
        }
        wordCount += 1
        return .word(words[0], fuzzy: fuzziness)
    }

    /// Letters with stars among them.
    private mutating func pattern(_ run: ArraySlice<Unicode.Scalar>) throws(LodestoneError)
        -> TextQuery
    {
        let pieces = run.split(separator: "*", omittingEmptySubsequences: true)
        let star = (run.firstIndex(of: "*") ?? run.startIndex) + 1
        // What separates the whole from what is around it, as in "(*thon)." does here.
        let words = pieces.map { Words.split($0) }
        guard words.contains(where: { !$0.isEmpty }) else {
            throw .textSyntax(
                "The * at column \(star) stands alone.",
                "Write it beside letters: pyth*, *thon or p*thon."
            )
        }
        let opensAtStart = run.first == "*"
        let opensAtEnd = run.last == "*"
        if pieces.count == 1, opensAtEnd, !opensAtStart, run.dropLast().last != "*",
            Self.isLetter(pieces[0].last)
        {
            wordCount += words[0].count
            return .prefix(words[0])
        }
        for (number, piece) in pieces.enumerated() {
            // Separators are harmless only where no star is.
            let startsWell = (number == 0 && !opensAtStart) || Words.begins(piece[piece.startIndex])
            let endsWell = (number == pieces.count - 1 && !opensAtEnd) || Self.isLetter(piece.last)
            guard words[number].count == 1, startsWell, endsWell else {
                throw .textSyntax(
                    "The pattern at column \(run.startIndex + 1) goes beyond one word.",
                    "Write letters, digits and * alone: p*thon; a phrase may end with one *."
                )
            }
        }
        wordCount += pieces.count
        if words.contains(where: { Words.isUnspaced($0[0]) }) {
            guard pieces.count == 1 else {
                throw .textSyntax(
                    "The pattern at column \(run.startIndex + 1) has a * inside of Chinese, "
                        + "Japanese or Korean.",
                    "Write what is around it as terms of their own."
                )
            }
            return .inRow(words[0])
        }
        return .pattern(
            WordPattern(
                words.map { $0[0] },
                isOpenAtStart: opensAtStart,
                isOpenAtEnd: opensAtEnd
            )
        )
    }

    private static func isLetter(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { Words.begins($0) || Words.isMark($0) } ?? false
    }

    private static func endsRun(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "(", ")", "\"": true
        default: scalar.properties.isWhitespace
        }
    }
}
