// SPDX-License-Identifier: Apache-2.0

/// A set of rows, with one bit per row.
package struct RowSet: Sendable {
    fileprivate var words: [UInt64]
    /// The number of rows in the set.
    package fileprivate(set) var count = 0

    /// An empty set with room for rows below `bound`.
    package init(count bound: Int) {
        words = Array(repeating: 0, count: (bound + 63) / 64)
    }

    /// Adds a row; ignores a row beyond the set's bound.
    package mutating func insert(_ row: RowID) {
        let word = Int(row.rawValue / 64)
        guard word < words.count else { return }
        let bit: UInt64 = 1 << UInt64(row.rawValue % 64)
        if words[word] & bit == 0 { count += 1 }
        words[word] |= bit
    }

    /// Raises the set's bound to `bound`.
    package mutating func grow(to bound: Int) {
        let missing = (bound + 63) / 64 - words.count
        if missing > 0 { words.append(contentsOf: repeatElement(0, count: missing)) }
    }

    /// Removes a row.
    package mutating func remove(_ row: RowID) {
        guard contains(row) else { return }
        words[Int(row.rawValue / 64)] &= ~(1 << UInt64(row.rawValue % 64))
        count -= 1
    }

    /// Whether a row is in the set.
    package func contains(_ row: RowID) -> Bool {
        let word = Int(row.rawValue / 64)
        return word < words.count && words[word] & (1 << UInt64(row.rawValue % 64)) != 0
    }

    /// Calls `body` with one bit per row, in words of 64 from row 0 on.
    package func withWords<T, E: Error>(
        _ body: (UnsafeBufferPointer<UInt64>) throws(E) -> T
    ) throws(E) -> T {
        try words.withUnsafeBufferPointer { (words) throws(E) in try body(words) }
    }

    /// The first row of the set from `row` on.
    ///
    /// - Complexity: O(1) in a dense set; else one word per 64 rows passed.
    package func next(from row: RowID) -> RowID? {
        var word = Int(row.rawValue / 64)
        guard word < words.count else { return nil }
        var bits = words[word] & (~0 << UInt64(row.rawValue % 64))
        while bits == 0 {
            word += 1
            guard word < words.count else { return nil }
            bits = words[word]
        }
        return RowID(word * 64 + bits.trailingZeroBitCount)
    }
}

/// Operations on whole sets, one word per 64 rows.
extension RowSet {
    /// Calls `body` with each row, ascending.
    package func forEach<E: Error>(_ body: (RowID) throws(E) -> Void) throws(E) {
        for index in words.indices {
            var bits = words[index]
            while bits != 0 {
                try body(RowID(index * 64 + bits.trailingZeroBitCount))
                bits &= bits - 1
            }
        }
    }

    /// The set of rows below `bound` whose bits are set in `words`.
    package init(_ words: [UInt64], count bound: Int) {
        self.words = Array(words.prefix((bound + 63) / 64))
        if bound % 64 != 0, self.words.count == (bound + 63) / 64 {
            self.words[self.words.count - 1] &= (1 << UInt64(bound % 64)) - 1
        }
        grow(to: bound)
        recount()
    }

    /// Adds rows, which should mostly ascend; ignores rows beyond the set's bound.
    ///
    /// - Complexity: Half a nanosecond per row where many share a word.
    package mutating func insert(_ rows: UnsafeBufferPointer<RowID>) {
        let wordCount = words.count
        let added = words.withUnsafeMutableBufferPointer { words in
            var added = 0
            var word = 0
            var bits: UInt64 = 0
            for row in rows {
                let index = Int(row.rawValue / 64)
                if index != word {
                    if word < wordCount {
                        added += (bits & ~words[word]).nonzeroBitCount
                        words[word] |= bits
                    }
                    word = index
                    bits = 0
                }
                bits |= 1 << UInt64(row.rawValue % 64)
            }
            if word < wordCount {
                added += (bits & ~words[word]).nonzeroBitCount
                words[word] |= bits
            }
            return added
        }
        count += added
    }

    /// Adds every row of `other`.
    package mutating func formUnion(_ other: RowSet) {
        grow(to: other.words.count * 64)
        for index in other.words.indices { words[index] |= other.words[index] }
        recount()
    }

    /// Removes every row that `other` lacks.
    package mutating func formIntersection(_ other: RowSet) {
        for index in words.indices {
            words[index] &= index < other.words.count ? other.words[index] : 0
        }
        recount()
    }

    /// Removes every row of `other`.
    package mutating func subtract(_ other: RowSet) {
        for index in 0..<min(words.count, other.words.count) {
            words[index] &= ~other.words[index]
        }
        recount()
    }

    /// Removes every row below `row`.
    package mutating func removeRows(below row: RowID) {
        let word = Int(row.rawValue / 64)
        for index in 0..<min(word, words.count) { words[index] = 0 }
        if word < words.count { words[word] &= ~0 << UInt64(row.rawValue % 64) }
        recount()
    }

    /// The number of `rows` that are in the set.
    package func count(of rows: UnsafeBufferPointer<RowID>) -> Int {
        words.withUnsafeBufferPointer { words in
            var found = 0
            for row in rows {
                let word = Int(row.rawValue / 64)
                guard word < words.count else { continue }
                if words[word] >> UInt64(row.rawValue % 64) & 1 == 1 { found += 1 }
            }
            return found
        }
    }

    private mutating func recount() {
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }
}
