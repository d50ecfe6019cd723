// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// Vectors that are contiguous in memory, in the order of their rows.
///
/// `@unchecked Sendable`: the memory is only read; a writer at most appends after `count`.
package struct VectorBlock: @unchecked Sendable {
    /// The first element of the vector of `firstRow`, aligned like a `Float`.
    package private(set) var base: UnsafePointer<Float>
    /// The number of the first row.
    package private(set) var firstRow: RowID
    /// The row of each vector, ascending; `nil` when the rows follow one another.
    package let rows: MappedArray<RowID>?
    /// The number of vectors, which follow one another with `dimension` elements each.
    package private(set) var count: Int
    /// Keeps the memory valid as long as the block exists.
    package let owner: AnyObject
    /// The block's bytes with checksums, which are compared before the first use; `nil` when no
    /// check is needed.
    package let checked: VerifiedBytes?
    /// The number of vectors before `base` in `rows` and `checked`.
    private var skipped = 0

    /// Creates a block.
    package init(
        base: UnsafePointer<Float>,
        firstRow: RowID,
        rows: MappedArray<RowID>? = nil,
        count: Int,
        owner: AnyObject,
        checked: VerifiedBytes? = nil
    ) {
        self.base = base
        self.firstRow = firstRow
        self.rows = rows
        self.count = count
        self.owner = owner
        self.checked = checked
    }

    /// The row of the vector at an index.
    package func row(at index: Int) -> RowID {
        // `isDamaged` is true after a damaged number.
        rows?.element(skipped + index, or: firstRow) ?? firstRow + index
    }

    /// The index of a row's vector; `nil` when the block has no vector of the row.
    ///
    /// - Complexity: O(log `count`) if the rows have gaps, else O(1).
    package func index(of row: RowID) -> Int? {
        guard row >= firstRow else { return nil }
        let index = firstIndex(atOrAfter: row)
        return index < count && self.row(at: index) == row ? index : nil
    }

    /// The first index with a row of at least `row`; `count` if there is none.
    private func firstIndex(atOrAfter row: RowID) -> Int {
        guard row > firstRow else { return 0 }
        if rows == nil { return firstRow.distance(to: row) }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self.row(at: middle) < row { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The part with the rows from `row` on; `nil` when there is none.
    ///
    /// - Complexity: as `index(of:)`.
    package func suffix(from row: RowID, dimension: Int) -> VectorBlock? {
        guard row > firstRow else { return self }
        let skipped = firstIndex(atOrAfter: row)
        guard skipped < count else { return nil }
        var suffix = self
        suffix.base = base + skipped * dimension
        suffix.firstRow = self.row(at: skipped)
        suffix.count = count - skipped
        suffix.skipped = self.skipped + skipped
        return suffix
    }

    /// Whether the vectors at some indices match their checksums; true for a block without
    /// checksums.
    package func check(rows: Range<Int>, dimension: Int) -> Bool {
        let rowBytes = dimension * MemoryLayout<Float>.stride
        let bytes = (skipped + rows.lowerBound) * rowBytes..<(skipped + rows.upperBound) * rowBytes
        return checked?.check(bytes) ?? true
    }

    /// Whether a check found vectors that don't match their checksums.
    package var isDamaged: Bool { checked?.isDamaged ?? false }
}
