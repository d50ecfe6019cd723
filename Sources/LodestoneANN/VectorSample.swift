// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

extension VectorTable {
    /// A sample of rows with a vector, spread evenly over the rows that may be found.
    ///
    /// The sample depends on the rows alone and not on the location of their vectors, so a
    /// compaction does not change it. If few rows of a long range remain, the sample may have fewer
    /// than half of `count` rows.
    ///
    /// - Parameters:
    ///   - count: The most rows to return, at least 1.
    ///   - allowed: The rows that may be found, all existing; `nil`: all existing rows.
    ///   - exists: Whether a row exists; called only when `allowed` is `nil`.
    /// - Returns: At most `count` rows, ascending; all rows if there are no more.
    /// - Complexity: Some 100 ns per row, and 64 rows of `allowed` per word read.
    package func sample(_ count: Int, of allowed: RowSet?, exists: (RowID) -> Bool) -> [RowID] {
        sample(
            count,
            to: blocks.last.map { $0.row(at: $0.count - 1) },
            next: { row in
                if let allowed { allowed.next(from: row) } else { self.next(from: row) }
            },
            isAccepted: { row in allowed == nil ? exists(row) : location(of: row) != nil }
        )
    }

    /// The sample of a table that has only some rows, numbered from 0 without gaps.
    ///
    /// - Parameters:
    ///   - count: The most rows to return, at least 1.
    ///   - allowed: The rows that may be found, all among `rows`; `nil`: all of `rows`.
    ///   - rows: The rows of that table, all existing.
    /// - Returns: The sample of that table, with the rows' numbers in this one.
    /// - Complexity: Some 100 ns per row of the sample, and per row without a vector that is
    ///   passed.
    package func sample(_ count: Int, of allowed: RowSet?, amongRows rows: RowRanks) -> [RowID] {
        // A row of that table is a position among `rows`.
        let hasVector = { (row: RowID) in self.location(of: row) != nil }
        let found = sample(
            count,
            to: lastPosition(among: rows),
            next: { first in
                guard Int(first) < rows.count else { return nil }
                var next: RowID? = rows.row(at: Int(first))
                if let allowed {
                    next = next.flatMap { allowed.next(from: $0) }
                } else {
                    while let row = next, !hasVector(row) { next = rows.rows.next(from: row + 1) }
                }
                return next.map { RowID(rows.position(of: $0)) }
            },
            isAccepted: { allowed == nil || hasVector(rows.row(at: Int($0))) }
        )
        return found.map { rows.row(at: Int($0)) }
    }

    /// The last position among some rows with a vector.
    private func lastPosition(among rows: RowRanks) -> RowID? {
        guard let last = blocks.last.map({ $0.row(at: $0.count - 1) }) else { return nil }
        var position = rows.position(of: last) - (rows.rows.contains(last) ? 0 : 1)
        while position >= 0, location(of: rows.row(at: position)) == nil { position -= 1 }
        return position < 0 ? nil : RowID(position)
    }

    /// A sample of the rows up to `last`, which `next` enumerates.
    private func sample(
        _ count: Int,
        to last: RowID?,
        next: (RowID) -> RowID?,
        isAccepted: (RowID) -> Bool
    ) -> [RowID] {
        guard let first = next(.first), let last, first <= last else { return [] }
        let length = Double(first.distance(to: last)) + 1
        var parts = count
        while true {
            let found = firstRows(
                from: first,
                to: last,
                width: length / Double(parts),
                next,
                isAccepted: isAccepted
            )
            // Dropped rows leave long gaps; finer parts find the remaining rows.
            guard found.count < (count + 1) / 2, parts < 64 * count, Double(parts) < length else {
                if found.count <= count { return found }
                return (0..<count).map { found[$0 * found.count / count] }
            }
            parts *= 4
        }
    }

    /// The first accepted row of each part of a range, if it is among the part's first rows.
    private func firstRows(
        from first: RowID,
        to last: RowID,
        width: Double,
        _ next: (RowID) -> RowID?,
        isAccepted: (RowID) -> Bool
    ) -> [RowID] {
        let mostTries = 64
        var rows: [RowID] = []
        var tries = 0
        var candidate: RowID? = first
        while let row = candidate, row <= last {
            tries += 1
            let isFound = isAccepted(row)
            if isFound { rows.append(row) }
            guard isFound || tries == mostTries else {
                candidate = row == .max ? nil : next(row + 1)
                continue
            }
            tries = 0
            // The first row of the next part, at least one further.
            let part = (Double(first.distance(to: row)) / width).rounded(.down) + 1
            let distance = max((part * width).rounded(.up), Double(first.distance(to: row)) + 1)
            let isInRange = distance <= Double(first.distance(to: last))
            candidate = isInRange ? next(first + Int(distance)) : nil
        }
        return rows
    }

    /// The first row from `row` on that has a vector, dropped rows included.
    ///
    /// O(log of the number of blocks and of their rows).
    private func next(from row: RowID) -> RowID? {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].firstRow <= row { low = middle + 1 } else { high = middle }
        }
        if low > 0, let suffix = blocks[low - 1].suffix(from: row, dimension: dimension) {
            return suffix.firstRow
        }
        return low < blocks.count ? blocks[low].firstRow : nil
    }
}
