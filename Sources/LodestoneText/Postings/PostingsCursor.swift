// SPDX-License-Identifier: Apache-2.0

/// A cursor in a postings list of base or delta, which moves by row block.
///
/// It is valid as long as the index exists.
struct PostingsCursor {
    /// The base's entries from the current row block on, then the end.
    private var entries: UnsafeBufferPointer<UInt64>
    /// The delta's node in the current row block, or the last one before it; 0 for none.
    private var node: UInt32
    /// The delta's first node in the row block; 0 for none.
    private(set) var firstNode: UInt32 = 0
    /// The postings of the base in the row block.
    private(set) var basePostings: Range<Int> = 0..<0
    /// The number of documents in the list; it may include changes after this version.
    let frequency: Int

    /// A list of the base.
    @inline(__always)
    init(_ list: PostingsHeader, frequency: Int? = nil) {
        entries = list.entries
        node = 0
        self.frequency = frequency ?? list.frequency
    }

    /// A list of the delta, by its number.
    init(_ list: UInt32, of delta: TextDelta, frequency: Int? = nil) {
        entries = UnsafeBufferPointer(start: nil, count: 0)
        node = delta.firstNode(of: list)
        self.frequency = frequency ?? delta.frequency(of: list)
    }

    /// Whether no posting is left from the current row block on.
    var isAtEnd: Bool { entries.count <= 1 && node == 0 }

    /// Moves to a later row block.
    ///
    /// - Returns: Whether the list may have postings there.
    @inline(__always)
    mutating func move(to rowBlock: Int, of index: PostingsTextIndex) -> Bool {
        if node != 0 { return moveNode(to: rowBlock, of: index.delta) }
        basePostings = 0..<0
        while entries.count > 1, PostingsHeader.rowBlock(entries[0]) < rowBlock {
            entries = UnsafeBufferPointer(rebasing: entries[1...])
        }
        guard entries.count > 1, PostingsHeader.rowBlock(entries[0]) == rowBlock,
            let base = index.base
        else {
            return false
        }
        basePostings = base.postings(of: entries[0], before: entries[1])
        return !basePostings.isEmpty
    }

    private mutating func moveNode(to rowBlock: Int, of delta: TextDelta) -> Bool {
        firstNode = 0
        while node != 0 {
            let found = delta.node(node)
            if Int(found.rowBlock) >= rowBlock {
                if Int(found.rowBlock) == rowBlock { firstNode = node }
                break
            }
            node = found.next
        }
        return firstNode != 0
    }

    /// The number of postings in the row block; the count may stop above `enough`.
    func count(in rowBlock: Int, enough: Int, of delta: TextDelta) -> Int {
        var count = basePostings.count
        var number = firstNode
        while number != 0, count < enough {
            let node = delta.node(number)
            guard Int(node.rowBlock) == rowBlock else { break }
            count += node.count
            number = node.next
        }
        return count
    }
}
