// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// The files and locations that a state of the database names.
///
/// Snapshots and verification know the schema only through this type.
enum SchemaReader {
    static let databaseName = "lodestone.db"

    /// Vectors under one checksum: the vectors of one batch, or one block of a base's runs.
    struct VectorBatch {
        /// The sequence number of the batch, or of the base.
        var sequenceNumber: UInt64
        var firstRow: RowID
        var count: Int
        /// Whether rows may be missing between these.
        var isSparse = false
        var segment: UInt32
        var offset: UInt64
        var byteCount: UInt64
        /// The CRC-32C of the vectors.
        var sum: UInt32

        var end: UInt64 { offset + byteCount }
    }

    /// A segment, up to the last byte that the database names.
    struct Segment {
        var name: SegmentName
        var dimension: Int
        /// The batches in the order of their offsets, without overlap.
        var batches: [VectorBatch]

        var end: UInt64 { batches.last?.end ?? UInt64(VectorSegment.headerByteCount) }
    }

    /// Every collection that exists.
    static func collections(_ connection: SQLiteConnection, context: CallContext? = nil)
        throws(LodestoneError) -> [CollectionRecord]
    {
        try SQLiteConnection.orFail(context) { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement("\(selectCollections) ORDER BY number")
            defer { statement.reset() }
            var records: [CollectionRecord] = []
            while try statement.step() { records.append(try record(statement)) }
            return records
        }
    }

    /// One collection; `nil` when it doesn't exist.
    static func collection(
        _ number: CollectionNumber,
        _ connection: SQLiteConnection,
        context: CallContext? = nil
    ) throws(LodestoneError) -> CollectionRecord? {
        try SQLiteConnection.orFail(context) { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement("\(selectCollections) WHERE number = ?1")
            defer { statement.reset() }
            statement.bind(number, at: 1)
            return try statement.step() ? try record(statement) : nil
        }
    }

    private static let selectCollections = "SELECT number, name, options FROM collections"

    private static func record(_ statement: SQLiteStatement) throws(SQLiteConnection.Failure)
        -> CollectionRecord
    {
        let number = CollectionNumber(truncatingIfNeeded: statement.int(at: 0))
        let name = statement.withBytes(at: 1) { Array($0) }
        do throws(ByteReader.Malformed) {
            return try statement.withBytes(at: 2) { (bytes) throws(ByteReader.Malformed) in
                try OptionsCoding.decode(bytes, rowOf: number, name: name)
            }
        } catch {
            throw SQLiteConnection.Failure(
                code: 11,
                message: "the row of collection \(number) fails its checksum"
            )
        }
    }

    /// The batches of a collection that have vectors, in the order of their rows.
    ///
    /// - Throws: `.dataLoss` when the database names a location that no segment can have.
    static func vectorBatches(of record: CollectionRecord, _ connection: SQLiteConnection)
        throws(LodestoneError) -> [VectorBatch]
    {
        let base = try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try BaseRecord.read(connection, of: record.number)
        }
        let rows = try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                LogRow.select
                    + " WHERE collection = ?1 AND vector_count > 0 AND seq > ?2 ORDER BY seq"
            )
            defer { statement.reset() }
            statement.bind(record.number, at: 1)
            statement.bind(base?.sequenceNumber ?? 0, at: 2)
            var rows: [LogRow] = []
            while try statement.step() { rows.append(LogRow(statement)) }
            return rows
        }
        var batches =
            try base.map { (base) throws(LodestoneError) in
                try blocks(of: base, dimension: record.options.dimension)
            } ?? []
        for row in rows {
            let (floats, overflow) = row.vectorCount.multipliedReportingOverflow(
                by: record.options.dimension
            )
            guard !overflow, floats > 0, floats < Int(UInt32.max),
                row.offset >= VectorSegment.headerByteCount, row.offset % 4 == 0,
                row.offset < 1 << 48
            else {
                throw damagedDatabase(
                    "batch \(row.sequenceNumber) names \(row.vectorCount) vectors at \(row.offset)"
                )
            }
            batches.append(
                VectorBatch(
                    sequenceNumber: row.sequenceNumber,
                    firstRow: row.firstRow,
                    count: row.vectorCount,
                    segment: row.segment,
                    offset: UInt64(row.offset),
                    byteCount: UInt64(4 * floats),
                    sum: row.vectorSum
                )
            )
        }
        return batches
    }

    /// The vectors that a base has taken over from the log, block by block.
    private static func blocks(of base: BaseRecord, dimension: Int) throws(LodestoneError)
        -> [VectorBatch]
    {
        let rowBytes = dimension * MemoryLayout<Float>.stride
        var batches: [VectorBatch] = []
        for run in base.runs.runs {
            let byteCount = run.byteCount(vectorBytes: rowBytes)
            guard rowBytes > 0, run.offset >= VectorSegment.headerByteCount, run.offset % 4 == 0,
                run.offset < 1 << 48,
                run.sums.count == (byteCount + VerifiedBytes.blockBytes - 1)
                    / VerifiedBytes.blockBytes
            else {
                throw damagedDatabase("a base names \(run.count) vectors at \(run.offset)")
            }
            for (block, sum) in run.sums.enumerated() {
                let start = block * VerifiedBytes.blockBytes
                let end = min(byteCount, start + VerifiedBytes.blockBytes)
                // The index of the first vector that begins in the block.
                let first = min(run.count, (start + rowBytes - 1) / rowBytes)
                batches.append(
                    VectorBatch(
                        sequenceNumber: base.sequenceNumber,
                        firstRow: run.isSparse
                            ? run.firstRow : run.firstRow + min(first, run.count - 1),
                        count: min(run.count, (end + rowBytes - 1) / rowBytes) - first,
                        isSparse: run.isSparse,
                        segment: run.segment,
                        offset: UInt64(run.offset + start),
                        byteCount: UInt64(end - start),
                        sum: sum
                    )
                )
            }
        }
        return batches
    }

    /// The segments that the database names, in the order of collection and index.
    ///
    /// - Throws: `.dataLoss` when two batches claim the same bytes.
    static func segments(of record: CollectionRecord, _ connection: SQLiteConnection)
        throws(LodestoneError) -> [Segment]
    {
        let batches = try vectorBatches(of: record, connection)
            .sorted { ($0.segment, $0.offset) < ($1.segment, $1.offset) }
        var segments: [Segment] = []
        for batch in batches {
            if let last = segments.last, last.name.index == batch.segment {
                guard batch.offset >= last.end else {
                    throw damagedDatabase(
                        "batch \(batch.sequenceNumber) lies over another in \(last.name.text)"
                    )
                }
                segments[segments.count - 1].batches.append(batch)
            } else {
                segments.append(
                    Segment(
                        name: SegmentName(collection: record.number, index: batch.segment),
                        dimension: record.options.dimension,
                        batches: [batch]
                    )
                )
            }
        }
        return segments
    }

    /// The start of the log's chain: the batch before the first row, and the chain after it.
    static func logStart(_ connection: SQLiteConnection) throws(LodestoneError)
        -> (sequenceNumber: UInt64, chain: UInt32)
    {
        let anchor = try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try LogAnchor.read(connection)
        }
        return (anchor?.sequenceNumber ?? 0, anchor?.chain ?? 0)
    }

    /// The first row of a collection in the log; earlier rows are known only from the table of
    /// rows.
    static func firstLoggedRow(of collection: CollectionNumber, _ connection: SQLiteConnection)
        throws(LodestoneError) -> RowID
    {
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try BaseRecord.read(connection, of: collection)?.nextRow ?? .first
        }
    }

    /// The schema objects of a new store of a format with these collections, as SQLite lists them.
    ///
    /// - Parameters:
    ///   - collections: The text strategy of each collection.
    ///   - hubs: The collections with a table of edges.
    ///   - format: The format.
    /// - Returns: The schema objects.
    /// - Throws: The errors of SQLite.
    static func expectedSchema(
        _ collections: [CollectionNumber: TextIndexStrategy],
        hubs: Set<CollectionNumber>,
        format: Int64
    ) throws(LodestoneError) -> Set<[String]> {
        try withDatabase(":memory:", isReadOnly: false) {
            (connection) throws(SQLiteConnection.Failure) in
            try connection.execute(Schema.create(format: format))
            for (number, text) in collections {
                try connection.execute(Schema.createCollection(number, text, format: format))
                if hubs.contains(number) { try connection.execute(Schema.createEdges(number)) }
            }
            return try schema(connection)
        }
    }

    /// The objects of a schema: type, name, table and text.
    ///
    /// A table keeps the statement of the release that created it, whose whitespace may differ. So
    /// every sequence of line breaks and blanks becomes one blank here.
    static func schema(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure)
        -> Set<[String]>
    {
        let statement = try connection.statement(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema"
        )
        defer { statement.reset() }
        var objects: Set<[String]> = []
        while try statement.step() {
            objects.insert(
                (0..<4).map { column in
                    statement.withBytes(at: column) { String(decoding: $0, as: UTF8.self) }
                        .split { " \n".contains($0) }.joined(separator: " ")
                }
            )
        }
        return objects
    }

    /// Runs `body` on a connection that is closed afterwards.
    static func withDatabase<T>(
        _ path: String,
        isReadOnly: Bool,
        _ body: (SQLiteConnection) throws(SQLiteConnection.Failure) -> T
    ) throws(LodestoneError) -> T {
        do throws(SQLiteConnection.Failure) {
            let connection = try SQLiteConnection(path: path, isReadOnly: isReadOnly)
            return try body(connection)
        } catch {
            throw error.asLodestoneError(context: nil)
        }
    }

    static func damagedDatabase(_ what: String) -> LodestoneError {
        LodestoneError(
            .dataLoss,
            reason: .corruptDatabase,
            "The database is damaged: \(what).",
            recovery: "Stop writing, keep a copy of the directory, restore a snapshot."
        )
    }
}

/// The name of a segment's file.
struct SegmentName: Hashable {
    var collection: CollectionNumber
    var index: UInt32

    var text: String { VectorSegment.name(collection: collection, index: index) }

    init(collection: CollectionNumber, index: UInt32) {
        self.collection = collection
        self.index = index
    }

    /// Reads the name of a segment; `nil` for any other name.
    init?(_ name: String) {
        guard name.hasPrefix("vectors-"), name.hasSuffix(".seg"), name.count > 12 else {
            return nil
        }
        let numbers = name.dropFirst(8).dropLast(4).split(separator: "-").compactMap { UInt32($0) }
        guard numbers.count == 2 else { return nil }
        self.init(collection: numbers[0], index: numbers[1])
        guard text == name else { return nil }
    }
}
