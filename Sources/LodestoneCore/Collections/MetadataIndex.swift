// SPDX-License-Identifier: Apache-2.0

/// A field of the metadata whose values are indexed.
///
/// Filters on the field, facets of it and scans in its order then read no document. Filters on
/// other fields work, too. They read the metadata of every document that the rest of the filter
/// does not rule out.
public struct MetadataIndex: Sendable, Hashable {
    /// The most fields that a collection may index.
    package static let maxCount = 32

    /// The field's name, or the names one inside the other; compared by their bytes.
    public var path: [String]

    /// Names a field.
    public init(path: [String]) {
        self.path = path
    }

    /// Names a field as filters on the command line do: `author.name`.
    ///
    /// Dots join the names. A name with a dot stands in double quotes, `author."x.y"`, and a double
    /// quote inside is doubled. A text of another form gives a path without names, which is refused
    /// wherever a field is needed.
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
