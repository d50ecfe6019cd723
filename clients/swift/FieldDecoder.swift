// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// Makes anything that can be decoded of a value of metadata.
///
/// Whole doubles are taken for integers, and integers for doubles, where nothing is lost.
struct FieldDecoder: Decoder {
    let value: Value
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(_ value: Value, codingPath: [any CodingKey] = []) {
        self.value = value
        self.codingPath = codingPath
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let fields) = value else { throw mismatch(Metadata.self, "an object") }
        return KeyedDecodingContainer(Keyed(decoder: self, fields: fields))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .list(let elements) = value else { throw mismatch([Value].self, "a list") }
        return Unkeyed(decoder: self, elements: elements)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { Single(decoder: self) }

    fileprivate func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let decoded: Any? =
            switch (value, type) {
            case (.timestamp(let microseconds), is Date.Type):
                Date(timeIntervalSince1970: Double(microseconds) / 1_000_000)
            case (_, is Date.Type): nil
            case (.bool(let flag), is Bool.Type): flag
            case (.string(let text), is String.Type): text
            case (.int(let number), let type as any FixedWidthInteger.Type):
                type.init(exactly: number)
            case (.double(let number), let type as any FixedWidthInteger.Type):
                type.init(exactly: number)
            case (.int(let number), is Double.Type): Double(exactly: number)
            case (.int(let number), is Float.Type): Float(exactly: number)
            case (.double(let number), is Double.Type): number
            case (.double(let number), is Float.Type): Float(number)
            default:
                Self.isPrimitive(type) ? nil : try T(from: self)
            }
        guard let decoded = decoded as? T else { throw mismatch(type, "\(type)") }
        return decoded
    }

    private static func isPrimitive(_ type: Any.Type) -> Bool {
        type is Bool.Type || type is String.Type || type is any FixedWidthInteger.Type
            || type is any BinaryFloatingPoint.Type
    }

    fileprivate func mismatch(_ type: Any.Type, _ wanted: String) -> DecodingError {
        .typeMismatch(
            type,
            .init(codingPath: codingPath, debugDescription: "It is \(value), not \(wanted).")
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

        private func inner(_ key: any CodingKey) throws -> FieldDecoder {
            guard let value = fields[key.stringValue] else {
                throw DecodingError.keyNotFound(
                    key,
                    .init(
                        codingPath: codingPath + [key],
                        debugDescription: "There is no such field."
                    )
                )
            }
            return FieldDecoder(value, codingPath: codingPath + [key])
        }

        func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type, forKey key: Key) throws
            -> KeyedDecodingContainer<Inner>
        {
            try inner(key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            try inner(key).unkeyedContainer()
        }

        func superDecoder() throws -> any Decoder { try inner(NameKey("super")) }
        func superDecoder(forKey key: Key) throws -> any Decoder { try inner(key) }
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

        func decodeNil() -> Bool { false }
        func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.decode(type) }
    }
}
