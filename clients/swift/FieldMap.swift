// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

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
/// The names must be those of the type's encoding; a nested type is an object with names.
/// `Document(id:fields:)` compares the names with the encoded ones.
public protocol DocumentFields: Codable, Sendable {
    /// The map from key paths to fields of the metadata.
    static var fields: FieldMap<Self> { get }
}

/// A map from key paths of a type to fields of the metadata; nested names are joined by dots.
///
/// No key path may occur twice, and no name may be empty; calls that need a wrong map throw.
///
/// Threading: an immutable value. Unchecked because key paths are immutable but not marked as
/// sendable.
public struct FieldMap<Root>: @unchecked Sendable, ExpressibleByDictionaryLiteral {
    private let paths: [PartialKeyPath<Root>: [String]]
    /// The error in the map.
    private let flaw: LodestoneError?

    /// Creates a map.
    public init(dictionaryLiteral elements: (PartialKeyPath<Root>, String)...) {
        var paths: [PartialKeyPath<Root>: [String]] = [:]
        var flaw: LodestoneError?
        for (path, name) in elements {
            let names = MetadataIndex(name).path
            if names.contains("") {
                flaw = flaw ?? .badFieldMap(Root.self, "has an empty name for \(path): '\(name)'.")
            }
            if paths.updateValue(names, forKey: path) != nil {
                flaw = flaw ?? .badFieldMap(Root.self, "has \(path) twice.")
            }
        }
        self.paths = paths
        self.flaw = flaw
    }

    /// The field's name, preceded by the names of enclosing objects; `nil` for a key path that the
    /// map lacks.
    public subscript(path: PartialKeyPath<Root>) -> [String]? { paths[path] }

    /// The field's name, preceded by the names of enclosing objects.
    ///
    /// - Throws: `.invalidArgument` for a key path that the map lacks, and for a wrong map.
    func names(of path: PartialKeyPath<Root>) throws(LodestoneError) -> [String] {
        if let flaw { throw flaw }
        guard let names = paths[path] else {
            throw .badFieldMap(Root.self, "doesn't say which field \(path) is.")
        }
        return names
    }
}

/// The types whose names have all occurred in encoded values.
private let checkedTypes = Mutex<Set<ObjectIdentifier>>([])

extension FieldMap where Root: DocumentFields {
    /// Compares the names with those of an encoded value, until each has occurred once.
    ///
    /// A field may be missing, because its property is `nil` or the type leaves it out. A name is
    /// wrong when the metadata has the key path's value under another name that the map lacks.
    ///
    /// - Throws: `.invalidArgument` with the right name.
    func check(_ value: Root, encodedAs metadata: Metadata) throws(LodestoneError) {
        let type = ObjectIdentifier(Root.self)
        if checkedTypes.withLock({ $0.contains(type) }) { return }
        if let flaw { throw flaw }
        let missing = paths.filter { LodestoneCore.Value.object(metadata).inner($0.value) == nil }
        guard !missing.isEmpty else {
            return checkedTypes.withLock { _ = $0.insert(type) }
        }
        let known = Set(paths.values.map { MetadataIndex(path: $0) })
        for (path, names) in missing.sorted(by: { $0.value.lexicographicallyPrecedes($1.value) }) {
            guard let part = FieldEncoder.value(of: value[keyPath: path]),
                let actual = LodestoneCore.Value.object(metadata).path(of: part, except: known)
            else { continue }
            throw .badFieldMap(
                Root.self,
                "says that \(path) is '\(names.joined(separator: "."))', but it is encoded as "
                    + "'\(actual.joined(separator: "."))'.",
                field: names.joined(separator: ".")
            )
        }
    }
}

extension Value {
    /// The value at the end of a path.
    fileprivate func inner(_ path: [String]) -> Value? {
        var value = self
        for name in path {
            guard case .object(let fields) = value, let next = fields[name] else { return nil }
            value = next
        }
        return value
    }

    /// The path of `part` in an object or its nested objects, except the `known` paths.
    fileprivate func path(of part: Value, except known: Set<MetadataIndex>, below: [String] = [])
        -> [String]?
    {
        guard case .object(let fields) = self else { return nil }
        for (name, value) in fields.inOrderOfNames {
            let path = below + [name]
            if value == part && !known.contains(MetadataIndex(path: path)) { return path }
            if let inner = value.path(of: part, except: known, below: path) { return inner }
        }
        return nil
    }
}

extension LodestoneError {
    fileprivate static func badFieldMap(_ type: Any.Type, _ problem: String, field: String? = nil)
        -> LodestoneError
    {
        .invalid(
            .badField,
            "\(type).fields \(problem)",
            recovery: "Name each property that filters use in `fields`, once.",
            field: field
        )
    }
}
