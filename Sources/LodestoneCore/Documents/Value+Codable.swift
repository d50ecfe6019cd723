// SPDX-License-Identifier: Apache-2.0

/// The encoding of a value as a property of a type.
///
/// In the fields of a document (`Document(id:fields:)` of the client) it is the value itself. For
/// other coders it is an object with one member, named by the type, so that nothing is lost:
/// `{"int": 5}`, `{"double": 5}`, `{"timestamp": 5}` in microseconds, `{"list": […]}`, and
/// `{"object": […]}` as of `Metadata`.
extension Value: Codable {
    private enum Key: String, CodingKey {
        case bool, int, double, string, timestamp, list, object
    }

    /// Reads what `encode(to:)` writes.
    ///
    /// - Throws: `DecodingError` for anything else.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        guard container.allKeys.count == 1, let key = container.allKeys.first else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "A value is an object whose one member says its type: bool, "
                        + "int, double, string, timestamp, list or object."
                )
            )
        }
        self =
            switch key {
            case .bool: .bool(try container.decode(Bool.self, forKey: key))
            case .int: .int(try container.decode(Int64.self, forKey: key))
            case .double: .double(try container.decode(Double.self, forKey: key))
            case .string: .string(try container.decode(String.self, forKey: key))
            case .timestamp:
                .timestamp(microseconds: try container.decode(Int64.self, forKey: key))
            case .list: .list(try container.decode([Value].self, forKey: key))
            case .object: .object(try container.decode(Metadata.self, forKey: key))
            }
    }

    /// Writes an object with one member, named by the type.
    ///
    /// - Throws: The errors of the encoder; JSON's encoder refuses an infinite double, unless it is
    ///   configured to convert it.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .bool(let flag): try container.encode(flag, forKey: .bool)
        case .int(let number): try container.encode(number, forKey: .int)
        case .double(let number): try container.encode(number, forKey: .double)
        case .string(let text): try container.encode(text, forKey: .string)
        case .timestamp(let microseconds): try container.encode(microseconds, forKey: .timestamp)
        case .list(let elements): try container.encode(elements, forKey: .list)
        case .object(let metadata): try container.encode(metadata, forKey: .object)
        }
    }
}

/// The encoding of metadata as a property of a type.
///
/// In the fields of a document it is an object. For other coders it is a list of `{"name": …,
/// "value": …}` in the byte order of the names, because most coders treat canonically equal keys as
/// one key.
extension Metadata: Codable {
    private struct Field: Codable {
        let name: String
        let value: Value
    }

    /// Reads what `encode(to:)` writes.
    ///
    /// - Throws: `DecodingError` for anything else, and when a name occurs twice.
    public init(from decoder: any Decoder) throws {
        self.init()
        for field in try [Field](from: decoder) {
            guard updateValue(field.value, forKey: field.name) == nil else {
                throw DecodingError.dataCorrupted(
                    .init(
                        codingPath: decoder.codingPath,
                        debugDescription: "The name '\(field.name)' occurs twice."
                    )
                )
            }
        }
    }

    /// Writes a list of names and values.
    ///
    /// - Throws: The errors of the encoder.
    public func encode(to encoder: any Encoder) throws {
        try inOrderOfNames.map { Field(name: $0.key, value: $0.value) }.encode(to: encoder)
    }
}
