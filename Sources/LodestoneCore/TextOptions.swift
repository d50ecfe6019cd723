// SPDX-License-Identifier: Apache-2.0

/// A text field that counts for more or less than others.
public struct TextFieldOptions: Sendable, Equatable {
    /// What a weight may be.
    package static let weights = 0.0...100.0

    /// Its name in documents, byte by byte.
    public var name: String
    /// How much an occurrence in it counts, 0 to 100; 1 for fields that aren't declared.
    ///
    /// 3 to 5 suits a title. 0: the field can be asked for by name only.
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

/// What a text is written in, which decides how words are made comparable.
///
/// Chinese, Japanese and Korean need no choice: in every language runs of their characters are found
/// by any part of them.
public enum TextLanguage: Int32, Sendable, CaseIterable {
    /// English: forms of a word are found by each other, with the stemmer of Porter.
    case english = 0
    /// No language: only case and accents are folded.
    case none = 1

    // Forms of a word are found by each other, with the stemmer of the Snowball project
    // (https://snowballstem.org). Accents tell forms apart and are folded in stems; no words are
    // left out as stop words.

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

    /// The word for it on the command line: `english`, `none`, `french`.
    public var name: String { String(describing: self) }
}

/// How the text of a collection is analysed and ranked.
///
/// Fixed when the collection is created. The defaults suit a text without structure. Scores are
/// BM25F: S. Robertson, H. Zaragoza and M. Taylor, "Simple BM25 extension to multiple weighted
/// fields", CIKM 2004.
public struct TextOptions: Sendable, Equatable {
    /// How many fields may be declared.
    package static let maxFields = 7
    /// What `k1` may be.
    package static let k1Range = 0.0...100.0
    /// What `b` may be.
    package static let bRange = 0.0...1.0
    /// What `exactWeight` may be.
    package static let exactWeightRange = 0.0...10.0

    /// Fields with a weight of their own; the others count as one field of weight 1.
    public var fields: [TextFieldOptions]
    /// How soon more occurrences of a word stop to matter; without one 1.2, or 2 where fields are
    /// declared.
    public var k1: Double?
    /// How much a long field is held back, 0 to 1.
    public var b: Double
    /// What a word in just the form that was asked for counts beside its stem; 0 for nothing.
    public var exactWeight: Double
    /// What the text is written in.
    public var language: TextLanguage
    /// Whether the most frequent words of the language count, too, when plain words are asked for.
    ///
    /// They are always found by phrases and in query syntax.
    public var keepsStopWords: Bool

    /// Creates options.
    ///
    /// With the defaults, 10,000 sentences found what they illustrate among 117,659 short documents
    /// with a mean reciprocal rank of 0.21; with b 0.75, without stop words left out and exact
    /// forms, with one of 0.17.
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

    /// `k1`, or what stands for it.
    package var effectiveK1: Double { k1 ?? (fields.isEmpty ? 1.2 : 2) }
}
