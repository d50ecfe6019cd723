// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneJSON

/// The reason why an object can't become a document.
struct MappingError: Error, Equatable {
    var message: String
}

extension DocumentMapping {
    /// Turns the members of one object into a document.
    ///
    /// - Parameters:
    ///   - members: The members of the object.
    ///   - isDump: Whether the line certainly belongs to a dump; if not, its form decides.
    ///   - counts: Counts the fields of the object.
    /// - Returns: The document.
    /// - Throws: The reason to leave the line out.
    func document(_ members: [JSONMember], isDump: Bool, _ counts: inout FieldCounts)
        throws(MappingError) -> Document
    {
        if isDump || Self.isDumped(members) { return try dumped(members) }
        var fields: [ByteString: JSONValue] = [:]
        for member in members {
            guard fields.updateValue(member.value, forKey: ByteString(member.name)) == nil else {
                throw MappingError(message: "the field '\(member.name)' occurs twice")
            }
        }
        var document = Document(id: try documentID(fields[ByteString(id)]))
        if let text {
            for name in text {
                guard let value = fields[ByteString(name)], value != .null else { continue }
                document.text.append(TextField(name: name, text: try joined(value, in: name)))
            }
        }
        var metadata: [JSONMember] = []
        for member in members where member.value != .null {
            if member.name.hasSameBytes(as: id) { continue }
            if member.name.hasSameBytes(as: vector), Self.isVector(member.value) {
                document.vector = try elements(member.value)
            } else if let text {
                counts.add(member.name)
                let isText = text.contains { $0.hasSameBytes(as: member.name) }
                if !isText { metadata.append(member) }
            } else if case .string(let string) = member.value {
                counts.add(member.name, isImpliedText: true)
                document.text.append(TextField(name: member.name, text: string))
            } else {
                counts.add(member.name)
                metadata.append(member)
            }
        }
        document.metadata = try MetadataMapping.metadata(
            metadata,
            in: "",
            depth: MetadataMapping.depthInDocument
        )
        return try checked(document)
    }

    private func documentID(_ value: JSONValue?) throws(MappingError) -> DocumentID {
        let string: String
        switch value {
        case .string(let text): string = text
        case .int(let number): string = String(number)
        case .beyondInt64(let digits, _): string = digits
        case nil: throw MappingError(message: "the field '\(id)', which is the id, is missing")
        case .some(let other):
            throw MappingError(
                message: "the field '\(id)' is \(other.kind); an id is a string or a whole number"
            )
        }
        do {
            return try DocumentID(string)
        } catch {
            throw MappingError(message: error.message)
        }
    }

    private func joined(_ value: JSONValue, in name: String) throws(MappingError) -> String {
        switch value {
        case .string(let text):
            return text
        case .array(let elements):
            var parts: [String] = []
            for element in elements {
                guard case .string(let part) = element else {
                    throw MappingError(
                        message: "the text field '\(name)' has \(element.kind) in its array"
                    )
                }
                parts.append(part)
            }
            return parts.joined(separator: ", ")
        default:
            throw MappingError(
                message: "the text field '\(name)' is \(value.kind); text is a string or an array "
                    + "of strings"
            )
        }
    }

    private static func isVector(_ value: JSONValue) -> Bool {
        switch value {
        case .array: true
        case .object(let members): members.count == 1 && members[0].name == TypedValue.float32
        default: false
        }
    }

    /// The elements of a vector: an array of numbers, or `{"$float32": "…"}`.
    private func elements(_ value: JSONValue) throws(MappingError) -> [Float] {
        switch value {
        case .array(let elements): return try numbers(elements)
        case .object(let members):
            guard members.count == 1, members[0].name == TypedValue.float32,
                case .string(let text) = members[0].value,
                let bytes = Data(base64Encoded: text), bytes.count % 4 == 0
            else {
                throw MappingError(
                    message: "the vector is no base64 of floats, four bytes each"
                )
            }
            return try finite(
                bytes.withUnsafeBytes { bytes in
                    (0..<bytes.count / 4).map { index in
                        Float(
                            bitPattern: UInt32(
                                littleEndian: bytes.loadUnaligned(
                                    fromByteOffset: index * 4,
                                    as: UInt32.self
                                )
                            )
                        )
                    }
                }
            )
        default: throw MappingError(message: "the vector is \(value.kind)")
        }
    }

    private func numbers(_ elements: [JSONValue]) throws(MappingError) -> [Float] {
        var vector: [Float] = []
        vector.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard let number = element.float else {
                throw MappingError(
                    message: "element \(index) of the vector is \(element.kind), not a number"
                )
            }
            vector.append(number)
        }
        return try finite(vector)
    }

    private func finite(_ vector: [Float]) throws(MappingError) -> [Float] {
        if let index = vector.firstIndex(where: { !$0.isFinite }) {
            throw MappingError(message: "element \(index) of the vector is out of range")
        }
        return vector
    }

    /// Checks a document for faults that would make a server refuse the whole batch.
    private func checked(_ document: Document) throws(MappingError) -> Document {
        for field in document.text where !(1...64).contains(field.name.utf8.count) {
            throw MappingError(
                message: "a text field's name has \(field.name.utf8.count) bytes; 1 to 64 are good"
            )
        }
        return document
    }
}

extension DocumentMapping {
    private static let dumpedNames = ["id", "text", "metadata", "vector", "edges"]

    /// Whether an object has the form that `scan --lines` and `export` write.
    ///
    /// In this form, text and metadata are objects, and the only other members are an id, a vector
    /// and edges.
    private static func isDumped(_ members: [JSONMember]) -> Bool {
        var objects = 0
        for member in members {
            guard dumpedNames.contains(member.name) else { return false }
            if case .object = member.value, ["text", "metadata"].contains(member.name) {
                objects += 1
            }
        }
        return objects == 2
    }

    private func dumped(_ members: [JSONMember]) throws(MappingError) -> Document {
        guard text == nil, id == "id" else {
            throw MappingError(
                message:
                    "the line is of a dump, which has its text fields marked; leave --text and "
                    + "--id-field out"
            )
        }
        var fields: [ByteString: JSONValue] = [:]
        for member in members {
            guard Self.dumpedNames.contains(member.name) else {
                throw MappingError(
                    message: "'\(member.name.prefix(80))' is no part of a dumped document"
                )
            }
            guard fields.updateValue(member.value, forKey: ByteString(member.name)) == nil else {
                throw MappingError(message: "the field '\(member.name)' occurs twice")
            }
        }
        var document = Document(id: try documentID(fields["id"]))
        var names: Set<ByteString> = []
        for member in try Self.object(fields["text"], "text") {
            guard case .string(let text) = member.value else {
                throw MappingError(message: "the text '\(member.name)' is \(member.value.kind)")
            }
            guard names.insert(ByteString(member.name)).inserted else {
                throw MappingError(message: "the text '\(member.name)' occurs twice")
            }
            document.text.append(TextField(name: member.name, text: text))
        }
        document.metadata = try MetadataMapping.metadata(
            try Self.object(fields["metadata"], "metadata"),
            in: "",
            depth: MetadataMapping.depthInDocument
        )
        if let vector = fields["vector"], vector != .null {
            document.vector = try elements(vector)
        }
        document.edges = try Self.edges(fields["edges"])
        return try checked(document)
    }

    /// The source document and the edges of a dump's line of edges.
    ///
    /// - Throws: The reason to leave the line out.
    static func dumpedEdges(_ members: [JSONMember]) throws(MappingError) -> (DocumentID, [Edge]) {
        guard members.count == 2, members[0].name == DumpLine.source, members[1].name == "edges",
            case .string(let source) = members[0].value
        else {
            throw MappingError(
                message: "a line of edges has '\(DumpLine.source)', an id, and 'edges'"
            )
        }
        let id: DocumentID
        do {
            id = try DocumentID(source)
        } catch {
            throw MappingError(message: error.message)
        }
        return (id, try edges(members[1].value))
    }

    private static func edges(_ value: JSONValue?) throws(MappingError) -> [Edge] {
        switch value {
        case nil, .null: return []
        case .array(let edges):
            return try edges.map { (edge) throws(MappingError) in try Self.edge(edge) }
        case .some(let other): throw MappingError(message: "'edges' is \(other.kind)")
        }
    }

    private static func object(_ value: JSONValue?, _ name: String) throws(MappingError)
        -> [JSONMember]
    {
        switch value {
        case nil, .null: return []
        case .object(let members): return members
        case .some(let other): throw MappingError(message: "'\(name)' is \(other.kind)")
        }
    }

    private static func edge(_ json: JSONValue) throws(MappingError) -> Edge {
        guard case .object(let members) = json else {
            throw MappingError(message: "an edge is \(json.kind), not an object")
        }
        var label: String?
        var target: DocumentID?
        var weight: Float = 1
        var metadata: Metadata = [:]
        for member in members {
            switch (member.name, member.value) {
            case ("label", .string(let text)): label = text
            case ("target", .string(let text)):
                do {
                    target = try DocumentID(text)
                } catch {
                    throw MappingError(message: "the target of an edge: \(error.message)")
                }
            case ("weight", let value):
                guard let number = value.float, number.isFinite else {
                    throw MappingError(message: "the weight of an edge is not a finite number")
                }
                weight = number
            case ("metadata", .object(let members)):
                metadata = try MetadataMapping.metadata(
                    members,
                    in: "",
                    depth: MetadataMapping.depthInEdge
                )
            default:
                throw MappingError(
                    message: "'\(member.name.prefix(80))' of an edge is \(member.value.kind)"
                )
            }
        }
        guard let label, let target, (1...256).contains(label.utf8.count) else {
            throw MappingError(message: "an edge has no label of 1 to 256 bytes, or no target")
        }
        return Edge(label, to: target, weight: weight, metadata: metadata)
    }
}

extension JSONValue {
    /// A number as the nearest float, rounded once.
    fileprivate var float: Float? {
        switch self {
        case .int(let whole): Float(whole)
        case .double(let double): Float(double)
        case .betweenFloats(_, let nearest): nearest
        case .beyondInt64(let digits, _): Float(digits)
        default: nil
        }
    }
}
