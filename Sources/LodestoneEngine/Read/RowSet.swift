// SPDX-License-Identifier: Apache-2.0
import LodestoneStorage

/// A set of rows, one bit each.
struct RowSet {
    private var words: [UInt64]

    /// An empty set with room for rows below `count`.
    init(count: Int) {
        words = Array(repeating: 0, count: (count + 63) / 64)
    }

    mutating func insert(_ row: RowNumber) {
        guard Int(row) / 64 < words.count else { return }
        words[Int(row) / 64] |= 1 << UInt64(row % 64)
    }

    func contains(_ row: RowNumber) -> Bool {
        Int(row) / 64 < words.count && words[Int(row) / 64] & (1 << UInt64(row % 64)) != 0
    }
}
