// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore

/// The columns of a document's row, in the bytes that the store keeps.
///
///     text      count, then name and text of each field
///     metadata  count, then name and value of each field, in byte order of the names
///     edges     count, then label, target, weight (float32) and metadata of each edge
///
/// Counts and lengths are LEB128; a value is a tag byte and its content.
package struct EncodedRow: Sendable {
    package let id: DocumentID
    package let text: [UInt8]
    package let metadata: [UInt8]
    package private(set) var edges: [UInt8]
    /// As `indexedText(of:)` has it.
    package let indexedText: String

    /// Encodes a document; its vector is kept elsewhere.
    package init(_ document: Document) {
        id = document.id
        var writer = ByteWriter()
        writer.bytes.reserveCapacity(
            document.text.reduce(4) { $0 + $1.name.utf8.count + $1.text.utf8.count + 8 }
        )
        writer.append(varint: UInt64(document.text.count))
        for field in document.text {
            writer.append(string: field.name)
            writer.append(string: field.text)
        }
        text = writer.bytes
        metadata = Self.encode(document.metadata)
        edges = Self.encode(document.edges)
        indexedText = Self.indexedText(of: document.text)
    }

    /// What the text index takes in of a document: every field, one to a line.
    package static func indexedText(of fields: [TextField]) -> String {
        fields.count == 1 ? fields[0].text : fields.map(\.text).joined(separator: "\n")
    }

    /// The same row with other edges.
    package func relinked(_ edges: [Edge]) -> EncodedRow {
        var copy = self
        copy.edges = Self.encode(edges)
        return copy
    }

    /// Bytes that it takes in the store.
    package var byteCount: Int {
        id.string.utf8.count + text.count + metadata.count + edges.count
    }

    /// CRC-32C over the content, going on from `seed`.
    ///
    /// Each column's length is part of it, so that bytes can't move from one column to the next
    /// unseen.
    package func checksum(seed: UInt32) -> UInt32 {
        var id = id.string
        var sum = id.withUTF8 { RowChecksum.extend(seed, UnsafeRawBufferPointer($0)) }
        sum = text.withUnsafeBytes { RowChecksum.extend(sum, $0) }
        sum = metadata.withUnsafeBytes { RowChecksum.extend(sum, $0) }
        return edges.withUnsafeBytes { RowChecksum.extend(sum, $0) }
    }

    static func encode(_ metadata: Metadata) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(metadata)
        return writer.bytes
    }

    static func encode(_ edges: [Edge]) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes.reserveCapacity(
            edges.reduce(4) { $0 + $1.label.utf8.count + $1.target.string.utf8.count + 16 }
        )
        writer.append(varint: UInt64(edges.count))
        for edge in edges {
            writer.append(string: edge.label)
            writer.append(string: edge.target.string)
            writer.append(fixed: edge.weight.bitPattern)
            writer.append(edge.metadata)
        }
        return writer.bytes
    }
}

/// The checksum of a row: the row's number, then each column with its length.
enum RowChecksum {
    static func seed(row: RowNumber) -> UInt32 {
        withUnsafeBytes(of: row.littleEndian) { lode_crc32c(0, $0.baseAddress, $0.count) }
    }

    static func extend(_ sum: UInt32, _ column: UnsafeRawBufferPointer) -> UInt32 {
        let sum = withUnsafeBytes(of: UInt64(column.count).littleEndian) {
            lode_crc32c(sum, $0.baseAddress, $0.count)
        }
        return lode_crc32c(sum, column.baseAddress, column.count)
    }
}

extension ByteWriter {
    fileprivate mutating func append(_ metadata: Metadata) {
        append(varint: UInt64(metadata.count))
        if metadata.isEmpty { return }
        if metadata.count == 1, let (name, value) = metadata.first {
            append(string: name)
            append(value)
            return
        }
        let inOrder = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (name, value) in inOrder {
            append(string: name)
            append(value)
        }
    }

    private mutating func append(_ value: Value) {
        switch value {
        case .bool(let value):
            bytes.append(value ? 2 : 1)
        case .int(let value):
            bytes.append(3)
            append(fixed: value)
        case .double(let value):
            bytes.append(4)
            append(fixed: value.bitPattern)
        case .string(let value):
            bytes.append(5)
            append(string: value)
        case .timestamp(let microseconds):
            bytes.append(6)
            append(fixed: microseconds)
        case .list(let values):
            bytes.append(7)
            append(varint: UInt64(values.count))
            for value in values { append(value) }
        case .object(let metadata):
            bytes.append(8)
            append(metadata)
        }
    }
}

extension ByteReader {
    mutating func textFields() throws(Malformed) -> [TextField] {
        let count = try count()
        var fields: [TextField] = []
        fields.reserveCapacity(count)
        for _ in 0..<count {
            fields.append(TextField(name: try string(), text: try string()))
        }
        return fields
    }

    mutating func metadata(depth: Int = 0) throws(Malformed) -> Metadata {
        let count = try count()
        var metadata = Metadata(minimumCapacity: count)
        for _ in 0..<count {
            let name = try string()
            metadata[name] = try value(depth: depth + 1)
        }
        return metadata
    }

    mutating func edges() throws(Malformed) -> [Edge] {
        let count = try count()
        var edges: [Edge] = []
        edges.reserveCapacity(count)
        for _ in 0..<count {
            let label = try string()
            let target = DocumentID(trusted: try string())
            let weight = Float(bitPattern: try fixed(UInt32.self))
            edges.append(Edge(label, to: target, weight: weight, metadata: try metadata()))
        }
        return edges
    }

    private mutating func value(depth: Int) throws(Malformed) -> Value {
        guard depth <= 64 else { throw Malformed() }
        switch try byte() {
        case 1: return .bool(false)
        case 2: return .bool(true)
        case 3: return .int(try fixed(Int64.self))
        case 4: return .double(Double(bitPattern: try fixed(UInt64.self)))
        case 5: return .string(try string())
        case 6: return .timestamp(microseconds: try fixed(Int64.self))
        case 7:
            let count = try count()
            var values: [Value] = []
            values.reserveCapacity(count)
            for _ in 0..<count { values.append(try value(depth: depth + 1)) }
            return .list(values)
        case 8: return .object(try metadata(depth: depth + 1))
        default: throw Malformed()
        }
    }
}
