// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// A decoder of any `Decodable` type from a value of metadata.
///
/// Whole doubles decode as integers, and integers as doubles, if no precision is lost. A missing
/// field is `nil` for types that check for `nil` first, as optionals do, even nested ones.
struct FieldDecoder: Decoder {
    /// The value to decode; `nil` when there is no such field.
    let value: Value?
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(_ value: Value?, codingPath: [any CodingKey] = []) {
        self.value = value
        self.codingPath = codingPath
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let fields) = try found() else {
            throw mismatch(Metadata.self, "an object")
        }
        return KeyedDecodingContainer(Keyed(decoder: self, fields: fields))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .list(let elements) = try found() else { throw mismatch([Value].self, "a list") }
        return Unkeyed(decoder: self, elements: elements)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { Single(decoder: self) }

    private func found() throws -> Value {
        guard let value else {
            throw DecodingError.keyNotFound(
                codingPath.last ?? NameKey(""),
                .init(codingPath: codingPath, debugDescription: "There is no such field.")
            )
        }
        return value
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        if type is any AnyDictionary.Type { try checkNames() }
        let decoded: Any? =
            switch type {
            case is Value.Type: try found()
            case is Metadata.Type: if case .object(let fields) = try found() { fields } else { nil }
            case is String.Type: try text()
            case is Bool.Type: if case .bool(let flag) = try found() { flag } else { nil }
            case let type as any FixedWidthInteger.Type:
                switch try found() {
                case .int(let number): type.init(exactly: number)
                case .double(let number): type.init(exactly: number)
                default: nil
                }
            // On Linux, `init(exactly:)` of Foundation's type ends the process.
            case is CGFloat.Type: try number(Double.self).map { CGFloat($0) }
            case let type as any BinaryFloatingPoint.Type: try number(type)
            case is Date.Type:
                if case .timestamp(let microseconds) = try found() {
                    Date(timeIntervalSince1970: Double(microseconds) / 1_000_000)
                } else {
                    nil
                }
            default: try foundation(type) ?? T(from: self)
            }
        guard let decoded = decoded as? T else { throw mismatch(type, "\(type)") }
        return decoded
    }

    /// Refuses an object if a dictionary would lose some of its fields.
    ///
    /// Two different names are equal as `String` if they are canonically equal.
    private func checkNames() throws {
        guard case .object(let fields) = value, Set(fields.keys).count < fields.count else {
            return
        }
        throw DecodingError.dataCorrupted(
            .init(
                codingPath: codingPath,
                debugDescription: "Two of its names differ in their bytes and are one for a "
                    + "Dictionary; take Metadata instead."
            )
        )
    }

    private func text() throws -> String? {
        if case .string(let text) = try found() { text } else { nil }
    }

    /// Converts a number to another precision; `nil` if it is beyond the range of the type.
    private func number<N: BinaryFloatingPoint>(_ type: N.Type) throws -> N? {
        switch try found() {
        case .int(let number):
            return N(exactly: number)
        case .double(let number):
            let rounded = N(number)
            return rounded.isFinite == number.isFinite ? rounded : nil
        default:
            return nil
        }
    }

    /// Decodes a type that is a string in the metadata, but encodes itself in another way.
    ///
    /// `nil` for other types, and for values other than strings.
    private func foundation(_ type: Any.Type) throws -> Any? {
        guard case .string(let text) = value else { return nil }
        return switch type {
        case is URL.Type: URL(string: text)
        case is Decimal.Type: Decimal(exactly: text)
        case is Data.Type: Data(base64Encoded: text)
        default: nil
        }
    }

    fileprivate func mismatch(_ type: Any.Type, _ expected: String) -> DecodingError {
        .typeMismatch(
            type,
            .init(
                codingPath: codingPath,
                debugDescription: "It is \(value.map { "\($0)" } ?? "missing"), not \(expected)."
            )
        )
    }

    private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let decoder: FieldDecoder
        let fields: Metadata
        var codingPath: [any CodingKey] { decoder.codingPath }
        var allKeys: [Key] { fields.keys.compactMap { Key(stringValue: $0) } }

        func contains(_ key: Key) -> Bool { fields[key.stringValue] != nil }
        func decodeNil(forKey key: Key) -> Bool { !contains(key) }

        func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
            try inner(key).decode(type)
        }

        private func inner(_ key: any CodingKey) -> FieldDecoder {
            FieldDecoder(fields[key.stringValue], codingPath: codingPath + [key])
        }

        func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type, forKey key: Key) throws
            -> KeyedDecodingContainer<Inner>
        {
            try inner(key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            try inner(key).unkeyedContainer()
        }

        func superDecoder() -> any Decoder { inner(NameKey("super")) }
        func superDecoder(forKey key: Key) -> any Decoder { inner(key) }
    }

    private struct Unkeyed: UnkeyedDecodingContainer {
        let decoder: FieldDecoder
        let elements: [Value]
        private(set) var currentIndex = 0
        var codingPath: [any CodingKey] { decoder.codingPath }
        var count: Int? { elements.count }
        var isAtEnd: Bool { currentIndex >= elements.count }

        init(decoder: FieldDecoder, elements: [Value]) {
            self.decoder = decoder
            self.elements = elements
        }

        func decodeNil() -> Bool { false }

        mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
            let decoded = try peek().decode(type)
            currentIndex += 1
            return decoded
        }

        private func peek() throws -> FieldDecoder {
            let path = codingPath + [NameKey(index: currentIndex)]
            guard !isAtEnd else {
                throw DecodingError.valueNotFound(
                    Value.self,
                    .init(
                        codingPath: path,
                        debugDescription: "The list has \(elements.count) elements."
                    )
                )
            }
            return FieldDecoder(elements[currentIndex], codingPath: path)
        }

        private mutating func next() throws -> FieldDecoder {
            let next = try peek()
            currentIndex += 1
            return next
        }

        mutating func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type) throws
            -> KeyedDecodingContainer<Inner>
        {
            try next().container(keyedBy: type)
        }

        mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
            try next().unkeyedContainer()
        }

        mutating func superDecoder() throws -> any Decoder { try next() }
    }

    private struct Single: SingleValueDecodingContainer {
        let decoder: FieldDecoder
        var codingPath: [any CodingKey] { decoder.codingPath }

        func decodeNil() -> Bool { decoder.value == nil }
        func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.decode(type) }
    }
}

extension Decimal {
    /// Parses all of a text as a number.
    fileprivate init?(exactly text: String) {
        guard let number = Decimal(string: text), number.description == text else { return nil }
        self = number
    }
}
