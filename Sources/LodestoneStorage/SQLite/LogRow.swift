// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// One row of the change log.
struct LogRow {
    var sequenceNumber: UInt64
    var collection: CollectionNumber
    var kind: Schema.LogKind.RawValue
    var firstRow: RowID = .first
    var rowCount = 0
    var vectorCount = 0
    var segment: UInt32 = 0
    var offset = 0
    var vectorSum: UInt32 = 0
    /// The other changes of the batch, encoded as lists in this order.
    ///
    ///     removed rows
    ///     rows with other edges
    ///     ids of dropped documents
    ///     texts of removed rows, one string per row; only in log rows of earlier releases
    ///     texts of removed rows, by field
    ///     changed edges of hubs, if there are any (`LoggedEdgesCoding`)
    ///
    /// The texts are absent where the database keeps the words. The row of an altered collection
    /// has the collection's new options here instead.
    var detail: [UInt8] = []
    /// The chain as it is stored in the row.
    var stored: UInt32 = 0

    static let select = """
        SELECT seq, collection, kind, first_row, row_count, vector_count, segment, offset,
               vector_sum, detail, chain
        FROM log
        """
    private static let insert = """
        INSERT INTO log(seq, collection, kind, first_row, row_count, vector_count, segment, offset,
                        vector_sum, detail, chain)
        VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        """

    init(sequenceNumber: UInt64, collection: CollectionNumber, kind: Schema.LogKind) {
        self.sequenceNumber = sequenceNumber
        self.collection = collection
        self.kind = kind.rawValue
    }

    init(_ statement: SQLiteStatement) {
        sequenceNumber = UInt64(bitPattern: statement.int(at: 0))
        collection = CollectionNumber(truncatingIfNeeded: statement.int(at: 1))
        kind = statement.int(at: 2)
        firstRow = statement.row(at: 3)
        rowCount = Int(statement.int(at: 4))
        vectorCount = Int(statement.int(at: 5))
        segment = UInt32(truncatingIfNeeded: statement.int(at: 6))
        offset = Int(statement.int(at: 7))
        vectorSum = UInt32(truncatingIfNeeded: statement.int(at: 8))
        detail = statement.withBytes(at: 9) { Array($0) }
        stored = UInt32(truncatingIfNeeded: statement.int(at: 10))
    }

    /// The chain of this row after a row whose chain is `previous`.
    func chain(after previous: UInt32) -> UInt32 {
        var writer = ByteWriter()
        for field in [
            Int64(bitPattern: sequenceNumber), Int64(collection), kind, Int64(firstRow.rawValue),
            Int64(rowCount), Int64(vectorCount), Int64(segment), Int64(offset), Int64(vectorSum),
        ] {
            writer.append(fixed: field)
        }
        writer.bytes.append(contentsOf: detail)
        return lode_crc32c(previous, writer.bytes, writer.bytes.count)
    }

    /// The changes that `detail` encodes.
    func changes() throws(ByteReader.Malformed) -> (
        removed: [RowID], changed: [RowID], dropped: [DocumentID],
        removedTexts: [[TextField]], hubEdges: [LoggedEdges]
    ) {
        let result = detail.withUnsafeBytes { bytes in
            Result { () throws(ByteReader.Malformed) in
                var reader = ByteReader(bytes)
                let (removed, changed) = (try Self.rows(&reader), try Self.rows(&reader))
                var dropped: [DocumentID] = []
                // Rows of format 1 end before these lists.
                for _ in 0..<(reader.isAtEnd ? 0 : try reader.count()) {
                    dropped.append(DocumentID(trusted: try reader.string()))
                }
                var texts: [[TextField]] = []
                for _ in 0..<(reader.isAtEnd ? 0 : try reader.count()) {
                    texts.append([TextField(name: "", text: try reader.string())])
                }
                for _ in 0..<(reader.isAtEnd ? 0 : try reader.count()) {
                    texts.append(try reader.textFields())
                }
                let hubEdges = reader.isAtEnd ? [] : try LoggedEdgesCoding.decode(&reader)
                return (removed, changed, dropped, texts, hubEdges)
            }
        }
        return try result.get()
    }

    /// The new options in `detail`, for the row of an altered collection.
    func options() throws(ByteReader.Malformed) -> CollectionOptions {
        let result = detail.withUnsafeBytes { bytes in
            Result { () throws(ByteReader.Malformed) in try OptionsCoding.decode(bytes) }
        }
        return try result.get()
    }

    private static func rows(_ reader: inout ByteReader) throws(ByteReader.Malformed)
        -> [RowID]
    {
        var rows: [RowID] = []
        for _ in 0..<(try reader.count()) {
            rows.append(try reader.row())
        }
        return rows
    }

    /// Writes the row and returns its chain.
    func insert(into connection: SQLiteConnection, after previous: UInt32)
        throws(SQLiteConnection.Failure) -> UInt32
    {
        let chain = chain(after: previous)
        let statement = try connection.statement(Self.insert)
        statement.bind(sequenceNumber, at: 1)
        statement.bind(collection, at: 2)
        statement.bind(kind, at: 3)
        statement.bind(firstRow, at: 4)
        statement.bind(rowCount, at: 5)
        statement.bind(vectorCount, at: 6)
        statement.bind(segment, at: 7)
        statement.bind(offset, at: 8)
        statement.bind(vectorSum, at: 9)
        statement.bind(detail, at: 10)
        statement.bind(chain, at: 11)
        try statement.run()
        return chain
    }
}

/// The encoding of a batch's changes to the edges of hubs in the log.
///
///     labels   count, then each
///     rows     count, then of each: number, 1 when `isWhole`, the removed edges, the added edges
///     removed  count, then number of the label and target of each
///     added    count, then number of the label, target and weight (float32) of each
enum LoggedEdgesCoding {
    static func encode(_ changes: [LoggedEdges], to writer: inout ByteWriter) {
        var numbers: [ByteString: Int] = [:]
        var labels: [String] = []
        func number(_ label: String) -> UInt64 {
            let key = ByteString(label)
            if let number = numbers[key] { return UInt64(number) }
            numbers[key] = labels.count
            labels.append(label)
            return UInt64(labels.count - 1)
        }
        var rows = ByteWriter()
        rows.append(varint: UInt64(changes.count))
        for change in changes {
            rows.append(varint: UInt64(change.row))
            rows.append(varint: change.isWhole ? 1 : 0)
            rows.append(varint: UInt64(change.removed.count))
            for name in change.removed {
                rows.append(varint: number(name.label))
                rows.append(string: name.target.string)
            }
            rows.append(varint: UInt64(change.added.count))
            for (name, weight) in change.added {
                rows.append(varint: number(name.label))
                rows.append(string: name.target.string)
                rows.append(fixed: weight.bitPattern)
            }
        }
        writer.append(varint: UInt64(labels.count))
        for label in labels { writer.append(string: label) }
        writer.bytes += rows.bytes
    }

    static func decode(_ reader: inout ByteReader) throws(ByteReader.Malformed) -> [LoggedEdges] {
        var labels: [String] = []
        for _ in 0..<(try reader.count()) { labels.append(try reader.string()) }
        func name(_ reader: inout ByteReader) throws(ByteReader.Malformed) -> EdgeName {
            let number = try reader.varint()
            guard number < UInt64(labels.count) else { throw ByteReader.Malformed() }
            return EdgeName(
                label: labels[Int(number)],
                target: DocumentID(trusted: try reader.string())
            )
        }
        var changes: [LoggedEdges] = []
        for _ in 0..<(try reader.count()) {
            var change = LoggedEdges(row: try reader.row())
            change.isWhole = try reader.varint() != 0
            for _ in 0..<(try reader.count()) { change.removed.append(try name(&reader)) }
            for _ in 0..<(try reader.count()) {
                let name = try name(&reader)
                let weight = Float(bitPattern: try reader.fixed(UInt32.self))
                change.added.append((name, weight))
            }
            changes.append(change)
        }
        return changes
    }
}

/// The start of the log's chain: the sequence number and the chain of the last row before it.
///
/// The rows up to this sequence number are deleted or outside of the chain (`ForgottenLog.swift`).
struct LogAnchor {
    var sequenceNumber: UInt64
    var chain: UInt32

    private static let value = MetaValue(
        key: "anchor",
        byteCount: 12,
        description: "the log's anchor"
    )

    /// - Returns: `nil` when no batch was forgotten yet.
    static func read(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) -> LogAnchor?
    {
        guard let bytes = try value.read(connection) else { return nil }
        return LogAnchor(
            sequenceNumber: bytes.fixed(UInt64.self, at: 0),
            chain: bytes.fixed(UInt32.self, at: 8)
        )
    }

    func write(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) {
        var writer = ByteWriter()
        writer.append(fixed: sequenceNumber)
        writer.append(fixed: chain)
        try Self.value.write(writer, to: connection)
    }
}

extension [UInt8] {
    /// The little-endian number at an offset.
    func fixed<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
        withUnsafeBytes {
            T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self))
        }
    }
}
