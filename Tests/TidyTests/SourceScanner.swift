// SPDX-License-Identifier: Apache-2.0

/// Tells code, comments and the text of literals apart in Swift and C.
struct SourceScanner {
    enum Kind: UInt8 { case code, comment, literal }

    /// A literal that the scanner is inside of.
    private struct Literal {
        var isMultiline: Bool
        var pounds: Int
        /// The open parentheses of an interpolation.
        var depth = 0
    }

    private let bytes: [UInt8]
    private let isC: Bool
    private var kinds: [Kind]
    private var open: [Literal] = []
    private var position = 0

    private init(_ bytes: [UInt8], isC: Bool) {
        self.bytes = bytes
        self.isC = isC
        kinds = Array(repeating: .code, count: bytes.count)
    }

    /// The kind of each byte; the code of an interpolation is code.
    static func kinds(of bytes: [UInt8], isC: Bool = false) -> [Kind] {
        var scanner = SourceScanner(bytes, isC: isC)
        while scanner.position < bytes.count { scanner.step() }
        return scanner.kinds
    }

    private func byte(_ offset: Int = 0) -> UInt8 {
        position + offset < bytes.count ? bytes[position + offset] : 0
    }

    private mutating func mark(_ kind: Kind, _ count: Int = 1) {
        let end = min(position + count, bytes.count)
        while position < end {
            kinds[position] = kind
            position += 1
        }
    }

    private mutating func step() {
        switch byte() {
        case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "/"):
            while position < bytes.count, byte() != UInt8(ascii: "\n") { mark(.comment) }
        case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"):
            blockComment()
        case UInt8(ascii: "'") where isC:
            mark(.literal)
            while position < bytes.count, byte() != UInt8(ascii: "'"), byte() != UInt8(ascii: "\n")
            {
                mark(.literal, byte() == UInt8(ascii: "\\") ? 2 : 1)
            }
            mark(.literal)
        case UInt8(ascii: "\""):
            begin(pounds: 0)
        case UInt8(ascii: "#") where !isC:
            var pounds = 1
            while byte(pounds) == UInt8(ascii: "#") { pounds += 1 }
            if byte(pounds) == UInt8(ascii: "\"") {
                begin(pounds: pounds)
            } else {
                position += pounds
            }
        case UInt8(ascii: "(") where !open.isEmpty:
            open[open.count - 1].depth += 1
            position += 1
        case UInt8(ascii: ")") where !open.isEmpty:
            if open[open.count - 1].depth > 0 {
                open[open.count - 1].depth -= 1
                position += 1
            } else {
                let literal = open.removeLast()
                mark(.literal)
                rest(of: literal)
            }
        default:
            position += 1
        }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if byte() == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
                depth += 1
                mark(.comment, 2)
            } else if byte() == UInt8(ascii: "*"), byte(1) == UInt8(ascii: "/") {
                depth -= 1
                mark(.comment, 2)
            } else {
                mark(.comment)
            }
        } while position < bytes.count && depth > 0
    }

    private mutating func begin(pounds: Int) {
        mark(.literal, pounds)
        let quote = UInt8(ascii: "\"")
        let isMultiline = !isC && byte(1) == quote && byte(2) == quote
        mark(.literal, isMultiline ? 3 : 1)
        rest(of: Literal(isMultiline: isMultiline, pounds: pounds))
    }

    /// Whether the bytes at the place are a sign followed by the pounds of a literal.
    private func isAt(_ sign: UInt8, repeated count: Int, pounds: Int) -> Bool {
        (0..<count).allSatisfy { byte($0) == sign }
            && (0..<pounds).allSatisfy { byte(count + $0) == UInt8(ascii: "#") }
    }

    /// Marks the text of a literal up to its end or its next interpolation.
    private mutating func rest(of literal: Literal) {
        let backslash = UInt8(ascii: "\\")
        let quotes = literal.isMultiline ? 3 : 1
        while position < bytes.count {
            switch byte() {
            case backslash where isAt(backslash, repeated: 1, pounds: literal.pounds):
                let isInterpolation = !isC && byte(1 + literal.pounds) == UInt8(ascii: "(")
                mark(.literal, 2 + literal.pounds)
                if isInterpolation {
                    open.append(literal)
                    return
                }
            case UInt8(ascii: "\"")
            where isAt(UInt8(ascii: "\""), repeated: quotes, pounds: literal.pounds):
                mark(.literal, quotes + literal.pounds)
                return
            case UInt8(ascii: "\n") where !literal.isMultiline:
                return
            default:
                mark(.literal)
            }
        }
    }
}

/// A name or a sign of Swift code.
struct Token {
    var text: String
    var line: Int
    var isName: Bool

    static func tokens(of bytes: [UInt8], _ kinds: [SourceScanner.Kind]) -> [Token] {
        var tokens: [Token] = []
        var line = 1
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\n") { line += 1 }
            guard kinds[position] == .code, byte > UInt8(ascii: " "), byte != UInt8(ascii: "`")
            else {
                position += 1
                continue
            }
            var end = position + 1
            if isPartOfName(byte) {
                while end < bytes.count, kinds[end] == .code, isPartOfName(bytes[end]) { end += 1 }
            }
            let text = String(decoding: bytes[position..<end], as: UTF8.self)
            tokens.append(Token(text: text, line: line, isName: isPartOfName(byte)))
            position = end
        }
        return tokens
    }

    static func isPartOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: byte >= 0x80
        }
    }
}
