// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import Synchronization

/// The rows that satisfy the filters that were asked for last, so that each row's metadata is read
/// and compared once for a filter, not once for a question: 2 microseconds a document.
///
/// A row never changes, so what was found stays right: questions to later states look at later rows
/// only, and leave out rows that are gone by then.
///
/// Threading: any thread.
final class FilterCache: Sendable {
    /// The rows of one state that satisfy a filter.
    private struct Entry {
        let filter: Filter
        var rows = RowSet(count: 0)
        var endRow: RowNumber = 0
        var sequenceNumber: UInt64 = 0
    }

    /// Filters that are kept; each takes a bit a row.
    private static let capacity = 32

    /// The one that changed last comes last.
    private let entries = Mutex<[Entry]>([])

    /// The rows of a view that satisfy a filter.
    func rows(matching filter: Filter, in view: ReadView) throws(LodestoneError) -> RowSet {
        let state = view.state
        let known = entries.withLock { $0.first { $0.filter == filter } }
        if let known, known.sequenceNumber == state.sequenceNumber { return known.rows }
        var entry = Entry(filter: filter)
        // What is known of a later state lacks rows that this one still has.
        if let known, known.sequenceNumber < state.sequenceNumber { entry = known }
        var next = entry.rows.next(from: 0)
        while let row = next {
            if !state.contains(row) { entry.rows.remove(row) }
            next = entry.rows.next(from: row + 1)
        }
        entry.rows.grow(to: Int(state.nextRow))
        try view.rows?.forEachRow(
            of: view.collection.number,
            after: entry.endRow == 0 ? nil : entry.endRow - 1
        ) { (row) throws(LodestoneError) in
            if filter.matches(row.metadata) { entry.rows.insert(row.row) }
            return true
        }
        entry.endRow = state.nextRow
        entry.sequenceNumber = state.sequenceNumber
        keep(entry)
        return entry.rows
    }

    private func keep(_ entry: Entry) {
        entries.withLock { entries in
            if let place = entries.firstIndex(where: { $0.filter == entry.filter }) {
                // Another question may have come further meanwhile.
                if entries[place].sequenceNumber >= entry.sequenceNumber { return }
                entries.remove(at: place)
            }
            entries.append(entry)
            if entries.count > Self.capacity { entries.removeFirst() }
        }
    }
}
