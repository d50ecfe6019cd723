// SPDX-License-Identifier: Apache-2.0

/// Finds the rows of a row block that have a phrase, in one field or in any.
struct PhraseReader {
    private let rowBlock: RowBlock
    /// Per word, the cursors of its lists; at most one of them has a given row.
    private var readers: [[PositionCursor]]
    private let field: Int?

    init(_ rowBlock: RowBlock, _ words: [[PostingsCursor]], field: Int?) {
        self.rowBlock = rowBlock
        readers = words.map { lists in lists.map { PositionCursor(rowBlock, $0) } }
        self.field = field
    }

    /// The rows of `candidates` that match; each candidate must have all words.
    func rows(in candidates: RowList) -> RowList {
        var readers = readers
        var found = RowList()
        if readers.isEmpty { return found }
        // The positions at which the phrase may begin.
        var starts: ContiguousArray<UInt32> = []
        var positions: ContiguousArray<UInt32> = []
        for row in candidates.rows.lazy.map(Int.init) {
            starts.removeAll(keepingCapacity: true)
            readers[0].readPositions(of: row, in: rowBlock, into: &starts)
            if let field { starts.removeAll { Position.field($0) != field } }
            for word in 1..<readers.count where !starts.isEmpty {
                positions.removeAll(keepingCapacity: true)
                readers[word].readPositions(of: row, in: rowBlock, into: &positions)
                Self.keep(&starts, followedBy: positions, at: UInt32(word))
            }
            if !starts.isEmpty { found.append(row) }
        }
        return found
    }

    /// Keeps the starts with a position `distance` later in `positions`; both lists ascend.
    private static func keep(
        _ starts: inout ContiguousArray<UInt32>,
        followedBy positions: ContiguousArray<UInt32>,
        at distance: UInt32
    ) {
        var remaining = 0
        var next = 0
        for index in starts.indices {
            let wanted = starts[index] &+ distance
            while next < positions.count, positions[next] < wanted { next += 1 }
            guard next < positions.count else { break }
            if positions[next] == wanted {
                starts[remaining] = starts[index]
                remaining += 1
            }
        }
        starts.removeLast(starts.count - remaining)
    }
}

extension [PositionCursor] {
    fileprivate mutating func readPositions(
        of row: Int,
        in rowBlock: RowBlock,
        into positions: inout ContiguousArray<UInt32>
    ) {
        for list in indices where positions.isEmpty {
            self[list].readPositions(of: row, in: rowBlock, into: &positions)
        }
    }
}

/// A reader of the positions of one list in one row block, row after row.
struct PositionCursor {
    private let rows: UnsafeBufferPointer<UInt16>
    private let firstPosting: Int
    private var index = 0
    private var reader = TextBase.PositionReader()
    private var node: UInt32
    private var indexInNode = 0

    init(_ rowBlock: RowBlock, _ cursor: PostingsCursor) {
        rows =
            rowBlock.base?.columns(of: cursor.basePostings).rows
            ?? UnsafeBufferPointer(start: nil, count: 0)
        firstPosting = cursor.basePostings.lowerBound
        node = cursor.firstNode
    }

    /// Appends the positions of `row`, or none if the list lacks it; rows ascend from call to call.
    mutating func readPositions(
        of row: Int,
        in rowBlock: RowBlock,
        into positions: inout ContiguousArray<UInt32>
    ) {
        index = RowBlock.first(index..<rows.count) { Int(rows[$0]) >= row }
        if index < rows.count, Int(rows[index]) == row {
            rowBlock.base?
                .readPositions(of: firstPosting + index, with: &reader, into: &positions)
            return
        }
        while node != 0 {
            let found = rowBlock.delta.node(node)
            guard Int(found.rowBlock) == rowBlock.number else { return }
            while indexInNode < found.count {
                let unit = found.postings[indexInNode].load(ordering: .relaxed)
                let posting = DeltaPosting(unit)
                if posting.row > row { return }
                if posting.row == row {
                    return rowBlock.delta.readPositions(
                        of: posting.positionReference,
                        into: &positions
                    )
                }
                indexInNode += 1
            }
            // The writer may add a node after this one, but only for rows that this search does not
            // see.
            node = found.next
            indexInNode = 0
        }
    }
}
