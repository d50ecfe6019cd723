// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures

/// A prepared filter for the evaluation on many documents.
///
/// `Filter+Comparison.swift` compares two values. A hash table has the values of `IN`, and of an
/// `OR` of `=` comparisons, so five thousand values cost the same as five. The table also reduces
/// an `OR` of many `AND`s to those `AND`s whose first `=` comparison holds.
package struct FilterTest: Sendable {
    private let root: Node

    /// Prepares a filter.
    ///
    /// - Complexity: O(bytes of the filter).
    package init(_ filter: Filter) {
        root = Node(filter.normalized)
    }

    /// Whether a document with this metadata and id satisfies the filter.
    ///
    /// - Complexity: O(bytes of the field's value) per comparison, for any number of values in the
    ///   comparison. Each element of a list is compared. `CONTAINS` searches the bytes of a string.
    package func matches(_ metadata: Metadata, id: DocumentID) -> Bool {
        root.matches(id, metadata)
    }

    private indirect enum Node: Sendable {
        case equal(path: [String], Value)
        case oneOf(path: [String], Set<EqualityKey>)
        case range(path: [String], lower: Filter.Bound?, upper: Filter.Bound?)
        case exists(path: [String], Bool)
        case contains(path: [String], Value)
        case and([Node])
        case or([Node])
        case not(Node)
        case ids(Set<DocumentID>)
        /// Per value that the field may equal, the remaining conditions; one of them must hold.
        case choice(path: [String], [EqualityKey: [Node]])
        case never

        private struct Choice {
            let path: [String]
            var rests: [EqualityKey: [Node]] = [:]
        }

        /// The most values that are compared one by one, without a hash table.
        private static let mostCompared = 4

        init(_ filter: Filter) {
            switch filter {
            case .equal(let path, let value): self = .equal(path: path, value)
            case .oneOf(let path, let values):
                if values.count <= Self.mostCompared {
                    self = .or(values.map { .equal(path: path, $0) })
                } else {
                    self = .oneOf(path: path, Set(values.lazy.compactMap { EqualityKey($0) }))
                }
            case .range(let path, let lower, let upper):
                self = .range(path: path, lower: lower, upper: upper)
            case .exists(let path, let isThere): self = .exists(path: path, isThere)
            case .contains(let path, let value): self = .contains(path: path, value)
            case .and(let filters): self = .and(filters.map { Node($0) })
            case .or(let filters): self = .or(Self.alternatives(filters))
            case .not(let filter): self = .not(Node(filter))
            case .ids(let ids): self = .ids(Set(ids))
            case .invalid: self = .never
            }
        }

        /// The parts of an `OR`.
        ///
        /// All `AND`s whose first `=` comparison is of the same field become one part.
        private static func alternatives(_ filters: [Filter]) -> [Node] {
            var nodes: [Node] = []
            var choices: [[ByteString]: Choice] = [:]
            for filter in filters {
                if let (path, key, rest) = filter.firstEquality {
                    choices[path.map { ByteString($0) }, default: Choice(path: path)]
                        .rests[key, default: []].append(Node(rest))
                } else {
                    nodes.append(Node(filter))
                }
            }
            return nodes + choices.values.map { .choice(path: $0.path, $0.rests) }
        }

        func matches(_ id: DocumentID, _ metadata: Metadata) -> Bool {
            switch self {
            case .equal(let path, let wanted):
                Self.anyValue(at: path, of: metadata) { $0.isEqual(to: wanted) }
            case .oneOf(let path, let keys):
                Self.anyValue(at: path, of: metadata) {
                    EqualityKey($0).map(keys.contains) ?? false
                }
            case .range(let path, let lower, let upper):
                Self.anyValue(at: path, of: metadata) { $0.isWithin(lower, upper) }
            case .exists(let path, let isThere):
                (metadata.value(at: path[...]) != nil) == isThere
            case .contains(let path, let part):
                metadata.value(at: path[...])?.contains(part) ?? false
            case .and(let nodes): nodes.allSatisfy { $0.matches(id, metadata) }
            case .or(let nodes): nodes.contains { $0.matches(id, metadata) }
            case .not(let node): !node.matches(id, metadata)
            case .ids(let ids): ids.contains(id)
            case .choice(let path, let table):
                Self.anyValue(at: path, of: metadata) { value in
                    guard let rests = EqualityKey(value).flatMap({ table[$0] }) else {
                        return false
                    }
                    return rests.contains { $0.matches(id, metadata) }
                }
            case .never: false
            }
        }

        /// Whether the field's value, or an element of a list, passes a comparison.
        private static func anyValue(
            at path: [String],
            of metadata: Metadata,
            where passes: (Value) -> Bool
        ) -> Bool {
            guard let value = metadata.value(at: path[...]) else { return false }
            if passes(value) { return true }
            guard case .list(let elements) = value else { return false }
            return elements.contains(where: passes)
        }
    }
}

extension Filter {
    /// For an `AND`: the field and the value of its first `=` comparison, and the rest of the
    /// filter.
    fileprivate var firstEquality: (path: [String], key: EqualityKey, rest: Filter)? {
        guard case .and(var filters) = self else { return nil }
        for position in filters.indices {
            guard case .equal(let path, let value) = filters[position], let key = EqualityKey(value)
            else { continue }
            filters.remove(at: position)
            return (path, key, .and(filters))
        }
        return nil
    }
}

/// The canonical form of a value for `=` comparisons.
///
/// Equal keys: numbers of the same value, integers or doubles; strings of the same bytes; lists and
/// objects of values with equal keys.
struct EqualityKey: Hashable, Sendable {
    private enum Content: Hashable, Sendable {
        case bool(Bool)
        case int(Int64)
        case double(Double)
        case timestamp(Int64)
        case string(ByteString)
        case list([Content])
        case object([ByteString: Content])

        init?(_ value: Value) {
            switch value {
            case .bool(let flag): self = .bool(flag)
            case .int(let number): self = .int(number)
            case .double(let number):
                guard !number.isNaN else { return nil }
                self = Int64(exactly: number).map { .int($0) } ?? .double(number)
            case .timestamp(let microseconds): self = .timestamp(microseconds)
            case .string(let text): self = .string(ByteString(text))
            case .list(let values):
                var contents: [Content] = []
                for value in values {
                    guard let content = Content(value) else { return nil }
                    contents.append(content)
                }
                self = .list(contents)
            case .object(let fields):
                var contents: [ByteString: Content] = [:]
                for (name, value) in fields {
                    guard let content = Content(value) else { return nil }
                    contents[ByteString(name)] = content
                }
                self = .object(contents)
            }
        }
    }

    private let content: Content

    /// Creates the key; `nil` for a value that is or contains NaN, which equals nothing.
    init?(_ value: Value) {
        guard let content = Content(value) else { return nil }
        self.content = content
    }
}
