// SPDX-License-Identifier: Apache-2.0

/// The reasons of a request that is always refused.
extension LodestoneError.Reason {
    /// A value, a size or a count is over its limit.
    public static let limit = Self(rawValue: "LIMIT")
    /// A list that needs an element has none.
    public static let empty = Self(rawValue: "EMPTY")
    /// The message is not encoded by the protocol's rules.
    public static let malformed = Self(rawValue: "MALFORMED")
    /// Messages, values or filters are nested too deeply.
    public static let nestingTooDeep = Self(rawValue: "NESTING_TOO_DEEP")
    /// A text is not UTF-8.
    public static let badUTF8 = Self(rawValue: "BAD_UTF8")
    /// A frame announces a message without bytes.
    public static let emptyFrame = Self(rawValue: "EMPTY_FRAME")
    /// A frame is larger than the limit.
    public static let frameTooLarge = Self(rawValue: "FRAME_TOO_LARGE")
    /// An enumeration has a number that this release does not know.
    public static let unknownEnum = Self(rawValue: "UNKNOWN_ENUM")
    /// The request holds a call that the server's release does not know.
    public static let unknownCall = Self(rawValue: "UNKNOWN_CALL")
    /// The request id does not have 16 bytes.
    public static let badRequestID = Self(rawValue: "BAD_REQUEST_ID")
    /// The request id was used before, for another write.
    public static let requestIDReused = Self(rawValue: "REQUEST_ID_REUSED")
    /// An address is not of the form `host:port` or `unix:/path`.
    public static let badEndpoint = Self(rawValue: "BAD_ENDPOINT")
    /// A name of a collection or snapshot has characters that names can't have.
    public static let badName = Self(rawValue: "BAD_NAME")
    /// A document id is empty or has a character that ids can't have.
    public static let badID = Self(rawValue: "BAD_ID")
    /// A number is not finite, or outside its range.
    public static let badValue = Self(rawValue: "BAD_VALUE")
    /// A vector has an element that is not finite, or no direction.
    public static let badVector = Self(rawValue: "BAD_VECTOR")
    /// A vector's dimension differs from its collection's.
    public static let dimensionMismatch = Self(rawValue: "DIMENSION_MISMATCH")
    /// A property of a Swift type does not fit the metadata or the filter.
    public static let badField = Self(rawValue: "BAD_FIELD")
    /// A number of bytes to read is less than one.
    public static let badCount = Self(rawValue: "BAD_COUNT")
    /// An offset is beyond the end of the snapshot.
    public static let badOffset = Self(rawValue: "BAD_OFFSET")
    /// A cursor is not of this collection, order, document or direction.
    public static let badCursor = Self(rawValue: "BAD_CURSOR")
    /// The version of the document that the cursor belongs to was replaced or dropped.
    public static let cursorExpired = Self(rawValue: "CURSOR_EXPIRED")
    /// A list of edges has no order in both directions at once.
    public static let badDirection = Self(rawValue: "BAD_DIRECTION")
    /// An id occurs twice in a batch.
    public static let duplicateID = Self(rawValue: "DUPLICATE_ID")
    /// A name occurs twice in a list of unique names.
    public static let duplicateName = Self(rawValue: "DUPLICATE_NAME")
    /// A text field is declared twice.
    public static let duplicateField = Self(rawValue: "DUPLICATE_FIELD")
    /// A drop has a filter together with ids or edges.
    public static let filterAndIDs = Self(rawValue: "FILTER_AND_IDS")
    /// The call sees some documents only, and would write or concern others.
    public static let rowSecurity = Self(rawValue: "ROW_SECURITY")
    /// The text of a filter can't be parsed.
    public static let filterSyntax = Self(rawValue: "FILTER_SYNTAX")
    /// The text of a query can't be parsed.
    public static let textSyntax = Self(rawValue: "TEXT_SYNTAX")
    /// Options of fuzzy terms are out of range or contradict each other.
    public static let fuzzy = Self(rawValue: "FUZZY")
    /// The text strategy does not have these options.
    public static let textOptions = Self(rawValue: "TEXT_OPTIONS")
    /// The text strategy does not have this language.
    public static let language = Self(rawValue: "LANGUAGE")
    /// A query names a text field that is not declared.
    public static let unknownField = Self(rawValue: "UNKNOWN_FIELD")
    /// The order of a scan needs an index of the field.
    public static let notIndexed = Self(rawValue: "NOT_INDEXED")
    /// The collection stores no vectors.
    public static let noVectors = Self(rawValue: "NO_VECTORS")
}
