// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Synchronization

/// The postings since the base, in memory that never moves.
///
/// A postings list is an unrolled linked list: its nodes hold postings in ascending row order, each
/// node for one row block (`RowBlock`).
///
///     node           header, postings
///     header         next node, or 0 (low 32 bits); row block (16); postings (16)
///     posting        row in its row block (low 16 bits); class (16); position reference (32): the
///                    one position, or with `AnalyzedTexts.isPositionList` the index of a position
///                    list
///     position list  number of positions (low 32 bits), then the positions, two per unit
///     head           first node, or 0 (low 32 bits); last node (32)
///                    document frequency gained (low 32 bits, signed)
///                    of the last node: postings (low 16 bits), capacity (16), row block (16); the
///                    writer then need not wait for the node to come from memory
///
/// Threading: one writer; any thread may read. A reader ignores rows at or above its bound.
// Unchecked because of the properties that only the writer uses: `nextRow`, `removalCount`,
// `isFull`.
final class TextDelta: @unchecked Sendable {
    let tables: TextTables
    var dictionary: TermDictionary { tables.dictionary }
    let vocabulary = DeltaVocabulary()
    private let arena = AtomicArena()
    private let heads = AtomicArena()
    private let headCount = Atomic<UInt32>(0)
    /// The least row that can be added.
    var nextRow: RowID
    /// The number of documents that were removed.
    var removalCount = 0

    init(_ tables: TextTables, nextRow: RowID) {
        self.tables = tables
        self.nextRow = nextRow
        // No node has number 0.
        _ = arena.allocate(2)
    }

    /// An estimate of the bytes of memory; for the writer.
    var byteCount: Int {
        arena.byteCount + heads.byteCount + dictionary.byteCount
    }

    // MARK: Writing

    /// Adds a posting after all others of its list.
    @inline(__always)
    func append(_ list: UInt32, row: RowID, postingClass: UInt16, positionReference: UInt32) {
        let head = head(of: list)
        let links = head[0].load(ordering: .relaxed)
        let frequency = head[1].load(ordering: .relaxed)
        let state = head[2].load(ordering: .relaxed)
        let last = UInt32(truncatingIfNeeded: links >> 32)
        let rowBlock = UInt64(row.rowBlock)
        let posting =
            UInt64(row.offset) | UInt64(postingClass) << 16
            | UInt64(positionReference) << 32
        let (count, capacity) = (state & 0xFFFF, state >> 16 & 0xFFFF)
        head[1].store(
            UInt64(UInt32(truncatingIfNeeded: frequency) &+ 1),
            ordering: .relaxed
        )
        if count < capacity, state >> 32 == rowBlock {
            let node = arena[last]
            node[Int(count) + 1].store(posting, ordering: .relaxed)
            // No node follows the last one.
            node[0].store((count + 1) << 48 | rowBlock << 32, ordering: .releasing)
            head[2].store(state + 1, ordering: .relaxed)
            return
        }
        // Nodes grow with the list, up to 2 KiB.
        let newCapacity = last == 0 ? 1 : min(255, capacity * 2 + 1)
        guard let start = arena.allocate(Int(newCapacity) + 1) else { return isFull = true }
        let node = arena[start]
        node[1].store(posting, ordering: .relaxed)
        node[0].store(1 << 48 | rowBlock << 32, ordering: .relaxed)
        if last != 0 {
            let header = arena[last][0].load(ordering: .relaxed)
            arena[last][0].store(header | UInt64(start), ordering: .releasing)
        }
        let first = last == 0 ? UInt64(start) : links & 0xFFFF_FFFF
        head[0].store(first | UInt64(start) << 32, ordering: .releasing)
        head[2].store(1 | newCapacity << 16 | rowBlock << 32, ordering: .relaxed)
    }

    /// Whether all 16 GiB are used.
    ///
    /// Some later words are then not found until a compaction empties the delta.
    private(set) var isFull = false

    /// Stores the positions of one posting.
    ///
    /// - Returns: The position reference of the posting.
    func addPositionList(_ count: Int, _ position: (Int) -> UInt32) -> UInt32 {
        guard
            let start = arena.allocate(
                1 + (count + 1) / 2,
                below: UInt64(AnalyzedTexts.isPositionList)
            )
        else {
            isFull = true
            return position(0)
        }
        let units = arena[start]
        units[0].store(UInt64(count), ordering: .relaxed)
        for index in stride(from: 0, to: count, by: 2) {
            let second = index + 1 < count ? UInt64(position(index + 1)) << 32 : 0
            units[1 + index / 2].store(UInt64(position(index)) | second, ordering: .relaxed)
        }
        return AnalyzedTexts.isPositionList | start
    }

    /// Changes the document frequency of a list.
    func addFrequency(_ change: Int32, to list: UInt32) {
        let head = head(of: list)
        let frequency = Int32(truncatingIfNeeded: head[1].load(ordering: .relaxed)) &+ change
        head[1].store(UInt64(UInt32(bitPattern: frequency)), ordering: .relaxed)
    }

    @inline(__always)
    private func head(of list: UInt32) -> UnsafeMutablePointer<AtomicArena.Unit> {
        if list >= headCount.load(ordering: .relaxed) { addHeads(through: list) }
        return heads[list * 4]
    }

    private func addHeads(through list: UInt32) {
        var count = headCount.load(ordering: .relaxed)
        while count <= list {
            guard heads.allocate(4) != nil else { preconditionFailure("too many lists") }
            count += 1
        }
        headCount.store(count, ordering: .releasing)
    }

    // MARK: Reading

    /// The first node of a list, or 0.
    func firstNode(of list: UInt32) -> UInt32 {
        guard list < headCount.load(ordering: .acquiring) else { return 0 }
        return UInt32(truncatingIfNeeded: heads[list * 4][0].load(ordering: .acquiring))
    }

    /// The change of a list's document frequency since the base; negative when the list lost
    /// documents.
    func frequency(of list: UInt32) -> Int {
        guard list < headCount.load(ordering: .acquiring) else { return 0 }
        return Int(Int32(truncatingIfNeeded: heads[list * 4][1].load(ordering: .relaxed)))
    }

    /// A node, as read at one moment.
    struct Node {
        let next: UInt32
        let rowBlock: UInt32
        let postings: UnsafeMutablePointer<AtomicArena.Unit>
        let count: Int
    }

    @inline(__always)
    func node(_ number: UInt32) -> Node {
        let units = arena[number]
        let header = units[0].load(ordering: .acquiring)
        return Node(
            next: UInt32(truncatingIfNeeded: header),
            rowBlock: UInt32(truncatingIfNeeded: header >> 32 & 0xFFFF),
            postings: units + 1,
            count: Int(header >> 48)
        )
    }

    /// Appends the positions of a reference.
    func readPositions(of reference: UInt32, into positions: inout ContiguousArray<UInt32>) {
        guard reference & AnalyzedTexts.isPositionList != 0 else {
            return positions.append(reference)
        }
        let units = arena[reference & ~AnalyzedTexts.isPositionList]
        let count = Int(truncatingIfNeeded: units[0].load(ordering: .relaxed))
        for index in 0..<count {
            let pair = units[1 + index / 2].load(ordering: .relaxed)
            positions.append(UInt32(truncatingIfNeeded: index % 2 == 0 ? pair : pair >> 32))
        }
    }
}

/// A posting of the delta, decoded.
struct DeltaPosting {
    let row: Int
    let postingClass: Int
    let positionReference: UInt32

    @inline(__always)
    init(_ unit: UInt64) {
        row = Int(truncatingIfNeeded: unit & 0xFFFF)
        postingClass = Int(truncatingIfNeeded: unit >> 16 & 0xFFFF)
        positionReference = UInt32(truncatingIfNeeded: unit >> 32)
    }
}
