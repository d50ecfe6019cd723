// SPDX-License-Identifier: Apache-2.0

/// The id of a document in its collection: 1 to 512 bytes of UTF-8 without NUL.
///
/// Two ids are equal when their bytes are, without Unicode's canonical equivalence.
public struct DocumentID: Sendable {
    /// The most bytes that an id may have.
    public static let maxByteCount = 512

    /// The id as text.
    public let string: String

    /// Checks and wraps an id.
    ///
    /// - Throws: `.invalidArgument` when it is empty, too long or holds a NUL.
    public init(_ string: String) throws(LodestoneError) {
        var string = string
        string.makeContiguousUTF8()
        try Self.check(byteCount: string.utf8.count, hasNUL: string.utf8.contains(0))
        self.string = string
    }

    /// Checks and wraps an id that arrived as bytes.
    ///
    /// - Throws: `.invalidArgument` when the bytes are no valid id.
    public init(bytes: UnsafeRawBufferPointer) throws(LodestoneError) {
        try Self.check(byteCount: bytes.count, hasNUL: bytes.contains(0))
        guard let string = String(utf8: bytes) else {
            throw .invalid(
                .badUTF8,
                "A document id of \(bytes.count) bytes is not UTF-8.",
                recovery: "Encode ids as UTF-8.",
                field: "id"
            )
        }
        self.string = string
    }

    /// Wraps a text that was checked before it was stored.
    package init(trusted string: String) {
        self.string = string
    }

    /// Checks the bytes of an id, except that they are UTF-8.
    ///
    /// - Throws: `.invalidArgument` with `field` when the bytes are no valid id.
    package static func check(_ bytes: UnsafeRawBufferPointer, _ field: @autoclosure () -> String)
        throws(LodestoneError)
    {
        do throws(LodestoneError) {
            try check(byteCount: bytes.count, hasNUL: bytes.contains(0))
        } catch {
            var error = error
            error.field = field()
            throw error
        }
    }

    private static func check(byteCount: Int, hasNUL: Bool) throws(LodestoneError) {
        guard byteCount > 0 else {
            throw .invalid(
                .badID,
                "A document id is empty.",
                recovery: "Give every document an id.",
                field: "id"
            )
        }
        guard byteCount <= maxByteCount else {
            throw .limit("id", byteCount, maxByteCount, unit: "bytes")
        }
        guard !hasNUL else {
            throw .invalid(
                .badID,
                "A document id of \(byteCount) bytes contains a NUL byte.",
                recovery: "Remove the NUL; ids are text.",
                field: "id"
            )
        }
    }
}

extension DocumentID: Hashable, Comparable {
    /// Compares bytes.
    public static func == (left: DocumentID, right: DocumentID) -> Bool {
        left.string.hasSameBytes(as: right.string)
    }

    /// Orders by bytes.
    public static func < (left: DocumentID, right: DocumentID) -> Bool {
        left.string.precedesByBytes(right.string)
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        string.hashBytes(into: &hasher)
    }
}

extension DocumentID: ExpressibleByStringLiteral, CustomStringConvertible {
    /// Wraps a literal, including that of `DocumentID("a")`.
    ///
    /// An invalid literal ends the program with the reason. For ids that are known only at run time
    /// use `init(_:)`, which throws.
    ///
    /// - Precondition: The literal is a valid id.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            // Unlike a precondition, `fatalError` prints its reason in release builds, too.
            fatalError("The literal \"\(value.prefix(80))\" is no document id. \(error)")
        }
    }

    /// The id as text.
    public var description: String { string }
}
