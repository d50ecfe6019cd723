// SPDX-License-Identifier: Apache-2.0
// The seam between the analysis of text and a store that keeps words. `LodestoneText` makes the
// words, `LodestoneStorage` writes and reads them, and neither knows the other.
package import LodestoneCore

/// The words of a document as two strings, which a store keeps in tables of its own.
package struct DocumentWords: Sendable, Equatable {
    /// The stems, in the order of the words, with spaces between.
    package let stems: String
    /// The words as they stand in the text, folded, each once, with spaces between.
    package let forms: String

    package init(stems: String, forms: String) {
        self.stems = stems
        self.forms = forms
    }
}

/// Makes the words that a store keeps.
///
/// A write brings the words of its new documents along. A store calls the analysis only for the
/// words of texts that it has itself: those of a document that is removed, those of all documents
/// after a change of the analysis, and those that a verification expects.
package protocol WordAnalysis: Sendable {
    /// The fingerprint of the analysis; an analysis that makes other words has another one.
    var fingerprint: UInt64 { get }
    /// The words of a document.
    ///
    /// - Parameters:
    ///   - text: The fields of the document.
    ///   - options: The options of its collection.
    /// - Returns: `nil` when it has none.
    func words(of text: [TextField], _ options: TextOptions) -> DocumentWords?
}

/// Knows how many documents have a stem.
package protocol StemFrequencies {
    func frequency(ofStem stem: [UInt8]) throws(LodestoneError) -> Int
}

/// The words that a store keeps.
package protocol StoredWords: StemFrequencies {
    /// Calls `body` with every form, each once, until `body` returns false.
    ///
    /// The forms come in the order of their bytes, from `start` on.
    func forEachForm(from start: [UInt8], _ body: ([UInt8]) -> Bool) throws(LodestoneError)
}

/// The words and texts that a store keeps of a collection, in the state of one read.
///
/// Use from one thread, until the read ends.
package protocol WordTables: StoredWords {
    /// Calls `body` with the rows that an expression of SQLite's FTS5 matches, best first, until
    /// `body` returns false.
    ///
    /// Rows of the same score come in their order. Better matches have larger scores.
    func forEachMatch(
        of expression: String,
        _ body: (UInt32, Double) throws(LodestoneError) -> Bool
    ) throws(LodestoneError)
    /// The text of a row; `nil` when the row does not exist.
    ///
    /// - Throws: `.dataLoss` when the row fails its checksum.
    func text(of row: UInt32) throws(LodestoneError) -> [TextField]?
}
