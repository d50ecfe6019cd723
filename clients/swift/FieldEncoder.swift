// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// An encoder of any `Encodable` value to a value of metadata.
///
/// Structs become objects, and arrays lists. Dates become timestamps, URLs and decimal numbers
/// strings, and `Data` base64. `Value` and `Metadata` stay unchanged. A property that is `nil` is
/// left out, and decoding restores it. The encoder refuses `nil` in a list or dictionary, and a
/// coding path that is encoded twice in contradictory ways.
///
/// Threading: one thread.
final class FieldEncoder: Encoder {
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]
    private var content = Content.none
    /// Whether a dictionary is encoded here, which must not lose entries.
    private var isDictionary = false
    /// Whether this is the encoder of a superclass: an object even if the class encodes nothing.
    private var isSuper = false
    /// The first error of a method that can't throw.
    private var flaw: EncodingError?

    /// The encoded content; containers add to it.
    private enum Content {
        case none
        case single(Value)
        case list([FieldEncoder])
        case object([ByteString: FieldEncoder])
    }

    init(codingPath: [any CodingKey] = []) {
        self.codingPath = codingPath
    }

    /// Encodes a part of a value; `nil` for `nil` and for parts that can't be encoded.
    static func value(of part: Any) -> Value? {
        guard let part = part as? any Encodable else { return nil }
        let encoder = FieldEncoder()
        do {
            try encoder.encode(part)
            return try encoder.value()
        } catch {
            return nil
        }
    }

    /// The encoded value; `nil` for `nil`.
    ///
    /// - Throws: `EncodingError` when a part of the value was lost.
    func value() throws -> Value? {
        if let flaw { throw flaw }
        switch content {
        case .none:
            return isSuper ? .object([:]) : nil
        case .single(let value):
            return value
        case .list(let elements):
            return .list(
                try elements.map { element in
                    guard let value = try element.value() else { throw element.hasNoPlaceForNil }
                    return value
                }
            )
        case .object(let fields):
            var metadata = Metadata(minimumCapacity: fields.count)
            for (name, field) in fields { metadata[name.string] = try field.value() }
            return .object(metadata)
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        switch content {
        case .object: break
        case .none: content = .object([:])
        case .single, .list: exclude("an object")
        }
        return KeyedEncodingContainer(Keyed(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        switch content {
        case .list: break
        case .none: content = .list([])
        case .single, .object: exclude("a list")
        }
        return Unkeyed(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(encoder: self) }

    /// Records that the earlier content contradicts the new one.
    private func exclude(_ form: String) {
        flaw =
            flaw ?? invalid(codingPath, "It is encoded as \(form), and as something else before.")
    }

    /// The encoder for a key: the existing one, or a new one.
    private func child(_ key: any CodingKey) -> FieldEncoder {
        guard case .object(let fields) = content,
            let child = fields[ByteString(key.stringValue)]
        else {
            return newChild(key)
        }
        return child
    }

    /// A new encoder for a key, which replaces an existing one.
    private func newChild(_ key: any CodingKey) -> FieldEncoder {
        let child = FieldEncoder(codingPath: codingPath + [key])
        switch content {
        case .object(var fields):
            content = .none
            fields[ByteString(key.stringValue)] = child
            content = .object(fields)
        case .list(var elements):
            content = .none
            elements.append(child)
            content = .list(elements)
        case .none, .single:
            // Its container has recorded the error.
            break
        }
        return child
    }

    private func asSuper() -> FieldEncoder {
        isSuper = true
        return self
    }

    private var count: Int { if case .list(let elements) = content { elements.count } else { 0 } }

    /// Encodes a value here.
    func encode<T: Encodable>(_ value: T) throws {
        guard let encoded = try single(value) else {
            if value is any AnyDictionary { isDictionary = true }
            return try value.encode(to: self)
        }
        if case .none = content {} else { exclude("a single value") }
        content = .single(encoded)
    }

    /// The value of metadata for a type with a special form; `nil` for types that encode
    /// themselves.
    private func single(_ value: some Encodable) throws -> Value? {
        switch value {
        case let value as Value: return value
        case let metadata as Metadata: return .object(metadata)
        case let text as String: return .string(text)
        case let flag as Bool: return .bool(flag)
        case let number as any BinaryInteger:
            guard let whole = Int64(exactly: number) else {
                throw invalid(value, "\(number) doesn't fit 64 bits with a sign.")
            }
            return .int(whole)
        case let number as any BinaryFloatingPoint:
            let double = Double(number)
            guard !double.isNaN else { throw invalid(value, "It is not a number.") }
            return .double(double)
        case let date as Date:
            guard let microseconds = date.microseconds else {
                throw invalid(
                    value,
                    "A date of \(date.timeIntervalSince1970) seconds since 1970 doesn't fit the "
                        + "microseconds of a timestamp."
                )
            }
            return .timestamp(microseconds: microseconds)
        case let url as URL: return .string(url.absoluteString)
        case let number as Decimal:
            guard !number.isNaN else { throw invalid(value, "It is not a number.") }
            return .string(number.description)
        case let data as Data: return .string(data.base64EncodedString())
        default: return nil
        }
    }

    private var hasNoPlaceForNil: EncodingError {
        invalid(Any?.none as Any, "A list or a dictionary of metadata can't have nil.")
    }

    private func invalid(_ value: Any, _ problem: String) -> EncodingError {
        .invalidValue(value, .init(codingPath: codingPath, debugDescription: problem))
    }

    private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let encoder: FieldEncoder
        var codingPath: [any CodingKey] { encoder.codingPath }

        func encodeNil(forKey key: Key) throws {
            let child = encoder.newChild(key)
            if encoder.isDictionary { throw child.hasNoPlaceForNil }
        }

        func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
            let child = encoder.newChild(key)
            try child.encode(value)
            // An optional that is nil encodes to nothing.
            if encoder.isDictionary, case .none = child.content { throw child.hasNoPlaceForNil }
        }

        func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type, forKey key: Key)
            -> KeyedEncodingContainer<Inner>
        {
            encoder.child(key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            encoder.child(key).unkeyedContainer()
        }

        func superEncoder() -> any Encoder { encoder.child(NameKey("super")).asSuper() }
        func superEncoder(forKey key: Key) -> any Encoder { encoder.child(key).asSuper() }
    }

    private struct Unkeyed: UnkeyedEncodingContainer {
        let encoder: FieldEncoder
        var codingPath: [any CodingKey] { encoder.codingPath }
        var count: Int { encoder.count }

        private var next: FieldEncoder { encoder.newChild(NameKey(index: count)) }

        func encodeNil() throws { throw next.hasNoPlaceForNil }
        func encode<T: Encodable>(_ value: T) throws {
            let child = next
            try child.encode(value)
            // An optional that is nil encodes to nothing.
            if case .none = child.content { throw child.hasNoPlaceForNil }
        }

        func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type)
            -> KeyedEncodingContainer<Inner>
        {
            next.container(keyedBy: type)
        }

        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { next.unkeyedContainer() }
        func superEncoder() -> any Encoder { next.asSuper() }
    }

    private struct Single: SingleValueEncodingContainer {
        let encoder: FieldEncoder
        var codingPath: [any CodingKey] { encoder.codingPath }

        func encodeNil() {}
        func encode<T: Encodable>(_ value: T) throws { try encoder.encode(value) }
    }
}

/// A dictionary of any keys and values.
protocol AnyDictionary {}
extension Dictionary: AnyDictionary {}

/// A key that is a name or an index in a list.
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
