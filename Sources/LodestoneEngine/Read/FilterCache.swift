// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import Synchronization

/// The rows of a state that satisfy a filter, with the explanation of how they were found.
struct FilteredRows {
    let rows: RowSet
    let explanation: FilterExplanation
}

/// A cache of the rows that satisfy the latest filters.
///
/// Without it, each query would read and compare the metadata of the documents, 2 microseconds per
/// document. A row never changes, so cached rows stay right. A query on a later state reads only
/// later rows, and leaves out rows that were removed since.
///
/// Threading: any thread.
final class FilterCache: Sendable {
    /// The rows of one state that satisfy a filter.
    private struct Entry {
        let key: FilterKey
        var rows = RowSet(count: 0)
        var endRow: RowID = 0
        var sequenceNumber: UInt64 = 0
    }

    /// The most filters that are kept; each takes one bit per row.
    private static let capacity = 32
    /// All rows are read in order when more than one row in this many must be read.
    private static let denseShare = 8

    /// Entries in the order of their last change.
    private let entries = Mutex<[Entry]>([])

    /// The rows of a view that satisfy a filter.
    ///
    /// Rows that the indexes decide are not read. Recheck rows are read, and their metadata
    /// decides.
    func rows(matching filter: Filter, in view: ReadView, _ context: CallContext)
        throws(LodestoneError) -> FilteredRows
    {
        let state = view.state
        let key = FilterKey(filter)
        let known = entries.withLock { $0.first { $0.key == key } }
        if let known, known.sequenceNumber == state.sequenceNumber {
            return FilteredRows(
                rows: known.rows,
                explanation: FilterExplanation(
                    strategy: "cached",
                    matchedDocuments: known.rows.count,
                    readDocuments: 0
                )
            )
        }
        let bound = Int(state.nextRow)
        let live = state.values.liveRows(count: bound)
        let filter = filter.normalized
        let bounds = try state.values.bounds(of: filter, among: live, bound: bound) {
            (ids) throws(LodestoneError) in
            try view.rows(of: ids, context)
        } _: { () throws(LodestoneError) in
            try context.check()
        }
        var rows = bounds.certain
        var readCount = 0
        if var open = bounds.open {
            var start: RowID = 0
            // An entry of a later state lacks rows that this state still has.
            if let known, known.sequenceNumber < state.sequenceNumber {
                var decided = known.rows
                decided.formIntersection(open)
                rows.formUnion(decided)
                start = known.endRow
                open.removeRows(below: start)
            }
            readCount = open.count
            let test = FilterTest(filter)
            try Self.read(open, from: start, of: view, context) { row in
                if test.matches(row) { rows.insert(row.row) }
            }
        }
        let isIndexed = filter.names { state.values.indexes($0) }
        let strategy =
            bounds.open == nil ? "indexed" : isIndexed ? "partly indexed" : "scanned"
        // Rows that were read from a damaged base are not cached.
        if !view.contents.isDamaged {
            keep(
                Entry(
                    key: key,
                    rows: rows,
                    endRow: state.nextRow,
                    sequenceNumber: state.sequenceNumber
                )
            )
        }
        return FilteredRows(
            rows: rows,
            explanation: FilterExplanation(
                strategy: strategy,
                matchedDocuments: rows.count,
                readDocuments: readCount
            )
        )
    }

    /// Calls `body` with some rows of a view, in ascending order.
    static func read(
        _ rows: RowSet,
        from start: RowID = 0,
        of view: ReadView,
        _ context: CallContext,
        _ body: (StoredRow) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        guard let reader = view.rows, rows.count > 0 else { return }
        let number = view.collection.number
        guard rows.count < Int(view.state.nextRow - start) / denseShare else {
            try reader.forEachRow(of: number, after: start == 0 ? nil : start - 1) {
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

    /// Removes all entries, because they may come from damaged contents.
    func removeAll() {
        entries.withLock { $0 = [] }
    }

    private func keep(_ entry: Entry) {
        entries.withLock { entries in
            if let place = entries.firstIndex(where: { $0.key == entry.key }) {
                // Another query may have stored a later state meanwhile.
                if entries[place].sequenceNumber >= entry.sequenceNumber { return }
                entries.remove(at: place)
            }
            entries.append(entry)
            if entries.count > Self.capacity { entries.removeFirst() }
        }
    }
}

extension ReadView {
    /// The rows of documents by their ids; ids without a document are left out.
    ///
    /// - Complexity: O(ids), whatever the number of documents.
    fileprivate func rows(of ids: [DocumentID], _ context: CallContext) throws(LodestoneError)
        -> [RowID]
    {
        var rows: [RowID] = []
        // The lock is taken for parts of the ids, so that writers with new ids don't wait for all
        // of them.
        for start in stride(from: 0, to: ids.count, by: 1_024) {
            try context.check()
            let part = ids[start..<min(start + 1_024, ids.count)]
            let nodes = contents.ids.withTable { table in part.map { table.number(of: $0) } }
            rows += nodes.compactMap { $0.flatMap { state.row(of: $0) } }
        }
        return rows
    }
}
