// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

extension Document {
    /// Decodes a document; its vector, if it has one, is the next of `vectors`.
    init(_ message: UnsafePointer<CDocument>, vectors: inout VectorSlices) throws(LodestoneError) {
        try self.init(
            message,
            id: try message.pointee.id.documentID("id"),
            vector: message.pointee.has_vector != 0 ? vectors.next() : nil
        )
    }

    /// Decodes a document apart from its id and vector.
    init(_ message: UnsafePointer<CDocument>, id: DocumentID, vector: [Float]?)
        throws(LodestoneError)
    {
        let message = message.pointee
        self.init(
            id: id,
            vector: vector,
            text: try list("text", message.text, message.n_text) {
                (field) throws(LodestoneError) in
                TextField(
                    name: try field.pointee.name.text("name"),
                    text: try field.pointee.text.text("text")
                )
            },
            metadata: try decodeMetadata("metadata", message.metadata),
            edges: try list("edges", message.edges, message.n_edges) {
                (edge) throws(LodestoneError) in try Edge(edge)
            }
        )
    }

    /// Decodes documents that share the floats of the enclosing message.
    static func decode(
        _ documents: UnsafeMutablePointer<UnsafeMutablePointer<CDocument>?>?,
        _ count: Int,
        floats: UnsafePointer<Float>?,
        _ floatCount: Int
    ) throws(LodestoneError) -> [Document] {
        let vectors = UnsafeBufferPointer(start: documents, count: count)
            .count { $0.map { $0.pointee.has_vector != 0 } ?? false }
        var slices = try VectorSlices(floats, count: floatCount, vectors: vectors)
        return try list("documents", documents, count) {
            (document) throws(LodestoneError) in try Document(document, vectors: &slices)
        }
    }
}

extension Edge {
    init(_ message: UnsafePointer<CEdge>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            try message.label.text("label"),
            to: try message.target.documentID("target"),
            weight: message.has_weight != 0 ? message.weight : 1,
            metadata: try decodeMetadata("metadata", message.metadata)
        )
    }
}

extension SourcedEdge {
    init(_ message: UnsafePointer<CSourcedEdge>) throws(LodestoneError) {
        let edge = try required("edge", message.pointee.edge)
        self.init(
            from: try message.pointee.source.documentID("source"),
            try within("edge") { () throws(LodestoneError) in try Edge(edge) }
        )
    }
}

/// Decodes metadata; absent metadata is empty.
///
/// - Throws: `DUPLICATE_NAME`, and the errors of its values.
func decodeMetadata(_ field: String, _ message: UnsafePointer<CMetadata>?)
    throws(LodestoneError) -> Metadata
{
    guard let message = message?.pointee, message.n_fields > 0 else { return [:] }
    var metadata = Metadata(minimumCapacity: message.n_fields)
    for item in UnsafeBufferPointer(start: message.fields, count: message.n_fields) {
        guard let item else { continue }
        let name = try within(field) { () throws(LodestoneError) in
            try item.pointee.name.text("name")
        }
        let value = try within("\(field).\(name)") { () throws(LodestoneError) in
            try Value(item.pointee.value)
        }
        guard metadata.updateValue(value, forKey: name) == nil else {
            throw .invalid(
                .duplicateName,
                "\(field) has the name '\(name)' twice.",
                recovery: "Give every name one value; several values make a list.",
                field: "\(field).\(name)"
            )
        }
    }
    return metadata
}

extension Value {
    /// Decodes a value; an absent or empty one is malformed.
    init(_ message: UnsafePointer<CValue>?) throws(LodestoneError) {
        guard let message = message?.pointee else { throw .malformed("A value is missing.") }
        switch message.kind_case {
        case LODESTONE__V1__VALUE__KIND_BOOL_VALUE:
            self = .bool(message.bool_value != 0)
        case LODESTONE__V1__VALUE__KIND_INT_VALUE:
            self = .int(message.int_value)
        case LODESTONE__V1__VALUE__KIND_DOUBLE_VALUE:
            self = .double(message.double_value)
        case LODESTONE__V1__VALUE__KIND_STRING_VALUE:
            self = .string(try message.string_value.text("string_value"))
        case LODESTONE__V1__VALUE__KIND_TIMESTAMP_VALUE:
            self = .timestamp(microseconds: message.timestamp_value)
        case LODESTONE__V1__VALUE__KIND_LIST_VALUE:
            self = .list(try Value.list(message.list_value))
        case LODESTONE__V1__VALUE__KIND_OBJECT_VALUE:
            self = .object(try decodeMetadata("object_value", message.object_value))
        default:
            throw .malformed("The kind of a value is unknown to this release.")
        }
    }

    /// Decodes the values of a list; an absent list is empty.
    static func list(_ message: UnsafePointer<CListValue>?) throws(LodestoneError) -> [Value] {
        guard let message = message?.pointee else { return [] }
        return try LodestoneWire.list("values", message.values, message.n_values) {
            (value) throws(LodestoneError) in try Value(value)
        }
    }
}
