// SPDX-License-Identifier: Apache-2.0

/// One typed value of metadata.
///
/// Two values are equal when type and content are equal; strings and names are compared by their
/// bytes. In filters, integers and doubles also compare by value.
public enum Value: Sendable {
    /// True or false.
    case bool(Bool)
    /// A whole number.
    case int(Int64)
    /// A number; never NaN.
    case double(Double)
    /// Text.
    case string(String)
    /// A point in time, in microseconds since 1970-01-01T00:00:00Z.
    case timestamp(microseconds: Int64)
    /// Values in order; their types may differ.
    case list([Value])
    /// Named values.
    case object(Metadata)
}

extension Value: Hashable {
    /// Compares types and contents, texts by their bytes.
    public static func == (left: Value, right: Value) -> Bool {
        switch (left, right) {
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.list(let left), .list(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Hashes type and content, texts by their bytes.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .bool(let flag):
            hasher.combine(0)
            hasher.combine(flag)
        case .int(let number):
            hasher.combine(1)
            hasher.combine(number)
        case .double(let number):
            hasher.combine(2)
            hasher.combine(number)
        case .string(let text):
            hasher.combine(3)
            text.hashBytes(into: &hasher)
        case .timestamp(let microseconds):
            hasher.combine(4)
            hasher.combine(microseconds)
        case .list(let elements):
            hasher.combine(5)
            hasher.combine(elements)
        case .object(let metadata):
            hasher.combine(6)
            hasher.combine(metadata)
        }
    }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
    /// A `.string`.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An `.int`.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A `.double`.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A `.bool`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A `.list`.
    public init(arrayLiteral elements: Value...) { self = .list(elements) }
}
