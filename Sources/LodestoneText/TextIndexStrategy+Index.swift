// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The one place that maps strategies to indexes.
///
/// A new strategy needs a case here, in `TextIndexStrategy`, and on the wire. The storage also
/// compares with `.fts5`, because it keeps the words of that strategy in tables: `Schema`,
/// `WordMaker`, `RestoredDatabase` and `SQLiteStore+Erase.swift`.
extension TextIndexStrategy {
    /// An index without documents.
    package func makeIndex(_ options: TextOptions) -> any TextIndex {
        switch self {
        case .fts5: FTS5TextIndex(options)
        case .postings: PostingsTextIndex(options)
        }
    }

    /// The index in a base; `nil` when a section other than its header is missing or damaged.
    ///
    /// The index `lacksWords` if the base has words of another analysis, or a header that is of
    /// another format or missing.
    package func openIndex(from source: some SectionSource, _ options: TextOptions)
        -> (any TextIndex)?
    {
        switch self {
        case .fts5:
            return FTS5TextIndex(options)
        case .postings:
            guard PostingsTextIndex.isOfThisAnalysis(source, options) else {
                return PostingsTextIndex(lackingWords: options)
            }
            return PostingsTextIndex(from: source, options)
        }
    }

    /// Whether the store keeps the words, so that searches read rows of the store.
    package var keepsWordsInStore: Bool { self == .fts5 }

    /// Whether the ranking has options.
    package var hasRankingOptions: Bool { self == .postings }
}
