// SPDX-License-Identifier: Apache-2.0
// The exact meaning of a filter's comparisons. `FieldIndex+Match.swift` finds rows by the same
// rules.
import CLodestoneSystem
package import LodestoneCore
import LodestoneStructures

extension Filter {
    /// Whether the filter compares a field for which `isIndexed` is true, or the id.
    package func references(_ isIndexed: ([String]) -> Bool) -> Bool {
        switch self {
        case .equal(let path, _), .oneOf(let path, _), .range(let path, _, _),
            .exists(let path, _), .contains(let path, _):
            isIndexed(path)
        case .and(let filters), .or(let filters): filters.contains { $0.references(isIndexed) }
        case .not(let filter): filter.references(isIndexed)
        case .ids: true
        case .invalid: false
        }
    }
}

/// The comparison of values in filters.
extension Value {
    /// Whether two values are equal; integers and doubles compare as numbers, strings by their
    /// bytes.
    func isEqual(to other: Value) -> Bool {
        switch (self, other) {
        case (.bool(let left), .bool(let right)):
            left == right
        case (.list(let left), .list(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.isEqual(to: $1) }
        case (.object(let left), .object(let right)):
            left.count == right.count
                && left.allSatisfy { name, value in right[name]?.isEqual(to: value) ?? false }
        default:
            order(to: other) == .same
        }
    }

    /// Whether the value is between two bounds; `nil`: no bound.
    func isWithin(_ lower: Filter.Bound?, _ upper: Filter.Bound?) -> Bool {
        if let lower {
            let order = order(to: lower.value)
            guard order == .after || (order == .same && !lower.isExclusive) else { return false }
        }
        if let upper {
            let order = order(to: upper.value)
            guard order == .before || (order == .same && !upper.isExclusive) else { return false }
        }
        return true
    }

    /// Whether a list has an element equal to `part`, or a string has it as a part.
    func contains(_ part: Value) -> Bool {
        switch (self, part) {
        case (.list(let elements), _):
            elements.contains { $0.isEqual(to: part) }
        case (.string(let text), .string(let part)):
            text.contains(bytesOf: part)
        default:
            false
        }
    }

    fileprivate enum Order {
        case before, same, after
    }

    /// The order of two values of comparable types; `nil` for others.
    private func order(to other: Value) -> Order? {
        switch (self, other) {
        case (.int(let left), .int(let right)):
            Self.order(left, right)
        case (.double(let left), .double(let right)):
            Self.order(left, right)
        case (.int(let left), .double(let right)):
            Self.order(left, right)
        case (.double(let left), .int(let right)):
            Self.order(right, left).map { $0.reversed }
        case (.timestamp(let left), .timestamp(let right)):
            Self.order(left, right)
        case (.string(let left), .string(let right)):
            left.hasSameBytes(as: right) ? .same : left.precedesByBytes(right) ? .before : .after
        default:
            nil
        }
    }

    private static func order<T: Comparable>(_ left: T, _ right: T) -> Order? {
        left < right ? .before : left > right ? .after : left == right ? .same : nil
    }

    /// Compares without rounding; a double outside the range of integers is before or after all of
    /// them.
    private static func order(_ left: Int64, _ right: Double) -> Order? {
        if right.isNaN { return nil }
        if right >= 0x1p63 { return .before }
        if right < -0x1p63 { return .after }
        let whole = right.rounded(.down)
        guard let exact = Int64(exactly: whole) else { return nil }
        if left != exact { return left < exact ? .before : .after }
        return right > whole ? .before : .same
    }
}

extension Value.Order {
    fileprivate var reversed: Self {
        switch self {
        case .before: .after
        case .same: .same
        case .after: .before
        }
    }
}

extension String {
    /// Whether this text contains the bytes of `part`.
    ///
    /// - Complexity: O(bytes of both).
    fileprivate func contains(bytesOf part: String) -> Bool {
        var (text, part) = (self, part)
        return text.withUTF8 { text in
            part.withUTF8 { lode_contains(text.baseAddress, text.count, $0.baseAddress, $0.count) }
        }
    }
}
