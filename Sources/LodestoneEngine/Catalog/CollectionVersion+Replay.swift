// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures

/// The recovery of a collection: its base and the log after it, or its rows.
///
/// Recovery makes the same changes as commits do, and applies them in the same way.
extension CollectionVersion {
    /// The most rows that are added by one change.
    private static let rowsPerPart = 1_000

    /// The most changes of a log whose replay links the vectors: about a second of linking.
    private static let mostLinkedChanges = 5_000

    /// Loads a collection: its base and the log after it, or its rows when no base is usable.
    static func load(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError) -> CollectionVersion
    {
        guard let stored = try reader.base(of: record.number) else {
            var version = CollectionVersion(record.options)
            try version.replay(record, from: reader)
            return version
        }
        guard let path = stored.path else { return try rebuild(record, from: reader) }
        do throws(LodestoneError) {
            var version = try open(stored, at: path, of: record, from: reader)
            try version.replay(record, from: reader)
            if version.isStale { try version.rebuildStale(record, from: reader) }
            if !version.isDamaged { return version }
        } catch {
            // The base is derived, so the rows can replace it.
            guard error.reason == .corruptBase else { throw error }
        }
        return try rebuild(record, from: reader)
    }

    private static func open(
        _ stored: StoredBase,
        at path: String,
        of record: CollectionRecord,
        from reader: any StoreReader
    ) throws(LodestoneError) -> CollectionVersion {
        try CollectionVersion(
            stored,
            at: path,
            of: record,
            vectors: try reader.vectorRuns(of: record.number)
        )
    }

    /// Opens the base that was just made from `old`, without the log after it.
    ///
    /// - Returns: `nil` when the base is not usable.
    static func open(
        _ record: CollectionRecord,
        madeFrom old: CollectionVersion,
        from reader: any StoreReader
    ) throws(LodestoneError) -> CollectionVersion? {
        guard let stored = try reader.base(of: record.number), let path = stored.path,
            stored.sequenceNumber == old.sequenceNumber
        else { return nil }
        do throws(LodestoneError) {
            var version = try open(stored, at: path, of: record, from: reader)
            version.continueFrom(old)
            version.checkBase()
            return version.isDamaged || version.isStale ? nil : version
        } catch {
            guard error.reason == .corruptBase else { throw error }
            return nil
        }
    }

    /// Builds a version from the rows.
    ///
    /// - Complexity: O(rows); some 5 microseconds per row.
    static func rebuild(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError) -> CollectionVersion
    {
        var vectors = try reader.vectorRuns(of: record.number)
        let base = try reader.base(of: record.number)
        try reader.forEachChange(after: base?.sequenceNumber ?? 0, of: record.number) { change in
            if case .rows(let rows) = change.kind, let run = rows.vectors { vectors.append(run) }
        }
        var version = CollectionVersion(record.options, vectors: vectors)
        try forEachPart(of: record.number, from: reader) { (rows) throws(LodestoneError) in
            version.apply(try version.change(adding: rows, of: record.number, from: reader))
        }
        var last = IndexChange(version.prepare([]))
        let nextRow = try reader.nextRow(of: record.number)
        last.rowRange = nextRow..<nextRow
        last.sequenceNumber = try reader.lastSequenceNumber(of: record.number)
        version.apply(last)
        return version
    }

    /// Rebuilds the stale indexes from all rows.
    ///
    /// The opening of the collection waits for these indexes, so that no search misses a document.
    /// A compaction then writes a new base with them.
    ///
    /// - Parameters:
    ///   - record: The record of the collection.
    ///   - reader: A reader at the sequence number of this version.
    /// - Throws: The errors of reading the rows.
    /// - Complexity: O(bytes of all rows); some 2 microseconds per row.
    mutating func rebuildStale(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError)
    {
        try Self.forEachPart(of: record.number, from: reader) { (rows) throws(LodestoneError) in
            applyToStale(try change(adding: rows, of: record.number, from: reader))
        }
        endRebuild()
    }

    /// Calls `body` with all rows, a thousand at a time.
    private static func forEachPart(
        of collection: CollectionNumber,
        from reader: any StoreReader,
        _ body: ([StoredRow]) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        var rows: [StoredRow] = []
        try reader.forEachRow(of: collection, after: nil) { (row) throws(LodestoneError) in
            rows.append(row)
            if rows.count == rowsPerPart {
                try body(rows)
                rows.removeAll(keepingCapacity: true)
            }
            return true
        }
        if !rows.isEmpty { try body(rows) }
    }

    // MARK: The log

    /// Applies the log's batches that this version lacks, and then the options of the reader's
    /// state.
    ///
    /// The batch that changed the options may already be forgotten.
    mutating func replay(_ record: CollectionRecord, from reader: any StoreReader)
        throws(LodestoneError)
    {
        try reader.forEachChange(after: sequenceNumber, of: record.number) {
            (change) throws(LodestoneError) in
            try replay(change, of: record, from: reader)
        }
        if options != record.options { alter(to: record.options) }
    }

    /// Applies one batch, unless this version already has it.
    ///
    /// The replay reads rows and edges in the reader's state, which may be later than the batch. So
    /// until the replay ends, the version may lack rows that later batches remove, and may have
    /// edges that later batches add. The replay applies these later batches, too. After the last
    /// batch, the version equals the reader's state.
    mutating func replay(
        _ logged: LoggedChange,
        of record: CollectionRecord,
        from reader: any StoreReader
    ) throws(LodestoneError) {
        guard logged.sequenceNumber > sequenceNumber else { return }
        switch logged.kind {
        case .createCollection, .dropCollection:
            advance(to: logged.sequenceNumber)
        case .alterCollection(let options):
            alter(to: options)
            advance(to: logged.sequenceNumber)
        case .rows(let rows):
            var change = try change(of: rows, in: record.number, from: reader)
            change.sequenceNumber = logged.sequenceNumber
            apply(change)
        }
    }

    /// The change of a batch in the log.
    private func change(
        of logged: LoggedRows,
        in collection: CollectionNumber,
        from reader: any StoreReader
    ) throws(LodestoneError) -> IndexChange {
        let ids = ids
        let rows = try existingRows(of: logged, in: collection, from: reader)
        var change = try change(adding: rows, of: collection, from: reader)
        change.rowRange = logged.firstRow..<logged.firstRow + logged.rowCount
        change.vectors = logged.vectors
        // The vectors of a short log are linked now, so the next write finds all earlier rows in
        // the index. The vectors of a long log are linked later, in the background or by a
        // compaction.
        change.linksVectors =
            changesSinceBase + logged.removed.count + rows.count <= Self.mostLinkedChanges
        // A removed row is left out where the replay never added it, because the reader's state
        // lacks it already.
        let removed = logged.removed.indices.filter { ids.contains(logged.removed[$0]) }
        change.removed = removed.map { logged.removed[$0] }
        prepareRemoval(
            of: removed.compactMap {
                $0 < logged.removedTexts.count ? logged.removedTexts[$0] : nil
            },
            in: &change.batches
        )
        change.dropped = ids.table.withTable { table in logged.dropped.map { table.intern($0) } }
        try addEdges(of: logged, to: &change, in: collection, from: reader)
        let vectorBytes = logged.vectors.map { $0.count * options.dimension * 4 } ?? 0
        change.documentByteCount =
            vectorBytes + rows.reduce(0) { $0 + $1.byteCount }
            + PreparedIndex.bytesOfEdge * logged.changedEdgeCount
        return change
    }

    /// The new rows of a batch that still exist.
    private func existingRows(
        of logged: LoggedRows,
        in collection: CollectionNumber,
        from reader: any StoreReader
    ) throws(LodestoneError) -> [StoredRow] {
        var rows: [StoredRow] = []
        if logged.rowCount == 0 { return rows }
        let firstRow = logged.firstRow
        let nextRow = firstRow + logged.rowCount
        let before = firstRow == .first ? nil : firstRow - 1
        try reader.forEachRow(of: collection, after: before) { row in
            guard row.row < nextRow else { return false }
            rows.append(row)
            return true
        }
        return rows
    }

    /// The change that adds some rows.
    private func change(
        adding rows: [StoredRow],
        of collection: CollectionNumber,
        from reader: any StoreReader
    ) throws(LodestoneError) -> IndexChange {
        var change = IndexChange(
            prepare(rows.map { Document(id: $0.id, text: $0.text, metadata: $0.metadata) })
        )
        change.rows = rows.map(\.row)
        if let first = rows.first, let last = rows.last {
            change.rowRange = first.row..<last.row + 1
        }
        change.vertices = ids.table.withTable { table in
            ContiguousArray(rows.map { table.intern($0.id) })
        }
        change.edges.new = numbered(rows.map(\.edges))
        for (index, row) in rows.enumerated() where row.hub != nil {
            var edges: [Adjacency] = []
            try reader.forEachEdges(of: row, in: collection) { some in
                edges += numbered([some]).edges
            }
            change.edges.new.set(edges, at: index)
        }
        return change
    }

    /// Adds the changes to edges that leave documents of earlier rows.
    private func addEdges(
        of logged: LoggedRows,
        to change: inout IndexChange,
        in collection: CollectionNumber,
        from reader: any StoreReader
    ) throws(LodestoneError) {
        let ids = ids
        for edges in logged.hubEdges {
            guard let vertex = ids.vertex(of: edges.row) else { continue }
            let added = numbered([
                edges.added.map { Edge($0.name.label, to: $0.name.target, weight: $0.weight) }
            ]).edges
            if edges.isWhole {
                change.edges.replaced.append(vertex, added)
            } else if edges.removed.isEmpty {
                change.edges.added.append(vertex, added)
            } else {
                change.edges.removed.append(vertex, known(edges.removed))
                if !added.isEmpty { change.edges.added.append(vertex, added) }
            }
        }
        for row in logged.changed {
            // A document that has become a hub is skipped here: the log row of the batch that made
            // it a hub has all its edges, and later log rows have the changes.
            guard let vertex = ids.vertex(of: row),
                let stored = try reader.row(row, of: collection), stored.hub == nil
            else { continue }
            change.edges.replaced.append(vertex, numbered([stored.edges]).edges)
        }
    }
}

extension LoggedRows {
    /// The number of changed edges that leave documents of earlier rows.
    ///
    /// The write of the batch counted them in the same way.
    fileprivate var changedEdgeCount: Int {
        hubEdges.reduce(changed.count) { count, edges in
            count + edges.added.count + edges.removed.count
        }
    }
}
