// SPDX-License-Identifier: Apache-2.0

/// A field of the metadata whose values are indexed.
///
/// Scans in the order of the field, filters on it and facets of it then use the index instead of
/// the documents. With strings over 256 bytes, and with a list or an object as the value of a
/// filter, documents that the index leaves undecided are read. Filters on other fields work, too.
/// They read the metadata of every document that the rest of the filter does not exclude.
public struct MetadataIndex: Sendable, Hashable {
    /// The most fields that a collection may index.
    package static let maxCount = 32

    /// The field's name, preceded by the names of enclosing objects; compared by their bytes.
    public var path: [String]

    /// Creates an index of the field at a path.
    public init(path: [String]) {
        self.path = path
    }

    /// Creates an index of a field in the form of the command line: `author.name`.
    ///
    /// Dots separate the names. A name with a dot is in double quotes, `author."x.y"`, and a double
    /// quote inside is doubled. A malformed text has an empty path, which is refused wherever a
    /// field is needed.
    public init(_ path: String) {
        self.init(path: FieldPath.names(in: path) ?? [])
    }

    /// The field as a text that `init(_:)` reads.
    public var text: String { FieldPath.text(of: path) }

    /// Compares the names by their bytes.
    public static func == (left: MetadataIndex, right: MetadataIndex) -> Bool {
        left.path.haveSameBytes(as: right.path)
    }

    /// Hashes the bytes of the names.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(path.count)
        for name in path { name.hashBytes(into: &hasher) }
    }
}
