// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
package import LodestoneJSON

/// The names of typed values: objects with one such member, for values that JSON can't express.
///
/// `import` reads them anywhere in metadata, and every command that prints values writes them. Any
/// other object is an ordinary one, even with a name that begins with `$`.
enum TypedValue {
    /// A point in time: `{"$timestamp": "2026-01-31T23:59:59Z"}`.
    static let timestamp = "$timestamp"
    /// A number that JSON can't express: `{"$double": "Infinity"}`, `{"$double": "-Infinity"}`.
    static let double = "$double"
    /// An ordinary object with the form of a typed value: `{"$object": {"$double": 1}}`.
    static let object = "$object"
    /// A vector, bit by bit: the base64 of its floats, little-endian, four bytes each.
    static let float32 = "$float32"

    /// Whether an object with these names has the form of a typed value, and must be wrapped.
    static func isTaken(_ metadata: Metadata) -> Bool {
        metadata.count == 1
            && metadata.keys.allSatisfy { [timestamp, double, object].contains($0) }
    }
}

extension JSON {
    /// Metadata, with its fields in the byte order of their names.
    package init(_ metadata: Metadata) {
        self = .object(metadata.inOrderOfNames.map { ($0.key, JSON($0.value)) })
    }

    /// A value, in the form that `import` reads as the same value.
    package init(_ value: Value) {
        switch value {
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number) where number.isInfinite:
            self = .object([(TypedValue.double, .string(number > 0 ? "Infinity" : "-Infinity"))])
        case .double(let number): self = .double(number)
        case .string(let text): self = .string(text)
        case .timestamp(let microseconds):
            let text = TimestampText.format(microseconds: microseconds)
            self = .object([(TypedValue.timestamp, .string(text))])
        case .list(let elements): self = .array(elements.map { JSON($0) })
        case .object(let metadata):
            let object = JSON(metadata)
            self = TypedValue.isTaken(metadata) ? .object([(TypedValue.object, object)]) : object
        }
    }

    /// A document with its parts.
    package init(_ document: Document) {
        self.init(document, vector: document.vector.map { .array($0.map(JSON.float)) })
    }

    /// A document as a line of a dump, its vector bit by bit.
    package init(dumped document: Document) {
        let vector = document.vector.map { vector in
            var bytes = Data(capacity: vector.count * 4)
            for element in vector {
                withUnsafeBytes(of: element.bitPattern.littleEndian) {
                    bytes.append(contentsOf: $0)
                }
            }
            return JSON.object([(TypedValue.float32, .string(bytes.base64EncodedString()))])
        }
        self.init(document, vector: vector)
    }

    /// Edges as a dump's line of edges.
    package init(dumped edges: some Sequence<Edge>, of source: DocumentID) {
        self = .object([
            (DumpLine.source, .string(source.string)), ("edges", .array(edges.map { JSON($0) })),
        ])
    }

    private init(_ document: Document, vector: JSON?) {
        var members: [(String, JSON)] = [("id", .string(document.id.string))]
        members.append(("text", .object(document.text.map { ($0.name, .string($0.text)) })))
        members.append(("metadata", JSON(document.metadata)))
        if let vector { members.append(("vector", vector)) }
        if !document.edges.isEmpty {
            members.append(("edges", .array(document.edges.map { JSON($0) })))
        }
        self = .object(members)
    }

    private init(_ edge: Edge) {
        var members: [(String, JSON)] = [
            ("label", .string(edge.label)), ("target", .string(edge.target.string)),
            ("weight", .float(edge.weight)),
        ]
        if !edge.metadata.isEmpty { members.append(("metadata", JSON(edge.metadata))) }
        self = .object(members)
    }
}
