// SPDX-License-Identifier: Apache-2.0

/// A set of rows, one bit each.
package struct RowSet: Sendable {
    private var words: [UInt64]
    /// Rows in it.
    package private(set) var count = 0

    /// An empty set with room for rows below `bound`.
    package init(count bound: Int) {
        words = Array(repeating: 0, count: (bound + 63) / 64)
    }

    /// Adds a row; one that there is no room for is left out.
    package mutating func insert(_ row: UInt32) {
        let word = Int(row / 64)
        guard word < words.count else { return }
        let bit: UInt64 = 1 << UInt64(row % 64)
        if words[word] & bit == 0 { count += 1 }
        words[word] |= bit
    }

    /// Makes room for rows below `bound`.
    package mutating func grow(to bound: Int) {
        let missing = (bound + 63) / 64 - words.count
        if missing > 0 { words.append(contentsOf: repeatElement(0, count: missing)) }
    }

    /// Takes a row out.
    package mutating func remove(_ row: UInt32) {
        guard contains(row) else { return }
        words[Int(row / 64)] &= ~(1 << UInt64(row % 64))
        count -= 1
    }

    /// Whether a row is in it.
    package func contains(_ row: UInt32) -> Bool {
        let word = Int(row / 64)
        return word < words.count && words[word] & (1 << UInt64(row % 64)) != 0
    }

    /// The smallest row in it that is at least `row`.
    ///
    /// - Complexity: O(1) in a dense set; a word for each 64 rows passed.
    package func next(from row: UInt32) -> UInt32? {
        var word = Int(row / 64)
        guard word < words.count else { return nil }
        var bits = words[word] & (~0 << UInt64(row % 64))
        while bits == 0 {
            word += 1
            guard word < words.count else { return nil }
            bits = words[word]
        }
        return UInt32(word * 64 + bits.trailingZeroBitCount)
    }
}
