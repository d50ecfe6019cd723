// SPDX-License-Identifier: Apache-2.0

/// A JSON value (RFC 8259); whole numbers are integers.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    /// A whole number beyond `Int64`: its text, and the nearest double.
    ///
    /// Only an element of a vector may have this value, because metadata has no type for it.
    case beyondInt64(String, Double)
    /// A number whose double is halfway between two floats, with the float nearest to its text.
    ///
    /// Rounding twice could give the other float.
    case betweenFloats(Double, nearest: Float)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// The name of the kind in messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .double, .beyondInt64, .betweenFloats: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// A name and its value, in the order of the text.
package struct JSONMember: Sendable, Equatable {
    package var name: String
    package var value: JSONValue

    package init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}

/// An error in a text, with its position.
package struct JSONError: Error, Equatable {
    package var problem: String
    /// The position in bytes from the start of the text, from 1.
    package var column: Int

    package var description: String { "\(problem) at byte \(column)" }
}

/// A JSON parser without Foundation, which is too slow for hundreds of thousands of documents.
///
/// Strict: no comments, no trailing commas, no NaN, valid UTF-8, paired surrogates.
package struct JSONParser {
    /// The most levels of arrays and objects.
    ///
    /// Values in deeper JSON exceed the wire's nesting limit, even in a dump, which wraps them in
    /// objects.
    static let maxDepth = 32

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// Reads the whole of `bytes` as one object.
    package static func object(in bytes: UnsafeRawBufferPointer) throws(JSONError) -> [JSONMember] {
        var parser = JSONParser(bytes: bytes)
        parser.skipSpace()
        guard parser.current == UInt8(ascii: "{") else {
            throw parser.error("expected a JSON object, found \(parser.found)")
        }
        let members = try parser.object(depth: 1)
        parser.skipSpace()
        guard parser.position == bytes.count else {
            throw parser.error("expected the end of the line, found \(parser.found)")
        }
        return members
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private var found: String {
        guard let byte = current else { return "the end" }
        guard byte > 0x20, byte < 0x7F else { return "byte \(byte)" }
        return "'\(Character(UnicodeScalar(byte)))'"
    }

    private func error(_ problem: String) -> JSONError {
        JSONError(problem: problem, column: position + 1)
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            position += 1
        }
    }

    private mutating func expect(_ byte: UInt8, _ name: String) throws(JSONError) {
        guard current == byte else { throw error("expected \(name), found \(found)") }
        position += 1
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        switch current {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError)
        -> JSONValue
    {
        let count = word.utf8CodeUnitCount
        let expected = UnsafeRawBufferPointer(start: word.utf8Start, count: count)
        guard bytes.count - position >= count,
            bytes[position..<position + count].elementsEqual(expected)
        else { throw error("expected a value, found \(found)") }
        position += count
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> [JSONMember] {
        guard depth <= Self.maxDepth else { throw tooDeep }
        position += 1
        var members: [JSONMember] = []
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return members
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else {
                throw error("expected a field name in quotes, found \(found)")
            }
            let name = try string()
            skipSpace()
            try expect(UInt8(ascii: ":"), "':'")
            skipSpace()
            members.append(JSONMember(name: name, value: try value(depth: depth)))
            skipSpace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "}"), "',' or '}'")
            return members
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        guard depth <= Self.maxDepth else { throw tooDeep }
        position += 1
        var values: [JSONValue] = []
        skipSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return values
        }
        while true {
            skipSpace()
            values.append(try value(depth: depth))
            skipSpace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "]"), "',' or ']'")
            return values
        }
    }

    private var tooDeep: JSONError { error("nested deeper than \(Self.maxDepth) levels") }
}

extension JSONParser {
    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                let text = try utf8(bytes[start..<position])
                position += 1
                return text
            case UInt8(ascii: "\\"):
                return try stringWithEscapes(from: start)
            case 0..<0x20:
                throw error("control character \(byte) in a string; write it as an escape")
            default:
                position += 1
            }
        }
        throw error("a string without its closing quote")
    }

    private func utf8(_ slice: Slice<UnsafeRawBufferPointer>) throws(JSONError) -> String {
        let text = UnsafeRawBufferPointer(rebasing: slice).withMemoryRebound(to: UInt8.self) {
            String(validating: $0, as: UTF8.self)
        }
        guard let text else { throw error("a string that is not UTF-8") }
        return text
    }

    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var decoded = [UInt8](bytes[start..<position])
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: decoded, as: UTF8.self) else {
                    throw error("a string that is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                decoded.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20:
                throw error("control character \(byte) in a string; write it as an escape")
            default:
                decoded.append(byte)
            }
        }
        throw error("a string without its closing quote")
    }

    private mutating func escape() throws(JSONError) -> UnicodeScalar {
        guard let byte = current else { throw error("a string without its closing quote") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default:
            position -= 1
            throw error("an unknown escape")
        }
        let unit = try hexadecimal()
        if let scalar = UnicodeScalar(unit) { return scalar }
        guard unit < 0xDC00, current == UInt8(ascii: "\\") else { throw loneSurrogate }
        position += 1
        guard current == UInt8(ascii: "u") else { throw loneSurrogate }
        position += 1
        let low = try hexadecimal()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = UnicodeScalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw loneSurrogate }
        return scalar
    }

    private var loneSurrogate: JSONError { error("half of a surrogate pair") }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(UnicodeScalar(byte)).hexDigitValue,
                byte < 0x80
            else { throw error("four hexadecimal digits are missing after \\u") }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }
}

extension JSONParser {
    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var mantissa: UInt64 = 0
        var digits = 0
        let first = position
        while let digit = nextDigit() { take(digit, &mantissa, &digits) }
        guard position > first else {
            position = start
            throw error("expected a value, found \(found)")
        }
        guard position == first + 1 || bytes[first] != UInt8(ascii: "0") else {
            position = start
            throw error("a number with a leading zero")
        }
        var isWhole = true
        var exponent = 0
        if current == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            let fraction = position
            while let digit = nextDigit() { take(digit, &mantissa, &digits) }
            guard position > fraction else {
                throw error("a number without digits after its point")
            }
            exponent = fraction - position
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isWhole = false
            exponent += try writtenExponent()
        }
        // Up to 18 digits always fit a UInt64; longer numbers need the exact conversion.
        if digits <= 18 {
            if isWhole { return .int(isNegative ? -Int64(mantissa) : Int64(mantissa)) }
            if mantissa < 1 << 53, abs(exponent) <= 22 {
                // Both factors are exact, so one rounding remains (W. D. Clinger, 1990).
                let power = Self.powersOfTen[abs(exponent)]
                let size = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
                return decimal(isNegative ? -size : size, from: start)
            }
        }
        return try longNumber(from: start, isWhole: isWhole)
    }

    private static let powersOfTen: [Double] = (0...22).map { exponent in
        (0..<exponent).reduce(1) { power, _ in power * 10 }
    }

    private mutating func nextDigit() -> UInt8? {
        guard let byte = current, byte >= 0x30, byte <= 0x39 else { return nil }
        position += 1
        return byte - 0x30
    }

    private func take(_ digit: UInt8, _ mantissa: inout UInt64, _ digits: inout Int) {
        mantissa = mantissa &* 10 &+ UInt64(digit)
        if mantissa > 0 { digits += 1 }
    }

    private mutating func writtenExponent() throws(JSONError) -> Int {
        position += 1
        let isNegative = current == UInt8(ascii: "-")
        if isNegative || current == UInt8(ascii: "+") { position += 1 }
        let start = position
        var exponent = 0
        while let digit = nextDigit() { exponent = min(exponent * 10 + Int(digit), 100_000) }
        guard position > start else { throw error("a number without digits in its exponent") }
        return isNegative ? -exponent : exponent
    }

    private func longNumber(from start: Int, isWhole: Bool) throws(JSONError) -> JSONValue {
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let whole = Int64(text) { return .int(whole) }
        guard let number = Double(text), number.isFinite else {
            throw JSONError(problem: "a number out of range", column: start + 1)
        }
        return isWhole ? .beyondInt64(text, number) : decimal(number, from: start)
    }

    private func decimal(_ number: Double, from start: Int) -> JSONValue {
        // The bits of a double beyond those of a float; subnormal floats have fewer bits.
        let isBetweenFloats = number.bitPattern & 0x1FFF_FFFF == 0x1000_0000
        guard isBetweenFloats || number.magnitude < Double(Float.leastNormalMagnitude),
            let float = Float(String(decoding: bytes[start..<position], as: UTF8.self))
        else { return .double(number) }
        return .betweenFloats(number, nearest: float)
    }
}
