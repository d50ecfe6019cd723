// SPDX-License-Identifier: Apache-2.0

/// Some rows of one row block, ascending, without repetitions.
///
/// Most queries match few rows. For them, making and reading a set with one bit per row of the row
/// block cost more than the rest of the query.
struct RowList {
    private(set) var rows: ContiguousArray<UInt16> = []

    init() {}

    fileprivate init(_ rows: ContiguousArray<UInt16>) { self.rows = rows }

    /// A list of ascending rows without repetitions.
    init(copying rows: UnsafeBufferPointer<UInt16>) { self.rows = ContiguousArray(rows) }

    /// A list of ascending rows, with or without repetitions.
    init(rising rows: some Sequence<Int>) {
        for row in rows { if self.rows.last.map(Int.init) != row { append(row) } }
    }

    var count: Int { rows.count }
    var isEmpty: Bool { rows.isEmpty }

    @inline(__always)
    subscript(index: Int) -> Int { Int(rows[index]) }

    /// Adds a row that is greater than all others.
    @inline(__always)
    mutating func append(_ row: Int) { rows.append(UInt16(truncatingIfNeeded: row)) }

    /// Calls `body` with each row of either list, and whether each of the two lists has it.
    private static func forEach(
        _ one: RowList,
        _ other: RowList,
        _ body: (_ row: Int, _ first: Bool, _ second: Bool) -> Void
    ) {
        var (i, j) = (0, 0)
        while i < one.count || j < other.count {
            let first = i < one.count ? one[i] : .max
            let second = j < other.count ? other[j] : .max
            body(min(first, second), first <= second, second <= first)
            i += first <= second ? 1 : 0
            j += second <= first ? 1 : 0
        }
    }

    func intersection(_ other: RowList) -> RowList {
        var both = RowList()
        Self.forEach(self, other) { if $1, $2 { both.append($0) } }
        return both
    }

    func union(_ other: RowList) -> RowList {
        if isEmpty { return other }
        var any = RowList()
        Self.forEach(self, other) { row, _, _ in any.append(row) }
        return any
    }

    func subtracting(_ other: RowList) -> RowList {
        if other.isEmpty { return self }
        var remaining = RowList()
        Self.forEach(self, other) { if $1, !$2 { remaining.append($0) } }
        return remaining
    }

    /// The rows whose mark is set.
    func filtered(_ marks: UnsafePointer<Bool>) -> RowList {
        RowList(
            ContiguousArray(unsafeUninitializedCapacity: count) { buffer, count in
                // Each row is written, kept or not, so there is no branch to mispredict.
                for row in rows {
                    buffer[count] = row
                    count += marks[Int(row)] ? 1 : 0
                }
            }
        )
    }
}

/// A collector that sorts the rows of several lists.
struct RowCollector {
    private var words = ContiguousArray<UInt64>(repeating: 0, count: Scratch.rows / 64)
    private var count = 0

    @inline(__always)
    mutating func insert(_ row: Int) {
        words[row >> 6] |= 1 << UInt64(truncatingIfNeeded: row & 63)
        count &+= 1
    }

    /// The inserted rows.
    var rows: RowList {
        let rows = ContiguousArray<UInt16>(unsafeUninitializedCapacity: count) { buffer, count in
            for index in words.indices {
                var word = words[index]
                while word != 0 {
                    let row = index * 64 + word.trailingZeroBitCount
                    buffer[count] = UInt16(truncatingIfNeeded: row)
                    count += 1
                    word &= word - 1
                }
            }
        }
        return RowList(rows)
    }
}
