// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore
import LodestoneStructures

/// The columns of a document's row, in the bytes that the store keeps.
///
///     text      count, then name and text of each field
///     metadata  count, then name and value of each field, in byte order of the names
///     edges     count, then label, target, weight (float32) and metadata of each edge; or a mark,
///               which is no count, and the number of a hub, whose edges are in a `HubTable`
///
/// Counts and lengths are LEB128; a value is a tag byte and its content.
package struct EncodedRow: Sendable {
    package let id: DocumentID
    /// The columns of this row and of the rows that were encoded with it.
    private let bytes: [UInt8]
    private let start: Int
    private let metadataStart: Int
    private let edgesStart: Int
    private let end: Int

    /// Encodes a document without its vector, which segments keep.
    package init(_ document: Document) {
        self = Self.encode([document])[0]
    }

    /// Encodes documents without their vectors, which segments keep.
    package static func encode(_ documents: [Document]) -> [EncodedRow] {
        var writer = ByteWriter()
        var ends: [(text: Int, metadata: Int, edges: Int)] = []
        ends.reserveCapacity(documents.count)
        for index in documents.indices {
            writer.append(documents[index].text)
            let text = writer.bytes.count
            writer.append(documents[index].metadata)
            let metadata = writer.bytes.count
            writer.append(documents[index].edges)
            ends.append((text, metadata, writer.bytes.count))
        }
        var start = 0
        return documents.indices.map { index in
            let end = ends[index]
            defer { start = end.edges }
            return EncodedRow(
                id: documents[index].id,
                bytes: writer.bytes,
                start: start,
                metadataStart: end.text,
                edgesStart: end.metadata,
                end: end.edges
            )
        }
    }

    private init(
        id: DocumentID,
        bytes: [UInt8],
        start: Int,
        metadataStart: Int,
        edgesStart: Int,
        end: Int
    ) {
        self.id = id
        self.bytes = bytes
        self.start = start
        self.metadataStart = metadataStart
        self.edgesStart = edgesStart
        self.end = end
    }

    /// A row of any origin, whose columns are checked.
    ///
    /// - Throws: `Malformed` for columns that can't be decoded, or whose edges a hub has.
    init(
        id: DocumentID,
        _ text: UnsafeRawBufferPointer,
        _ metadata: UnsafeRawBufferPointer,
        edges: UnsafeRawBufferPointer
    ) throws(ByteReader.Malformed) {
        var readers = [text, metadata, edges].map { ByteReader($0) }
        _ = try readers[0].textFields()
        _ = try readers[1].metadata()
        _ = try readers[2].edges()
        guard readers.allSatisfy(\.isAtEnd) else { throw ByteReader.Malformed() }
        self.init(
            id: id,
            bytes: Array(text) + Array(metadata) + Array(edges),
            start: 0,
            metadataStart: text.count,
            edgesStart: text.count + metadata.count,
            end: text.count + metadata.count + edges.count
        )
    }

    /// The fields of the text column.
    func texts() throws(ByteReader.Malformed) -> [TextField] {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(ByteReader.Malformed) in
                var reader = ByteReader(.init(rebasing: bytes[start..<metadataStart]))
                return try reader.textFields()
            }
        }
        return try result.get()
    }

    /// The columns of a row; valid only inside `body`.
    struct Columns {
        let id: UnsafeRawBufferPointer
        let text: UnsafeRawBufferPointer
        let metadata: UnsafeRawBufferPointer
        let edges: UnsafeRawBufferPointer

        /// CRC-32C of the content, continued from `seed`.
        func checksum(seed: UInt32) -> UInt32 {
            var sum = RowChecksum.extend(seed, id)
            sum = RowChecksum.extend(sum, text)
            sum = RowChecksum.extend(sum, metadata)
            return RowChecksum.extend(sum, edges)
        }
    }

    func withColumns<T, Failure: Error>(_ body: (Columns) throws(Failure) -> T) throws(Failure)
        -> T
    {
        var id = id.string
        let result = id.withUTF8 { id in
            bytes.withUnsafeBytes { bytes in
                Result { () throws(Failure) in
                    try body(
                        Columns(
                            id: UnsafeRawBufferPointer(id),
                            text: .init(rebasing: bytes[start..<metadataStart]),
                            metadata: .init(rebasing: bytes[metadataStart..<edgesStart]),
                            edges: .init(rebasing: bytes[edgesStart..<end])
                        )
                    )
                }
            }
        }
        return try result.get()
    }

    /// The same row with other edges.
    package func replacingEdges(with edges: [Edge]) -> EncodedRow {
        with(edges: StoredEdges.column(of: edges))
    }

    /// The same row with another edges column.
    func with(edges column: [UInt8]) -> EncodedRow {
        var bytes = Array(self.bytes[start..<edgesStart])
        bytes += column
        return EncodedRow(
            id: id,
            bytes: bytes,
            start: 0,
            metadataStart: metadataStart - start,
            edgesStart: edgesStart - start,
            end: bytes.count
        )
    }

    /// Whether the row keeps its edges under the limit `room`.
    func keepsEdges(_ room: EdgesInRow) -> Bool {
        let byteCount = end - edgesStart
        // Every edge takes more than one byte.
        if byteCount <= room.count { return true }
        var value = 0
        var shift = 0
        for byte in bytes[edgesStart..<end] {
            value |= Int(byte & 0x7f) << shift
            shift += 7
            if byte < 0x80 || shift > 56 { break }
        }
        return room.keep(count: value, byteCount: byteCount)
    }

    /// The edges of a row that was just encoded in this process.
    func edges() -> [Edge] {
        bytes.withUnsafeBytes { bytes in
            do throws(ByteReader.Malformed) {
                var reader = ByteReader(.init(rebasing: bytes[edgesStart..<end]))
                return try reader.edges()
            } catch {
                preconditionFailure("Edges can't be read that were just encoded.")
            }
        }
    }

    /// The bytes of the row in the store.
    package var byteCount: Int { id.string.utf8.count + end - start }

    /// CRC-32C of the content, continued from `seed`.
    ///
    /// Each column's length is part of it, so it detects bytes that moved to the next column.
    package func checksum(seed: UInt32) -> UInt32 {
        withColumns { $0.checksum(seed: seed) }
    }
}

/// The checksum of a row, or of an edge of a hub: the number of the row or of the hub, then each
/// column with its length.
enum RowChecksum {
    static func seed(row: RowID) -> UInt32 { seed(row.rawValue) }

    static func seed(hub: HubNumber) -> UInt32 { seed(hub.rawValue) }

    private static func seed(_ number: UInt32) -> UInt32 {
        withUnsafeBytes(of: number.littleEndian) { lode_crc32c(0, $0.baseAddress, $0.count) }
    }

    static func extend(_ sum: UInt32, _ column: UnsafeRawBufferPointer) -> UInt32 {
        let sum = withUnsafeBytes(of: UInt64(column.count).littleEndian) {
            lode_crc32c(sum, $0.baseAddress, $0.count)
        }
        return lode_crc32c(sum, column.baseAddress, column.count)
    }
}

extension ByteWriter {
    mutating func append(_ fields: [TextField]) {
        append(varint: UInt64(fields.count))
        for field in fields {
            append(string: field.name)
            append(string: field.text)
        }
    }

    mutating func append(_ edges: [Edge]) {
        append(varint: UInt64(edges.count))
        for edge in edges {
            append(string: edge.label)
            append(string: edge.target.string)
            appendContent(edge)
        }
    }

    /// Appends weight and metadata of an edge.
    mutating func appendContent(_ edge: Edge) {
        append(fixed: edge.weight.bitPattern)
        append(edge.metadata)
    }

    fileprivate mutating func append(_ metadata: Metadata) {
        append(varint: UInt64(metadata.count))
        if metadata.isEmpty { return }
        if metadata.count == 1, let (name, value) = metadata.first {
            append(string: name)
            append(value)
            return
        }
        for (name, value) in metadata.inOrderOfNames {
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
