// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension MessageWriter {
    /// Writes a document without its vector; the enclosing message has the vectors of all
    /// documents.
    mutating func document(_ field: UInt8, _ document: Document) {
        message(field) { writer in
            writer.text(1, document.id.string)
            writer.contents(document)
            if document.vector != nil { writer.bool(5, true) }
        }
    }

    /// Writes documents, then their vectors.
    mutating func documents(_ field: UInt8, _ documents: [Document], vectors: UInt8) {
        // The loop uses indices: an iterator would retain each document with all its parts.
        for index in documents.indices { document(field, documents[index]) }
        self.vectors(vectors, documents.lazy.compactMap(\.vector)) { vectorIndex in
            let index = documents.indices.filter { documents[$0].vector != nil }[vectorIndex]
            return ("documents[\(index)].vector", documents[index].id.string)
        }
    }

    /// Writes the fields of a document other than its id and vector.
    mutating func contents(_ document: Document) {
        for text in document.text {
            message(2, expecting: text.text.utf8.count) { writer in
                writer.text(1, text.name)
                writer.text(2, text.text)
            }
        }
        if !document.metadata.isEmpty { metadata(3, document.metadata) }
        for edge in document.edges { self.edge(4, edge) }
    }

    mutating func edge(_ field: UInt8, _ edge: Edge) {
        message(field) { writer in
            writer.text(1, edge.label)
            writer.text(2, edge.target.string)
            if edge.weight != 1 { writer.float(3, edge.weight) }
            if !edge.metadata.isEmpty { writer.metadata(4, edge.metadata) }
        }
    }

    mutating func sourcedEdges(_ field: UInt8, _ edges: [SourcedEdge]) {
        for edge in edges {
            message(field) { writer in
                writer.text(1, edge.source.string)
                writer.edge(2, edge.edge)
            }
        }
    }

    /// Writes metadata in the byte order of its names, so that equal metadata has equal bytes.
    mutating func metadata(_ field: UInt8, _ metadata: Metadata) {
        message(field) { writer in
            if metadata.count < 2 {
                for (name, value) in metadata { writer.field(name, value) }
                return
            }
            for (name, value) in metadata.inOrderOfNames { writer.field(name, value) }
        }
    }

    private mutating func field(_ name: String, _ value: Value) {
        message(1) { writer in
            writer.text(1, name)
            writer.value(2, value)
        }
    }

    mutating func value(_ field: UInt8, _ value: Value) {
        message(field) { writer in
            switch value {
            case .bool(let value): writer.bool(1, value)
            case .int(let value): writer.signed(2, value)
            case .double(let value): writer.double(3, value)
            case .string(let value): writer.text(4, value)
            case .timestamp(let microseconds): writer.signed(5, microseconds)
            case .list(let values): writer.list(6, values)
            case .object(let metadata): writer.metadata(7, metadata)
            }
        }
    }

    mutating func list(_ field: UInt8, _ values: [Value]) {
        message(field) { writer in
            for value in values { writer.value(1, value) }
        }
    }
}
