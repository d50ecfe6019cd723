// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The in-memory contents of a collection at one sequence number.
///
/// They are the state, and the tables of ids and labels whose numbers the state uses. Every derived
/// index in them has the same life: open the base, replay the log after it, apply later writes. A
/// compaction writes the next base, with which new contents begin.
///
/// A value: a reader's copy costs almost nothing.
struct CollectionContents: Sendable {
    /// The options; strategy and indexed fields are those at the state's sequence number.
    private(set) var options: CollectionOptions
    let ids: IDTable
    private(set) var labels: LabelTable
    var state: CollectionState
    /// The bytes of the base's file; `nil` without a base.
    let base: VerifiedBytes?
    /// The sequence number of the last batch in the base; 0 without one.
    let baseSequenceNumber: UInt64

    /// An estimate of the bytes of memory that a compaction would free.
    var deltaByteCount: Int { state.deltaByteCount + ids.withTable { $0.byteCount } }

    /// Contents without documents.
    init(_ options: CollectionOptions) {
        self.options = options
        ids = IDTable()
        labels = LabelTable()
        state = CollectionState(options)
        base = nil
        baseSequenceNumber = 0
    }

    /// Opens a base.
    ///
    /// - Throws: `.dataLoss` when the base is missing, or damaged in a part that opening reads.
    init(
        _ stored: StoredBase,
        at path: String,
        of record: CollectionRecord,
        vectors: [VectorRun]
    ) throws(LodestoneError) {
        let file = try BaseFile.open(path)
        guard let header = BaseHeader(from: file),
            header.collection == UInt64(record.number),
            header.sequenceNumber == stored.sequenceNumber,
            let ids = IDTable.Base(from: file),
            let labels = Self.readLabels(from: file),
            var state = CollectionState(
                from: file,
                header,
                record.options,
                vectors: vectors
            )
        else { throw BaseFile.damaged(path, "it does not hold what belongs into it") }
        options = record.options
        self.ids = IDTable(ids)
        self.labels = labels
        state.baseByteCount = file.bytes.count
        self.state = state
        base = file.bytes
        baseSequenceNumber = header.sequenceNumber
    }

    /// Loads a collection: its base and the log after it, or its rows when no base is usable.
    static func load(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError) -> CollectionContents
    {
        guard let stored = try reader.base(of: record.number) else {
            var contents = CollectionContents(record.options)
            try contents.replay(record, from: reader)
            return contents
        }
        guard let path = stored.path else { return try rebuild(record, from: reader) }
        do throws(LodestoneError) {
            var contents = try open(stored, at: path, of: record, from: reader)
            try contents.replay(record, from: reader)
            if contents.state.text.lacksWords { try contents.remakeWords(record, from: reader) }
            if !contents.isDamaged { return contents }
        } catch {
            // The base is derived, so the rows can replace it.
            guard error.reason == "CORRUPT_BASE" else { throw error }
        }
        return try rebuild(record, from: reader)
    }

    private static func open(
        _ stored: StoredBase,
        at path: String,
        of record: CollectionRecord,
        from reader: any StoreReader
    ) throws(LodestoneError) -> CollectionContents {
        try CollectionContents(
            stored,
            at: path,
            of: record,
            vectors: try reader.vectorRuns(of: record.number)
        )
    }

    /// Opens the base that was just made from `old`, without the log after it.
    ///
    /// Bytes that `old` has compared with their checksums are not compared again.
    ///
    /// - Returns: `nil` when the base is not usable.
    static func open(
        _ record: CollectionRecord,
        madeOf old: CollectionContents,
        from reader: any StoreReader
    ) throws(LodestoneError) -> CollectionContents? {
        guard let stored = try reader.base(of: record.number), let path = stored.path,
            stored.sequenceNumber == old.state.sequenceNumber
        else { return nil }
        do throws(LodestoneError) {
            var contents = try open(stored, at: path, of: record, from: reader)
            // Labels keep their numbers, because they are only ever added.
            contents.labels = old.labels
            contents.state.trustVectors(of: old.state)
            contents.checkBase()
            return contents.isDamaged || contents.state.text.lacksWords ? nil : contents
        } catch {
            guard error.reason == "CORRUPT_BASE" else { throw error }
            return nil
        }
    }

    /// Makes the words of all rows again, because the base has words of another analysis.
    ///
    /// Another release, libstemmer or Unicode table made that base. Opening the collection waits
    /// for the new words, so that no search misses one; a new base follows.
    ///
    /// - Parameters:
    ///   - record: The record of the collection.
    ///   - reader: A reader at the sequence number of these contents.
    /// - Throws: The errors of reading the rows.
    /// - Complexity: O(bytes of all texts); some 2 microseconds per row.
    private mutating func remakeWords(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError)
    {
        var index = options.textStrategy.makeIndex(options.text)
        var rows: [StoredRow] = []
        func takeIn() {
            if let texts = index.prepare(rows.map(\.text)) {
                index.add(texts, rows: rows.map(\.row))
            }
            rows.removeAll(keepingCapacity: true)
        }
        try reader.forEachRow(of: record.number, after: nil) { row in
            rows.append(row)
            if rows.count == Self.rowsPerInsert { takeIn() }
            return true
        }
        takeIn()
        state.takeWords(index)
    }

    /// The number of rows that are added at once.
    private static let rowsPerInsert = 1_000

    /// Builds the contents from the rows.
    ///
    /// - Complexity: O(rows); some 5 microseconds per row.
    static func rebuild(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError) -> CollectionContents
    {
        var contents = CollectionContents(record.options)
        let base = try reader.base(of: record.number)
        for run in try reader.vectorRuns(of: record.number) { contents.state.append(run) }
        try reader.forEachChange(after: base?.sequenceNumber ?? 0, of: record.number) {
            (change) throws(LodestoneError) in
            if case .rows(let rows) = change.kind, let run = rows.vectors {
                contents.state.append(run)
            }
        }
        var rows: [StoredRow] = []
        try reader.forEachRow(of: record.number, after: nil) { (row) throws(LodestoneError) in
            rows.append(row)
            if rows.count == rowsPerInsert {
                try contents.insert(rows, of: record.number, from: reader)
                rows.removeAll(keepingCapacity: true)
            }
            return true
        }
        try contents.insert(rows, of: record.number, from: reader)
        contents.state.skip(to: try reader.nextRow(of: record.number))
        contents.state.advance(to: try reader.lastSequenceNumber(of: record.number))
        return contents
    }

    /// Whether bytes that were read from the base differ from those written.
    ///
    /// A result that comes from damaged contents must not be sent.
    var isDamaged: Bool { base?.isDamaged ?? false }

    /// Compares the whole base, and the vectors that it has taken over, with their checksums.
    func checkBase() {
        base?.checkAll()
        for block in state.vectorTable.blocks { block.checked?.checkAll() }
    }

    /// Changes the strategy and the indexed fields; queries scan until the indexes are built.
    mutating func alter(to options: CollectionOptions) {
        self.options.vectorStrategy = options.vectorStrategy
        self.options.metadataIndexes = options.metadataIndexes
        state.alter(to: self.options)
    }

    /// Whether the next write can be applied to these contents.
    var canChange: Bool { !isDamaged && state.isNewest }

    /// The edges of some documents as links between numbers; new ids and labels get numbers.
    static func links(_ lists: [[Edge]], ids: IDTable, labels: LabelTable) -> EdgeBatch {
        let count = lists.reduce(0) { $0 + $1.count }
        // One lock covers all documents: a lock, or a copy of the contents, per document slows
        // imports.
        let nodes = ids.withTable { table in
            var nodes: ContiguousArray<VertexID> = []
            nodes.reserveCapacity(count)
            for edges in lists { for edge in edges { nodes.append(table.intern(edge.target)) } }
            return nodes
        }
        let numbers = labels.withTable { table in
            var numbers: ContiguousArray<UInt32> = []
            numbers.reserveCapacity(count)
            for edges in lists {
                for edge in edges { numbers.append(table.intern(edge.label)) }
            }
            return numbers
        }
        var links: [Adjacency] = []
        links.reserveCapacity(count)
        let ends = lists.map { edges in
            for edge in edges {
                let place = links.count
                links.append(
                    Adjacency(label: numbers[place], node: nodes[place], weight: edge.weight)
                )
            }
            return links.count
        }
        return EdgeBatch(links, ends: ends)
    }
}

extension CollectionContents {
    /// The edges of one document as links between numbers; their weights are unused.
    ///
    /// An edge whose label or target has no number is left out.
    static func knownLinks(_ names: [EdgeName], ids: IDTable, labels: LabelTable) -> [Adjacency] {
        if names.isEmpty { return [] }
        let nodes = ids.withTable { table in names.map { table.number(of: $0.target) } }
        let numbers = labels.withTable { table in names.map { table.number(of: $0.label) } }
        return zip(numbers, nodes).compactMap { label, node in
            guard let label, let node else { return nil }
            return Adjacency(label: label, node: node)
        }
    }
}

/// The replay of the log.
extension CollectionContents {
    /// Applies the log's batches that these contents lack, and then the options of the reader's
    /// state.
    ///
    /// The batch that changed the options may already be forgotten.
    mutating func replay(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError)
    {
        try reader.forEachChange(after: state.sequenceNumber, of: record.number) {
            (change) throws(LodestoneError) in
            try replay(change, of: record, from: reader)
        }
        if options != record.options { alter(to: record.options) }
    }

    /// Applies one batch; does nothing when these contents have it.
    ///
    /// Rows and edges are read in the reader's state, which may be later than the batch. Contents
    /// in between may thus have parts of later batches. Those batches are replayed as well, so in
    /// the end the contents are those of the reader's state.
    mutating func replay(
        _ change: LoggedChange,
        of record: CollectionRecord,
        from reader: any StoreReader
    ) throws(LodestoneError) {
        guard change.sequenceNumber > state.sequenceNumber else { return }
        defer { state.advance(to: change.sequenceNumber) }
        if case .alterCollection(let options) = change.kind {
            alter(to: options)
        }
        guard case .rows(let rows) = change.kind else { return }
        state.remove(rows.removed, state.text.prepare(rows.removedTexts))
        for node in ids.withTable({ table in rows.dropped.map { table.intern($0) } }) {
            state.unlink(node)
        }
        if let run = rows.vectors { state.append(run) }
        let nextRow = rows.firstRow + RowID(rows.rowCount)
        if rows.rowCount > 0 {
            var added: [StoredRow] = []
            try reader.forEachRow(
                of: record.number,
                after: rows.firstRow == 0 ? nil : rows.firstRow - 1
            ) { row in
                guard row.row < nextRow else { return false }
                added.append(row)
                return true
            }
            try insert(added, of: record.number, from: reader)
            let vectorBytes = rows.vectors.map { $0.count * state.dimension * 4 } ?? 0
            state.countDocuments(byteCount: added.reduce(vectorBytes) { $0 + $1.byteCount })
        }
        state.countDocuments(byteCount: Self.changedLinkBytes(rows))
        state.skip(to: nextRow)
        if let run = rows.vectors { state.indexReplayedVectors(from: run.firstRow) }
        for links in rows.links { replay(links) }
        for row in rows.relinked {
            // The document is a hub now. The batch that made it one has all its edges in the log,
            // and later batches have the changes.
            guard let node = state.node(of: row),
                let stored = try reader.row(row, of: record.number), stored.hub == nil
            else { continue }
            state.setLinks(
                from: node,
                Self.links([stored.edges], ids: ids, labels: labels)[0]
            )
        }
    }

    /// The bytes that a batch's changes of edges count for, as they did when it was written.
    private static func changedLinkBytes(_ rows: LoggedRows) -> Int {
        let edges = rows.links.reduce(rows.relinked.count) { count, links in
            count + links.added.count + links.removed.count
        }
        return PreparedIndex.bytesOfEdge * edges
    }

    /// Applies the changes to the edges of one row.
    private mutating func replay(_ change: LoggedLinks) {
        guard let node = state.node(of: change.row) else { return }
        let added = change.added.map { name, weight in
            Edge(name.label, to: name.target, weight: weight)
        }
        let links = Self.links([added], ids: ids, labels: labels)[0]
        if change.isWhole { return state.setLinks(from: node, links) }
        state.changeLinks(
            from: node,
            removing: Self.knownLinks(change.removed, ids: ids, labels: labels),
            adding: links
        )
    }

    private mutating func insert(
        _ rows: [StoredRow],
        of collection: CollectionNumber,
        from reader: any StoreReader
    ) throws(LodestoneError) {
        let texts = state.text.prepare(rows.map(\.text))
        let nodes = ids.withTable { table in rows.map { table.intern($0.id) } }
        var links = Self.links(rows.map(\.edges), ids: ids, labels: labels)
        for (place, row) in rows.enumerated() where row.hub != nil {
            var all: [Adjacency] = []
            try reader.forEachEdges(of: row, in: collection) { edges in
                all += Self.links([edges], ids: ids, labels: labels).links
            }
            links.set(all, at: place)
        }
        state.append(state.values.entries(of: rows.map(\.metadata), rows: rows.map(\.row)))
        state.append(texts, rows: rows.map(\.row))
        for (place, row) in rows.enumerated() {
            state.insert(row.row, node: nodes[place], links: links[place])
        }
    }
}
