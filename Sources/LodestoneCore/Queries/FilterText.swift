// SPDX-License-Identifier: Apache-2.0

extension Filter {
    /// Creates a filter from its text.
    ///
    ///     year >= 2020 AND NOT tags = 'draft'
    ///     author.name IN ('Ada', 'Bob') OR (score BETWEEN 0.5 AND 1 AND EXISTS score)
    ///     title CONTAINS 'vector' AND seen < TIMESTAMP '2026-01-01T00:00:00Z'
    ///
    ///     id IN ('p1', 'p2') AND NOT "id" = 5
    ///
    /// `id` is the document's id, with the comparisons `=`, `!=`, `IN` and `NOT IN` with texts. A
    /// field of the metadata with that name is in quotes: `"id"`.
    ///
    /// Comparisons are `=`, `!=`, `<`, `<=`, `>`, `>=`, `IN`, `BETWEEN` (both ends count),
    /// `CONTAINS` and `EXISTS`; they have the meaning of the cases of `Filter`. `NOT` binds tighter
    /// than `AND`, and `AND` tighter than `OR`; keywords are not case-sensitive. A name with other
    /// characters than letters, digits, `_` and `-` is in double quotes, as in `"my field"."x.y"`;
    /// a quote inside is doubled. A number with a point or an exponent is a double, any other one
    /// an int, which must fit 64 bits.
    ///
    /// A time is in the proleptic Gregorian calendar and exact to the microsecond. It ends with `Z`
    /// or with its offset from UTC; years outside of 0000 to 9999 have a sign and six digits.
    /// Values of different kinds are never equal: compare a field of times with times only.
    ///
    /// - Throws: `.invalidArgument` with `FILTER_SYNTAX` and the column, from 1.
    public init(text: String) throws(LodestoneError) {
        var parser = try FilterParser(text)
        self = try parser.parse()
    }
}

/// A parser of filters by recursive descent.
private struct FilterParser {
    /// The most bytes of a text.
    private static let maxByteCount = 64 << 10
    /// The most nested parentheses and `NOT`s, within the nesting limit of a message.
    private static let maxDepth = 24

    private let text: String
    private let tokens: [FilterToken]
    private var index = 0

    init(_ text: String) throws(LodestoneError) {
        guard text.utf8.count <= Self.maxByteCount else {
            throw .limit("filter", text.utf8.count, Self.maxByteCount, unit: "bytes")
        }
        self.text = text
        tokens = try FilterLexer.tokens(of: text)
    }

    mutating func parse() throws(LodestoneError) -> Filter {
        let filter = try alternatives(depth: 1)
        if tokens[index].kind != .end { throw expected("AND, OR or the end") }
        return filter
    }

    private mutating func alternatives(depth: Int) throws(LodestoneError) -> Filter {
        var filters = [try conjunction(depth: depth)]
        while takes(keyword: "OR") { filters.append(try conjunction(depth: depth)) }
        return filters.count == 1 ? filters[0] : .or(filters)
    }

    private mutating func conjunction(depth: Int) throws(LodestoneError) -> Filter {
        var filters = [try factor(depth: depth)]
        while takes(keyword: "AND") { filters.append(try factor(depth: depth)) }
        return filters.count == 1 ? filters[0] : .and(filters)
    }

    private mutating func factor(depth: Int) throws(LodestoneError) -> Filter {
        guard depth <= Self.maxDepth else {
            throw error("more than \(Self.maxDepth) parentheses and NOT inside each other")
        }
        if takes(keyword: "NOT") { return .not(try factor(depth: depth + 1)) }
        if takes(.symbol("(")) {
            let filter = try alternatives(depth: depth + 1)
            guard takes(.symbol(")")) else { throw expected("AND, OR or ')'") }
            return filter
        }
        // If no name follows, `exists` is a field.
        if isKeyword("EXISTS"), isName(at: index + 1) {
            index += 1
            if isKeyword("ID"), tokens[index + 1].kind != .symbol(".") {
                throw error("every document has an id; a field is \"id\" in quotes")
            }
            return .exists(path: try path(), true)
        }
        return try comparison()
    }

    private mutating func comparison() throws(LodestoneError) -> Filter {
        let isID = isKeyword("ID") && tokens[index + 1].kind != .symbol(".")
        let start = index
        let path = try path()
        if isID { return try idTest(of: path, at: start) }
        if takes(keyword: "NOT") {
            guard isKeyword("IN") || isKeyword("BETWEEN") || isKeyword("CONTAINS") else {
                throw expected("IN, BETWEEN or CONTAINS")
            }
            return .not(try test(of: path))
        }
        return try test(of: path)
    }

    /// Reads a test of the document's id, in the syntax of a test of a field.
    private mutating func idTest(of path: [String], at start: Int) throws(LodestoneError) -> Filter
    {
        let isNegated = takes(keyword: "NOT")
        let values: [Value]
        var wasNegated = false
        switch try test(of: path) {
        case .equal(_, let value): values = [value]
        case .not(.equal(_, let value)) where !isNegated:
            values = [value]
            wasNegated = true
        case .oneOf(_, let some): values = some
        default:
            index = start
            throw error(
                "id is the document's, for =, !=, IN and NOT IN; a field is \"id\" in quotes"
            )
        }
        var ids: [DocumentID] = []
        for value in values {
            guard case .string(let text) = value, let id = try? DocumentID(text) else {
                index = start
                throw error(
                    "the document's id is compared with texts of 1 to \(DocumentID.maxByteCount) "
                        + "bytes, as in id = '5'; a field is \"id\" in quotes"
                )
            }
            ids.append(id)
        }
        return isNegated || wasNegated ? .not(.ids(ids)) : .ids(ids)
    }

    private mutating func test(of path: [String]) throws(LodestoneError) -> Filter {
        if takes(keyword: "IN") {
            guard takes(.symbol("(")) else { throw expected("'('") }
            var values: [Value] = []
            if takes(.symbol(")")) { return .oneOf(path: path, values) }
            repeat { values.append(try value()) } while takes(.symbol(","))
            guard takes(.symbol(")")) else { throw expected("',' or ')'") }
            return .oneOf(path: path, values)
        }
        if takes(keyword: "BETWEEN") {
            let lower = try value()
            guard takes(keyword: "AND") else { throw expected("AND") }
            return .range(path: path, lower: .init(lower), upper: .init(try value()))
        }
        if takes(keyword: "CONTAINS") { return .contains(path: path, try value()) }
        guard case .symbol(let symbol) = tokens[index].kind else {
            throw expected("a comparison: =, !=, <, <=, >, >=, IN, BETWEEN or CONTAINS")
        }
        switch symbol {
        case "=", "!=", "<", "<=", ">", ">=": index += 1
        default: throw expected("a comparison: =, !=, <, <=, >, >=, IN, BETWEEN or CONTAINS")
        }
        let value = try value()
        switch symbol {
        case "=": return .equal(path: path, value)
        case "!=": return .not(.equal(path: path, value))
        case "<": return .range(path: path, lower: nil, upper: .init(value, isExclusive: true))
        case "<=": return .range(path: path, lower: nil, upper: .init(value))
        case ">": return .range(path: path, lower: .init(value, isExclusive: true), upper: nil)
        default: return .range(path: path, lower: .init(value), upper: nil)
        }
    }

    private mutating func path() throws(LodestoneError) -> [String] {
        var path: [String] = []
        repeat {
            switch tokens[index].kind {
            case .word(let name), .name(let name):
                guard (1...256).contains(name.utf8.count) else {
                    throw error("a name of \(name.utf8.count) bytes; 1 to 256 are good")
                }
                path.append(name)
            default: throw expected("the name of a field")
            }
            index += 1
        } while takes(.symbol("."))
        guard path.count <= Self.maxDepth else {
            index -= 1
            throw error("a field \(path.count) names deep; at most \(Self.maxDepth)")
        }
        return path
    }

    private mutating func value() throws(LodestoneError) -> Value {
        defer { index += 1 }
        switch tokens[index].kind {
        case .value(let value): return value
        case .word(let word) where word.uppercased() == "TRUE": return true
        case .word(let word) where word.uppercased() == "FALSE": return false
        case .word(let word) where word.uppercased() == "TIMESTAMP":
            guard case .value(.string(let text)) = tokens[index + 1].kind else {
                index += 1
                throw expected("a time in quotes")
            }
            index += 1
            do {
                return .timestamp(microseconds: try TimestampText.parse(text))
            } catch {
                throw self.error("this is no time: \(error.message)")
            }
        default:
            throw expected("a value: a number, a 'text', TRUE, FALSE or TIMESTAMP '…'")
        }
    }

    private func isName(at index: Int) -> Bool {
        guard index < tokens.count else { return false }
        switch tokens[index].kind {
        case .name: return true
        case .word(let word):
            return !["AND", "OR", "NOT", "IN", "BETWEEN", "CONTAINS"]
                .contains(word.uppercased())
        default: return false
        }
    }

    private func isKeyword(_ keyword: String) -> Bool {
        if case .word(let word) = tokens[index].kind { word.uppercased() == keyword } else { false }
    }

    private mutating func takes(keyword: String) -> Bool {
        let isThere = isKeyword(keyword)
        if isThere { index += 1 }
        return isThere
    }

    private mutating func takes(_ kind: FilterToken.Kind) -> Bool {
        let isThere = tokens[index].kind == kind
        if isThere { index += 1 }
        return isThere
    }

    private func expected(_ token: String) -> LodestoneError {
        error("expected \(token), found \(tokens[index].kind.description)")
    }

    private func error(_ problem: String) -> LodestoneError {
        .filterSyntax(problem, at: tokens[index].offset, of: text)
    }
}

extension LodestoneError {
    /// The error for a fault at a byte of a text.
    static func filterSyntax(_ problem: String, at offset: Int, of text: String) -> LodestoneError {
        let start = text.utf8.prefix(offset)
        let column = (String(start)?.unicodeScalars.count ?? offset) + 1
        return .invalid(
            .filterSyntax,
            "The filter, column \(column): \(problem).",
            recovery: "Write it as in: year >= 2020 AND NOT tags = 'draft'.",
            field: "filter"
        )
    }
}
