// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// A write whose rows are known: the batch for the store, and the change to the collection after
/// it.
struct AssignedWrite {
    let batch: StoredBatch
    /// The collection whose index has to be built now.
    var needsIndex: Collection?
    let apply: (CommittedBatch) -> Void

    func receipt(_ committed: CommittedBatch, durability: Durability) -> WriteReceipt {
        WriteReceipt(
            sequenceNumber: committed.sequenceNumber,
            durability: durability,
            inserted: batch.inserted,
            replaced: batch.replaced,
            dropped: batch.dropped
        )
    }
}

/// Turns the ids of a group's writes into rows.
///
/// Later writes of the group see the rows of earlier ones, although none is committed yet.
struct RowAssigner {
    private struct Overlay {
        var nextRow: RowID
        var rows: [VertexID: RowID] = [:]
    }

    let store: any Store
    let registry: Catalog
    private var overlays: [CollectionNumber: Overlay] = [:]

    init(store: any Store, registry: Catalog) {
        self.store = store
        self.registry = registry
    }

    mutating func resolve(_ pending: PendingWrite) throws(LodestoneError) -> AssignedWrite {
        switch pending.write {
        case .createCollection(let name, let options):
            try create(name, options, pending)
        case .alterCollection(let collection, let change):
            try alter(collection, change, pending)
        case .dropCollection(let name):
            try drop(name, pending)
        case .index(let index):
            try resolve(index, pending)
        case .drop(let drop):
            try resolve(drop, pending)
        }
    }

    private func create(_ name: String, _ options: CollectionOptions, _ pending: PendingWrite)
        throws(LodestoneError) -> AssignedWrite
    {
        guard registry.record(named: name) == nil else {
            throw LodestoneError(
                .alreadyExists,
                reason: "COLLECTION_EXISTS",
                "There is a collection '\(name)' already.",
                recovery: "Use it, choose another name, or drop it first.",
                object: name
            )
        }
        let record = CollectionRecord(
            number: registry.nextCollectionNumber(),
            name: name,
            options: options
        )
        let registry = registry
        return AssignedWrite(
            batch: StoredBatch(
                change: .createCollection(record),
                requestID: pending.requestID,
                fingerprint: pending.write.fingerprint
            )
        ) { committed in
            var contents = CollectionContents(record.options)
            contents.state.advance(to: committed.sequenceNumber)
            registry.add(
                record,
                Collection(record, contents: contents, countedIn: registry.deltaMemory)
            )
        }
    }

    /// A change without effect is also committed as a batch, so that its request id is stored.
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
            needsIndex: isMore || options.vectorStrategy != before.vectorStrategy
                ? collection : nil
        ) { committed in
            collection.alter(to: options, at: committed.sequenceNumber)
        }
    }

    private func drop(_ name: String, _ pending: PendingWrite) throws(LodestoneError)
        -> AssignedWrite
    {
        guard let record = registry.record(named: name) else { throw .noCollection(name) }
        let registry = registry
        return AssignedWrite(
            batch: StoredBatch(
                change: .dropCollection(record.number),
                requestID: pending.requestID,
                fingerprint: pending.write.fingerprint,
                dropped: try registry.documentCount(of: record)
            )
        ) { _ in
            registry.remove(record.number)
        }
    }

    private mutating func resolve(_ index: PreparedIndex, _ pending: PendingWrite)
        throws(LodestoneError) -> AssignedWrite
    {
        let collection = try existing(index.collection)
        let number = collection.record.number
        if collection.state.isFull { throw .fullDelta(collection.record.name) }
        var state: CollectionState? = collection.state
        var overlay = overlays[number] ?? Overlay(nextRow: collection.state.nextRow)
        let firstRow = overlay.nextRow
        let (added, onStored) = try split(index, state: collection.state)
        let nodes = collection.ids.withTable { table in
            ContiguousArray(index.rows.map { table.intern($0.id) })
        }
        var removed: [RowID] = []
        for (offset, node) in nodes.enumerated() {
            if let row = overlay.rows[node] ?? state?.row(of: node) { removed.append(row) }
            overlay.rows[node] = firstRow + RowID(offset)
        }
        overlay.nextRow = firstRow + RowID(index.rows.count)
        overlays[number] = overlay
        // The writer holds no copy of the state while it changes the state, so that it changes in
        // place.
        state = nil

        var rows = index.rows
        var rowEdges = index.rowEdges
        for (offset, edges) in added {
            rowEdges[offset] = rowEdges[offset].adding(edges)
            try Self.check(rowEdges[offset].count, of: rows[offset].id, index.maxEdges)
            rows[offset] = rows[offset].relinked(rowEdges[offset])
        }
        var applied = IndexChange(removed: removed, firstRow: firstRow, nodes: nodes)
        applied.links = collection.links(rowEdges)
        applied.texts = index.texts
        let values = collection.state.values
        applied.values =
            values.fits(index.values) ? index.values : values.entries(of: index.metadata)
        applied.linked = LinkChanges(
            sources: onStored.map(\.node),
            links: collection.links(onStored.map(\.edges))
        )
        applied.documentByteCount = index.byteCount
        let change = RowChange(
            collection: number,
            dimension: collection.record.options.dimension,
            words: index.words.map { WordChange(collection.record.options.text, adding: $0) },
            firstRow: firstRow,
            rows: rows,
            vectors: index.vectors,
            vectorChecksum: index.vectorChecksum,
            removed: removed,
            relinked: onStored.map { EdgeChange(row: $0.row, added: $0.edges) }
        )
        return AssignedWrite(
            batch: StoredBatch(
                change: .rows(change),
                requestID: pending.requestID,
                fingerprint: index.fingerprint,
                inserted: rows.count - removed.count,
                replaced: removed.count
            )
        ) { [applied] committed in Self.apply(applied, committed, to: collection) }
    }

    /// Applies a durable batch to the collection, which makes it visible.
    private static func apply(
        _ change: IndexChange,
        _ committed: CommittedBatch,
        to collection: Collection
    ) {
        var change = change
        change.removedTexts = collection.state.text.prepare(committed.removedTexts)
        change.vectors = committed.vectors
        change.sequenceNumber = committed.sequenceNumber
        collection.apply(change)
    }

    /// The batch's separate edges by their source: its offset in the batch, or its stored row.
    private func split(_ index: PreparedIndex, state: CollectionState) throws(LodestoneError) -> (
        added: [(offset: Int, edges: [Edge])],
        onStored: [(row: RowID, node: VertexID, edges: [Edge])]
    ) {
        if index.edges.isEmpty { return ([], []) }
        var offsets: [DocumentID: Int] = [:]
        for (offset, row) in index.rows.enumerated() { offsets[row.id] = offset }
        var added: [(offset: Int, edges: [Edge])] = []
        var onStored: [(row: RowID, node: VertexID, edges: [Edge])] = []
        for (source, edges) in Self.grouped(index.edges) {
            if let offset = offsets[source] {
                added.append((offset, edges))
            } else if let node = index.collection.ids.withTable({ $0.number(of: source) }),
                let row = state.row(of: node)
            {
                try checkCount(of: source, node, adding: edges, index, state)
                onStored.append((row, node, edges))
            } else {
                throw LodestoneError(
                    .notFound,
                    reason: "NO_SOURCE",
                    "There is no document '\(source)' for an edge '\(edges[0].label)' to leave.",
                    recovery: "Send the document first, or in the same batch.",
                    field: "edges",
                    object: source.string
                )
            }
        }
        return (added, onStored)
    }

    /// Refuses edges beyond the limit of a document; they are counted in memory, and no edge is
    /// read.
    private func checkCount(
        of source: DocumentID,
        _ node: VertexID,
        adding edges: [Edge],
        _ index: PreparedIndex,
        _ state: CollectionState
    ) throws(LodestoneError) {
        let count = state.graph.linkCount(from: node)
        if count + edges.count <= index.maxEdges { return }
        // Some of the edges may exist already.
        let collection = index.collection
        let links = collection.knownLinks(edges.map { EdgeName($0) })
        let wanted = Set(links.map { UInt64($0.label) << 32 | UInt64($0.node) })
        let present = state.graph.links(from: node).count { link in
            wanted.contains(UInt64(link.label) << 32 | UInt64(link.node))
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

    private func resolve(_ drop: PreparedDrop, _ pending: PendingWrite) throws(LodestoneError)
        -> AssignedWrite
    {
        let collection = try existing(drop.collection)
        let state = collection.state
        let node = { (id: DocumentID) in collection.ids.withTable { $0.number(of: id) } }
        var dropped: [VertexID: RowID] = [:]
        var droppedIDs: Set<DocumentID> = []
        for id in drop.ids {
            guard let node = node(id), let row = state.row(of: node) else { continue }
            dropped[node] = row
            droppedIDs.insert(id)
        }
        if let filter = drop.filter {
            let rows = try matches(filter, of: drop, pending.context)
            var next = rows.next(from: 0)
            while let row = next {
                if let node = state.node(of: row) {
                    dropped[node] = row
                    droppedIDs.insert(collection.ids.withTable { $0.id(node) })
                }
                next = rows.next(from: row + 1)
            }
        }
        var relinked = edgesTo(dropped, in: collection, state)
        var unlinked = LinkChanges()
        for (source, edges) in Self.grouped(drop.edges) {
            guard let node = node(source), dropped[node] == nil, let row = state.row(of: node)
            else { continue }
            let names = edges.map { EdgeName($0) }
            relinked[node, default: EdgeChange(row: row)].removed += names
            unlinked.append(node, collection.knownLinks(names))
        }
        let removed = dropped.values.sorted()
        let change = RowChange(
            collection: collection.record.number,
            dimension: collection.record.options.dimension,
            words: collection.record.options.textStrategy.keepsWordsInStore
                ? WordChange(collection.record.options.text) : nil,
            firstRow: state.nextRow,
            rows: [],
            vectors: [],
            vectorChecksum: 0,
            removed: removed,
            dropped: droppedIDs.sorted { $0.string < $1.string },
            relinked: relinked.values.sorted { $0.row < $1.row }
        )
        var applied = IndexChange(removed: removed, unlinked: dropped.keys.sorted())
        applied.delinked = unlinked
        applied.documentByteCount = PreparedIndex.bytesOfEdge * drop.edges.count
        return AssignedWrite(
            batch: StoredBatch(
                change: .rows(change),
                requestID: pending.requestID,
                fingerprint: drop.fingerprint,
                dropped: removed.count
            )
        ) { [applied] committed in Self.apply(applied, committed, to: collection) }
    }

    /// The most edges of a source whose edges to dropped documents are found by reading all of
    /// them.
    ///
    /// A source with more may be a hub, so its edges to dropped documents are named one by one.
    private static let fewEdges = 32

    /// The edges that remaining documents lose when others are dropped.
    private func edgesTo(
        _ dropped: [VertexID: RowID],
        in collection: Collection,
        _ state: CollectionState
    ) -> [VertexID: EdgeChange] {
        var changes: [VertexID: EdgeChange] = [:]
        let labels = collection.contents.labels
        for target in dropped.keys {
            let links = state.graph.links(to: target)
            if links.isEmpty { continue }
            let id = collection.ids.withTable { $0.id(target) }
            for link in links where dropped[link.node] == nil {
                guard let row = state.row(of: link.node) else { continue }
                guard state.graph.linkCount(from: link.node) > Self.fewEdges else {
                    changes[link.node] = EdgeChange(row: row, losesDropped: true)
                    continue
                }
                guard let label = labels.withTable({ $0.label(link.label) }) else { continue }
                changes[link.node, default: EdgeChange(row: row)].removed.append(
                    EdgeName(label: label, target: id)
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
            contents: drop.collection.contents,
            rows: reader
        )
        let rows = try drop.collection.filters.rows(matching: filter, in: view, context).rows
        guard rows.count <= drop.maxMatches else {
            throw LodestoneError(
                .failedPrecondition,
                reason: "TOO_MANY_MATCHES",
                "\(rows.count) documents satisfy the filter; one drop takes at most "
                    + "\(drop.maxMatches).",
                recovery: "Narrow the filter, for example by a range, and drop in parts.",
                field: "filter"
            )
        }
        return rows
    }

    /// Returns a collection, unless it was dropped between the check of the write and its turn.
    private func existing(_ collection: Collection) throws(LodestoneError) -> Collection {
        guard !collection.isDropped else { throw .noCollection(collection.record.name) }
        return collection
    }

    /// The edges by source, in the order of each source's first edge.
    private static func grouped(_ edges: [SourcedEdge]) -> [(DocumentID, [Edge])] {
        var places: [DocumentID: Int] = [:]
        var groups: [(DocumentID, [Edge])] = []
        for edge in edges {
            if let place = places[edge.source] {
                groups[place].1.append(edge.edge)
            } else {
                places[edge.source] = groups.count
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
            reason: "DELTA_FULL",
            "'\(collection)' has taken in more words than memory has room for since its last "
                + "compaction.",
            recovery: "Send it again once the compaction under way has ended, or ask for one.",
            object: collection
        )
    }
}
