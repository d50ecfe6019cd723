// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// Assigns rows to the documents of a group of writes.
///
/// Later writes of the group see the rows of earlier ones before any is committed. The assigner
/// keeps no copy of a version, so the commit changes the version's parts without copy-on-write.
struct RowAssigner {
    private struct Overlay {
        var nextRow: RowID
        var rows: [VertexID: RowID] = [:]
    }

    let store: any Store
    let catalog: Catalog
    private var overlays: [CollectionNumber: Overlay] = [:]

    init(store: any Store, catalog: Catalog) {
        self.store = store
        self.catalog = catalog
    }

    /// Whether a write must wait until earlier writes of the group are stored.
    ///
    /// The write replaces a document of theirs, and only a stored row shows whether its call sees
    /// that document.
    func mustWait(_ write: PreparedWrite) -> Bool {
        guard case .index(let index) = write, !index.visibility.isOpen,
            let overlay = overlays[index.collection.number]
        else { return false }
        return index.collection.version.ids.table.withTable { table in
            index.rows.contains { row in
                table.vertex(of: row.id).map { overlay.rows[$0] != nil } ?? false
            }
        }
    }

    mutating func assign(_ pending: PendingWrite) throws(LodestoneError) -> AssignedWrite {
        switch pending.write {
        case .createCollection(let name, let options):
            try create(name, options, pending)
        case .alterCollection(let collection, let change):
            try alter(collection, change, pending)
        case .dropCollection(let name):
            try dropCollection(name, pending)
        case .index(let index):
            try indexDocuments(index, pending)
        case .drop(let drop):
            try dropDocuments(drop, pending)
        }
    }

    private func create(_ name: String, _ options: CollectionOptions, _ pending: PendingWrite)
        throws(LodestoneError) -> AssignedWrite
    {
        guard catalog.record(named: name) == nil else {
            throw LodestoneError(
                .alreadyExists,
                reason: .collectionExists,
                "There is a collection '\(name)' already.",
                recovery: "Use it, choose another name, or drop it first.",
                object: name
            )
        }
        let record = CollectionRecord(
            number: catalog.nextCollectionNumber(),
            name: name,
            options: options
        )
        return AssignedWrite(
            batch: StoredBatch(
                change: .createCollection(record),
                requestID: pending.requestID,
                fingerprint: pending.write.fingerprint
            ),
            effect: .create(record)
        )
    }

    /// A change without effect is committed, too, so that its request id is stored.
    private func alter(
        _ collection: Collection,
        _ change: CollectionChange,
        _ pending: PendingWrite
    ) throws(LodestoneError) -> AssignedWrite {
        var record = try existing(collection).record
        let before = record.options
        var indexes = before.metadataIndexes.filter { !change.droppedIndexes.contains($0) }
        indexes += change.addedIndexes.filter { !indexes.contains($0) }
        guard indexes.count <= MetadataIndex.maxCount else {
            throw .limit("metadata_indexes", indexes.count, MetadataIndex.maxCount)
        }
        record.options.metadataIndexes = indexes
        record.options.vectorStrategy = change.vectorStrategy ?? before.vectorStrategy
        let options = record.options
        let isMore = !Set(indexes).isSubset(of: before.metadataIndexes)
        return AssignedWrite(
            batch: StoredBatch(
                change: .alterCollection(record),
                requestID: pending.requestID,
                fingerprint: pending.write.fingerprint
            ),
            effect: .alter(collection, options),
            needsIndex: isMore || options.vectorStrategy != before.vectorStrategy
                ? collection : nil
        )
    }

    private func dropCollection(_ name: String, _ pending: PendingWrite) throws(LodestoneError)
        -> AssignedWrite
    {
        guard let record = catalog.record(named: name) else { throw .noCollection(name) }
        return AssignedWrite(
            batch: StoredBatch(
                change: .dropCollection(record.number),
                requestID: pending.requestID,
                fingerprint: pending.write.fingerprint,
                dropped: try catalog.documentCount(of: record)
            ),
            effect: .drop(record.number)
        )
    }

    // MARK: Documents and edges

    private mutating func indexDocuments(_ index: PreparedIndex, _ pending: PendingWrite)
        throws(LodestoneError) -> AssignedWrite
    {
        let collection = try existing(index.collection)
        let number = collection.number
        let version = collection.version
        if version.isFull { throw .fullDelta(collection.name) }
        try refuseHidden(index, version)
        let (added, onStored) = try split(index, version)
        var rows = index.rows
        var rowEdges = index.rowEdges
        for (offset, edges) in added {
            rowEdges[offset] = rowEdges[offset].adding(edges)
            try Self.check(rowEdges[offset].count, of: rows[offset].id, index.maxEdges)
            rows[offset] = rows[offset].replacingEdges(with: rowEdges[offset])
        }
        let assigned = assignRows(to: index, of: number, version.ids)
        var change = IndexChange(version.updated(index.batches))
        change.removed = assigned.removed
        change.rowRange = assigned.rows
        change.rows = Array(assigned.rows)
        change.vertices = assigned.vertices
        change.edges.new = version.numbered(rowEdges)
        change.edges.added = SourcedEdgeBatch(
            sources: onStored.map(\.vertex),
            edges: version.numbered(onStored.map(\.edges))
        )
        change.documentByteCount = index.byteCount
        let stored = RowChange(
            collection: number,
            dimension: version.options.dimension,
            words: index.words.map { WordChange(version.options.text, adding: $0) },
            firstRow: assigned.rows.lowerBound,
            rows: rows,
            vectors: index.vectors,
            vectorChecksum: index.vectorChecksum,
            removed: assigned.removed,
            edgeChanges: onStored.map { EdgeChange(row: $0.row, added: $0.edges) }
        )
        return AssignedWrite(
            batch: StoredBatch(
                change: .rows(stored),
                requestID: pending.requestID,
                fingerprint: index.fingerprint,
                inserted: rows.count - assigned.removed.count,
                replaced: assigned.removed.count
            ),
            effect: .change(collection, change)
        )
    }

    /// Refuses a batch that replaces a document which its call does not see.
    ///
    /// The documents are stored (`mustWait`).
    private func refuseHidden(_ index: PreparedIndex, _ version: CollectionVersion)
        throws(LodestoneError)
    {
        if index.visibility.isOpen { return }
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        for row in index.rows {
            guard let replaced = version.ids.row(of: row.id) else { continue }
            guard try index.visibility.shows(replaced, of: index.collection.number, in: reader)
            else { throw .hidden(row.id) }
        }
    }

    /// The rows of a batch's documents, and the rows that they replace.
    private mutating func assignRows(
        to index: PreparedIndex,
        of collection: CollectionNumber,
        _ ids: CollectionIDs
    ) -> (rows: Range<RowID>, vertices: ContiguousArray<VertexID>, removed: [RowID]) {
        var overlay = overlays[collection] ?? Overlay(nextRow: ids.nextRow)
        let firstRow = overlay.nextRow
        let vertices = ids.table.withTable { table in
            ContiguousArray(index.rows.map { table.intern($0.id) })
        }
        var removed: [RowID] = []
        for (offset, vertex) in vertices.enumerated() {
            if let row = overlay.rows[vertex] ?? ids.row(of: vertex) { removed.append(row) }
            overlay.rows[vertex] = firstRow + offset
        }
        overlay.nextRow = firstRow + index.rows.count
        overlays[collection] = overlay
        return (firstRow..<overlay.nextRow, vertices, removed)
    }

    /// A stored document, and edges that leave it.
    private typealias StoredSource = (row: RowID, vertex: VertexID, edges: [Edge])

    /// The batch's separate edges by their source: its offset in the batch, or its stored row.
    private func split(_ index: PreparedIndex, _ version: CollectionVersion)
        throws(LodestoneError) -> (
            added: [(offset: Int, edges: [Edge])], onStored: [StoredSource]
        )
    {
        if index.edges.isEmpty { return ([], []) }
        var offsets: [DocumentID: Int] = [:]
        for (offset, row) in index.rows.enumerated() { offsets[row.id] = offset }
        let ids = version.ids
        let reader = index.visibility.isOpen ? nil : try store.beginRead(context: nil)
        defer { reader?.end() }
        var added: [(offset: Int, edges: [Edge])] = []
        var onStored: [StoredSource] = []
        for (source, edges) in Self.grouped(index.edges) {
            if let offset = offsets[source] {
                added.append((offset, edges))
            } else if let vertex = ids.table.withTable({ $0.vertex(of: source) }),
                let row = ids.row(of: vertex),
                try index.visibility.shows(row, of: index.collection.number, in: reader)
            {
                try checkCount(of: source, vertex, adding: edges, index, version)
                onStored.append((row, vertex, edges))
            } else {
                throw LodestoneError(
                    .notFound,
                    reason: .noSource,
                    "There is no document '\(source)' for an edge '\(edges[0].label)' to leave.",
                    recovery: "Send the document first, or in the same batch.",
                    field: "edges",
                    object: source.string
                )
            }
        }
        return (added, onStored)
    }

    /// Refuses edges beyond a document's limit.
    ///
    /// The count is in memory, so no edge is read.
    private func checkCount(
        of source: DocumentID,
        _ vertex: VertexID,
        adding edges: [Edge],
        _ index: PreparedIndex,
        _ version: CollectionVersion
    ) throws(LodestoneError) {
        let graph = version.graph.index
        let count = graph.edgeCount(from: vertex)
        if count + edges.count <= index.maxEdges { return }
        // Some of the edges may exist already.
        let known = version.known(edges.map { EdgeName($0) })
        let wanted = Set(known.map { UInt64($0.label) << 32 | UInt64($0.vertex) })
        let present = graph.edges(from: vertex).count { edge in
            wanted.contains(UInt64(edge.label) << 32 | UInt64(edge.vertex))
        }
        let distinct = Set(edges.map { EdgeName($0) }).count
        try Self.check(count + distinct - present, of: source, index.maxEdges)
    }

    private static func check(_ count: Int, of source: DocumentID, _ limit: Int)
        throws(LodestoneError)
    {
        guard count > limit else { return }
        var error = LodestoneError.limit("edges", count, limit)
        error.message = "'\(source)' would have \(count) edges; the limit is \(limit)."
        error.recovery = "Drop some first, or let some leave another document."
        error.object = source.string
        throw error
    }

    // MARK: Drops

    private func dropDocuments(_ drop: PreparedDrop, _ pending: PendingWrite)
        throws(LodestoneError) -> AssignedWrite
    {
        let collection = try existing(drop.collection)
        let version = collection.version
        let ids = version.ids
        let reader = drop.visibility.isOpen ? nil : try store.beginRead(context: nil)
        defer { reader?.end() }
        let dropped = try droppedDocuments(of: drop, version, reader, pending.context)
        var edgeChanges = edgesTo(dropped, version)
        var change = IndexChange(version.prepare([]))
        for (source, edges) in Self.grouped(drop.edges) {
            guard let vertex = ids.table.withTable({ $0.vertex(of: source) }),
                dropped[vertex] == nil, let row = ids.row(of: vertex),
                try drop.visibility.shows(row, of: collection.number, in: reader)
            else { continue }
            let names = edges.map { EdgeName($0) }
            edgeChanges[vertex, default: EdgeChange(row: row)].removed += names
            change.edges.removed.append(vertex, version.known(names))
        }
        let nextRow = ids.nextRow
        change.removed = dropped.values.map(\.row).sorted()
        change.dropped = dropped.keys.sorted()
        change.rowRange = nextRow..<nextRow
        change.documentByteCount = PreparedIndex.bytesOfEdge * drop.edges.count
        let stored = RowChange(
            collection: collection.number,
            dimension: version.options.dimension,
            words: version.options.textStrategy.keepsWordsInStore
                ? WordChange(version.options.text) : nil,
            firstRow: nextRow,
            rows: [],
            vectors: [],
            vectorChecksum: 0,
            removed: change.removed,
            dropped: dropped.values.map(\.id).sorted { $0.string < $1.string },
            edgeChanges: edgeChanges.values.sorted { $0.row < $1.row }
        )
        return AssignedWrite(
            batch: StoredBatch(
                change: .rows(stored),
                requestID: pending.requestID,
                fingerprint: drop.fingerprint,
                dropped: dropped.count
            ),
            effect: .change(collection, change)
        )
    }

    /// A document that is dropped.
    private typealias Dropped = (row: RowID, id: DocumentID)

    /// The existing documents that a drop names, or that satisfy its filter, by their vertices.
    ///
    /// Documents that the call does not see are left out, like those that don't exist.
    private func droppedDocuments(
        of drop: PreparedDrop,
        _ version: CollectionVersion,
        _ reader: (any StoreReader)?,
        _ context: CallContext
    ) throws(LodestoneError) -> [VertexID: Dropped] {
        let ids = version.ids
        var dropped: [VertexID: Dropped] = [:]
        for id in drop.ids {
            guard let vertex = ids.table.withTable({ $0.vertex(of: id) }),
                let row = ids.row(of: vertex),
                try drop.visibility.shows(row, of: drop.collection.number, in: reader)
            else { continue }
            dropped[vertex] = (row, id)
        }
        guard let filter = drop.visibleFilter else { return dropped }
        let rows = try matches(filter, of: drop, context)
        var next = rows.next(from: .first)
        while let row = next {
            if let vertex = ids.vertex(of: row) {
                dropped[vertex] = (row, ids.table.withTable { $0.id(vertex) })
            }
            next = rows.next(from: row + 1)
        }
        return dropped
    }

    /// A source with at most this many edges has all of them read to find those to dropped
    /// documents.
    ///
    /// A source with more edges may be a hub, so each of its edges to dropped documents is looked
    /// up by name.
    private static let fewEdges = 32

    /// The edges from remaining documents to dropped documents, which are removed.
    private func edgesTo(_ dropped: [VertexID: Dropped], _ version: CollectionVersion)
        -> [VertexID: EdgeChange]
    {
        var changes: [VertexID: EdgeChange] = [:]
        let (ids, graph) = (version.ids, version.graph)
        for (target, document) in dropped {
            for edge in graph.index.edges(to: target) where dropped[edge.vertex] == nil {
                guard let row = ids.row(of: edge.vertex) else { continue }
                guard graph.index.edgeCount(from: edge.vertex) > Self.fewEdges else {
                    changes[edge.vertex] = EdgeChange(row: row, losesDropped: true)
                    continue
                }
                guard let label = graph.labels.withTable({ $0.label(edge.label) }) else {
                    continue
                }
                changes[edge.vertex, default: EdgeChange(row: row)].removed.append(
                    EdgeName(label: label, target: document.id)
                )
            }
        }
        return changes
    }

    /// The rows that satisfy a drop's filter.
    private func matches(_ filter: Filter, of drop: PreparedDrop, _ context: CallContext)
        throws(LodestoneError) -> RowSet
    {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let view = ReadView(
            collection: drop.collection,
            version: CollectionVersion.Shared(drop.collection.version),
            rows: reader
        )
        let rows = try drop.collection.filters.rows(matching: filter, in: view, context).rows
        guard rows.count <= drop.maxMatches else {
            throw LodestoneError(
                .failedPrecondition,
                reason: .tooManyMatches,
                "\(rows.count) documents satisfy the filter; one drop takes at most "
                    + "\(drop.maxMatches).",
                recovery: "Narrow the filter, for example by a range, and drop in parts.",
                field: "filter"
            )
        }
        return rows
    }

    /// Returns the collection; throws if it was dropped after the write was checked.
    private func existing(_ collection: Collection) throws(LodestoneError) -> Collection {
        guard !collection.isDropped else { throw .noCollection(collection.name) }
        return collection
    }

    /// The edges by source, in the order of each source's first edge.
    private static func grouped(_ edges: [SourcedEdge]) -> [(DocumentID, [Edge])] {
        var positions: [DocumentID: Int] = [:]
        var groups: [(DocumentID, [Edge])] = []
        for edge in edges {
            if let position = positions[edge.source] {
                groups[position].1.append(edge.edge)
            } else {
                positions[edge.source] = groups.count
                groups.append((edge.source, [edge.edge]))
            }
        }
        return groups
    }
}

extension LodestoneError {
    fileprivate static func fullDelta(_ collection: String) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .deltaFull,
            "'\(collection)' has taken in more words than memory has room for since its last "
                + "compaction.",
            recovery: "Send it again once the compaction under way has ended, or ask for one.",
            object: collection
        )
    }
}
