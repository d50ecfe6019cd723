// SPDX-License-Identifier: Apache-2.0

/// A position in a postings list of base or delta, chunk by chunk; valid while the index lives.
struct PostingsCursor {
    /// The entries of the base from the chunk under way on, then the end.
    private var entries: UnsafeBufferPointer<UInt64>
    /// The delta's block in the chunk under way or before it; 0 for none.
    private var block: UInt32
    /// The delta's first block in the chunk; 0 for none.
    private(set) var firstBlock: UInt32 = 0
    /// The postings of the base in the chunk.
    private(set) var basePostings: Range<Int> = 0..<0
    /// The number of documents in the list; it may be that of a later moment.
    let frequency: Int

    /// A list of the base.
    @inline(__always)
    init(_ list: PostingsHeader) {
        entries = list.entries
        block = 0
        frequency = list.frequency
    }

    /// A list of the delta, by its number.
    init(_ list: UInt32, of delta: TextDelta) {
        entries = UnsafeBufferPointer(start: nil, count: 0)
        block = delta.firstBlock(of: list)
        frequency = delta.frequency(of: list)
    }

    /// Whether nothing is left from the chunk under way on.
    var isAtEnd: Bool { entries.count <= 1 && block == 0 }

    /// Goes to a later chunk.
    ///
    /// - Returns: Whether the list may have postings there.
    @inline(__always)
    mutating func move(to chunk: Int, of index: PostingsTextIndex) -> Bool {
        if block != 0 { return moveBlock(to: chunk, of: index.delta) }
        basePostings = 0..<0
        while entries.count > 1, PostingsHeader.chunk(entries[0]) < chunk {
            entries = UnsafeBufferPointer(rebasing: entries[1...])
        }
        guard entries.count > 1, PostingsHeader.chunk(entries[0]) == chunk, let base = index.base
        else {
            return false
        }
        basePostings = base.postings(of: entries[0], before: entries[1])
        return !basePostings.isEmpty
    }

    private mutating func moveBlock(to chunk: Int, of delta: TextDelta) -> Bool {
        firstBlock = 0
        while block != 0 {
            let found = delta.block(block)
            if Int(found.chunk) >= chunk {
                if Int(found.chunk) == chunk { firstBlock = block }
                break
            }
            block = found.next
        }
        return firstBlock != 0
    }

    /// The number of postings in the chunk; the count stops at about `enough`.
    func count(in chunk: Int, enough: Int, of delta: TextDelta) -> Int {
        var count = basePostings.count
        var number = firstBlock
        while number != 0, count < enough {
            let block = delta.block(number)
            guard Int(block.chunk) == chunk else { break }
            count += block.count
            number = block.next
        }
        return count
    }
}

/// The postings of a list in one chunk; valid while the chunk's index lives.
struct ChunkPostings {
    /// The rows and classes of the postings in the base.
    let base: (rows: UnsafePointer<UInt16>, classes: UnsafePointer<UInt16>, count: Int)?
    /// The delta's first block in the chunk, as in `PostingsCursor`.
    let firstBlock: UInt32
}

/// A chunk of rows, as one version of the index has it.
struct Chunk {
    let base: TextBase?
    let delta: TextDelta
    let number: Int
    /// The bound of the rows of the delta, counted from the start of the chunk; later rows are
    /// ignored.
    let bound: Int

    init(_ index: PostingsTextIndex, _ number: Int) {
        base = index.base
        delta = index.delta
        self.number = number
        bound = min(Scratch.rows, Int(index.rowBound) - number << 16)
    }

    /// The first row.
    var firstRow: UInt32 { UInt32(number << 16) }

    /// The number of chunks of an index.
    static func count(_ index: PostingsTextIndex) -> Int { (Int(index.rowBound) + 0xFFFF) >> 16 }

    /// The postings of a list in this chunk; `cursor` was moved to the chunk.
    func postings(of cursor: PostingsCursor) -> ChunkPostings {
        guard cursor.firstBlock == 0, let base else {
            return ChunkPostings(base: nil, firstBlock: cursor.firstBlock)
        }
        let (rows, classes) = base.columns(of: cursor.basePostings)
        guard let row = rows.baseAddress, let postingClass = classes.baseAddress else {
            return ChunkPostings(base: nil, firstBlock: 0)
        }
        return ChunkPostings(base: (row, postingClass, rows.count), firstBlock: 0)
    }

    /// Calls `body` with the row and the class of each posting of a list: rising rows below 65,536.
    ///
    /// The postings of the base come first, then those of the delta.
    @inline(__always)
    func forEachPosting(_ cursor: PostingsCursor, _ body: (_ row: Int, _ postingClass: Int) -> Void)
    {
        forEachPosting(postings(of: cursor), body)
    }

    @inline(__always)
    func forEachPosting(
        _ postings: ChunkPostings,
        _ body: (_ row: Int, _ postingClass: Int) -> Void
    ) {
        if let base = postings.base {
            for place in 0..<base.count { body(Int(base.rows[place]), Int(base.classes[place])) }
        }
        if postings.firstBlock != 0 { forEachDeltaPosting(postings.firstBlock, body) }
    }

    @inline(__always)
    private func forEachDeltaPosting(
        _ firstBlock: UInt32,
        _ body: (_ row: Int, _ postingClass: Int) -> Void
    ) {
        var block = delta.block(firstBlock)
        while Int(block.chunk) == number, block.count > 0 {
            // The next header is loaded early, so that it arrives in time.
            let next = block.next == 0 ? nil : delta.block(block.next)
            let postings = block.postings
            var count = block.count
            // Rows rise: only a block that ends beyond the bound needs a look at each.
            while count > 0,
                DeltaPosting(postings[count - 1].load(ordering: .relaxed)).row >= bound
            {
                count -= 1
            }
            for place in 0..<count {
                let posting = DeltaPosting(postings[place].load(ordering: .relaxed))
                body(posting.row, posting.postingClass)
            }
            guard count == block.count, let next else { return }
            block = next
        }
    }
}
