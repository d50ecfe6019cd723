// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// Finds the documents of a collection by their words, and ranks them.
///
/// The protocol is all that the engine knows of an index of words. `TextIndexStrategy+Index.swift`
/// says which strategy is which index. An index keeps the words in memory and in the base
/// (`PostingsTextIndex`), or the store keeps them in tables (`FTS5TextIndex`).
///
/// The calls are per batch and per query, none per row.
///
/// Threading: a value. One writer changes the newest value and hands out copies, which cost next to
/// nothing. A copy has the state of the moment when it was made. Any thread may search it while the
/// writer goes on. Only the newest value may be changed.
package protocol TextIndex: Sendable {
    /// The options of the analysis and the score.
    var options: TextOptions { get }

    // MARK: Life

    /// Whether this is the newest value, so that it may be changed.
    var isNewest: Bool { get }
    /// Whether the base has words of another analysis.
    ///
    /// Such an index has no words. It must be made again from all rows before its first search.
    var lacksWords: Bool { get }
    /// The memory in bytes, roughly, that a compaction frees; for the writer.
    var deltaByteCount: Int { get }
    /// Whether the memory for new documents is used up, so that only a compaction makes room.
    ///
    /// Words that did not fit any more are not found before the compaction.
    var isFull: Bool { get }
    /// Whether deleted rows may still match, so that a caller must test rows.
    var hasDeletedRows: Bool { get }

    /// The words of documents that a write has to bring to the store.
    ///
    /// Any thread may do so with any copy.
    ///
    /// - Parameter texts: The fields of each document.
    /// - Returns: `nil` where the store keeps no words; else the words of each document that has
    ///   some.
    func wordsToStore(of texts: [[TextField]]) -> [DocumentWords?]?

    /// Analyzes the texts of documents, to be added or removed.
    ///
    /// Any thread may do so with any copy. Texts that were analyzed with an index over another base
    /// can still be used, but cost the writer more.
    ///
    /// - Parameter texts: The fields of each document.
    /// - Returns: The texts, in the order of the documents; `nil` where nothing of them gets into
    ///   memory.
    func prepare(_ texts: [[TextField]]) -> AnalyzedTexts?

    /// The same texts in this index's own numbers.
    ///
    /// The texts were analyzed with an index over another base. `numbers` keeps the lookups from
    /// batch to batch.
    func renumbered(_ texts: AnalyzedTexts, _ numbers: inout PostingsRemapping) -> AnalyzedTexts

    /// Adds the texts of new documents.
    ///
    /// - Parameters:
    ///   - texts: The texts.
    ///   - rows: The row of each text. Rows rise from call to call; some may be left out.
    mutating func add(_ texts: AnalyzedTexts, rows: [UInt32])

    /// Removes documents from the statistics, given the texts that they were added with.
    ///
    /// - Parameters:
    ///   - texts: The texts.
    ///   - indexes: The indexes of the removed documents among them.
    mutating func remove(_ texts: AnalyzedTexts, at indexes: [Int])

    /// Writes the sections that `TextIndexStrategy.openIndex` reads, without the deleted rows.
    ///
    /// - Parameters:
    ///   - sink: The receiver of the sections.
    ///   - isLive: Whether a row exists in the state of this copy.
    /// - Throws: The errors of `sink`.
    func write(
        to sink: inout some SectionSink,
        isLive: (UInt32) -> Bool
    ) throws(LodestoneError)

    /// Begins a comparison of the index with the rows that it was made from; `nil` where the store
    /// compares its words itself.
    func check() -> PostingsCheck?

    // MARK: Search

    /// The frequencies by which the rarest words of a long query are chosen.
    func frequencies(in scope: TextScope) -> (any StemFrequencies)?

    /// Whether documents may have a field of this name.
    func mayHaveField(_ name: ByteString) -> Bool

    /// The same query, with those words expanded that `search` does not expand itself.
    ///
    /// - Throws: `.invalidArgument` for a pattern that stands for too many words; the errors of the
    ///   store.
    func expanded(_ query: BooleanQuery, in scope: TextScope) throws(LodestoneError)
        -> BooleanQuery

    /// The `k` best rows that match a query, best first, and the scores of some other rows.
    ///
    /// Of equal scores the smaller row is first.
    ///
    /// A query that is a negation has no scores: its rows come in their order, with score 0.
    ///
    /// - Parameters:
    ///   - query: A query that `parse` returned.
    ///   - k: The number of rows wanted, at least 1.
    ///   - rows: The rows to score, rising, each once. This costs less than `scores` afterwards
    ///     where the postings are read once for both.
    ///   - scope: The state of the collection.
    ///   - isAllowed: Called only for rows that would enter the result.
    /// - Returns: No more than `k` rows with their scores, and the result of `scores` for `rows`.
    /// - Throws: The errors of the scope.
    func search(
        _ query: BooleanQuery,
        k: Int,
        scoring rows: [UInt32],
        in scope: TextScope,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) -> (hits: [TextHit], scores: [Double]?)

    /// The score of each of some rows for a query, as `search` would give it; `nil` where the index
    /// can't tell.
    ///
    /// It is 0 for a row that doesn't match, and for every row when the query is a negation.
    func scores(
        of query: BooleanQuery,
        rows: [UInt32],
        in scope: TextScope
    ) throws(LodestoneError) -> [Double]?

    /// The words of a query, and the words that they stand for; `nil` where the index can't tell.
    ///
    /// - Throws: The errors of a search for the query.
    func explanation(of query: BooleanQuery, in scope: TextScope) throws(LodestoneError)
        -> [TextExplanation.Word]?

    /// The words that make a text match some queries.
    ///
    /// - Throws: The errors of a search for the same words.
    func highlightTerms(of queries: [BooleanQuery], in scope: TextScope)
        throws(LodestoneError) -> HighlightTerms
}

/// The state of a collection that a search for text reads.
package struct TextScope {
    /// The words in the store; `nil` where the store keeps none.
    package let tables: (any WordTables)?
    /// An exclusive upper bound of the rows.
    package let rowBound: UInt32
    /// Checked as the work goes on.
    package let context: CallContext?

    package init(tables: (any WordTables)? = nil, rowBound: UInt32, context: CallContext? = nil) {
        self.tables = tables
        self.rowBound = rowBound
        self.context = context
    }
}

/// A row that matches, and its score.
package struct TextHit: Sendable, Equatable {
    /// The row.
    package let row: UInt32
    /// BM25: larger is better.
    package let score: Double
}
