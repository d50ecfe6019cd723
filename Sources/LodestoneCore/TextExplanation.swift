// SPDX-License-Identifier: Apache-2.0

/// What a text source looked for.
public struct TextExplanation: Sendable, Equatable {
    /// Index into `Query.sources`.
    public var source: Int
    /// The words of the question, in their order, those behind NOT too.
    public var words: [Word]
    /// Plain words that were not looked for, because the question has too many: the most frequent,
    /// as they were typed, each once.
    public var leftOut: [String]

    /// A word of the question.
    public struct Word: Sendable, Equatable {
        /// As it was typed.
        public var word: String
        /// How many documents have its stem; 0 for one that is not a whole word: `pyth*`.
        public var documents: Int
        /// How many words it stands for: stems beside its own, or words that begin or look so.
        public var expansionCount: Int
        /// The first 50 of these: nearest first, then most frequent.
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

    /// A word of the documents that a word of the question stands for.
    public struct Expansion: Sendable, Equatable {
        /// As documents have it, folded.
        public var word: String
        /// Edits between the two; 0 for one that begins or looks as asked for.
        public var distance: Int
        /// How many documents have its stem; of one that begins or looks as asked for, the word in
        /// just this form.
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
