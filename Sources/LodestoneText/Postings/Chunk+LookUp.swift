// SPDX-License-Identifier: Apache-2.0

extension Chunk {
    /// Whether to look rows up in a list costs less than to read the list.
    ///
    /// The lookup of one row costs about as much as to read 16 postings. To read the list costs as
    /// much as `clearing` postings in addition.
    func isLong(_ cursor: PostingsCursor, beside wanted: RowList, clearing: Int) -> Bool {
        let enough = wanted.count * 16 - clearing
        return enough < 0 || cursor.count(in: number, enough: enough, of: delta) > enough
    }

    /// Calls `body` with each posting of a list that has a row of `wanted`: its place in `wanted`,
    /// and its class.
    ///
    /// - Complexity: O(wanted x log(postings / wanted)), with a step for each block of the delta.
    @inline(__always)
    func lookUp(
        _ wanted: RowList,
        in cursor: PostingsCursor,
        _ body: (_ place: Int, _ postingClass: Int) -> Void
    ) {
        let postings = postings(of: cursor)
        if let base = postings.base {
            var posting = 0
            for place in 0..<wanted.count {
                posting = Self.first(posting..<base.count) { Int(base.rows[$0]) >= wanted[place] }
                guard posting < base.count else { break }
                if Int(base.rows[posting]) == wanted[place] {
                    body(place, Int(base.classes[posting]))
                }
            }
        }
        if postings.firstBlock != 0 { lookUp(wanted, from: postings.firstBlock, body) }
    }

    /// Looks rows up in the delta, from a block on; a block that ends too early is skipped as a
    /// whole.
    private func lookUp(
        _ wanted: RowList,
        from firstBlock: UInt32,
        _ body: (_ place: Int, _ postingClass: Int) -> Void
    ) {
        var block = delta.block(firstBlock)
        var posting = 0
        for place in 0..<wanted.count where wanted[place] < bound {
            let row = wanted[place]
            let last = { DeltaPosting(block.postings[block.count - 1].load(ordering: .relaxed)) }
            while Int(block.chunk) == number, block.count > 0, last().row < row {
                guard block.next != 0 else { return }
                block = delta.block(block.next)
                posting = 0
            }
            guard Int(block.chunk) == number, block.count > 0 else { return }
            posting = Self.first(posting..<block.count) {
                DeltaPosting(block.postings[$0].load(ordering: .relaxed)).row >= row
            }
            let found = DeltaPosting(block.postings[posting].load(ordering: .relaxed))
            if found.row == row { body(place, found.postingClass) }
        }
    }

    /// The first place in `range` from which on `holds` is true, found in growing steps; else the
    /// end.
    @inline(__always)
    static func first(_ range: Range<Int>, _ holds: (Int) -> Bool) -> Int {
        var (low, step) = (range.lowerBound, 1)
        while low + step <= range.upperBound, !holds(low + step - 1) {
            low += step
            step *= 2
        }
        var high = min(low + step, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
