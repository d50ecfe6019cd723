// SPDX-License-Identifier: Apache-2.0

/// Named values that filters can test.
///
///     document.metadata["year"] = 1999
///     for (name, value) in document.metadata { print(name, value) }
///
/// Metadata is a dictionary whose names are compared by their bytes: "é" in one scalar and as "e"
/// with an accent are two names, and a document may have both. Nothing is normalized. The order of
/// the fields has no meaning.
public struct Metadata: Sendable, Hashable {
    private var fields: [ByteString: Value]

    /// Creates metadata without fields.
    public init() { fields = [:] }

    /// Creates metadata without fields, with room for some.
    public init(minimumCapacity: Int) { fields = Dictionary(minimumCapacity: minimumCapacity) }

    /// Creates metadata with the fields of a dictionary.
    public init(_ fields: [String: Value]) {
        self.init(uniqueKeysWithValues: fields.lazy.map { ($0.key, $0.value) })
    }

    /// Creates metadata with some fields.
    ///
    /// - Precondition: No two names have the same bytes.
    public init(uniqueKeysWithValues fields: some Sequence<(String, Value)>) {
        self.fields = Dictionary(
            uniqueKeysWithValues: fields.lazy.map { (ByteString($0.0), $0.1) }
        )
    }

    /// Creates metadata with some fields; `combine` returns the value of a repeated name.
    public init(
        _ fields: some Sequence<(String, Value)>,
        uniquingKeysWith combine: (Value, Value) throws -> Value
    ) rethrows {
        self.fields = try Dictionary(
            fields.lazy.map { (ByteString($0.0), $0.1) },
            uniquingKeysWith: combine
        )
    }

    /// The value of a name; `nil` when there is none.
    ///
    /// Setting `nil` removes the field.
    ///
    /// - Complexity: O(bytes of the name).
    public subscript(name: String) -> Value? {
        get { fields[ByteString(name)] }
        _modify { yield &fields[ByteString(name)] }
    }

    /// The value of a name, or `value` when there is none.
    public subscript(name: String, default value: @autoclosure () -> Value) -> Value {
        get { fields[ByteString(name), default: value()] }
        _modify { yield &fields[ByteString(name), default: value()] }
    }

    /// Sets the value of a name.
    ///
    /// - Returns: The previous value of the name.
    @discardableResult
    public mutating func updateValue(_ value: Value, forKey name: String) -> Value? {
        fields.updateValue(value, forKey: ByteString(name))
    }

    /// Removes a field.
    ///
    /// - Returns: Its value; `nil` when there was none.
    @discardableResult
    public mutating func removeValue(forKey name: String) -> Value? {
        fields.removeValue(forKey: ByteString(name))
    }

    /// Removes every field.
    public mutating func removeAll() { fields = [:] }

    /// Adds the fields of other metadata; `combine` returns the value of a name that both have.
    public mutating func merge(
        _ other: Metadata,
        uniquingKeysWith combine: (Value, Value) throws -> Value
    ) rethrows {
        try fields.merge(other.fields, uniquingKeysWith: combine)
    }

    /// These fields and those of other metadata; `combine` returns the value of a name that both
    /// have.
    public func merging(
        _ other: Metadata,
        uniquingKeysWith combine: (Value, Value) throws -> Value
    ) rethrows -> Metadata {
        var merged = self
        try merged.merge(other, uniquingKeysWith: combine)
        return merged
    }

    /// The fields that satisfy a condition.
    public func filter(_ isIncluded: (Element) throws -> Bool) rethrows -> Metadata {
        var filtered = Metadata()
        filtered.fields = try fields.filter { try isIncluded(($0.key.string, $0.value)) }
        return filtered
    }

    /// The names, in the order of the fields.
    public var keys: Keys { Keys(metadata: self) }

    /// The values, in the order of the fields.
    public var values: some Collection<Value> { fields.values }

    /// The names of metadata.
    public struct Keys: Collection, Sendable {
        fileprivate let metadata: Metadata

        /// The position of the first name.
        public var startIndex: Index { metadata.startIndex }
        /// The position after the last name.
        public var endIndex: Index { metadata.endIndex }
        /// The next position.
        public func index(after position: Index) -> Index { metadata.index(after: position) }
        /// The name at a position.
        public subscript(position: Index) -> String { metadata[position].key }

        /// Whether a name is among them, byte by byte.
        ///
        /// - Complexity: O(bytes of the name).
        public func contains(_ name: String) -> Bool { metadata[name] != nil }
    }
}

extension Metadata: Collection {
    /// One field.
    public typealias Element = (key: String, value: Value)

    /// The position of a field.
    public struct Index: Comparable, Sendable {
        fileprivate let position: Dictionary<ByteString, Value>.Index

        /// Orders positions in the order of the fields.
        public static func < (left: Index, right: Index) -> Bool { left.position < right.position }
    }

    /// Iterates over the fields.
    public struct Iterator: IteratorProtocol {
        fileprivate var fields: Dictionary<ByteString, Value>.Iterator

        /// The next field.
        public mutating func next() -> Element? {
            fields.next().map { ($0.key.string, $0.value) }
        }
    }

    /// Begins with the first field.
    public func makeIterator() -> Iterator { Iterator(fields: fields.makeIterator()) }
    /// The number of fields.
    public var count: Int { fields.count }
    /// Whether there is no field.
    public var isEmpty: Bool { fields.isEmpty }
    /// The position of the first field.
    public var startIndex: Index { Index(position: fields.startIndex) }
    /// The position after the last field.
    public var endIndex: Index { Index(position: fields.endIndex) }
    /// The next position.
    public func index(after position: Index) -> Index {
        Index(position: fields.index(after: position.position))
    }

    /// The field at a position.
    public subscript(position: Index) -> Element {
        let field = fields[position.position]
        return (field.key.string, field.value)
    }

    /// The fields in the byte order of their names.
    ///
    /// - Complexity: O(fields × log(fields)).
    package var inOrderOfNames: [Element] {
        sorted { $0.key.precedesByBytes($1.key) }
    }
}

extension Metadata: ExpressibleByDictionaryLiteral, CustomStringConvertible {
    /// Creates metadata with the fields of a literal.
    ///
    /// - Precondition: No two names have the same bytes.
    public init(dictionaryLiteral fields: (String, Value)...) {
        self.init(uniqueKeysWithValues: fields)
    }

    /// The fields in the byte order of their names, in the form of a literal.
    public var description: String {
        if isEmpty { return "[:]" }
        let fields = inOrderOfNames.map { "\($0.key.debugDescription): \($0.value)" }
        return "[\(fields.joined(separator: ", "))]"
    }
}
