// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The `k` nearest of all offered rows; at equal distances, the smaller rows.
///
/// A binary heap with the farthest on top. A row is one integer, with the distance in the high half
/// and the row id in the low half. So one comparison decides, and ties are ordered.
struct TopK {
    private let capacity: Int
    private var heap: [UInt64] = []

    /// The largest distance that is worth offering; infinite until `k` rows are held.
    private(set) var bound = Float.infinity

    /// Creates an empty heap for `k` rows, at least 0, of at most `expected` offered rows.
    init(k: Int, expected: Int) {
        capacity = k
        heap.reserveCapacity(min(k, expected))
    }

    /// Whether `k` rows are held.
    var isFull: Bool { heap.count == capacity }

    /// Whether `add` would keep the row.
    ///
    /// The distance is not NaN.
    func wouldKeep(row: RowID, distance: Float) -> Bool {
        guard isFull else { return true }
        guard let farthest = heap.first else { return false }
        return Self.key(row: row, distance: distance) < farthest
    }

    /// Adds a row that `wouldKeep` accepts, and drops the farthest if there are too many.
    mutating func add(row: RowID, distance: Float) {
        let key = Self.key(row: row, distance: distance)
        if heap.count < capacity {
            heap.append(key)
            siftUp()
        } else {
            replaceFarthest(by: key)
        }
        if isFull, let farthest = heap.first {
            bound = Self.neighbor(farthest).distance
        }
    }

    /// The rows held, nearest first.
    consuming func sorted() -> [Neighbor] {
        heap.sort()
        return heap.map(Self.neighbor)
    }

    private mutating func siftUp() {
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[parent] < heap[child] else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    private mutating func replaceFarthest(by key: UInt64) {
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child] < heap[child + 1] { child += 1 }
            guard key < heap[child] else { break }
            heap[hole] = heap[child]
            hole = child
        }
        heap[hole] = key
    }

    // The bits of floats of one sign sort like integers. So the sign bit is flipped; for negative
    // floats, all bits. Adding zero turns a negative zero into zero.
    private static func key(row: RowID, distance: Float) -> UInt64 {
        let bits = (distance + 0).bitPattern
        let ordered = bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits
        return UInt64(ordered) << 32 | UInt64(row)
    }

    private static func neighbor(_ key: UInt64) -> Neighbor {
        let ordered = UInt32(truncatingIfNeeded: key >> 32)
        let bits = ordered >> 31 == 0 ? ~ordered : ordered & 0x7FFF_FFFF
        return Neighbor(
            row: RowID(rawValue: UInt32(truncatingIfNeeded: key)),
            distance: Float(bitPattern: bits)
        )
    }
}
