// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// Makes a value of metadata of anything that can be encoded.
///
/// Structs become objects, arrays lists, dates timestamps; a property that is `nil` is left out.
///
/// Threading: one thread.
final class FieldEncoder: Encoder {
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]
    private var content = Content.none

    /// What was encoded so far; containers add to it while they are in use.
    private enum Content {
        case none
        case single(Value)
        case list([FieldEncoder])
        case object([String: FieldEncoder])
    }

    init(codingPath: [any CodingKey] = []) {
        self.codingPath = codingPath
    }

    /// What was encoded; `nil` for `nil`.
    var value: Value? {
        switch content {
        case .none: nil
        case .single(let value): value
        case .list(let elements): .list(elements.compactMap(\.value))
        case .object(let fields): .object(fields.compactMapValues(\.value))
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .object = content {} else { content = .object([:]) }
        return KeyedEncodingContainer(Keyed(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .list = content {} else { content = .list([]) }
        return Unkeyed(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(encoder: self) }

    /// A place inside, for a key.
    private func child(_ key: any CodingKey) -> FieldEncoder {
        let child = FieldEncoder(codingPath: codingPath + [key])
        switch content {
        case .object(var fields):
            content = .none
            fields[key.stringValue] = child
            content = .object(fields)
        case .list(var elements):
            content = .none
            elements.append(child)
            content = .list(elements)
        case .none, .single:
            content = .object([key.stringValue: child])
        }
        return child
    }

    private var count: Int { if case .list(let elements) = content { elements.count } else { 0 } }

    fileprivate func encode<T: Encodable>(_ value: T) throws {
        switch value {
        case let date as Date: content = .single(.timestamp(microseconds: date.microseconds))
        case let flag as Bool: content = .single(.bool(flag))
        case let text as String: content = .single(.string(text))
        case let number as any BinaryInteger:
            guard let whole = Int64(exactly: number) else {
                throw invalid(value, "\(number) doesn't fit 64 bits with a sign.")
            }
            content = .single(.int(whole))
        case let number as any BinaryFloatingPoint:
            let double = Double(number)
            guard !double.isNaN else { throw invalid(value, "It is not a number.") }
            content = .single(.double(double))
        default: try value.encode(to: self)
        }
    }

    private func invalid(_ value: Any, _ what: String) -> EncodingError {
        .invalidValue(value, .init(codingPath: codingPath, debugDescription: what))
    }

    private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let encoder: FieldEncoder
        var codingPath: [any CodingKey] { encoder.codingPath }

        func encodeNil(forKey key: Key) {}

        func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
            try encoder.child(key).encode(value)
        }

        func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type, forKey key: Key)
            -> KeyedEncodingContainer<Inner>
        {
            encoder.child(key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            encoder.child(key).unkeyedContainer()
        }

        func superEncoder() -> any Encoder { encoder.child(NameKey("super")) }
        func superEncoder(forKey key: Key) -> any Encoder { encoder.child(key) }
    }

    private struct Unkeyed: UnkeyedEncodingContainer {
        let encoder: FieldEncoder
        var codingPath: [any CodingKey] { encoder.codingPath }
        var count: Int { encoder.count }

        private var next: FieldEncoder { encoder.child(NameKey(index: count)) }

        func encodeNil() throws {
            throw encoder.invalid(Any?.none as Any, "A list of metadata has no place for nil.")
        }

        func encode<T: Encodable>(_ value: T) throws {
            let child = next
            try child.encode(value)
            // An optional that is nil encodes to nothing.
            if child.value == nil { try encodeNil() }
        }

        func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type)
            -> KeyedEncodingContainer<Inner>
        {
            next.container(keyedBy: type)
        }

        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { next.unkeyedContainer() }
        func superEncoder() -> any Encoder { next }
    }

    private struct Single: SingleValueEncodingContainer {
        let encoder: FieldEncoder
        var codingPath: [any CodingKey] { encoder.codingPath }

        func encodeNil() {}
        func encode<T: Encodable>(_ value: T) throws { try encoder.encode(value) }
    }
}

/// A key of a name or of a place in a list.
struct NameKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(_ name: String) {
        stringValue = name
        intValue = nil
    }

    init(index: Int) {
        stringValue = "\(index)"
        intValue = index
    }

    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { self.init(index: intValue) }
}
