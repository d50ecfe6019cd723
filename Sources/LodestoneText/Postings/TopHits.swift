// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The best rows of a search so far, in a heap with the worst on top.
///
/// A key has the sum in its upper half and the complement of the row in its lower half: at equal
/// sums the smaller row is better.
struct TopHits {
    private let limit: Int
    private var keys: ContiguousArray<UInt64> = []

    /// Creates an empty heap for `limit` rows, at least one.
    init(limit: Int) {
        self.limit = limit
        keys.reserveCapacity(min(limit, 4_096))
    }

    /// The sum that a row must exceed to enter.
    ///
    /// A row with exactly this sum enters only if the heap has a greater row with the same sum,
    /// which can't happen for ascending rows.
    var threshold: UInt32 {
        keys.count < limit ? 0 : UInt32(truncatingIfNeeded: keys[0] >> 32)
    }

    /// Whether a row would enter the best rows.
    func accepts(_ sum: UInt32, _ row: RowID) -> Bool {
        keys.count < limit || Self.key(sum, row) > keys[0]
    }

    mutating func insert(_ sum: UInt32, _ row: RowID) {
        let key = Self.key(sum, row)
        if keys.count < limit {
            keys.append(key)
            var index = keys.count - 1
            while index > 0, keys[index] < keys[(index - 1) / 2] {
                keys.swapAt(index, (index - 1) / 2)
                index = (index - 1) / 2
            }
            return
        }
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < keys.count else { break }
            if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
            guard keys[child] < key else { break }
            keys[index] = keys[child]
            index = child
        }
        keys[index] = key
    }

    /// The rows, best first.
    func hits(_ weights: QuantizedIDF) -> [TextHit] {
        keys.sorted(by: >).map { key in
            TextHit(
                row: RowID(rawValue: ~UInt32(truncatingIfNeeded: key)),
                score: weights.score(of: UInt32(truncatingIfNeeded: key >> 32))
            )
        }
    }

    private static func key(_ sum: UInt32, _ row: RowID) -> UInt64 {
        UInt64(sum) << 32 | UInt64(~row.rawValue)
    }
}
