// SPDX-License-Identifier: Apache-2.0

/// A set of rows of one chunk.
struct RowBits {
    private var words = ContiguousArray<UInt64>(repeating: 0, count: Scratch.rows / 64)

    @inline(__always)
    mutating func insert(_ row: Int) {
        words[row >> 6] |= 1 << UInt64(truncatingIfNeeded: row & 63)
    }

    @inline(__always)
    func contains(_ row: Int) -> Bool {
        words[row >> 6] & 1 << UInt64(truncatingIfNeeded: row & 63) != 0
    }

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Its rows, rising.
    var rows: [Int] {
        var rows: [Int] = []
        forEach { row in
            rows.append(row)
            return true
        }
        return rows
    }

    /// The set with the rows of both.
    mutating func formUnion(_ other: RowBits) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    mutating func formIntersection(_ other: RowBits) {
        for index in words.indices { words[index] &= other.words[index] }
    }

    mutating func subtract(_ other: RowBits) {
        for index in words.indices { words[index] &= ~other.words[index] }
    }

    /// Calls `body` with each row, rising, until it answers false.
    func forEach(while body: (Int) -> Bool) {
        for index in words.indices {
            var word = words[index]
            while word != 0 {
                guard body(index * 64 + word.trailingZeroBitCount) else { return }
                word &= word - 1
            }
        }
    }
}
