// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// A position in the rows ordered by a field.
package struct FieldIndexPosition: Sendable, Equatable {
    /// The key of the row, apart from the number of the field; `nil` after all rows with a single
    /// value.
    package var key: EncodedKey?
    package var row: RowID

    package init(key: EncodedKey?, row: RowID) {
        self.key = key
        self.row = row
    }
}

/// Lookups of the values themselves: rows in the order of their values, and counts of values.
extension FieldIndex {
    /// The next rows in the order of a field.
    ///
    /// Rows with a single value come in the order of the values: booleans, numbers, times, strings.
    /// The other rows follow. Ties, and the other rows, come in row order. Long strings are ordered
    /// by their first 256 bytes.
    ///
    /// - Parameters:
    ///   - path: The path of an indexed field.
    ///   - isDescending: Whether the largest value comes first.
    ///   - position: The position after which the rows come; `nil`: from the start.
    ///   - allowed: The rows that may be returned, all existing.
    ///   - limit: The most rows.
    /// - Returns: Rows with their keys; fewer than `limit` at the end.
    /// - Complexity: O(log(keys) + rows that are passed), for each run.
    package func rows(
        inOrderOf path: [String],
        isDescending: Bool,
        after position: FieldIndexPosition?,
        among allowed: RowSet,
        limit: Int
    ) -> [FieldIndexPosition] {
        guard let field = number(of: path) else { return [] }
        var found: [FieldIndexPosition] = []
        let runs = runs
        if position == nil || position?.key != nil {
            let all = EncodedKey(field: field, .single).bytes
            var start = all
            var end = EncodedKey(field: field, .element).bytes
            if var key = position?.key?.bytes {
                key[0] = field
                if isDescending { end = key + [0] } else { start = key }
            }
            let positions = runs.map { $0.positions(from: start, to: end) }
            SortedRun.forEachKey(
                of: runs,
                from: positions.map(\.lowerBound),
                to: positions.map(\.upperBound),
                isDescending: isDescending
            ) { key, positions in
                guard let value = EncodedKey(checking: Array(key)) else { return true }
                let isFirst = value.bytes.dropFirst() == position?.key?.bytes.dropFirst()
                for (run, keyPosition) in positions {
                    for row in runs[run].rows(keyPosition..<keyPosition + 1)
                    where allowed.contains(row) {
                        if isFirst, let position, row <= position.row { continue }
                        found.append(FieldIndexPosition(key: value, row: row))
                        if found.count == limit { return false }
                    }
                }
                return true
            }
        }
        if found.count == limit { return found }
        var others = allowed
        var single = RowSet(count: 0)
        for run in runs {
            let start = EncodedKey(field: field, .single).bytes
            let end = EncodedKey(field: field, .element).bytes
            let rows = run.rows(run.positions(from: start, to: end))
            if let last = rows.max() { single.grow(to: Int(last) + 1) }
            single.insert(rows)
        }
        others.subtract(single)
        var start = RowID.first
        if let position, position.key == nil { start = position.row + 1 }
        while found.count < limit, let row = others.next(from: start) {
            found.append(FieldIndexPosition(key: nil, row: row))
            start = row + 1
        }
        return found
    }

    /// The counts of a field's values among some rows.
    ///
    /// Single values count, and distinct elements of lists once per row.
    ///
    /// - Parameters:
    ///   - path: The path of an indexed field.
    ///   - allowed: The rows to count, all existing.
    ///   - limit: The most values.
    ///   - check: Called periodically; throws to end work that takes too long.
    /// - Returns: `nil` when a string is too long for the index, or the field is not indexed.
    /// - Throws: The error of `check`.
    /// - Complexity: O(keys × runs + rows).
    package func facet(
        of path: [String],
        among allowed: RowSet,
        limit: Int,
        _ check: () throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> Facet? {
        guard let field = number(of: path) else { return nil }
        // Each run comes twice, for its single values and for its elements, because both may have
        // the same value.
        let runs = runs
        var positions: [Range<Int>] = []
        for (kind, next) in [
            (EncodedKey.Kind.single, EncodedKey.Kind.element), (.element, .compound),
        ] {
            let start = EncodedKey(field: field, kind).bytes
            let end = EncodedKey(field: field, next).bytes
            positions += runs.map { $0.positions(from: start, to: end) }
        }
        let both = runs + runs
        var counter = FacetCounter(path: path, limit: limit)
        var isKnown = true
        var passed = 0
        try SortedRun.forEachKey(
            of: both,
            from: positions.map(\.lowerBound),
            to: positions.map(\.upperBound),
            ignoring: 2
        ) { (key, positions) throws(LodestoneError) in
            passed += 1
            if passed % 1_024 == 0 { try check() }
            let count = positions.reduce(0) { count, position in
                count
                    + allowed.count(
                        of: both[position.run].rows(position.position..<position.position + 1)
                    )
            }
            if count == 0 { return true }
            guard let value = EncodedKey.value(key, maxStringBytes: EncodedKey.maxStringBytes)
            else {
                isKnown = false
                return false
            }
            counter.add(value, count)
            return true
        }
        return isKnown ? counter.facet : nil
    }
}

/// Counts values of documents that are read one by one.
package struct FacetTable {
    /// The most distinct values that are counted; each takes some 100 bytes.
    package static let maxValues = 100_000

    private let path: [String]
    private var counts: [ContiguousArray<UInt8>: Int] = [:]

    /// Creates a table without counts.
    package init(path: [String]) {
        self.path = path
    }

    /// Counts the values of a document.
    ///
    /// - Returns: `false` when there are too many values.
    package mutating func add(_ metadata: Metadata) -> Bool {
        var keys: Set<ContiguousArray<UInt8>> = []
        let value = metadata.value(at: path[...])
        let values: [Value] =
            if case .list(let elements) = value { elements } else { value.map { [$0] } ?? [] }
        for value in values {
            var key = ContiguousArray<UInt8>()
            if EncodedKey.append(value, maxStringBytes: .max, to: &key) { keys.insert(key) }
        }
        for key in keys { counts[key, default: 0] += 1 }
        return counts.count <= Self.maxValues
    }

    /// The most frequent values.
    package func facet(limit: Int) -> Facet {
        var counter = FacetCounter(path: path, limit: limit)
        let inOrder = counts.sorted { left, right in
            left.key.lexicographicallyPrecedes(right.key)
        }
        for (key, count) in inOrder {
            let value = key.withUnsafeBufferPointer { EncodedKey.value($0, maxStringBytes: .max) }
            if let value { counter.add(value, count) }
        }
        return counter.facet
    }
}

/// A counter that keeps the most frequent values; at equal counts, those that were added first.
private struct FacetCounter {
    private(set) var facet: Facet
    private let limit: Int

    init(path: [String], limit: Int) {
        facet = Facet(path: path, values: [], distinctValues: 0)
        self.limit = limit
    }

    mutating func add(_ value: Value, _ count: Int) {
        facet.distinctValues += 1
        if facet.values.count == limit {
            guard let least = facet.values.last, least.count < count else { return }
            facet.values.removeLast()
        }
        var low = 0
        var high = facet.values.count
        while low < high {
            let middle = (low + high) / 2
            if facet.values[middle].count >= count { low = middle + 1 } else { high = middle }
        }
        facet.values.insert(Facet.Count(value: value, count: count), at: low)
    }
}
