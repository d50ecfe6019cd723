// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A row near to a query.
package struct Neighbor: Sendable, Equatable {
    /// The row.
    package var row: UInt32
    /// By the index's metric; smaller is nearer.
    ///
    /// Never NaN.
    package var distance: Float

    /// Creates a neighbor.
    package init(row: UInt32, distance: Float) {
        self.row = row
        self.distance = distance
    }
}

/// Vectors that lie one after the other in memory, in the order of their rows.
///
/// `@unchecked Sendable`: the memory is only read, and its writer appends behind `count` or not at
/// all.
package struct VectorBlock: @unchecked Sendable {
    /// The first element of `firstRow`; aligned like a `Float`, no more is asked.
    package let base: UnsafePointer<Float>
    /// The number of the first row.
    package let firstRow: UInt32
    /// The row of each vector, ascending; `nil` when the rows follow one another.
    package let rows: Section<UInt32>?
    /// How many vectors follow one another, `dimension` elements each.
    package let count: Int
    /// Keeps the memory where it is for as long as the block lives.
    package let owner: AnyObject
    /// The block's bytes with checksums to compare before their first use; `nil` when they need
    /// none.
    package let checked: CheckedBytes?

    /// Creates a block.
    package init(
        base: UnsafePointer<Float>,
        firstRow: UInt32,
        rows: Section<UInt32>? = nil,
        count: Int,
        owner: AnyObject,
        checked: CheckedBytes? = nil
    ) {
        self.base = base
        self.firstRow = firstRow
        self.rows = rows
        self.count = count
        self.owner = owner
        self.checked = checked
    }

    /// The row of the vector at a place.
    package func row(at place: Int) -> UInt32 {
        // A damaged number shows in `isDamaged`.
        rows?.element(place, or: firstRow) ?? firstRow + UInt32(place)
    }

    /// The place of a row's vector; `nil` when the block has none of it.
    ///
    /// - Complexity: O(log `count`) when rows are missing in between, else O(1).
    package func place(of row: UInt32) -> Int? {
        guard row >= firstRow else { return nil }
        guard let rows else {
            let place = Int(row - firstRow)
            return place < count ? place : nil
        }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if rows.element(middle, or: firstRow) < row { low = middle + 1 } else { high = middle }
        }
        return low < count && rows.element(low, or: firstRow) == row ? low : nil
    }

    /// Whether rows of the block, counted from its first, are what was written.
    package func check(rows: Range<Int>, dimension: Int) -> Bool {
        let rowBytes = dimension * MemoryLayout<Float>.stride
        return checked?.check(rows.lowerBound * rowBytes..<rows.upperBound * rowBytes) ?? true
    }

    /// Whether rows were met that are not.
    package var isDamaged: Bool { checked?.isDamaged ?? false }
}
