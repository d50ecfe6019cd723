// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneGraph
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The derived indexes of a collection at one sequence number, which searches read.
///
/// A value whose parts share memory with later states: a copy costs a reader almost nothing, and
/// shows no later writes.
struct CollectionState: Sendable {
    /// The value for "no row" and "no node".
    static let none = UInt32.max

    let dimension: Int
    /// The sequence number of the last batch in the state.
    private(set) var sequenceNumber: UInt64 = 0
    /// The node of each row; `none` for a row that was dropped or replaced.
    private var nodes: OverlayArray<VertexID>
    /// The row of each node; `none` for an id without a document.
    private var rows: OverlayArray<RowID>
    /// The places of the vectors in memory.
    private(set) var vectorTable: VectorTable
    /// The index that finds the nearest vectors.
    private(set) var index: any VectorIndex
    private(set) var graph: GraphIndex
    /// The index that finds words.
    private(set) var text: any TextIndex
    /// Whether words were made again that no base contains yet.
    private(set) var hasRemadeWords = false
    /// The values of indexed fields, and the set of existing rows.
    private(set) var values: FieldIndex
    private(set) var documentCount = 0
    private(set) var vectorCount = 0
    /// The number of rows in the base, dropped ones included.
    let baseRowCount: Int
    /// The number of documents in the base.
    let baseDocumentCount: Int
    /// The bytes of the base.
    var baseByteCount = 0
    /// The number of rows that were added, removed or relinked since the base, for a compaction to
    /// fold.
    private(set) var changesSinceBase = 0
    /// The number of rows that were removed since the base.
    private(set) var removedSinceBase = 0
    /// The bytes of the documents that were written since the base.
    private(set) var documentBytesSinceBase = 0

    /// A state without documents.
    init(_ options: CollectionOptions) {
        dimension = options.dimension
        vectorTable = VectorTable(dimension: options.dimension)
        index = options.vectorStrategy.makeIndex(
            dimension: options.dimension,
            metric: options.metric
        )
        text = options.textStrategy.makeIndex(options.text)
        nodes = OverlayArray(substitute: Self.none)
        rows = OverlayArray(substitute: Self.none)
        graph = GraphIndex()
        values = FieldIndex(options.metadataIndexes)
        baseRowCount = 0
        baseDocumentCount = 0
    }

    /// Creates the state that a base contains.
    init(
        dimension: Int,
        nodes: MappedArray<VertexID>,
        rows: MappedArray<RowID>,
        graph: GraphIndex,
        text: any TextIndex,
        values: FieldIndex,
        index: any VectorIndex,
        _ header: BaseHeader
    ) {
        self.dimension = dimension
        vectorTable = VectorTable(dimension: dimension)
        self.index = index
        self.nodes = OverlayArray(nodes, substitute: Self.none)
        self.rows = OverlayArray(rows, substitute: Self.none)
        self.graph = graph
        self.text = text
        self.values = values
        documentCount = Int(clamping: header.documentCount)
        vectorCount = Int(clamping: header.vectorCount)
        baseRowCount = nodes.count
        baseDocumentCount = documentCount
    }

    /// An exclusive upper bound of the nodes with a row or a link.
    var nodeBound: Int { max(rows.count, graph.nodeBound) }

    /// The next row number.
    var nextRow: RowID { RowID(nodes.count) }

    /// The node of a row; `nil` when the row does not exist in this state.
    func node(of row: RowID) -> VertexID? {
        guard row < nodes.count else { return nil }
        let node = nodes[Int(row)]
        return node == Self.none ? nil : node
    }

    /// The nodes of several rows; `nil` for a row that does not exist in this state.
    func nodes(of rows: [RowID]) -> [VertexID?] {
        for row in rows { nodes.prefetch(Int(row)) }
        return rows.map { node(of: $0) }
    }

    /// The row of a node's document; `nil` when it has none in this state.
    func row(of node: VertexID) -> RowID? {
        guard node < rows.count else { return nil }
        let row = rows[Int(node)]
        return row == Self.none ? nil : row
    }

    func contains(_ row: RowID) -> Bool {
        row < nodes.count && nodes[Int(row)] != Self.none
    }

    /// Whether a row has a vector, even if the row was dropped.
    func hasVector(_ row: RowID) -> Bool { vectorTable.place(of: row) != nil }

    /// The vector of a row, if it has one.
    ///
    /// O(log of the number of blocks).
    ///
    /// - Throws: `.dataLoss` when the vector fails its checksum.
    func vector(of row: RowID) throws(LodestoneError) -> UnsafeBufferPointer<Float>? {
        guard let (block, offset) = vectorTable.place(of: row) else {
            // With damaged row ids, a row that has a vector may not be found.
            try refuseDamagedVectors()
            return nil
        }
        guard block.check(rows: offset..<offset + 1, dimension: dimension) else {
            throw .damagedVectors(of: row, block)
        }
        return UnsafeBufferPointer(start: block.base + offset * dimension, count: dimension)
    }

    /// Refuses to answer after a search met damaged vectors.
    ///
    /// - Throws: `.dataLoss` when vectors failed their checksum: the hits may not be the nearest.
    func refuseDamagedVectors() throws(LodestoneError) {
        for block in vectorTable.blocks where block.isDamaged {
            throw .damagedVectors(of: block.firstRow, block)
        }
    }

    /// Whether changes can be applied to this state.
    ///
    /// A state to which a change was applied in part, and failed, takes no more changes.
    var isNewest: Bool { text.isNewest }

    /// An estimate of the bytes of memory that a compaction would free.
    var deltaByteCount: Int {
        text.deltaByteCount + graph.deltaByteCount + values.deltaByteCount
            + nodes.byteCount + rows.byteCount
    }

    /// Whether the text index takes no more words before a compaction.
    var isFull: Bool { text.isFull }

    /// Installs a text index that was made from all present rows.
    mutating func takeWords(_ index: any TextIndex) {
        text = index
        hasRemadeWords = true
    }

    /// Marks vectors as checked that lie in the same place as in `old` and were checked there.
    ///
    /// They were checked one by one, or with their batch when it was written or the base was made.
    func trustVectors(of old: CollectionState) {
        for block in vectorTable.blocks {
            guard let checked = block.checked else { continue }
            for before in old.vectorTable.blocks where before.owner === block.owner {
                if let other = before.checked {
                    checked.trust(other)
                } else {
                    let count = before.count * dimension * MemoryLayout<Float>.stride
                    checked.trust(UnsafeRawBufferPointer(start: before.base, count: count))
                }
            }
        }
    }

    // MARK: Changes, by the one writer

    mutating func advance(to sequenceNumber: UInt64) {
        self.sequenceNumber = sequenceNumber
    }

    /// Leaves room for rows that were already removed.
    mutating func skip(to nextRow: RowID) {
        nodes.grow(to: Int(nextRow))
    }

    /// Adds the vectors of consecutive rows.
    ///
    /// Runs that follow each other in memory become one block.
    mutating func append(_ run: VectorRun) {
        vectorTable.append(
            VectorBlock(
                base: run.base,
                firstRow: run.firstRow,
                rows: run.rows,
                count: run.count,
                owner: run.owner,
                checked: run.checked
            )
        )
    }

    /// Adds the vectors of existing rows, from `row` on, to the index.
    ///
    /// Does nothing when the strategy links outside of the write.
    mutating func indexVectors(from row: RowID) {
        index.indexMany(vectorTable, from: row)
    }

    /// The index with the vectors of rows to come; `nil` where `indexVectors` is as good.
    ///
    /// It is for an index in which linking takes long. Readers need not wait for it, because nobody
    /// sees the rows before `insert`. The index fits this very state alone.
    func linking(_ run: VectorRun) -> (any VectorIndex)? {
        if index.indexesCheaply { return nil }
        var state = self
        state.append(run)
        state.indexVectors(from: run.firstRow)
        return state.index
    }

    /// Installs the index that `linking` returned.
    mutating func takeIndex(_ index: any VectorIndex) {
        self.index = index
    }

    /// Adds the vectors that a replay brought to the index, as `indexVectors` does for a write.
    ///
    /// The next write then finds all earlier rows in the index. After a long log, the background or
    /// the compaction links the vectors instead.
    mutating func indexReplayedVectors(from row: RowID) {
        guard index.indexesCheaply || changesSinceBase <= Self.replayedChanges else { return }
        index.indexMany(vectorTable, from: row)
        // Later batches of the log may have dropped some of the rows; their `remove` did not know
        // them.
        for block in vectorTable.suffix(from: row) {
            for place in 0..<block.count where !contains(block.row(at: place)) {
                index.drop(block.row(at: place))
            }
        }
    }

    /// The most changes in a log whose vectors are linked at its replay: about a second of linking.
    private static let replayedChanges = 5_000

    /// Changes the strategy and the indexed fields.
    mutating func alter(to options: CollectionOptions) {
        values.setFields(options.metadataIndexes, from: nextRow)
        index = options.vectorStrategy.makeIndex(
            dimension: options.dimension,
            metric: options.metric,
            after: index
        )
    }

    /// The number of vectors that the index does not cover.
    var uncoveredCount: Int {
        vectorTable.suffix(from: index.endRow).reduce(0) { $0 + $1.count }
    }

    /// The most vectors that a write links while readers wait, to close the gap before its own
    /// vectors.
    private static let vectorsAtOnce = 16

    /// Installs the index that `VectorIndex.extended` made from the index of an earlier state.
    ///
    /// - Returns: Whether the index covers more vectors than before.
    mutating func adopt(_ extended: any VectorIndex) -> Bool {
        guard index.adopt(extended, exists: contains) else { return false }
        // Once no vector is missing before theirs, inline writes link their own vectors.
        if uncoveredCount <= Self.vectorsAtOnce { indexVectors(from: index.endRow) }
        return true
    }

    /// Adds the values of rows that `insert` will add.
    mutating func append(_ entries: FieldEntries?) {
        values.append(entries)
    }

    /// Adds the values of rows that existed before a field was indexed.
    mutating func fill(_ part: Backfill.Part) {
        values.fill(part)
    }

    /// Adds the texts of documents that `insert` will add; `nil` where none get into memory.
    mutating func append(_ texts: AnalyzedTexts?, rows: [RowID]) {
        if let texts { text.add(texts, rows: rows) }
    }

    /// Adds a document whose vector, text and values, if it has some, were added before.
    ///
    /// - Parameters:
    ///   - row: Its row, above every earlier row.
    ///   - node: The node of its id.
    ///   - links: The links of the edges that leave it.
    mutating func insert(_ row: RowID, node: VertexID, links: ArraySlice<Adjacency>) {
        nodes.grow(to: Int(row))
        nodes.append(node)
        values.insert(row)
        rows.grow(to: Int(node) + 1)
        rows[Int(node)] = row
        documentCount += 1
        changesSinceBase += 1
        if hasVector(row) { vectorCount += 1 }
        graph.setLinks(from: node, links)
    }

    /// Removes versions of documents.
    ///
    /// Their links stay until the nodes are dropped or get other links.
    ///
    /// - Parameters:
    ///   - removed: The rows; those that don't exist are left out.
    ///   - texts: The texts of the rows, in their order; `nil` where none are in memory.
    mutating func remove(_ removed: [RowID], _ texts: AnalyzedTexts?) {
        if let texts {
            let indexes = removed.indices.filter { contains(removed[$0]) && $0 < texts.count }
            text.remove(texts, at: indexes)
        }
        for row in removed { remove(row) }
    }

    private mutating func remove(_ row: RowID) {
        guard let node = node(of: row) else { return }
        nodes[Int(row)] = Self.none
        values.remove(row)
        if self.row(of: node) == row { rows[Int(node)] = Self.none }
        documentCount -= 1
        changesSinceBase += 1
        removedSinceBase += 1
        if hasVector(row) {
            vectorCount -= 1
            index.drop(row)
        }
    }

    /// Adds to the bytes of the documents that were written.
    mutating func countDocuments(byteCount: Int) {
        documentBytesSinceBase += byteCount
    }

    /// Removes every link that leaves or enters a node.
    mutating func unlink(_ node: VertexID) {
        changesSinceBase += graph.drop(node).count
    }

    /// Changes some of the links that leave a node.
    ///
    /// - Parameters:
    ///   - node: The source of the links.
    ///   - removed: The links to remove, if they exist; their weights are unused.
    ///   - added: The links to add, or whose weight changes.
    mutating func changeLinks(
        from node: VertexID,
        removing removed: some Sequence<Adjacency>,
        adding added: some Sequence<Adjacency>
    ) {
        changesSinceBase += 1
        for link in removed { graph.removeLink(from: node, label: link.label, to: link.node) }
        for link in added { graph.addLink(from: node, link) }
    }

    mutating func setLinks(from node: VertexID, _ links: ArraySlice<Adjacency>) {
        changesSinceBase += 1
        graph.setLinks(from: node, links)
    }

    /// Brings back the base's dropped documents: a bug that the fault harness plants.
    mutating func forgetTombstones() {
        for index in 0..<baseRowCount where nodes[index] == Self.none {
            let node = nodes.baseElement(index)
            guard node != Self.none, row(of: node) == nil else { continue }
            nodes[index] = node
            values.insert(RowID(index))
            rows[Int(node)] = RowID(index)
        }
    }
}

extension LodestoneError {
    fileprivate static func damagedVectors(of row: RowID, _ block: VectorBlock)
        -> LodestoneError
    {
        LodestoneError(
            .dataLoss,
            reason: "CORRUPT_VECTORS",
            "Vectors near row \(row), among the \(block.count) from row \(block.firstRow), fail "
                + "their checksum.",
            recovery: "Write the documents that `verify` names again, or restore a snapshot."
        )
    }
}
