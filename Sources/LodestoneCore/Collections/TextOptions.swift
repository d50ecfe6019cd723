// SPDX-License-Identifier: Apache-2.0

/// The index of a collection's words.
public enum TextIndexStrategy: Int32, Sendable, CaseIterable {
    /// SQLite's FTS5 with the same words: on disk, small in memory, slow to rank and to write.
    case fts5 = 0
    /// Lodestone's own postings: the default.
    case postings = 1
}

/// A text field with its own weight.
public struct TextFieldOptions: Sendable, Equatable {
    /// The valid weights.
    package static let weights = 0.0...100.0

    /// The field's name in documents, byte by byte.
    public var name: String
    /// The weight of an occurrence in the field, 0 to 100; 1 for fields that aren't declared.
    ///
    /// 3 to 5 is usual for a title. A field of weight 0 is searched only by queries that name it.
    public var weight: Double

    /// Creates options of a field.
    public init(_ name: String, weight: Double = 1) {
        self.name = name
        self.weight = weight
    }

    /// Compares the name by its bytes.
    public static func == (left: TextFieldOptions, right: TextFieldOptions) -> Bool {
        left.name.hasSameBytes(as: right.name) && left.weight == right.weight
    }
}

/// The language of a text, which decides the stemming and folding of words.
///
/// Chinese, Japanese, Korean and Thai have no case here: in every language, any part of a run of
/// their characters finds the run.
public enum TextLanguage: Int32, Sendable, CaseIterable {
    /// English: forms of a word find each other, by Porter's stemmer.
    case english = 0
    /// No language: only case and accents are folded.
    case none = 1

    // In the languages below, forms of a word find each other, by a stemmer of the Snowball project
    // (https://snowballstem.org). Accents distinguish forms, and are folded in stems. There are no
    // stop words.

    case arabic = 2
    case armenian = 3
    case basque = 4
    case catalan = 5
    case danish = 6
    case dutch = 7
    case finnish = 8
    case french = 9
    case german = 10
    case greek = 11
    case hindi = 12
    case hungarian = 13
    case indonesian = 14
    case irish = 15
    case italian = 16
    case lithuanian = 17
    case nepali = 18
    case norwegian = 19
    case portuguese = 20
    case romanian = 21
    case russian = 22
    case serbian = 23
    case spanish = 24
    case swedish = 25
    case tamil = 26
    case turkish = 27
    case yiddish = 28

    /// The name on the command line: `english`, `none`, `french`.
    public var name: String { String(describing: self) }
}

/// The analysis and the ranking of a collection's texts.
///
/// Fixed when the collection is created. The defaults are for a text without structure. Scores are
/// BM25F: S. Robertson, H. Zaragoza and M. Taylor, "Simple BM25 extension to multiple weighted
/// fields", CIKM 2004.
public struct TextOptions: Sendable, Equatable {
    /// The most fields that may be declared.
    package static let maxFields = 7
    /// The valid values of `k1`.
    package static let k1Range = 0.0...100.0
    /// The valid values of `b`.
    package static let bRange = 0.0...1.0
    /// The valid values of `exactWeight`.
    package static let exactWeightRange = 0.0...10.0

    /// Fields with their own weight; all others count as one field of weight 1.
    public var fields: [TextFieldOptions]
    /// The saturation of frequencies: with a smaller value, repeated occurrences of a word add
    /// less.
    ///
    /// `nil`: 1.2, or 2 if fields are declared.
    public var k1: Double?
    /// The penalty for a long field, 0 to 1.
    public var b: Double
    /// The weight of a word in exactly the query's form, relative to its stem; 0: none.
    public var exactWeight: Double
    /// The language of the text.
    public var language: TextLanguage
    /// Whether plain queries also search for the most frequent words of the language.
    ///
    /// Phrases and query syntax always find them.
    public var keepsStopWords: Bool

    /// Creates options.
    ///
    /// Measured (10,000 sentences as queries for the one document that each illustrates, among
    /// 117,659 short documents; mean reciprocal rank): defaults 0.21; b 0.75, stop words kept, no
    /// exact forms 0.17.
    public init(
        fields: [TextFieldOptions] = [],
        k1: Double? = nil,
        b: Double = 0.9,
        exactWeight: Double = 0.3,
        language: TextLanguage = .english,
        keepsStopWords: Bool = false
    ) {
        self.fields = fields
        self.k1 = k1
        self.b = b
        self.exactWeight = exactWeight
        self.language = language
        self.keepsStopWords = keepsStopWords
    }

    /// The value of `k1`, or its default.
    package var effectiveK1: Double { k1 ?? (fields.isEmpty ? 1.2 : 2) }
}
