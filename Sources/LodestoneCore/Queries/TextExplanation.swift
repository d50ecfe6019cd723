// SPDX-License-Identifier: Apache-2.0

/// The words that a text source looked for.
public struct TextExplanation: Sendable, Equatable {
    /// The index of the source in `Query.sources`.
    public var source: Int
    /// The words of the query, in their order, those behind NOT too.
    public var words: [Word]
    /// Plain words that were left out because the query has too many.
    ///
    /// They are the most frequent ones, as they were typed, each once.
    public var leftOut: [String]

    /// A word of the query.
    public struct Word: Sendable, Equatable {
        /// The word as it was typed.
        public var word: String
        /// The number of documents that have its stem; 0 for a part of a word: `pyth*`.
        public var documents: Int
        /// The number of words that it stands for: stems besides its own, or words that fit a part
        /// of a word.
        public var expansionCount: Int
        /// The first 50 of these words: nearest first, then most frequent.
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

    /// A word of the documents that a word of the query stands for.
    public struct Expansion: Sendable, Equatable {
        /// The word as documents have it, folded.
        public var word: String
        /// The number of edits between the two words; 0 for a word that fits a part of a word.
        public var distance: Int
        /// The number of documents that have its stem; for a word that fits a part of a word, the
        /// number of documents that have the word in exactly this form.
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
