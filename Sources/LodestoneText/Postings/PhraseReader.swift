// SPDX-License-Identifier: Apache-2.0

/// Finds the rows of a chunk that have words in sequence, in one field or anywhere.
struct PhraseReader {
    private let chunk: Chunk
    /// For each word the cursors of its lists; at most one of these lists has a given row.
    private var readers: [[PositionCursor]]
    private let field: Int?

    init(_ chunk: Chunk, _ words: [[PostingsCursor]], field: Int?) {
        self.chunk = chunk
        readers = words.map { lists in lists.map { PositionCursor(chunk, $0) } }
        self.field = field
    }

    /// The rows of `candidates` that match; each candidate has all the words.
    func rows(in candidates: RowList) -> RowList {
        var readers = readers
        var found = RowList()
        if readers.isEmpty { return found }
        // The positions at which the phrase may begin.
        var starts: ContiguousArray<UInt32> = []
        var positions: ContiguousArray<UInt32> = []
        for row in candidates.rows.lazy.map(Int.init) {
            starts.removeAll(keepingCapacity: true)
            readers[0].readPositions(of: row, in: chunk, into: &starts)
            if let field { starts.removeAll { Position.field($0) != field } }
            for word in 1..<readers.count where !starts.isEmpty {
                positions.removeAll(keepingCapacity: true)
                readers[word].readPositions(of: row, in: chunk, into: &positions)
                Self.keep(&starts, followedBy: positions, at: UInt32(word))
            }
            if !starts.isEmpty { found.append(row) }
        }
        return found
    }

    /// Keeps the starts that have a position `distance` later in `positions`; both lists rise.
    private static func keep(
        _ starts: inout ContiguousArray<UInt32>,
        followedBy positions: ContiguousArray<UInt32>,
        at distance: UInt32
    ) {
        var kept = 0
        var next = 0
        for place in starts.indices {
            let wanted = starts[place] &+ distance
            while next < positions.count, positions[next] < wanted { next += 1 }
            guard next < positions.count else { break }
            if positions[next] == wanted {
                starts[kept] = starts[place]
                kept += 1
            }
        }
        starts.removeLast(starts.count - kept)
    }
}

extension [PositionCursor] {
    fileprivate mutating func readPositions(
        of row: Int,
        in chunk: Chunk,
        into positions: inout ContiguousArray<UInt32>
    ) {
        for list in indices where positions.isEmpty {
            self[list].readPositions(of: row, in: chunk, into: &positions)
        }
    }
}

/// Reads the positions of one list in one chunk, row after row.
struct PositionCursor {
    private let rows: UnsafeBufferPointer<UInt16>
    private let firstPosting: Int
    private var place = 0
    private var reader = TextBase.PositionReader()
    private var block: UInt32
    private var placeInBlock = 0

    init(_ chunk: Chunk, _ cursor: PostingsCursor) {
        rows =
            chunk.base?.columns(of: cursor.basePostings).rows
            ?? UnsafeBufferPointer(start: nil, count: 0)
        firstPosting = cursor.basePostings.lowerBound
        block = cursor.firstBlock
    }

    /// Appends the positions of `row`, or none when the list lacks it; rows rise from call to call.
    mutating func readPositions(
        of row: Int,
        in chunk: Chunk,
        into positions: inout ContiguousArray<UInt32>
    ) {
        place = Chunk.first(place..<rows.count) { Int(rows[$0]) >= row }
        if place < rows.count, Int(rows[place]) == row {
            chunk.base?
                .readPositions(of: firstPosting + place, with: &reader, into: &positions)
            return
        }
        while block != 0 {
            let found = chunk.delta.block(block)
            guard Int(found.chunk) == chunk.number else { return }
            while placeInBlock < found.count {
                let word = found.postings[placeInBlock].load(ordering: .relaxed)
                let posting = DeltaPosting(word)
                if posting.row > row { return }
                if posting.row == row {
                    return chunk.delta.positions(at: posting.place, into: &positions)
                }
                placeInBlock += 1
            }
            // A later block may be added behind this one, but only for rows that no search sees
            // yet.
            block = found.next
            placeInBlock = 0
        }
    }
}
