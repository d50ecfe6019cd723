// SPDX-License-Identifier: Apache-2.0
// The interface between the analysis of text and a store that keeps words. `LodestoneText` makes
// the words, `LodestoneStorage` writes and reads them, and neither knows the other.
package import LodestoneCore

/// The words of a document as two strings, which a store keeps in tables of its own.
package struct DocumentWords: Sendable, Equatable {
    /// The stems, in the order of the words, with spaces between.
    package let stems: String
    /// The distinct words of the text, folded and not stemmed, with spaces between.
    package let forms: String

    package init(stems: String, forms: String) {
        self.stems = stems
        self.forms = forms
    }
}

/// Makes the words that a store keeps.
///
/// A write contains the words of its new documents. A store analyzes only texts that it has
/// already: the texts of a removed document, all texts after a change of the analysis, and all
/// texts in a verification.
package protocol WordAnalysis: Sendable {
    /// The fingerprint of the analysis. Two analyses that make different words have different
    /// fingerprints.
    var fingerprint: UInt64 { get }
    /// The words of a document.
    ///
    /// - Parameters:
    ///   - text: The fields of the document.
    ///   - options: The options of its collection.
    /// - Returns: `nil` when it has none.
    func words(of text: [TextField], _ options: TextOptions) -> DocumentWords?
}

/// The number of documents that have a stem.
package protocol StemFrequencies {
    func frequency(ofStem stem: [UInt8]) throws(LodestoneError) -> Int
}

/// The words that a store keeps.
package protocol StoredWords: StemFrequencies {
    /// Calls `body` with every form, each once, until `body` returns false.
    ///
    /// The forms come in byte order, beginning at `start`.
    func forEachForm(
        from start: [UInt8],
        _ body: ([UInt8]) throws(LodestoneError) -> Bool
    ) throws(LodestoneError)
    /// Whether a visible document has a form that `forEachForm` returned.
    func isVisible(_ form: [UInt8]) throws(LodestoneError) -> Bool
}

/// The words and texts that a store keeps of a collection, in the state of one read.
///
/// The tables may be restricted to visible rows. Frequencies and scores are then those of tables
/// without the other rows; forms and matches of other rows may still be returned.
///
/// Use from one thread, until the read ends.
package protocol WordTables: StoredWords {
    /// Calls `body` with the rows that an expression of SQLite's FTS5 matches, best first, until
    /// `body` returns false.
    ///
    /// Rows of the same score come in the order of their ids. Better matches have larger scores.
    func forEachMatch(
        of expression: String,
        _ body: (RowID, Double) throws(LodestoneError) -> Bool
    ) throws(LodestoneError)
    /// The text of a row; `nil` when the row does not exist.
    ///
    /// - Throws: `.dataLoss` when the row fails its checksum.
    func text(of row: RowID) throws(LodestoneError) -> [TextField]?
}
