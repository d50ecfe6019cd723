// SPDX-License-Identifier: Apache-2.0

extension RowBlock {
    /// Whether looking rows up in a list costs less than reading the list.
    ///
    /// The lookup of one row costs about as much as reading 16 postings. Reading the list costs
    /// `clearing` postings in addition.
    func isLong(_ cursor: PostingsCursor, comparedWith wanted: RowList, clearing: Int) -> Bool {
        let enough = wanted.count * 16 - clearing
        return enough < 0 || cursor.count(in: number, enough: enough, of: delta) > enough
    }

    /// Calls `body` with each posting of a list that has a row of `wanted`: the index of the row in
    /// `wanted`, and the class of the posting.
    ///
    /// - Complexity: O(wanted x log(postings / wanted)), with a step for each node of the delta.
    @inline(__always)
    func lookUp(
        _ wanted: RowList,
        in cursor: PostingsCursor,
        _ body: (_ index: Int, _ postingClass: Int) -> Void
    ) {
        let postings = postings(of: cursor)
        if let base = postings.base {
            var posting = 0
            for index in 0..<wanted.count {
                posting = Self.first(posting..<base.count) { Int(base.rows[$0]) >= wanted[index] }
                guard posting < base.count else { break }
                if Int(base.rows[posting]) == wanted[index] {
                    body(index, Int(base.classes[posting]))
                }
            }
        }
        if postings.firstNode != 0 { lookUp(wanted, from: postings.firstNode, body) }
    }

    /// Looks rows up in the delta, from a node on; skips a node that ends before the row.
    private func lookUp(
        _ wanted: RowList,
        from firstNode: UInt32,
        _ body: (_ index: Int, _ postingClass: Int) -> Void
    ) {
        var node = delta.node(firstNode)
        var posting = 0
        for index in 0..<wanted.count where wanted[index] < bound {
            let row = wanted[index]
            let last = { DeltaPosting(node.postings[node.count - 1].load(ordering: .relaxed)) }
            while Int(node.rowBlock) == number, node.count > 0, last().row < row {
                guard node.next != 0 else { return }
                node = delta.node(node.next)
                posting = 0
            }
            guard Int(node.rowBlock) == number, node.count > 0 else { return }
            posting = Self.first(posting..<node.count) {
                DeltaPosting(node.postings[$0].load(ordering: .relaxed)).row >= row
            }
            let found = DeltaPosting(node.postings[posting].load(ordering: .relaxed))
            if found.row == row { body(index, found.postingClass) }
        }
    }

    /// The first index in `range` at which `predicate` is true, by galloping search; the end if
    /// there is none.
    @inline(__always)
    static func first(_ range: Range<Int>, _ predicate: (Int) -> Bool) -> Int {
        var (low, step) = (range.lowerBound, 1)
        while low + step <= range.upperBound, !predicate(low + step - 1) {
            low += step
            step *= 2
        }
        var high = min(low + step, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if predicate(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
