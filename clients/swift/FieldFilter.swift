// SPDX-License-Identifier: Apache-2.0
public import Foundation
public import LodestoneCore

/// A filter on metadata by a type's properties.
///
///     Filter(Paper.self, \.year >= 2020 && !(\.tags == "draft") && .contains(\.title, "search"))
///
/// A comparison with a missing field is false, so its `!` is true.
public struct FieldFilter<Root: DocumentFields>: Sendable {
    fileprivate let filter: Filter

    fileprivate init(_ filter: Filter) {
        self.filter = filter
    }

    /// A comparison with the field of a key path.
    ///
    /// A key path that `Root.fields` lacks makes the call with the filter throw.
    fileprivate init<T>(_ path: KeyPath<Root, T>, _ compare: ([String]) -> Filter) {
        do throws(LodestoneError) {
            filter = compare(try Root.fields.names(of: path))
        } catch {
            filter = .invalid(error)
        }
    }

    /// The document has the field.
    public static func exists<T>(_ path: KeyPath<Root, T>) -> Self {
        Self(path) { .exists(path: $0, true) }
    }

    /// The field is a string with this part.
    public static func contains<T: StringField>(_ path: KeyPath<Root, T>, _ part: String) -> Self {
        Self(path) { .contains(path: $0, .string(part)) }
    }

    /// The field equals one of the values.
    public static func isIn<T: FieldValue>(_ path: KeyPath<Root, T>, _ values: [T]) -> Self {
        Self(path) { path in
            let filter = Filter.oneOf(path: path, values.compactMap(\.fieldValue))
            guard values.contains(where: { $0.fieldValue == nil }) else { return filter }
            return .or([filter, .exists(path: path, false)])
        }
    }

    /// The field is in the range.
    public static func isIn<T: FieldValue>(_ path: KeyPath<Root, T>, _ range: ClosedRange<T>)
        -> Self
    {
        path >= range.lowerBound && path <= range.upperBound
    }

    /// The field is in the range, which excludes its end.
    public static func isIn<T: FieldValue>(_ path: KeyPath<Root, T>, _ range: Range<T>) -> Self {
        path >= range.lowerBound && path < range.upperBound
    }

    /// Both hold.
    public static func && (left: Self, right: Self) -> Self {
        if case .and(let filters) = left.filter {
            return Self(.and(filters + [right.filter]))
        }
        return Self(.and([left.filter, right.filter]))
    }

    /// At least one holds.
    public static func || (left: Self, right: Self) -> Self {
        if case .or(let filters) = left.filter {
            return Self(.or(filters + [right.filter]))
        }
        return Self(.or([left.filter, right.filter]))
    }

    /// The condition does not hold.
    public static prefix func ! (filter: Self) -> Self { Self(.not(filter.filter)) }

    fileprivate static func range<T: FieldValue>(
        _ path: KeyPath<Root, T>,
        from lower: T? = nil,
        to upper: T? = nil,
        isExclusive: Bool = false
    ) -> Self {
        Self(path) { path in
            guard let end = (lower ?? upper)?.fieldValue else { return .or([]) }
            let bound = Filter.Bound(end, isExclusive: isExclusive)
            return .range(
                path: path,
                lower: lower == nil ? nil : bound,
                upper: lower == nil ? bound : nil
            )
        }
    }
}

extension Filter {
    /// Creates a filter by a type's properties.
    ///
    /// If `Root.fields` lacks one of its key paths, the call with the filter throws
    /// `.invalidArgument` and sends nothing.
    public init<Root: DocumentFields>(_ type: Root.Type, _ filter: FieldFilter<Root>) {
        self = filter.filter
    }
}

/// The field equals the value, or is a list with it; with `nil`, it is missing.
public func == <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, T>, value: T)
    -> FieldFilter<Root>
{
    FieldFilter(path) { path in
        value.fieldValue.map { .equal(path: path, $0) } ?? .exists(path: path, false)
    }
}

/// The field is a list with the element.
public func == <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, [T]>, element: T)
    -> FieldFilter<Root>
{
    FieldFilter(path) { path in
        element.fieldValue.map { .contains(path: path, $0) } ?? .or([])
    }
}

/// The field does not equal the value, or is missing; with `nil`, the document has the field.
public func != <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, T>, value: T)
    -> FieldFilter<Root>
{
    !(path == value)
}

/// The field is no list with the element.
public func != <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, [T]>, element: T)
    -> FieldFilter<Root>
{
    !(path == element)
}

/// The field is less than the value.
public func < <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, T>, value: T)
    -> FieldFilter<Root>
{
    .range(path, to: value, isExclusive: true)
}

/// The field is at most the value.
public func <= <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, T>, value: T)
    -> FieldFilter<Root>
{
    .range(path, to: value)
}

/// The field is more than the value.
public func > <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, T>, value: T)
    -> FieldFilter<Root>
{
    .range(path, from: value, isExclusive: true)
}

/// The field is at least the value.
public func >= <Root: DocumentFields, T: FieldValue>(path: KeyPath<Root, T>, value: T)
    -> FieldFilter<Root>
{
    .range(path, from: value)
}

/// A type of property that a filter can compare.
public protocol FieldValue: Sendable {
    /// The value of metadata; `nil` for none.
    var fieldValue: Value? { get }
}

/// A property that is text.
public protocol StringField {}

extension String: StringField {}
extension Optional: StringField where Wrapped: StringField {}

extension Value: FieldValue {
    /// The value itself.
    public var fieldValue: Value? { self }
}

extension Bool: FieldValue {
    /// A `.bool`.
    public var fieldValue: Value? { .bool(self) }
}

extension String: FieldValue {
    /// A `.string`.
    public var fieldValue: Value? { .string(self) }
}

extension Double: FieldValue {
    /// A `.double`.
    public var fieldValue: Value? { .double(self) }
}

extension Float: FieldValue {
    /// A `.double`.
    public var fieldValue: Value? { .double(Double(self)) }
}

extension Date: FieldValue {
    /// A `.timestamp`, rounded to microseconds.
    ///
    /// A time more than 290,000 years from 1970 becomes the last one that fits. A time that is not
    /// a number equals nothing.
    public var fieldValue: Value? {
        if let microseconds { return .timestamp(microseconds: microseconds) }
        if timeIntervalSince1970.isNaN { return .double(.nan) }
        return .timestamp(microseconds: timeIntervalSince1970 < 0 ? .min : .max)
    }

    /// Microseconds since 1970; `nil` if they don't fit 64 bits.
    var microseconds: Int64? { Int64(exactly: (timeIntervalSince1970 * 1_000_000).rounded()) }
}

extension UUID: FieldValue {
    /// A `.string`, in the form of `Codable`.
    public var fieldValue: Value? { .string(uuidString) }
}

extension URL: FieldValue {
    /// A `.string` of the absolute URL, even for a relative one.
    public var fieldValue: Value? { .string(absoluteString) }
}

extension FieldValue where Self: BinaryInteger {
    /// An `.int`, or a `.double` if it doesn't fit a signed 64-bit integer.
    public var fieldValue: Value? { Int64(exactly: self).map { .int($0) } ?? .double(Double(self)) }
}

extension Int: FieldValue {}
extension Int64: FieldValue {}
extension Int32: FieldValue {}
extension Int16: FieldValue {}
extension Int8: FieldValue {}
extension UInt: FieldValue {}
extension UInt64: FieldValue {}
extension UInt32: FieldValue {}
extension UInt16: FieldValue {}
extension UInt8: FieldValue {}

extension Optional: FieldValue where Wrapped: FieldValue {
    /// The value of the wrapped value; `nil` for `nil`.
    public var fieldValue: Value? { flatMap(\.fieldValue) }
}

extension FieldValue where Self: RawRepresentable, RawValue: FieldValue {
    /// The value of the raw value.
    public var fieldValue: Value? { rawValue.fieldValue }
}
