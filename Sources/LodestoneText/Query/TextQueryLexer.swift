// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A token of a query in query syntax.
struct TextQueryToken {
    enum Kind {
        case operand(ParsedQuery)
        /// The name of a field, for the operand or parenthesis that follows.
        case field(String)
        case and, or, not, open, close
    }

    var kind: Kind
    /// The column at which the token starts, in Unicode scalars from 1.
    var column: Int
    /// An operator as it was written.
    var text = ""
}

/// Cuts a query in query syntax into operands, operators and parentheses.
struct TextQueryLexer {
    let scalars: [Unicode.Scalar]
    private var position = 0
    private var tokens: [TextQueryToken] = []
    /// The number of words in all operands.
    private(set) var wordCount = 0
    /// The distance of words without their own.
    private let fuzzy: Fuzziness?
    /// The index of the last slash that ends a run.
    let lastSlash: Int?

    init(_ query: String, fuzzy: Fuzziness?) {
        let scalars = Array(query.unicodeScalars)
        self.scalars = scalars
        self.fuzzy = fuzzy
        lastSlash = scalars.indices.last { index in
            scalars[index] == "/"
                && (index + 1 == scalars.count || Self.endsRun(scalars[index + 1]))
        }
    }

    /// All tokens of the query.
    mutating func read() throws(LodestoneError) -> [TextQueryToken] {
        while position < scalars.count {
            let column = position + 1
            switch scalars[position] {
            case "(":
                append(.open, 1)
            case ")":
                append(.close, 1)
            case "|":
                append(.or, next == "|" ? 2 : 1)
            case "&" where next == "&":
                append(.and, 2)
            case "!":
                let count = negations
                for _ in 0..<count { append(.not, 1) }
                if count == 0 { try run(column) }
            case "\"":
                tokens.append(TextQueryToken(kind: try quoted(), column: column))
            case let scalar where scalar.properties.isWhitespace:
                position += 1
            default:
                if let name = try fieldName() {
                    tokens.append(TextQueryToken(kind: .field(name), column: column))
                    if scalars[position] == "\"" || scalars[position] == "(" { continue }
                    // The term after a colon is no operator and no field.
                    let start = position + 1
                    guard let term = try term(runScalars()) else { throw noTerm(behind: column) }
                    tokens.append(TextQueryToken(kind: .operand(term), column: start))
                } else {
                    try run(column)
                }
            }
        }
        try refuseMixedPlus(tokens)
        return tokens
    }

    private var next: Unicode.Scalar? {
        position + 1 < scalars.count ? scalars[position + 1] : nil
    }

    /// Appends an operator or a parenthesis of `length` characters, and moves past it.
    private mutating func append(_ kind: TextQueryToken.Kind, _ length: Int) {
        let text = String(String.UnicodeScalarView(scalars[position..<position + length]))
        tokens.append(TextQueryToken(kind: kind, column: position + 1, text: text))
        position += length
    }

    /// The number of consecutive ! at the position that mean NOT.
    ///
    /// Such a ! is before a word, a quote or a parenthesis, or is separated from other text.
    private var negations: Int {
        let count = scalars[position...].prefix { $0 == "!" }.count
        let rest = scalars[(position + count)...]
        guard let next = rest.first else { return 0 }
        if next.properties.isWhitespace {
            let isAlone = position == 0 || scalars[position - 1].properties.isWhitespace
            let isLast = rest.allSatisfy(\.properties.isWhitespace)
            return count == 1 && isAlone && !isLast ? 1 : 0
        }
        let hasTerm =
            next == "\"" || next == "("
            || !UnicodeTokenizer.split(rest.prefix { !Self.endsRun($0) }).isEmpty
        return hasTerm ? count : 0
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
        let words = UnicodeTokenizer.split(scalars[(position + 1)..<end])
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

    /// Reads a field's name and its colon, and moves to the following term; `nil` when there is no
    /// field here.
    ///
    /// `12:30`, `http://host` and `a::b` stay words.
    private mutating func fieldName() throws(LodestoneError) -> String? {
        guard scalars[position] == "_" || scalars[position].properties.isAlphabetic,
            let colon = scalars[position...].firstIndex(where: { !Self.isOfName($0) }),
            scalars[colon] == ":"
        else { return nil }
        let column = position + 1
        var start = colon + 1
        while start < scalars.count, scalars[start].properties.isWhitespace { start += 1 }
        guard start < scalars.count else { throw noTerm(behind: column) }
        switch scalars[start] {
        case ":" where start == colon + 1:
            return nil
        case "/" where start == colon + 1 && !beginsExpression(at: start):
            return nil
        case "-", "!", "+", "<", ">", "=":
            throw refusedTerm(of: column, at: start)
        case ")", "|", "&":
            throw noTerm(behind: column)
        default:
            break
        }
        let run = scalars[start...].prefix { !Self.endsRun($0) }
        if start > colon + 1 {
            switch String(String.UnicodeScalarView(run)) {
            case "AND", "OR", "NOT": throw noTerm(behind: column)
            default: break
            }
        }
        defer { position = start }
        return String(String.UnicodeScalarView(scalars[position..<colon]))
    }

    /// Whether `scalar` may continue a name: a character of a word, `_`, `-`, `.` or a joiner of
    /// letters.
    private static func isOfName(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "_", "-", ".", "\u{200C}", "\u{200D}": true
        default: UnicodeTokenizer.begins(scalar) || UnicodeTokenizer.isMark(scalar)
        }
    }

    /// The characters up to a space, quote, parenthesis or operator.
    private mutating func runScalars() throws(LodestoneError) -> ArraySlice<Unicode.Scalar> {
        let start = position
        while position < scalars.count, !Self.endsRun(scalars[position]),
            scalars[position] != "&" || next != "&"
        {
            position += 1
        }
        try refuseSyntax(in: start..<position)
        return scalars[start..<position]
    }

    /// Appends an operator, a word, words with separators between, or a pattern.
    ///
    /// A run of punctuation alone is left out.
    private mutating func run(_ column: Int) throws(LodestoneError) {
        let run = try runScalars()
        let text = String(String.UnicodeScalarView(run))
        let operation: TextQueryToken.Kind? =
            switch text {
            case "AND": .and
            case "OR": .or
            case "NOT": .not
            default: nil
            }
        if let operation {
            tokens.append(TextQueryToken(kind: operation, column: column, text: text))
            return
        }
        let following = position < scalars.count ? scalars[position] : nil
        let words = UnicodeTokenizer.split(run)
        // In other languages a minus before a term means "without"; here it would silently search
        // for the term.
        if run.first == "-", !words.isEmpty || following == "\"" || following == "(" {
            throw .textSyntax(
                "The term at column \(column) begins with -.",
                "Write NOT before a term to leave out what matches it, or drop the -."
            )
        }
        if let term = try term(run) {
            tokens.append(TextQueryToken(kind: .operand(term), column: column))
        }
    }

    /// A word, words with separators between, or a pattern; `nil` for only punctuation.
    private mutating func term(_ run: ArraySlice<Unicode.Scalar>) throws(LodestoneError)
        -> ParsedQuery?
    {
        if run.contains("*") { return try pattern(run) }
        if let word = try fuzzy(run) { return word }
        let words = UnicodeTokenizer.split(run)
        wordCount += words.count
        switch words.count {
        case 0: return nil
        case 1: return .word(words[0], fuzzy: fuzzy)
        default: return .inRow(words)
        }
    }

    // MARK: Words that match several

    /// A word followed by ~, ~0, ~1 or ~2; `nil` when there is no such mark.
    private mutating func fuzzy(_ run: ArraySlice<Unicode.Scalar>) throws(LodestoneError)
        -> ParsedQuery?
    {
        guard let mark = run.lastIndex(of: "~") else { return nil }
        let words = UnicodeTokenizer.split(run[..<mark])
        let isLast = run[(mark + 1)...].allSatisfy { "0"..."9" ~= $0 }
        if words.isEmpty && (isLast || UnicodeTokenizer.split(run[mark...]).isEmpty) { return nil }
        guard isLast, !words.isEmpty else {
            throw .textSyntax(
                "The ~ at column \(mark + 1) is not at the end of a word.",
                "Write ~, ~1 or ~2 behind a word for others that are like it: pytohn~."
            )
        }
        guard words.count == 1,
            UnicodeTokenizer.begins(run[mark - 1]) || UnicodeTokenizer.isMark(run[mark - 1])
        else {
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

    /// A pattern: letters and stars.
    private mutating func pattern(_ run: ArraySlice<Unicode.Scalar>) throws(LodestoneError)
        -> ParsedQuery
    {
        let pieces = run.split(separator: "*", omittingEmptySubsequences: true)
        let star = (run.firstIndex(of: "*") ?? run.startIndex) + 1
        // Separators at the ends, as in "(*thon).", also separate pieces.
        let words = pieces.map { UnicodeTokenizer.split($0) }
        guard words.contains(where: { !$0.isEmpty }) else {
            throw .textSyntax(
                "The * at column \(star) stands alone.",
                "Write it next to letters: pyth*, *thon or p*thon."
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
            // A separator next to a star would change the pattern.
            let startsWell =
                (number == 0 && !opensAtStart) || UnicodeTokenizer.begins(piece[piece.startIndex])
            let endsWell = (number == pieces.count - 1 && !opensAtEnd) || Self.isLetter(piece.last)
            guard words[number].count == 1, startsWell, endsWell else {
                throw .textSyntax(
                    "The pattern at column \(run.startIndex + 1) goes beyond one word.",
                    "Write letters, digits and * alone: p*thon; a phrase may end with one *."
                )
            }
        }
        wordCount += pieces.count
        if words.contains(where: { UnicodeTokenizer.isUnspaced($0[0]) }) {
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

    static func isLetter(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { UnicodeTokenizer.begins($0) || UnicodeTokenizer.isMark($0) } ?? false
    }

    static func endsRun(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "(", ")", "\"", "|": true
        default: scalar.properties.isWhitespace
        }
    }
}
