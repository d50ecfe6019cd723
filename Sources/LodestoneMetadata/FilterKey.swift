// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The bytes of a filter, equal in every process; filters with equal bytes are equal.
///
/// The fields of objects have no order, so they are written in the order of their names.
package struct FilterKey: Hashable, Sendable {
    package private(set) var bytes: [UInt8] = []

    /// Creates the bytes of a filter.
    package init(_ filter: Filter) {
        append(filter)
    }

    private mutating func append(_ filter: Filter) {
        switch filter {
        case .equal(let path, let value):
            begin(1, path)
            append(value)
        case .oneOf(let path, let values):
            begin(2, path)
            append(.list(values))
        case .range(let path, let lower, let upper):
            begin(3, path)
            append(lower)
            append(upper)
        case .exists(let path, let isThere):
            begin(isThere ? 4 : 5, path)
        case .contains(let path, let value):
            begin(6, path)
            append(value)
        case .and(let filters):
            append(filters, 7)
        case .or(let filters):
            append(filters, 8)
        case .not(let filter):
            bytes.append(9)
            append(filter)
        case .invalid:
            bytes.append(10)
        case .ids(let ids):
            bytes.append(11)
            append(ids.count)
            for id in ids { append(id.string) }
        }
    }

    private mutating func begin(_ kind: UInt8, _ path: [String]) {
        bytes.append(kind)
        append(path.count)
        for name in path { append(name) }
    }

    private mutating func append(_ filters: [Filter], _ kind: UInt8) {
        bytes.append(kind)
        append(filters.count)
        for filter in filters { append(filter) }
    }

    private mutating func append(_ bound: Filter.Bound?) {
        guard let bound else { return bytes.append(0) }
        bytes.append(bound.isExclusive ? 1 : 2)
        append(bound.value)
    }

    private mutating func append(_ value: Value) {
        switch value {
        case .bool(let flag): bytes.append(flag ? 2 : 1)
        case .int(let number):
            bytes.append(3)
            append(number)
        case .double(let number):
            bytes.append(4)
            append(number.bitPattern)
        case .string(let text):
            bytes.append(5)
            append(text)
        case .timestamp(let microseconds):
            bytes.append(6)
            append(microseconds)
        case .list(let values):
            bytes.append(7)
            append(values.count)
            for value in values { append(value) }
        case .object(let fields):
            bytes.append(8)
            append(fields.count)
            for (name, value) in fields.inOrderOfNames {
                append(name)
                append(value)
            }
        }
    }

    private mutating func append(_ text: String) {
        append(text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
