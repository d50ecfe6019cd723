// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata

/// The one evaluator of filters: whether a document's metadata satisfies one.
extension Filter {
    func matches(_ metadata: Metadata) -> Bool {
        switch self {
        case .equal(let path, let value):
            Self.values(at: path, in: metadata).contains { $0.isEqual(to: value) }
        case .oneOf(let path, let values):
            Self.values(at: path, in: metadata).contains { found in
                values.contains { found.isEqual(to: $0) }
            }
        case .range(let path, let lower, let upper):
            Self.values(at: path, in: metadata).contains { $0.lies(above: lower, below: upper) }
        case .exists(let path, let isThere):
            (Self.field(at: path, in: metadata) != nil) == isThere
        case .contains(let path, let value):
            Self.field(at: path, in: metadata)?.holds(value) ?? false
        case .and(let filters):
            filters.allSatisfy { $0.matches(metadata) }
        case .or(let filters):
            filters.contains { $0.matches(metadata) }
        case .not(let filter):
            !filter.matches(metadata)
        case .invalid:
            false
        }
    }

    private static func field(at path: [String], in metadata: Metadata) -> Value? {
        metadata.value(at: path[...])
    }

    /// What a comparison looks at: the field itself or, for a list, the field and its elements.
    private static func values(at path: [String], in metadata: Metadata) -> [Value] {
        guard let value = field(at: path, in: metadata) else { return [] }
        if case .list(let elements) = value { return [value] + elements }
        return [value]
    }
}

extension Filter {
    /// Whether one of its comparisons is with a field that `isIndexed`.
    func names(_ isIndexed: ([String]) -> Bool) -> Bool {
        switch self {
        case .equal(let path, _), .oneOf(let path, _), .range(let path, _, _),
            .exists(let path, _), .contains(let path, _):
            isIndexed(path)
        case .and(let filters), .or(let filters): filters.contains { $0.names(isIndexed) }
        case .not(let filter): filter.names(isIndexed)
        case .invalid: false
        }
    }
}

extension Value {
    /// Equal in value: integers and doubles compare as numbers, strings by their bytes.
    fileprivate func isEqual(to other: Value) -> Bool {
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

    fileprivate func lies(above lower: Filter.Bound?, below upper: Filter.Bound?) -> Bool {
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

    fileprivate func holds(_ part: Value) -> Bool {
        switch (self, part) {
        case (.list(let elements), _):
            elements.contains { $0.isEqual(to: part) }
        case (.string(let text), .string(let part)):
            Array(text.utf8).contains(Array(part.utf8))
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
            left.utf8.elementsEqual(right.utf8)
                ? .same : left.utf8.lexicographicallyPrecedes(right.utf8) ? .before : .after
        default:
            nil
        }
    }

    private static func order<T: Comparable>(_ left: T, _ right: T) -> Order? {
        left < right ? .before : left > right ? .after : left == right ? .same : nil
    }

    /// Compares without rounding: a double beyond the integers lies before or after all of them.
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
