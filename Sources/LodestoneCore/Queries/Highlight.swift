// SPDX-License-Identifier: Apache-2.0

/// A request for the parts of a hit's texts that match the words of the query.
public struct Highlight: Sendable, Equatable {
    /// The text fields to search; empty: all.
    public var fields: [String]
    /// The approximate length of a fragment in Unicode scalars, at most 10,000; 0: the whole field.
    ///
    /// A fragment never cuts a word.
    public var fragmentSize: Int
    /// The most fragments of one field, 1 to 100.
    public var maxFragments: Int
    /// The text to insert before each match, at most 256 bytes; the field's text is not escaped.
    public var before: String
    /// The text to insert after each match.
    public var after: String

    /// Creates a request.
    public init(
        fields: [String] = [],
        fragmentSize: Int = 150,
        maxFragments: Int = 3,
        before: String = "",
        after: String = ""
    ) {
        self.fields = fields
        self.fragmentSize = fragmentSize
        self.maxFragments = maxFragments
        self.before = before
        self.after = after
    }

    /// Compares the texts by their bytes.
    public static func == (left: Highlight, right: Highlight) -> Bool {
        left.fields.haveSameBytes(as: right.fields)
            && left.fragmentSize == right.fragmentSize
            && left.maxFragments == right.maxFragments
            && left.before.hasSameBytes(as: right.before)
            && left.after.hasSameBytes(as: right.after)
    }
}

/// The matching parts of a hit's text field.
public struct HighlightedField: Sendable, Equatable {
    /// The field.
    public var field: String
    /// The best fragments, in the order of the text; not empty.
    public var fragments: [Fragment]

    /// A part of a text around matches.
    public struct Fragment: Sendable, Equatable {
        /// The part, with the requested texts before and after each match.
        public var text: String
        /// The offset of the part in the field, in bytes of UTF-8.
        public var offset: Int
        /// The ranges of the matching words in `text`, in bytes of UTF-8, ascending.
        public var matches: [Range<Int>]

        /// Creates a fragment.
        public init(text: String, offset: Int, matches: [Range<Int>]) {
            self.text = text
            self.offset = offset
            self.matches = matches
        }
    }

    /// The number of bytes of the name and the fragments.
    package var byteCount: Int {
        fragments.reduce(field.utf8.count) { $0 + $1.text.utf8.count }
    }

    /// Creates a field's fragments.
    public init(field: String, fragments: [Fragment]) {
        self.field = field
        self.fragments = fragments
    }

    /// Compares the name by its bytes.
    public static func == (left: HighlightedField, right: HighlightedField) -> Bool {
        left.field.hasSameBytes(as: right.field) && left.fragments == right.fragments
    }
}
