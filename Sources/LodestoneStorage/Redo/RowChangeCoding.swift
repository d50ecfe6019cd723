// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// The encoding of changed rows in a record of the redo log.
///
///     collection  number
///     dimension   elements of a vector
///     rows        number of the first row; count; of each: id, and the columns text, metadata
///                 and edges (`EncodedRow`), each after its length
///     vectors     count of floats; the floats, 4 bytes each; CRC-32C of these bytes
///     removed     count; number of each row
///     dropped     count; id of each document
///     edges       count; of each changed row: number, 1 when it loses edges to dropped
///                 documents, count and label and target of removed edges, added edges
///
/// The words of new rows are not written: the texts make them again.
enum RowChangeCoding {
    static func encode(_ change: RowChange, to writer: inout ByteWriter) {
        writer.append(varint: UInt64(change.collection))
        writer.append(varint: UInt64(change.dimension))
        writer.append(varint: UInt64(change.firstRow))
        writer.append(varint: UInt64(change.rows.count))
        for row in change.rows {
            row.withColumns { columns in
                writer.append(bytes: columns.id)
                writer.append(bytes: columns.text)
                writer.append(bytes: columns.metadata)
                writer.append(bytes: columns.edges)
            }
        }
        writer.append(varint: UInt64(change.vectors.count))
        change.vectors.withUnsafeBytes { writer.bytes.append(contentsOf: $0) }
        writer.append(fixed: change.vectorChecksum)
        writer.append(varint: UInt64(change.removed.count))
        for row in change.removed { writer.append(varint: UInt64(row)) }
        writer.append(varint: UInt64(change.dropped.count))
        for id in change.dropped { writer.append(string: id.string) }
        writer.append(varint: UInt64(change.edgeChanges.count))
        for edges in change.edgeChanges {
            writer.append(varint: UInt64(edges.row))
            writer.append(varint: edges.losesDropped ? 1 : 0)
            writer.append(varint: UInt64(edges.removed.count))
            for name in edges.removed {
                writer.append(string: name.label)
                writer.append(string: name.target.string)
            }
            writer.append(edges.added)
        }
    }

    static func decode(
        _ reader: inout ByteReader,
        _ collections: [CollectionNumber: CollectionRecord],
        _ analysis: any WordAnalysis
    ) throws(ByteReader.Malformed) -> RowChange {
        guard let record = collections[try reader.collectionNumber()],
            try reader.varint() == UInt64(record.options.dimension)
        else { throw ByteReader.Malformed() }
        let firstRow = try reader.checkedRow()
        let maker = WordMaker(analysis, for: record.options)
        var rows: [EncodedRow] = []
        var words: [DocumentWords?] = []
        let rowCount = try reader.count()
        guard Int(firstRow) + rowCount < Int(RowID.max) else { throw ByteReader.Malformed() }
        for _ in 0..<rowCount {
            let id = try reader.documentID()
            let (text, metadata) = (try reader.slice(), try reader.slice())
            let row = try EncodedRow(id: id, text, metadata, edges: try reader.slice())
            rows.append(row)
            if let maker { words.append(maker.words(of: try row.texts())) }
        }
        let (vectors, checksum) = try self.vectors(&reader, record.options.dimension, rowCount)
        var removed: [RowID] = []
        for _ in 0..<(try reader.count()) { removed.append(try reader.checkedRow()) }
        var dropped: [DocumentID] = []
        for _ in 0..<(try reader.count()) { dropped.append(try reader.documentID()) }
        var changes: [EdgeChange] = []
        for _ in 0..<(try reader.count()) {
            var change = EdgeChange(row: try reader.checkedRow())
            change.losesDropped = try reader.varint() != 0
            for _ in 0..<(try reader.count()) {
                let label = try reader.string()
                change.removed.append(EdgeName(label: label, target: try reader.documentID()))
            }
            change.added = try reader.edges()
            changes.append(change)
        }
        return RowChange(
            collection: record.number,
            dimension: record.options.dimension,
            words: maker.map { _ in WordChange(record.options.text, adding: words) },
            firstRow: firstRow,
            rows: rows,
            vectors: vectors,
            vectorChecksum: checksum,
            removed: removed,
            dropped: dropped,
            edgeChanges: changes
        )
    }

    private static func vectors(
        _ reader: inout ByteReader,
        _ dimension: Int,
        _ rowCount: Int
    ) throws(ByteReader.Malformed) -> (vectors: [Float], checksum: UInt32) {
        let count = try reader.count()
        let (most, overflow) = rowCount.multipliedReportingOverflow(by: dimension)
        guard !overflow, count <= most, dimension > 0 ? count % dimension == 0 : count == 0 else {
            throw ByteReader.Malformed()
        }
        let bytes = try reader.slice(byteCount: count * MemoryLayout<Float>.stride)
        let sum = count == 0 ? 0 : lode_crc32c(0, bytes.baseAddress, bytes.count)
        let checksum = try reader.fixed(UInt32.self)
        guard count == 0 || sum == checksum else { throw ByteReader.Malformed() }
        let vectors = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            initialized = count
        }
        return (vectors, checksum)
    }
}

extension ByteReader {
    /// Reads a row id, and refuses numbers that no row has.
    fileprivate mutating func checkedRow() throws(Malformed) -> RowID {
        let value = try varint()
        guard value < UInt64(RowID.max) else { throw Malformed() }
        return RowID(rawValue: UInt32(value))
    }

    /// Reads a document id by the rules for ids.
    fileprivate mutating func documentID() throws(Malformed) -> DocumentID {
        guard let id = try? DocumentID(try string()) else { throw Malformed() }
        return id
    }
}
