// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The calls of the engine, per batch and per query.
///
/// The postings suffice for a search, so a scope's tables are not read.
extension PostingsTextIndex: TextIndex {
    package func wordsToStore(of texts: [[TextField]]) -> [DocumentWords?]? { nil }

    package func prepare(_ texts: [[TextField]]) -> AnalyzedTexts? {
        lacksWords ? nil : analyze(texts)
    }

    package mutating func add(_ texts: AnalyzedTexts, rows: [RowID]) {
        for (index, row) in rows.enumerated() { add(texts, at: index, row: row) }
    }

    package mutating func remove(_ texts: AnalyzedTexts, at indexes: [Int]) {
        for index in indexes { remove(texts, at: index) }
    }

    package func check() -> PostingsCheck? { lacksWords ? nil : PostingsCheck(self) }

    package func frequencies(in scope: TextScope) -> (any StemFrequencies)? { self }

    package func expanded(_ query: BooleanQuery, in scope: TextScope)
        throws(LodestoneError) -> BooleanQuery
    {
        query
    }

    package func search(
        _ query: BooleanQuery,
        k: Int,
        scoring rows: [RowID],
        in scope: TextScope,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> (hits: [TextHit], scores: [Double]?) {
        let found = try search(
            query,
            k: k,
            scoring: rows,
            context: scope.context,
            isAllowed: isAllowed
        )
        return (found.hits, found.scores)
    }

    package func scores(
        of query: BooleanQuery,
        rows: [RowID],
        in scope: TextScope
    ) throws(LodestoneError) -> [Double]? {
        try scores(of: query, rows: rows, context: scope.context)
    }

    package func explanation(of query: BooleanQuery, in scope: TextScope)
        throws(LodestoneError) -> [TextExplanation.Word]?
    {
        try explanation(of: query, context: scope.context)
    }

    package func highlightTerms(of queries: [BooleanQuery], in scope: TextScope)
        throws(LodestoneError) -> HighlightTerms
    {
        try HighlightTerms(
            queries,
            analyzer: delta.dictionary.analyzer,
            index: self,
            context: scope.context
        )
    }
}
