// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A type whose values are the metadata of documents.
///
///     struct Paper: DocumentFields {
///         var year: Int
///         var tags: [String]
///         var author: Author
///         static let fields: FieldMap<Paper> = [
///             \.year: "year", \.tags: "tags", \.author.name: "author.name",
///         ]
///     }
///
///     let recent = Filter(Paper.self, \.year >= 2020 && !(\.tags == "draft"))
///     let document = try Document(id: "p1", fields: paper)
///     let back = try document.fields(as: Paper.self)
///
/// The names are those that the type is encoded with; a nested type's are those of an object.
public protocol DocumentFields: Codable, Sendable {
    /// Which key path is which field of the metadata.
    static var fields: FieldMap<Self> { get }
}

/// Which key path of a type is which field of the metadata; nested names are joined by dots.
///
/// Threading: a value that is never changed. Unchecked because key paths aren't marked as sendable;
/// they are immutable.
public struct FieldMap<Root>: @unchecked Sendable, ExpressibleByDictionaryLiteral {
    private let paths: [PartialKeyPath<Root>: [String]]

    /// Creates a map.
    ///
    /// - Precondition: No key path occurs twice, and no name is empty.
    public init(dictionaryLiteral elements: (PartialKeyPath<Root>, String)...) {
        let pairs = elements.map { path, name in (path, MetadataIndex(name).path) }
        for (path, names) in pairs {
            precondition(!names.contains(""), "The field of \(path) has an empty name.")
        }
        paths = Dictionary(uniqueKeysWithValues: pairs)
    }

    /// The field's name, or the names one inside the other.
    ///
    /// - Precondition: The map has the key path.
    public subscript(path: PartialKeyPath<Root>) -> [String] {
        guard let names = paths[path] else {
            preconditionFailure("\(Root.self).fields doesn't say which field \(path) is.")
        }
        return names
    }
}
