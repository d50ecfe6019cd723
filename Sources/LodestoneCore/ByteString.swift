// SPDX-License-Identifier: Apache-2.0

/// A text that is compared, hashed and ordered by its bytes, without Unicode's canonical
/// equivalence.
///
/// Names that are keys of tables have this type, because `String` treats "é" of one scalar and "é"
/// of two scalars as equal.
package struct ByteString: Sendable {
    /// The text.
    package let string: String

    /// Wraps a text.
    package init(_ string: String) { self.string = string }
}

extension ByteString: Hashable, Comparable {
    package static func == (left: ByteString, right: ByteString) -> Bool {
        left.string.hasSameBytes(as: right.string)
    }

    package static func < (left: ByteString, right: ByteString) -> Bool {
        left.string.precedesByBytes(right.string)
    }

    package func hash(into hasher: inout Hasher) {
        string.hashBytes(into: &hasher)
    }
}

extension ByteString: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self.init(value) }
}

extension ByteString: Codable {
    package init(from decoder: any Decoder) throws {
        string = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(string)
    }
}

extension String {
    /// Whether both texts have the same bytes.
    ///
    /// - Complexity: O(bytes); O(1) where their counts differ.
    package func hasSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        var (left, right) = (self, other)
        return left.withUTF8 { left in right.withUTF8 { left.elementsEqual($0) } }
    }

    /// Whether this text precedes another one in byte order.
    package func precedesByBytes(_ other: String) -> Bool {
        var (left, right) = (self, other)
        return left.withUTF8 { left in right.withUTF8 { left.lexicographicallyPrecedes($0) } }
    }

    /// Hashes the bytes.
    func hashBytes(into hasher: inout Hasher) {
        var string = self
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension [String] {
    /// Whether both have the same texts, byte by byte, in the same order.
    package func haveSameBytes(as other: [String]) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0.hasSameBytes(as: $1) }
    }
}
