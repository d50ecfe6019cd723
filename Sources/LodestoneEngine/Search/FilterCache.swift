// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import Synchronization

/// The rows of a version that satisfy a filter, and the explanation of the filter's cost.
struct FilteredRows {
    let rows: RowSet
    let path: FilterPath
    let explanation: FilterExplanation

    init(_ rows: RowSet, _ path: FilterPath, readCount: Int) {
        self.rows = rows
        self.path = path
        explanation = FilterExplanation(
            strategy: path.name,
            matchedDocuments: rows.count,
            readDocuments: readCount
        )
    }
}

/// A cache of the rows that satisfy the latest filters.
///
/// Without it, each query would read and compare the metadata of the documents, 2 microseconds per
/// document. A row's metadata never changes, so cached rows stay correct. A query on a later
/// version reads only later rows, and excludes removed rows.
///
/// Threading: any thread.
final class FilterCache: Sendable {
    /// The rows of one version that satisfy a filter.
    private struct Entry {
        let key: FilterKey
        var rows = RowSet(count: 0)
        var endRow = RowID.first
        var sequenceNumber: UInt64 = 0
    }

    /// The most filters that are kept; each takes one bit per row.
    private static let capacity = 32
    /// If more than one row in `denseShare` must be read, all rows are read in order.
    private static let denseShare = 8

    /// The entries, in the order of their last change.
    private let entries = Mutex<[Entry]>([])

    /// The rows of a view that satisfy a filter.
    ///
    /// Rows that the indexes decide are not read. Recheck rows are read, and their metadata
    /// decides. Only rows that the view shows are returned, read and counted.
    func rows(matching filter: Filter, in view: ReadView, _ context: CallContext)
        throws(LodestoneError) -> FilteredRows
    {
        let version = view.version
        let key = FilterKey(view.visibility.map { .and([$0.filter, filter]) } ?? filter)
        let known = entries.withLock { $0.first { $0.key == key } }
        if let known, known.sequenceNumber == version.sequenceNumber {
            return FilteredRows(known.rows, .cached, readCount: 0)
        }
        let bound = Int(version.ids.nextRow)
        let live = view.visibleRows ?? version.fields.liveRows(count: bound)
        let filter = filter.normalized
        let candidates = try version.fields.candidates(of: filter, among: live, bound: bound) {
            (ids) throws(LodestoneError) in
            try view.rows(of: ids, context)
        } _: { () throws(LodestoneError) in
            try context.check()
        }
        var rows = candidates.exact
        var readCount = 0
        if var recheck = candidates.recheck {
            var start = RowID.first
            // An entry of a later version lacks rows that this version still has.
            if let known, known.sequenceNumber < version.sequenceNumber {
                var decided = known.rows
                decided.formIntersection(recheck)
                rows.formUnion(decided)
                start = known.endRow
                recheck.removeRows(below: start)
            }
            readCount = recheck.count
            let test = FilterTest(filter)
            try Self.read(recheck, from: start, of: view, context) { row in
                if test.matches(row.metadata, id: row.id) { rows.insert(row.row) }
            }
        }
        let isIndexed = filter.references { version.fields.indexes($0) }
        let path: FilterPath =
            candidates.recheck == nil ? .indexed : isIndexed ? .partlyIndexed : .scanned
        // Rows that were read from a damaged base are not cached.
        if !view.version.isDamaged {
            keep(
                Entry(
                    key: key,
                    rows: rows,
                    endRow: version.ids.nextRow,
                    sequenceNumber: version.sequenceNumber
                )
            )
        }
        return FilteredRows(rows, path, readCount: readCount)
    }

    /// Calls `body` with some rows of a view, in ascending order.
    static func read(
        _ rows: RowSet,
        from start: RowID = .first,
        of view: ReadView,
        _ context: CallContext,
        _ body: (StoredRow) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        guard let reader = view.rows, rows.count > 0 else { return }
        let number = view.collection.number
        guard rows.count < start.distance(to: view.version.ids.nextRow) / denseShare else {
            try reader.forEachRow(of: number, after: start == .first ? nil : start - 1) {
                (row) throws(LodestoneError) in
                try context.check()
                if rows.contains(row.row) { try body(row) }
                return true
            }
            return
        }
        var next = rows.next(from: start)
        while let row = next {
            try context.check()
            if let stored = try reader.row(row, of: number) { try body(stored) }
            next = rows.next(from: row + 1)
        }
    }

    /// Removes all entries, because they may come from a damaged version.
    func removeAll() {
        entries.withLock { $0 = [] }
    }

    private func keep(_ entry: Entry) {
        entries.withLock { entries in
            if let position = entries.firstIndex(where: { $0.key == entry.key }) {
                // Another query may have stored the entry of a later version meanwhile.
                if entries[position].sequenceNumber >= entry.sequenceNumber { return }
                entries.remove(at: position)
            }
            entries.append(entry)
            if entries.count > Self.capacity { entries.removeFirst() }
        }
    }
}

extension ReadView {
    /// The rows of documents by their ids; ids without a document are left out.
    ///
    /// - Complexity: O(ids), for any number of documents.
    fileprivate func rows(of ids: [DocumentID], _ context: CallContext) throws(LodestoneError)
        -> [RowID]
    {
        var rows: [RowID] = []
        // The lock is taken once per some ids, so that writers with new ids don't wait for all ids.
        for start in stride(from: 0, to: ids.count, by: 1_024) {
            try context.check()
            let part = ids[start..<min(start + 1_024, ids.count)]
            let vertices = version.ids.table.withTable { table in
                part.map { table.vertex(of: $0) }
            }
            rows += vertices.compactMap { $0.flatMap { version.ids.row(of: $0) } }
        }
        return rows
    }
}
