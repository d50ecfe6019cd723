// SPDX-License-Identifier: Apache-2.0

/// The positions of a set's rows in ascending order, found without a list of the rows.
///
/// It takes a sixteenth of the set's memory.
///
/// Threading: a value.
package struct RowRanks: Sendable {
    /// The words of a block; a count is kept per block.
    private static let blockSize = 8

    /// The rows.
    package let rows: RowSet
    /// The number of rows before each block.
    private let counts: [UInt32]

    package init(_ rows: RowSet) {
        self.rows = rows
        counts = rows.withWords { words in
            var counts: [UInt32] = []
            counts.reserveCapacity(words.count / Self.blockSize + 1)
            var count: UInt32 = 0
            for (index, word) in words.enumerated() {
                if index % Self.blockSize == 0 { counts.append(count) }
                count += UInt32(word.nonzeroBitCount)
            }
            return counts
        }
    }

    /// The number of rows.
    package var count: Int { rows.count }

    /// The number of rows of the set below `row`.
    package func position(of row: RowID) -> Int {
        rows.withWords { words in
            let word = Int(row.rawValue / 64)
            guard word < words.count else { return count }
            let block = word / Self.blockSize
            var position = Int(counts[block])
            for index in block * Self.blockSize..<word { position += words[index].nonzeroBitCount }
            let below = words[word] & (1 << UInt64(row.rawValue % 64) - 1)
            return position + below.nonzeroBitCount
        }
    }

    /// The row at a position below `count`.
    package func row(at position: Int) -> RowID {
        precondition(position < count, "The position is beyond the rows.")
        return rows.withWords { words in
            // The last block with at most `position` rows before it.
            var (low, high) = (0, counts.count - 1)
            while low < high {
                let middle = (low + high + 1) / 2
                if Int(counts[middle]) <= position { low = middle } else { high = middle - 1 }
            }
            var word = low * Self.blockSize
            var remaining = position - Int(counts[low])
            while words[word].nonzeroBitCount <= remaining {
                remaining -= words[word].nonzeroBitCount
                word += 1
            }
            var bits = words[word]
            for _ in 0..<remaining { bits &= bits - 1 }
            return RowID(word * 64 + bits.trailingZeroBitCount)
        }
    }
}
