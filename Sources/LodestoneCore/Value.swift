// SPDX-License-Identifier: Apache-2.0

/// One typed value of metadata.
public enum Value: Sendable, Hashable {
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

/// Named values that filters can ask for.
public typealias Metadata = [String: Value]

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
