// SPDX-License-Identifier: Apache-2.0

/// The words of a text source, and the words that they match.
public struct TextExplanation: Sendable, Equatable {
    /// The index of the source in `Query.sources`.
    public var source: Int
    /// The words of the query, in their order, including those after NOT.
    public var words: [Word]
    /// Plain words that were left out because the query has too many.
    ///
    /// They are the most frequent ones, as typed, without repetitions.
    public var leftOut: [String]

    /// A word of the query.
    public struct Word: Sendable, Equatable {
        /// The word as typed.
        public var word: String
        /// The number of documents with its stem; 0 for a part of a word: `pyth*`.
        public var documents: Int
        /// The number of its expansions: stems other than its own, or words that match a part of a
        /// word.
        public var expansionCount: Int
        /// The first 50 expansions: nearest first, then most frequent.
        public var expansions: [Expansion]

        /// Creates a word.
        public init(
            _ word: String,
            documents: Int,
            expansionCount: Int = 0,
            expansions: [Expansion] = []
        ) {
            self.word = word
            self.documents = documents
            self.expansionCount = expansionCount
            self.expansions = expansions
        }
    }

    /// A word of the documents that a word of the query matches.
    public struct Expansion: Sendable, Equatable {
        /// The word in its form in documents, folded.
        public var word: String
        /// The number of edits between the two words; 0 for a match of a part of a word.
        public var distance: Int
        /// The number of documents with its stem; for a match of a part of a word, with the word in
        /// exactly this form.
        public var documents: Int

        /// Creates an expansion.
        public init(_ word: String, distance: Int, documents: Int) {
            self.word = word
            self.distance = distance
            self.documents = documents
        }
    }

    /// Creates an explanation.
    public init(source: Int, words: [Word], leftOut: [String] = []) {
        self.source = source
        self.words = words
        self.leftOut = leftOut
    }
}
