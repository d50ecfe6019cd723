// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The text index of a collection whose words are in tables of SQLite's FTS5; the store writes them
/// with the rows.
///
/// Nothing is in memory or in the base: writes contain the words as strings, and a search passes an
/// expression to the store. Fuzzy words, patterns and prefixes are expanded first, by a scan of the
/// words in the store (`FTS5Expansion.swift`).
package struct FTS5TextIndex: TextIndex {
    package let options: TextOptions

    package init(_ options: TextOptions) {
        self.options = options
    }

    // MARK: Life

    package var isNewest: Bool { true }
    package var lacksWords: Bool { false }
    package var deltaByteCount: Int { 0 }
    package var isFull: Bool { false }
    package var hasDeletedRows: Bool { true }

    package func wordsToStore(of texts: [[TextField]]) -> [DocumentWords?]? {
        let analyzer = TextAnalyzer(options)
        return texts.map { DocumentWords(of: $0, analyzer) }
    }

    package func prepare(_ texts: [[TextField]]) -> AnalyzedTexts? { nil }

    package func renumbered(_ texts: AnalyzedTexts, _ numbers: inout PostingsRemapping)
        -> AnalyzedTexts
    {
        texts
    }

    package mutating func add(_ texts: AnalyzedTexts, rows: [RowID]) {}

    package mutating func remove(_ texts: AnalyzedTexts, at indexes: [Int]) {}

    package func write(
        to sink: inout some SectionSink,
        isLive: (RowID) -> Bool
    ) throws(LodestoneError) {}

    package func check() -> PostingsCheck? { nil }

    // MARK: Search

    /// The tables of a scope have the words, so the scope is restricted.
    package func restricted(to rows: VisibleRows) -> any TextIndex { self }

    package func frequencies(in scope: TextScope) -> (any StemFrequencies)? { scope.tables }

    /// The strategy declares no fields, so any field can be searched.
    package func mayHaveField(_ name: ByteString) -> Bool { true }

    package func expanded(_ query: BooleanQuery, in scope: TextScope)
        throws(LodestoneError) -> BooleanQuery
    {
        guard let tables = scope.tables, query.expression.needsVocabulary else { return query }
        return try query.expanded(by: tables, TextAnalyzer(options))
    }

    package func search(
        _ query: BooleanQuery,
        k: Int,
        scoring rows: [RowID],
        in scope: TextScope,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> (hits: [TextHit], scores: [Double]?) {
        let hits = try bestRows(for: query, k: k, in: scope, isAllowed: isAllowed)
        return (hits, try scores(of: query, rows: rows, in: scope))
    }

    private func bestRows(
        for query: BooleanQuery,
        k: Int,
        in scope: TextScope,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> [TextHit] {
        guard k > 0 else { return [] }
        var hits: [TextHit] = []
        guard query.isComplement else {
            try forEachRow(matching: query.expression, in: scope, isAllowed) { row, score in
                hits.append(TextHit(row: row, score: score))
                return hits.count < k
            }
            return hits
        }
        var matches = RowSet(count: Int(scope.rowBound))
        try forEachRow(matching: query.expression, in: scope, isAllowed) { row, _ in
            matches.insert(row)
            return true
        }
        for row in RowID.first..<scope.rowBound where isAllowed(row) && !matches.contains(row) {
            hits.append(TextHit(row: row, score: 0))
            if hits.count == k { break }
        }
        return hits
    }

    /// Calls `body` with the rows that match, best first, until it returns false.
    ///
    /// If the query has fields, prefixes or patterns, the text of each row with the stems is also
    /// read.
    private func forEachRow(
        matching expression: BooleanExpression,
        in scope: TextScope,
        _ isAllowed: (RowID) -> Bool,
        _ body: (RowID, Double) -> Bool
    ) throws(LodestoneError) {
        guard let tables = scope.tables else { return }
        let analyzer = TextAnalyzer(options)
        let matcher = expression.needsTexts ? DocumentMatcher(expression, analyzer) : nil
        let candidates = matcher == nil ? expression : expression.candidates
        try tables.forEachMatch(of: FTS5Expression.render(candidates, analyzer)) {
            (row, score) throws(LodestoneError) in
            guard isAllowed(row) else { return true }
            if let matcher {
                try scope.context?.check()
                guard let text = try tables.text(of: row), matcher.matches(text) else {
                    return true
                }
            }
            return body(row, score)
        }
    }

    package func scores(
        of query: BooleanQuery,
        rows: [RowID],
        in scope: TextScope
    ) throws(LodestoneError) -> [Double]? {
        nil
    }

    package func explanation(of query: BooleanQuery, in scope: TextScope)
        throws(LodestoneError) -> [TextExplanation.Word]?
    {
        nil
    }

    package func highlightTerms(of queries: [BooleanQuery], in scope: TextScope)
        throws(LodestoneError) -> HighlightTerms
    {
        // The words are already expanded.
        try HighlightTerms(queries, analyzer: TextAnalyzer(options), index: nil, context: nil)
    }
}
