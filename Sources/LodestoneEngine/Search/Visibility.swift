// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneMetadata
import LodestoneStructures
import LodestoneText
import Synchronization

/// The documents of one version that a call with a visibility filter sees, and what searches derive
/// from them alone.
///
/// Every figure that depends on documents which a search does not return comes from here: word
/// statistics, the sample of ordinary documents, counts.
///
/// Threading: any thread. A figure may be computed twice, with the same result.
final class Visibility: Sendable {
    let filter: Filter
    let rows: VisibleRows
    private let text = Mutex<(any TextIndex)?>(nil)
    private let ranks = Mutex<RowRanks?>(nil)
    private let sample = Mutex<[RowID]?>(nil)
    private let vectors = Mutex<Int?>(nil)

    init(_ filter: Filter, _ rows: RowSet) {
        self.filter = filter
        self.rows = VisibleRows(rows)
    }

    /// The index of the visible documents' words; `index` is that of all words of the version.
    func textIndex(of index: any TextIndex) -> any TextIndex {
        if let known = text.withLock({ $0 }) { return known }
        let made = index.restricted(to: rows)
        text.withLock { $0 = made }
        return made
    }

    private var positions: RowRanks {
        if let known = ranks.withLock({ $0 }) { return known }
        let made = RowRanks(rows.rows)
        ranks.withLock { $0 = made }
        return made
    }

    /// Sampled rows, as `Shared.ordinaryRows` has them in a store of the visible documents alone.
    ///
    /// That store has no gaps between its rows. So the sample is spread over the positions of the
    /// visible rows, and not over their numbers.
    func ordinaryRows(of allowed: RowSet?, in table: VectorTable) -> [RowID] {
        if allowed == nil, let known = sample.withLock({ $0 }) { return known }
        let rows = table.sample(Query.ordinarySample, of: allowed, amongRows: positions)
        if allowed == nil { sample.withLock { $0 = rows } }
        return rows
    }

    /// The number of visible documents with a vector.
    func vectorCount(in table: VectorTable) -> Int {
        if let known = vectors.withLock({ $0 }) { return known }
        var count = 0
        rows.rows.forEach { if table.location(of: $0) != nil { count += 1 } }
        vectors.withLock { $0 = count }
        return count
    }

    /// The number of edges that leave visible documents.
    func edgeCount(in version: CollectionVersion.Shared) -> Int {
        var count = 0
        rows.rows.forEach { row in
            if let vertex = version.ids.vertex(of: row) {
                count += version.graph.index.edgeCount(from: vertex)
            }
        }
        return count
    }
}

/// The visibilities that calls have used with one version.
///
/// Threading: any thread; a lock is held for a moment.
final class Visibilities: Sendable {
    /// The most visibilities that are kept; each takes some bits per row.
    private static let capacity = 16

    private let known = Mutex<[(key: FilterKey, visibility: Visibility)]>([])

    /// The visibility of a filter, which `make` computes if it is not known.
    func visibility(of filter: Filter, _ make: () throws(LodestoneError) -> Visibility)
        throws(LodestoneError) -> Visibility
    {
        let key = FilterKey(filter)
        if let found = known.withLock({ $0.first { $0.key == key }?.visibility }) { return found }
        let made = try make()
        known.withLock { known in
            if known.contains(where: { $0.key == key }) { return }
            known.append((key, made))
            if known.count > Self.capacity { known.removeFirst() }
        }
        return made
    }
}

extension ReadView {
    /// This view for a call that sees some documents only.
    func restricted(to filter: Filter, _ context: CallContext) throws(LodestoneError) -> ReadView {
        var view = self
        view.visibility = try version.visibilities.visibility(of: filter) {
            () throws(LodestoneError) in
            let rows = try collection.filters.rows(matching: filter, in: self, context).rows
            return Visibility(filter, rows)
        }
        return view
    }

    /// The words of the documents that the call sees.
    var textIndex: any TextIndex {
        guard let visibility else { return version.text.index }
        return visibility.textIndex(of: version.text.index)
    }

    /// Whether the call sees the document in a row that exists.
    func shows(_ row: RowID) -> Bool { visibility?.rows.rows.contains(row) ?? true }

    /// The rows that the call sees; `nil`: all that exist.
    var visibleRows: RowSet? { visibility?.rows.rows }

    /// Sampled rows; their vector scores stand for the score of an ordinary document.
    func ordinaryRows(of allowed: RowSet?) -> [RowID] {
        guard let visibility else { return version.ordinaryRows(of: allowed) }
        return visibility.ordinaryRows(of: allowed, in: version.vectors.table)
    }
}

extension CallContext {
    /// The filter of a request, and that of the call; `nil` without either.
    func restricting(_ filter: Filter?) -> Filter? {
        guard let visibility else { return filter }
        return filter.map { .and([visibility, $0]) } ?? visibility
    }
}
