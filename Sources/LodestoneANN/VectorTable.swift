// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// The vectors of one version of a collection: blocks in the order of their rows, without overlap.
///
/// Threading: a value.
package struct VectorTable: Sendable {
    /// Elements of every vector.
    package let dimension: Int
    /// The blocks, in the order of their rows.
    package private(set) var blocks: [VectorBlock] = []

    /// Creates an empty table.
    package init(dimension: Int) { self.dimension = dimension }

    /// The row after the last row with a vector.
    package var endRow: RowID {
        blocks.last.map { $0.count > 0 ? $0.row(at: $0.count - 1) + 1 : $0.firstRow } ?? .first
    }

    /// Adds a block; its rows are above all others.
    ///
    /// The block joins the last one when it follows that in memory and neither has checksums.
    package mutating func append(_ block: VectorBlock) {
        if let last = blocks.last, last.checked == nil, block.checked == nil, block.rows == nil,
            last.owner === block.owner,
            last.base + last.count * dimension == block.base,
            Int(last.firstRow) + last.count == Int(block.firstRow)
        {
            blocks[blocks.count - 1] = VectorBlock(
                base: last.base,
                firstRow: last.firstRow,
                count: last.count + block.count,
                owner: last.owner
            )
        } else {
            blocks.append(block)
        }
    }

    /// The block with a row's vector, and the vector's index in the block.
    ///
    /// O(log of the number of blocks).
    package func location(of row: RowID) -> (block: VectorBlock, index: Int)? {
        blockIndex(of: row).flatMap { number in
            blocks[number].index(of: row).map { (blocks[number], $0) }
        }
    }

    /// The index of the last block that begins at a row or before it.
    private func blockIndex(of row: RowID) -> Int? {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].firstRow <= row { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }

    /// The vector of a row; `nil` when there is none, or when it fails its checksum.
    ///
    /// After a failed checksum the block `isDamaged`.
    package func vector(of row: RowID) -> UnsafePointer<Float>? {
        // A local copy of the block would retain its owner per row.
        guard let number = blockIndex(of: row), let index = blocks[number].index(of: row),
            blocks[number].check(rows: index..<index + 1, dimension: dimension)
        else { return nil }
        return blocks[number].base + index * dimension
    }

    /// The blocks with the rows from `row` on.
    package func suffix(from row: RowID) -> [VectorBlock] {
        var suffix: [VectorBlock] = []
        for block in blocks.reversed() {
            if let part = block.suffix(from: row, dimension: dimension) { suffix.append(part) }
            if block.firstRow <= row { break }
        }
        return suffix.reversed()
    }

    /// Calls `body` with each row from `row` on that has a vector, ascending.
    package func forEach<E: Error>(
        from row: RowID,
        _ body: (RowID, UnsafePointer<Float>) throws(E) -> Void
    ) throws(E) {
        for block in suffix(from: row) {
            for index in 0..<block.count {
                guard block.check(rows: index..<index + 1, dimension: dimension) else { return }
                try body(block.row(at: index), block.base + index * dimension)
            }
            withExtendedLifetime(block.owner) {}
        }
    }
}
