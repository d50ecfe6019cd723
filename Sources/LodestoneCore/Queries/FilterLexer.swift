// SPDX-License-Identifier: Apache-2.0

/// A token of a filter's text.
struct FilterToken {
    enum Kind: Equatable {
        /// A keyword, or the name of a field.
        case word(String)
        /// The name of a field in double quotes.
        case name(String)
        case value(Value)
        case symbol(String)
        case end
    }

    let kind: Kind
    /// The bytes of the text before the token.
    let offset: Int
}

extension FilterToken.Kind {
    /// The token in the words of an error.
    var description: String {
        switch self {
        case .word(let word): "'\(word.prefix(40))'"
        case .name(let name): "\"\(name.prefix(40))\""
        case .value(.string(let text)): "the text '\(text.prefix(40))'"
        case .value(.int(let number)): "the number \(number)"
        case .value(.double(let number)): "the number \(number)"
        case .value(let value): "\(value)"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end"
        }
    }
}

/// A lexer of a filter's text.
struct FilterLexer {
    private let text: String
    private let bytes: [UInt8]
    private var index = 0

    /// The tokens of a text; the last one is the end.
    ///
    /// - Complexity: O(bytes).
    static func tokens(of text: String) throws(LodestoneError) -> [FilterToken] {
        var lexer = FilterLexer(text: text, bytes: Array(text.utf8))
        var tokens: [FilterToken] = []
        while true {
            lexer.skipSpace()
            let offset = lexer.index
            guard let kind = try lexer.next() else {
                tokens.append(FilterToken(kind: .end, offset: offset))
                return tokens
            }
            tokens.append(FilterToken(kind: kind, offset: offset))
        }
    }

    private mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func next() throws(LodestoneError) -> FilterToken.Kind? {
        guard index < bytes.count else { return nil }
        let byte = bytes[index]
        switch byte {
        case UInt8(ascii: "'"): return .value(.string(try quoted(by: byte)))
        case UInt8(ascii: "\""): return .name(try quoted(by: byte))
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"):
            return .value(try number())
        case _ where Self.isWord(byte):
            let start = index
            while index < bytes.count, Self.isWord(bytes[index]) { index += 1 }
            return .word(String(decoding: bytes[start..<index], as: UTF8.self))
        default: return .symbol(try symbol())
        }
    }

    /// Letters of any script, digits, `_` and `-`.
    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
            0x80...0xFF:
            true
        default: false
        }
    }

    /// The text between two quotes; a quote inside is doubled.
    private mutating func quoted(by quote: UInt8) throws(LodestoneError) -> String {
        let start = index
        var content: [UInt8] = []
        index += 1
        while index < bytes.count {
            if bytes[index] == quote {
                guard index + 1 < bytes.count, bytes[index + 1] == quote else {
                    index += 1
                    return String(decoding: content, as: UTF8.self)
                }
                index += 1
            }
            content.append(bytes[index])
            index += 1
        }
        throw .filterSyntax("this quote is never closed", at: start, of: text)
    }

    private mutating func number() throws(LodestoneError) -> Value {
        let start = index
        index += 1
        while index < bytes.count {
            let isSign = bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+")
            let followsExponent = bytes[index - 1] | 0x20 == UInt8(ascii: "e")
            guard
                Self.isWord(bytes[index]) && !isSign || bytes[index] == UInt8(ascii: ".")
                    || isSign && followsExponent
            else { break }
            index += 1
        }
        let digits = String(decoding: bytes[start..<index], as: UTF8.self)
        if let whole = Int64(digits) { return .int(whole) }
        let isDecimal = digits.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
        }
        guard isDecimal, let double = Double(digits) else {
            throw .filterSyntax("'\(digits.prefix(40))' is no number", at: start, of: text)
        }
        guard digits.utf8.contains(where: { ".eE".utf8.contains($0) }) else {
            throw .filterSyntax(
                "\(digits.prefix(40)) is beyond the whole numbers from \(Int64.min) to "
                    + "\(Int64.max); a double has a point or an exponent",
                at: start,
                of: text
            )
        }
        guard double.isFinite else {
            throw .filterSyntax(
                "\(digits.prefix(40)) is beyond the doubles, which end at "
                    + "\(Double.greatestFiniteMagnitude)",
                at: start,
                of: text
            )
        }
        return .double(double)
    }

    private mutating func symbol() throws(LodestoneError) -> String {
        let two = String(decoding: bytes[index..<min(index + 2, bytes.count)], as: UTF8.self)
        switch two {
        case "<=", ">=", "!=":
            index += 2
            return two
        case "==":
            index += 2
            return "="
        case "<>":
            index += 2
            return "!="
        default: break
        }
        let one = String(decoding: bytes[index..<index + 1], as: UTF8.self)
        guard ["=", "<", ">", "(", ")", ",", "."].contains(one) else {
            throw .filterSyntax("'\(one)' means nothing here", at: index, of: text)
        }
        index += 1
        return one
    }
}
