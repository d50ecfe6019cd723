// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// An index that finds the documents of a collection by their words, and ranks them.
///
/// The engine knows a text index only by this protocol. `TextIndexStrategy+Index.swift` maps
/// strategies to indexes. Either the index keeps the words, in memory and in the base
/// (`PostingsTextIndex`), or the store keeps them in tables (`FTS5TextIndex`).
///
/// Calls are made per batch and per query, never per row.
///
/// Threading: a value. One writer changes the newest value and makes copies, which cost almost
/// nothing. A copy keeps its state, and any thread may search it while the writer continues. Only
/// the newest value may be changed.
package protocol TextIndex: Sendable {
    /// The options of the analysis and the score.
    var options: TextOptions { get }

    // MARK: Life

    /// Whether this is the newest value; only that may be changed.
    var isNewest: Bool { get }
    /// Whether the base has words of another analysis.
    ///
    /// Such an index has no words. It must be rebuilt from all rows before its first search.
    var lacksWords: Bool { get }
    /// An estimate of the bytes of memory that a compaction frees; for the writer.
    var deltaByteCount: Int { get }
    /// Whether the memory for new documents is full, so that only a compaction makes room.
    ///
    /// Words that did not fit are not found before the compaction.
    var isFull: Bool { get }
    /// Whether deleted rows may still match, so that a caller must test rows.
    var hasDeletedRows: Bool { get }

    /// The words of documents that a write must contain for the store.
    ///
    /// Any thread may call it, on any copy.
    ///
    /// - Parameter texts: The fields of each document.
    /// - Returns: The words of each document, `nil` for a document without words; `nil` if the
    ///   store keeps no words.
    func wordsToStore(of texts: [[TextField]]) -> [DocumentWords?]?

    /// Analyzes the texts of documents, to be added or removed.
    ///
    /// Any thread may call it, on any copy. Texts that an index over another base analyzed can be
    /// used, too, but cost the writer more.
    ///
    /// - Parameter texts: The fields of each document.
    /// - Returns: The texts, in the order of the documents; `nil` if the index keeps none of them
    ///   in memory.
    func prepare(_ texts: [[TextField]]) -> AnalyzedTexts?

    /// The same texts with the numbers of this index.
    ///
    /// An index over another base analyzed the texts. `numbers` keeps the lookups from batch to
    /// batch.
    func renumbered(_ texts: AnalyzedTexts, _ numbers: inout PostingsRemapping) -> AnalyzedTexts

    /// Adds the texts of new documents.
    ///
    /// - Parameters:
    ///   - texts: The texts.
    ///   - rows: The row of each text. Rows ascend from call to call, possibly with gaps.
    mutating func add(_ texts: AnalyzedTexts, rows: [RowID])

    /// Removes documents, given by their texts, from the statistics.
    ///
    /// - Parameters:
    ///   - texts: The texts.
    ///   - indexes: The indexes of the removed documents among them.
    mutating func remove(_ texts: AnalyzedTexts, at indexes: [Int])

    /// Writes the sections that `TextIndexStrategy.openIndex` reads, without the deleted rows.
    ///
    /// - Parameters:
    ///   - sink: The receiver of the sections.
    ///   - isLive: Whether a row exists, in the state of this copy.
    /// - Throws: The errors of `sink`.
    func write(
        to sink: inout some SectionSink,
        isLive: (RowID) -> Bool
    ) throws(LodestoneError)

    /// Begins a comparison of the index with the rows; `nil` if the store compares its words
    /// itself.
    func check() -> PostingsCheck?

    // MARK: Search

    /// An index for searches that has the texts of some rows only.
    ///
    /// Its words, frequencies and lengths are those of an index to which no other text was added.
    /// A caller must still test rows: those of other texts may match.
    ///
    /// - Parameter rows: The rows, all existing in this value.
    /// - Returns: A copy that is never changed.
    func restricted(to rows: VisibleRows) -> any TextIndex

    /// The frequencies that decide which words of a long query are the rarest.
    func frequencies(in scope: TextScope) -> (any StemFrequencies)?

    /// Whether documents may have a field of this name.
    func mayHaveField(_ name: ByteString) -> Bool

    /// The same query, with the expansions of those words that `search` does not expand itself.
    ///
    /// - Throws: `.invalidArgument` for a pattern that matches too many words; the errors of the
    ///   store.
    func expanded(_ query: BooleanQuery, in scope: TextScope) throws(LodestoneError)
        -> BooleanQuery

    /// The `k` best rows that match a query, best first, and the scores of some other rows.
    ///
    /// At equal scores the smaller row is first.
    ///
    /// A query that is a negation has no scores: its rows come ascending, with score 0.
    ///
    /// - Parameters:
    ///   - query: A query that `parse` returned.
    ///   - k: The most rows to return, at least 1.
    ///   - rows: The rows to score, ascending, without repetitions. This costs less than a later
    ///     call of `scores`, if the postings are read once for both.
    ///   - scope: The state of the collection.
    ///   - isAllowed: Called only for rows that would enter the result.
    /// - Returns: At most `k` rows with their scores, and the result of `scores` for `rows`.
    /// - Throws: The errors of the scope.
    func search(
        _ query: BooleanQuery,
        k: Int,
        scoring rows: [RowID],
        in scope: TextScope,
        isAllowed: (RowID) -> Bool
    ) throws(LodestoneError) -> (hits: [TextHit], scores: [Double]?)

    /// The score of each of some rows for a query, equal to that of `search`; `nil` if the index
    /// can't compute it.
    ///
    /// It is 0 for a row that doesn't match, and for every row when the query is a negation.
    func scores(
        of query: BooleanQuery,
        rows: [RowID],
        in scope: TextScope
    ) throws(LodestoneError) -> [Double]?

    /// The words of a query, and the words that they match; `nil` if the index can't list them.
    ///
    /// - Throws: The errors of a search for the query.
    func explanation(of query: BooleanQuery, in scope: TextScope) throws(LodestoneError)
        -> [TextExplanation.Word]?

    /// The words by which texts match some queries.
    ///
    /// - Throws: The errors of a search for the same words.
    func highlightTerms(of queries: [BooleanQuery], in scope: TextScope)
        throws(LodestoneError) -> HighlightTerms
}

/// The state of a collection that a text search reads.
package struct TextScope {
    /// The words in the store, of the visible rows only; `nil` if the store keeps none.
    package let tables: (any WordTables)?
    /// An exclusive upper bound of the rows.
    package let rowBound: RowID
    /// The call; it is checked during the work.
    package let context: CallContext?

    package init(tables: (any WordTables)? = nil, rowBound: RowID, context: CallContext? = nil) {
        self.tables = tables
        self.rowBound = rowBound
        self.context = context
    }
}

/// A row that matches, and its score.
package struct TextHit: Sendable, Equatable {
    /// The row.
    package let row: RowID
    /// BM25: larger is better.
    package let score: Double
}
