// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneGraph
import LodestoneMetadata
import LodestoneStorage
import LodestoneText

/// What a collection holds at one sequence number: the views that searches read.
///
/// A value whose parts share memory with later states: a reader copies it in no time and sees
/// nothing of what the writer does afterwards.
struct CollectionState: Sendable {
    /// Stands for "no row" and "no node".
    static let none = UInt32.max

    let dimension: Int
    /// Of the last batch in it.
    private(set) var sequenceNumber: UInt64 = 0
    /// The node of each row; `none` once the row is dropped or replaced.
    private var nodes: LayeredArray<NodeNumber>
    /// The row of each node; `none` for an id without a document.
    private var rows: LayeredArray<RowNumber>
    /// The vectors, where they lie.
    private(set) var vectorTable: VectorTable
    /// Where to look for near ones.
    private(set) var index: any VectorIndex
    private(set) var graph: GraphIndex
    /// The words; `nil` where the store keeps them.
    private(set) var text: TextIndex?
    /// Whether the base has words of another analysis, so that there are none until `takeWords`.
    private(set) var lacksWords = false
    /// Whether words were made again that no base has yet.
    private(set) var hasRemadeWords = false
    /// The values of indexed fields, and which rows exist.
    private(set) var values: ValueIndex
    private(set) var documentCount = 0
    private(set) var vectorCount = 0
    /// Rows in the base, dropped ones among them.
    let baseRowCount: Int
    /// Documents in the base.
    let baseDocumentCount: Int
    /// Bytes of the base.
    var baseByteCount = 0
    /// Rows that were added, removed or linked anew since the base: what a compaction would fold.
    private(set) var changesSinceBase = 0
    /// Those of them that were removed.
    private(set) var removedSinceBase = 0
    /// Bytes of the documents that were written since the base.
    private(set) var documentBytesSinceBase = 0

    /// A state without documents.
    init(_ options: CollectionOptions) {
        dimension = options.dimension
        vectorTable = VectorTable(dimension: options.dimension)
        index = options.vectorStrategy.makeIndex(
            dimension: options.dimension,
            metric: options.metric
        )
        text = options.textStrategy == .postings ? TextIndex(options.text) : nil
        nodes = LayeredArray(substitute: Self.none)
        rows = LayeredArray(substitute: Self.none)
        graph = GraphIndex()
        values = ValueIndex(options.metadataIndexes)
        baseRowCount = 0
        baseDocumentCount = 0
    }

    /// The state of a base.
    init(
        dimension: Int,
        nodes: Section<NodeNumber>,
        rows: Section<RowNumber>,
        graph: GraphIndex,
        text: TextIndex?,
        lacksWords: Bool,
        values: ValueIndex,
        index: any VectorIndex,
        _ header: BaseHeader
    ) {
        self.dimension = dimension
        vectorTable = VectorTable(dimension: dimension)
        self.index = index
        self.nodes = LayeredArray(nodes, substitute: Self.none)
        self.rows = LayeredArray(rows, substitute: Self.none)
        self.graph = graph
        self.text = text
        self.lacksWords = lacksWords
        self.values = values
        documentCount = Int(clamping: header.documentCount)
        vectorCount = Int(clamping: header.vectorCount)
        baseRowCount = nodes.count
        baseDocumentCount = documentCount
    }

    /// More than the largest node with a row or a link.
    var nodeBound: Int { max(rows.count, graph.nodeBound) }

    /// The row after the highest that was ever given.
    var nextRow: RowNumber { RowNumber(nodes.count) }

    /// The node of a row that exists in this state.
    func node(of row: RowNumber) -> NodeNumber? {
        guard row < nodes.count else { return nil }
        let node = nodes[Int(row)]
        return node == Self.none ? nil : node
    }

    /// The same of several rows.
    func nodes(of rows: [RowNumber]) -> [NodeNumber?] {
        for row in rows { nodes.prefetch(Int(row)) }
        return rows.map { node(of: $0) }
    }

    /// The row of a node's document, if it has one in this state.
    func row(of node: NodeNumber) -> RowNumber? {
        guard node < rows.count else { return nil }
        let row = rows[Int(node)]
        return row == Self.none ? nil : row
    }

    func contains(_ row: RowNumber) -> Bool {
        row < nodes.count && nodes[Int(row)] != Self.none
    }

    /// Whether there is a vector of a row, dropped or not.
    func hasVector(_ row: RowNumber) -> Bool { vectorTable.place(of: row) != nil }

    /// The vector of a row, if it has one.
    ///
    /// O(log of the number of blocks).
    ///
    /// - Throws: `.dataLoss` when it fails its checksum.
    func vector(of row: RowNumber) throws(LodestoneError) -> UnsafeBufferPointer<Float>? {
        guard let (block, offset) = vectorTable.place(of: row) else {
            // Where numbers of rows are damaged, a row that has a vector isn't found.
            try refuseDamagedVectors()
            return nil
        }
        guard block.check(rows: offset..<offset + 1, dimension: dimension) else {
            throw .damagedVectors(of: row, block)
        }
        return UnsafeBufferPointer(start: block.base + offset * dimension, count: dimension)
    }

    /// - Throws: `.dataLoss` when a search met vectors that fail their checksum, so that what it
    ///   found may not be the nearest.
    func refuseDamagedVectors() throws(LodestoneError) {
        for block in vectorTable.blocks where block.isDamaged {
            throw .damagedVectors(of: block.firstRow, block)
        }
    }

    /// Whether changes can be made to this state: not to one that changes began to be made to, and
    /// failed.
    var isNewest: Bool { text?.isNewest ?? true }

    /// Bytes of memory that a compaction would give back, roughly.
    var deltaByteCount: Int {
        (text?.deltaByteCount ?? 0) + graph.deltaByteCount + values.deltaByteCount
            + nodes.byteCount + rows.byteCount
    }

    /// Whether no more words can be taken in before a compaction.
    var isFull: Bool { text?.isFull ?? false }

    /// Texts, by field, ready to be taken in with documents; `nil` where the store keeps the words.
    func analyze(_ texts: [[TextField]]) -> AnalyzedTexts? {
        text?.analyze(texts)
    }

    /// Goes on with words that were made of all rows as they are now.
    mutating func takeWords(_ index: TextIndex) {
        text = index
        lacksWords = false
        hasRemadeWords = true
    }

    /// The texts of documents, ready to be taken in with them; `nil` where the store keeps the words.
    func analyze(_ documents: [Document]) -> AnalyzedTexts? {
        text?.analyze(documents.lazy.map(\.text))
    }

    /// Takes vectors for checked that lie where they lay in `old`, and were checked there: each for
    /// itself, or with its batch when it was written or the base was made.
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

    /// Leaves room for rows that are gone already.
    mutating func skip(to nextRow: RowNumber) {
        nodes.grow(to: Int(nextRow))
    }

    /// Takes in the vectors of consecutive rows; runs that follow each other in memory become one
    /// block.
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
    mutating func indexVectors(from row: RowNumber) {
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
    mutating func indexReplayedVectors(from row: RowNumber) {
        guard index.indexesCheaply || changesSinceBase <= Self.replayedChanges else { return }
        index.indexMany(vectorTable, from: row)
        // Later batches of the log may have dropped some, which `remove` then doesn't know.
        for block in vectorTable.suffix(from: row) {
            for place in 0..<block.count where !contains(block.row(at: place)) {
                index.drop(block.row(at: place))
            }
        }
    }

    /// Changes of a log, of which the vectors are linked when it is replayed: about a second of linking.
    private static let replayedChanges = 5_000

    /// Goes on with another strategy, and other indexed fields.
    mutating func alter(to options: CollectionOptions) {
        values.setFields(options.metadataIndexes, from: nextRow)
        index = options.vectorStrategy.makeIndex(
            dimension: options.dimension,
            metric: options.metric,
            after: index
        )
    }

    /// Vectors that the index does not cover.
    var uncoveredCount: Int {
        vectorTable.suffix(from: index.endRow).reduce(0) { $0 + $1.count }
    }

    /// Vectors that a write links while readers wait, so that a gap before those to come is closed.
    private static let vectorsAtOnce = 16

    /// Goes on with what `VectorIndex.extended` made of the index of an earlier state.
    ///
    /// - Returns: Whether more is covered by that.
    mutating func adopt(_ extended: any VectorIndex) -> Bool {
        guard index.adopt(extended, exists: contains) else { return false }
        // Writes go on by themselves where they link, once nothing is missing before theirs.
        if uncoveredCount <= Self.vectorsAtOnce { indexVectors(from: index.endRow) }
        return true
    }

    /// Takes in the values of rows that `insert` brings.
    mutating func append(_ entries: ValueEntries?) {
        values.append(entries)
    }

    /// Takes in the values of rows that were there before a field was indexed.
    mutating func fill(_ part: ValueFill.Part) {
        values.fill(part)
    }

    /// Takes in a document whose vector, if it has one, is there already.
    ///
    /// - Parameters:
    ///   - row: Above every row before.
    ///   - node: Of its id.
    ///   - links: The edges that leave it.
    ///   - texts: What `analyze` answered, for some documents.
    ///   - place: Which of them this is.
    mutating func insert(
        _ row: RowNumber,
        node: NodeNumber,
        links: ArraySlice<Link>,
        _ texts: AnalyzedTexts?,
        at place: Int
    ) {
        if let texts { text?.add(texts, at: place, row: row) }
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

    /// Takes out a version of a document.
    ///
    /// Its links stay until the node is dropped or linked anew. Its text is one of `texts`, as with
    /// `insert`.
    mutating func remove(_ row: RowNumber, _ texts: AnalyzedTexts?, at place: Int) {
        guard let node = node(of: row) else { return }
        if let texts, place < texts.count { text?.remove(texts, at: place) }
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

    /// Counts the bytes of documents that were taken in.
    mutating func countDocuments(byteCount: Int) {
        documentBytesSinceBase += byteCount
    }

    /// Takes out every link that leaves or enters a node.
    mutating func unlink(_ node: NodeNumber) {
        changesSinceBase += graph.drop(node).count
    }

    /// Changes some of the links that leave a node.
    ///
    /// - Parameters:
    ///   - node: Their source.
    ///   - removed: Those that go, if they are there; only label and node count.
    ///   - added: Those that come, or get another weight.
    mutating func changeLinks(
        from node: NodeNumber,
        removing removed: some Sequence<Link>,
        adding added: some Sequence<Link>
    ) {
        changesSinceBase += 1
        for link in removed { graph.removeLink(from: node, label: link.label, to: link.node) }
        for link in added { graph.addLink(from: node, link) }
    }

    mutating func setLinks(from node: NodeNumber, _ links: ArraySlice<Link>) {
        changesSinceBase += 1
        graph.setLinks(from: node, links)
    }

    /// Brings the base's documents back that were dropped: a bug that the fault harness plants.
    mutating func forgetTombstones() {
        for index in 0..<baseRowCount where nodes[index] == Self.none {
            let node = nodes.baseElement(index)
            guard node != Self.none, row(of: node) == nil else { continue }
            nodes[index] = node
            values.insert(RowNumber(index))
            rows[Int(node)] = RowNumber(index)
        }
    }
}

extension LodestoneError {
    fileprivate static func damagedVectors(of row: RowNumber, _ block: VectorBlock)
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
