// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The sums of given rows, read while a search visits their row blocks.
///
/// A search adds up the scores of all matching rows. A later lookup of these rows would read the
/// same postings again.
struct RowSums {
    /// The rows, ascending, without repetitions.
    private let rows: [RowID]
    /// The sum of each row; 0 for a row that doesn't match.
    private(set) var sums: [UInt32]
    /// The first row of an unvisited row block.
    private var next = 0

    /// - Parameter rows: The rows, ascending, without repetitions.
    init(of rows: [RowID]) {
        self.rows = rows
        sums = [UInt32](repeating: 0, count: rows.count)
    }

    /// Reads the sums of a row block; all its sums must be complete.
    ///
    /// Row blocks ascend from call to call.
    @inline(__always)
    mutating func read(_ blockSums: UnsafePointer<UInt32>, in number: Int) {
        forEach(in: number) { row in blockSums[row] }
    }

    /// Reads the sums of matching rows; other rows of the row block may have any sum.
    mutating func read(_ blockSums: UnsafePointer<UInt32>, in number: Int, of matching: RowList) {
        var index = 0
        forEach(in: number) { row in
            index = RowBlock.first(index..<matching.count) { matching[$0] >= row }
            return index < matching.count && matching[index] == row ? blockSums[row] : 0
        }
    }

    @inline(__always)
    private mutating func forEach(in number: Int, _ sum: (_ row: Int) -> UInt32) {
        while next < rows.count, rows[next].rowBlock <= number {
            if rows[next].rowBlock == number { sums[next] = sum(rows[next].offset) }
            next += 1
        }
    }

    /// The scores of the rows.
    func scores(_ scale: QuantizedIDF) -> [Double] { sums.map { scale.score(of: $0) } }
}
