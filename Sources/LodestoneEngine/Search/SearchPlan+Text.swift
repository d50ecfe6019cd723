// SPDX-License-Identifier: Apache-2.0
// The text sources of a query: their normalized queries, and the documents that match.
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText

extension SearchPlan {
    /// The state that text searches read.
    var textScope: TextScope {
        TextScope(
            tables: options.textStrategy.keepsWordsInStore
                ? view.rows?.words(of: view.collection.number, among: view.visibility?.rows)
                : nil,
            rowBound: view.version.ids.nextRow,
            context: context
        )
    }

    /// The normalized query of a text source; `nil` when it is empty, or the source is no text.
    func parsedText(of source: Source) throws(LodestoneError) -> TextSourceQuery? {
        guard case .text(let text) = source.kind else { return nil }
        return try view.textIndex.parse(text, limits: limits, in: textScope)
    }

    /// The documents whose text matches, best first, and the scores of rows that other sources
    /// found.
    ///
    /// A query of negative clauses alone matches the complement. Its documents come in row order,
    /// with score 0 and without ranks.
    func matching(
        _ query: BooleanQuery,
        _ depth: Int,
        allowed: RowSet?,
        scoring found: [RowID]
    ) throws(LodestoneError) -> RankedList {
        let version = view.version
        let text = view.textIndex
        // A row that passes the filter exists in this version. Without a filter, the test reads one
        // bit: a query of common words tests all rows of a row block in which none passes, 1.3 ms
        // at 20 ns per row. No test is needed if no posting belongs to a dropped row, which saves a
        // tenth of a short query.
        let isWanted: (RowID) -> Bool =
            if let allowed {
                { allowed.contains($0) }
            } else if !query.isComplement, !text.hasDeletedRows {
                { _ in true }
            } else {
                { version.ids.contains($0) }
            }
        var list = RankedList()
        let result = try text.search(
            query,
            k: depth,
            scoring: found,
            in: textScope,
            isAllowed: isWanted
        )
        list.append(result.hits)
        guard !found.isEmpty, let scores = result.scores else { return list }
        let known = RowTable(of: [list])
        for (row, score) in zip(found, scores) where known.find(row) == nil {
            list.others.append((row, score))
        }
        return list
    }
}

extension RankedList {
    fileprivate mutating func append(_ hits: [TextHit]) {
        reserveCapacity(hits.count)
        for hit in hits { append(hit.row, hit.score) }
    }
}
