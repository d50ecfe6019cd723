// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The postings of a list in one row block; valid as long as the row block's index exists.
struct RowBlockPostings {
    /// The rows and classes of the postings in the base.
    let base: (rows: UnsafePointer<UInt16>, classes: UnsafePointer<UInt16>, count: Int)?
    /// The delta's first node in the row block, like in `PostingsCursor`.
    let firstNode: UInt32
}

/// A block of 65,536 consecutive rows, in one version of the index.
///
/// Postings are stored and read by row block, so that a row takes 16 bits.
struct RowBlock {
    let base: TextBase?
    let delta: TextDelta
    let number: Int
    /// The bound of the delta's rows, relative to the row block; later rows are ignored.
    let bound: Int

    init(_ index: PostingsTextIndex, _ number: Int) {
        base = index.base
        delta = index.delta
        self.number = number
        bound = min(Scratch.rows, Int(index.rowBound) - number << 16)
    }

    /// The row at an offset in the row block.
    @inline(__always)
    func row(at offset: Int) -> RowID { RowID(rowBlock: number, offset: offset) }

    /// The number of row blocks of an index.
    static func count(_ index: PostingsTextIndex) -> Int { (Int(index.rowBound) + 0xFFFF) >> 16 }

    /// The postings of a list in this row block; `cursor` must be at the row block.
    func postings(of cursor: PostingsCursor) -> RowBlockPostings {
        guard cursor.firstNode == 0, let base else {
            return RowBlockPostings(base: nil, firstNode: cursor.firstNode)
        }
        let (rows, classes) = base.columns(of: cursor.basePostings)
        guard let row = rows.baseAddress, let postingClass = classes.baseAddress else {
            return RowBlockPostings(base: nil, firstNode: 0)
        }
        return RowBlockPostings(base: (row, postingClass, rows.count), firstNode: 0)
    }

    /// Calls `body` with the row and the class of each posting of a list: ascending rows below
    /// 65,536.
    ///
    /// The postings of the base come first, then those of the delta.
    @inline(__always)
    func forEachPosting(_ cursor: PostingsCursor, _ body: (_ row: Int, _ postingClass: Int) -> Void)
    {
        forEachPosting(postings(of: cursor), body)
    }

    @inline(__always)
    func forEachPosting(
        _ postings: RowBlockPostings,
        _ body: (_ row: Int, _ postingClass: Int) -> Void
    ) {
        if let base = postings.base {
            for index in 0..<base.count { body(Int(base.rows[index]), Int(base.classes[index])) }
        }
        if postings.firstNode != 0 { forEachDeltaPosting(postings.firstNode, body) }
    }

    @inline(__always)
    private func forEachDeltaPosting(
        _ firstNode: UInt32,
        _ body: (_ row: Int, _ postingClass: Int) -> Void
    ) {
        var node = delta.node(firstNode)
        while Int(node.rowBlock) == number, node.count > 0 {
            // The next header is loaded early, to hide the latency of memory.
            let next = node.next == 0 ? nil : delta.node(node.next)
            let postings = node.postings
            var count = node.count
            // Rows ascend, so only a node that ends beyond the bound is tested row by row.
            while count > 0,
                DeltaPosting(postings[count - 1].load(ordering: .relaxed)).row >= bound
            {
                count -= 1
            }
            for index in 0..<count {
                let posting = DeltaPosting(postings[index].load(ordering: .relaxed))
                body(posting.row, posting.postingClass)
            }
            guard count == node.count, let next else { return }
            node = next
        }
    }
}

extension RowID {
    /// The row at an offset in a row block, 0 to 65,535.
    @inline(__always)
    init(rowBlock: Int, offset: Int) {
        self.init(rawValue: UInt32(truncatingIfNeeded: rowBlock << 16 | offset))
    }

    /// The number of the row block that has the row.
    @inline(__always) var rowBlock: Int { Int(rawValue >> 16) }

    /// The offset of the row in its row block.
    @inline(__always) var offset: Int { Int(rawValue & 0xFFFF) }
}
