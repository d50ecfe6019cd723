// SPDX-License-Identifier: Apache-2.0
// The text sources of a query: their normalized queries, and the documents that match.
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The normalized query of a text source.
struct TextSourceQuery {
    let query: NormalizedTextQuery
    /// The words that are not searched for, because there are too many.
    let leftOut: [String]
    /// Whether documents may be missing for that reason.
    let isPartial: Bool
}

extension SearchPlan {
    /// The normalized query of a text source; `nil` when it is empty, or the source is no text.
    func parsedText(of source: Source) throws(LodestoneError) -> TextSourceQuery? {
        guard case .text(let text) = source.kind else { return nil }
        let words = options.textStrategy == .fts5 ? view.rows : nil
        let analyzer = TextAnalyzer(options.text)
        let plain: PlainWords?
        let parsed: TextQuery?
        switch text.mode {
        case .anyWord:
            plain = try PlainWords(
                of: text.query,
                fuzzy: text.fuzzy,
                limits: limits,
                analyzer: analyzer,
                rarestBy: try words?.words(of: view.collection.number) ?? view.state.text
            )
            parsed = plain?.query
        case .querySyntax:
            plain = nil
            parsed = try TextQueryParser.parse(text.query, fuzzy: text.fuzzy, limits: limits)
        }
        guard var query = parsed.map(NormalizedTextQuery.init) else { return nil }
        for field in query.fields { try check(field) }
        if let words, query.expression.needsVocabulary {
            query = try query.expanded(by: words.words(of: view.collection.number), analyzer)
        }
        return TextSourceQuery(
            query: query,
            leftOut: plain?.leftOut ?? [],
            isPartial: plain?.isPartial ?? false
        )
    }

    /// Refuses a field that can't be searched.
    private func check(_ field: ByteString) throws(LodestoneError) {
        // Under FTS5 no field is declared, so any field can be searched.
        guard let text = view.state.text else { return }
        guard text.mayHaveField(field) else {
            let known = options.text.fields.map { "'\($0.name)'" }.joined(separator: ", ")
            throw .invalid(
                "UNKNOWN_FIELD",
                "The query asks for the field '\(field.string)', which no document has; declared: \(known).",
                recovery: "Ask for another field, or quote the term to search for its words.",
                field: "query",
                object: field.string
            )
        }
    }

    /// The documents whose text matches, best first.
    ///
    /// A query without a positive part matches the complement of its words. These documents have no
    /// ranks: they come in row order, with score 0.
    func matching(_ query: NormalizedTextQuery, depth: Int, allowed: RowSet?)
        throws(LodestoneError) -> RankedList
    {
        var list = RankedList()
        let shared = view.shared
        // A row that passes the filter exists in this state. Without a filter, the test reads one
        // bit: a query of common words tests every row of a chunk where nothing passes, which would
        // take 1.3 ms at 20 ns per row. There is no test when no posting belongs to a dropped row,
        // which saves a tenth of a short query.
        let isWanted: (RowID) -> Bool =
            if let allowed {
                { allowed.contains($0) }
            } else if !query.isComplement, let text = shared.contents.state.text, !text.hasGoneRows
            {
                { _ in true }
            } else {
                { shared.contents.state.contains($0) }
            }
        if let text = shared.contents.state.text {
            for hit in try text.search(query, k: depth, context: context, isAllowed: isWanted) {
                list.append(hit.row, hit.score)
            }
            return list
        }
        guard query.isComplement else {
            try forEachRow(matching: query.expression, isWanted) { row, score in
                list.append(row, score)
                return list.rows.count < depth
            }
            return list
        }
        var matches = RowSet(count: Int(shared.contents.state.nextRow))
        try forEachRow(matching: query.expression, isWanted) { row, _ in
            matches.insert(row)
            return true
        }
        var row: RowID = 0
        while row < shared.contents.state.nextRow && list.rows.count < depth {
            if isWanted(row) && !matches.contains(row) { list.append(row, 0) }
            row += 1
        }
        return list
    }

    /// Calls `body` with the rows that FTS5 finds, best first, until it returns false.
    ///
    /// If the query has fields, prefixes or patterns, the text of each row with its stems is read,
    /// too.
    private func forEachRow(
        matching expression: TextExpression,
        _ isWanted: (RowID) -> Bool,
        _ body: (RowID, Double) -> Bool
    ) throws(LodestoneError) {
        guard let rows = view.rows else { return }
        let number = view.collection.number
        let analyzer = TextAnalyzer(options.text)
        let matcher = expression.needsTexts ? DocumentMatcher(expression, analyzer) : nil
        let question = matcher == nil ? expression : expression.candidates
        try rows.forEachMatch(of: question, in: number, analyzer) {
            (row, score) throws(LodestoneError) in
            guard isWanted(row) else { return true }
            if let matcher {
                try context.check()
                guard let stored = try rows.row(row, of: number), matcher.matches(stored.text)
                else { return true }
            }
            return body(row, score)
        }
    }
}
