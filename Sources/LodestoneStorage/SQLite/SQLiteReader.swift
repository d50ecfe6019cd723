// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// A read transaction: one state of the rows, on a connection of its own.
final class SQLiteReader: StoreReader {
    let sequenceNumber: UInt64
    let connection: SQLiteConnection
    let store: SQLiteStore
    let context: CallContext?
    /// The collections of this state, decoded at their first use.
    ///
    /// Measured (thousands of collections, all decoded at each use): 45 s.
    private var catalog: (all: [CollectionRecord], byNumber: [CollectionNumber: CollectionRecord])?

    /// The records that were read one by one; `nil` for a collection that doesn't exist.
    private var records: [CollectionNumber: CollectionRecord?] = [:]

    init(_ connection: SQLiteConnection, store: SQLiteStore, context: CallContext?)
        throws(SQLiteConnection.Failure)
    {
        self.connection = connection
        self.store = store
        self.context = context
        connection.work(for: context)
        try connection.execute("BEGIN")
        // The first read fixes the state.
        let statement = try connection.statement("SELECT max(seq) FROM log")
        defer { statement.reset() }
        sequenceNumber = try statement.step() ? UInt64(statement.int(at: 0)) : 0
    }

    func end() {
        connection.work(for: nil)
        // A connection that can't end its transaction does not return to the pool; it closes with
        // `self`.
        if (try? connection.execute("COMMIT")) != nil { store.giveBack(connection) }
    }

    func collections() throws(LodestoneError) -> [CollectionRecord] {
        try readCatalog().all
    }

    /// Reads the row of one collection, unless all were read: a catch-up needs only those that
    /// changed.
    func record(of collection: CollectionNumber) throws(LodestoneError) -> CollectionRecord? {
        if let catalog { return catalog.byNumber[collection] }
        if let known = records[collection] { return known }
        let record = try SchemaReader.collection(collection, connection, context: context)
        records[collection] = .some(record)
        return record
    }

    private func readCatalog() throws(LodestoneError) -> (
        all: [CollectionRecord], byNumber: [CollectionNumber: CollectionRecord]
    ) {
        if let catalog { return catalog }
        let all = try SchemaReader.collections(connection, context: context)
        let byNumber = Dictionary(all.map { ($0.number, $0) }, uniquingKeysWith: { $1 })
        catalog = (all, byNumber)
        return (all, byNumber)
    }

    func nextCollectionNumber() throws(LodestoneError) -> CollectionNumber {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "SELECT value FROM meta WHERE key = 'next_collection'"
            )
            defer { statement.reset() }
            return try statement.step()
                ? CollectionNumber(truncatingIfNeeded: statement.int(at: 0)) : 1
        }
    }

    func base(of collection: CollectionNumber) throws(LodestoneError) -> StoredBase? {
        try baseRecord(of: collection).map { record in
            StoredBase(
                path: record.file.isEmpty ? nil : store.directory + "/" + record.file,
                sequenceNumber: record.sequenceNumber,
                nextRow: record.nextRow
            )
        }
    }

    func baseRecord(of collection: CollectionNumber) throws(LodestoneError) -> BaseRecord? {
        try orFail { () throws(SQLiteConnection.Failure) in
            try BaseRecord.read(connection, of: collection)
        }
    }

    func forEachChange(
        after sequenceNumber: UInt64,
        of collection: CollectionNumber?,
        readingVectors readsVectors: (CollectionNumber) -> Bool,
        _ body: (LoggedChange) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let (anchor, format) = try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement("PRAGMA user_version")
            defer { statement.reset() }
            return (try LogAnchor.read(connection), try statement.step() ? statement.int(at: 0) : 0)
        }
        try store.refuseNewer(format)
        if collection == nil, let anchor, anchor.sequenceNumber > sequenceNumber {
            throw LodestoneError(
                .outOfRange,
                reason: .logForgotten,
                "The log begins after \(anchor.sequenceNumber), not after \(sequenceNumber).",
                recovery: "Load the collections from their bases."
            )
        }
        for row in try logRows(after: sequenceNumber, of: collection) {
            try context?.check()
            let dimension =
                readsVectors(row.collection)
                ? try record(of: row.collection)?.options.dimension : nil
            try body(try change(row, dimension: dimension))
        }
    }

    /// Decodes a log row, with its vectors unless `dimension` is `nil`.
    private func change(_ row: LogRow, dimension: Int?) throws(LodestoneError) -> LoggedChange {
        let kind: LoggedChange.Kind
        switch Schema.LogKind(rawValue: row.kind) {
        case .createCollection: kind = .createCollection
        case .dropCollection: kind = .dropCollection
        case .alterCollection:
            let options = try readable(row) { () throws(ByteReader.Malformed) in
                let options = try row.options()
                guard options.dimension == dimension ?? options.dimension else {
                    throw ByteReader.Malformed()
                }
                return options
            }
            kind = .alterCollection(options)
        case .rows:
            let (removed, changed, dropped, removedTexts, hubEdges) = try readable(row) {
                () throws(ByteReader.Malformed) in try row.changes()
            }
            kind = .rows(
                LoggedRows(
                    firstRow: row.firstRow,
                    rowCount: row.rowCount,
                    // The vectors of a collection that was dropped meanwhile are no longer
                    // available.
                    vectors: try dimension.flatMap { (dimension) throws(LodestoneError) in
                        try run(row, dimension: dimension)
                    },
                    removed: removed,
                    removedTexts: removedTexts,
                    changed: changed,
                    hubEdges: hubEdges,
                    dropped: dropped
                )
            )
        case nil:
            throw .broken("log row \(row.sequenceNumber) is of kind \(row.kind)")
        }
        return LoggedChange(
            sequenceNumber: row.sequenceNumber,
            collection: row.collection,
            kind: kind
        )
    }

    /// Runs `body`, which decodes the detail of a log row; malformed bytes become an error.
    private func readable<T>(_ row: LogRow, _ body: () throws(ByteReader.Malformed) -> T)
        throws(LodestoneError) -> T
    {
        do throws(ByteReader.Malformed) {
            return try body()
        } catch {
            throw SQLiteConnection.Failure(
                code: 11,
                message: "log row \(row.sequenceNumber)"
            ).asLodestoneError(context: context)
        }
    }

    /// The vectors of one batch, compared with their checksum.
    private func run(_ row: LogRow, dimension: Int) throws(LodestoneError) -> VectorRun? {
        guard row.vectorCount > 0 else { return nil }
        let segment = try segment(row.segment, of: row.collection, dimension: dimension)
        let run = try segment.run(
            at: row.offset,
            count: row.vectorCount,
            dimension: dimension,
            firstRow: row.firstRow
        )
        guard
            Checksum.isRight(
                lode_crc32c(0, run.base, row.vectorCount * dimension * 4),
                row.vectorSum
            )
        else {
            throw VectorSegment.damaged(
                segment.path,
                "the vectors of batch \(row.sequenceNumber) fail their checksum"
            )
        }
        return run
    }

    func vectorRuns(of collection: CollectionNumber) throws(LodestoneError) -> [VectorRun] {
        guard let record = try record(of: collection),
            let base = try baseRecord(of: collection)
        else { return [] }
        let dimension = record.options.dimension
        var runs: [VectorRun] = []
        for run in base.runs.runs {
            runs.append(
                try segment(run.segment, of: collection, dimension: dimension)
                    .run(run, dimension: dimension)
            )
        }
        return runs
    }

    /// A segment that this state names.
    private func segment(_ index: UInt32, of collection: CollectionNumber, dimension: Int)
        throws(LodestoneError) -> VectorSegment
    {
        do throws(LodestoneError) {
            return try store.segments.segment(index, of: collection, dimension: dimension)
        } catch {
            guard error.code == .dataLoss, try !store.names(index, of: collection) else {
                throw error
            }
            throw LodestoneError(
                .aborted,
                reason: .vectorsMoved,
                "A compaction has moved the vectors of segment \(index).",
                recovery: "Send it again."
            )
        }
    }

    /// Adds the vectors in the log between two sequence numbers to the record of a base.
    func extend(
        _ record: inout BaseRecord,
        after first: UInt64,
        through last: UInt64
    ) throws(LodestoneError) {
        let collection = record.collection
        guard let dimension = try self.record(of: collection)?.options.dimension else { return }
        record.dimension = dimension
        for row in try logRows(after: first, of: collection)
        where row.sequenceNumber <= last {
            record.nextRow = max(record.nextRow, row.firstRow + row.rowCount)
            guard let run = try run(row, dimension: dimension) else { continue }
            try record.runs.append(
                row,
                vectorBytes: dimension * 4,
                bytes: UnsafeRawBufferPointer(start: run.base, count: run.count * dimension * 4)
            ) { (run) throws(LodestoneError) in
                let whole = try store.segments
                    .segment(run.segment, of: collection, dimension: dimension)
                    .vectors(at: run.offset, byteCount: run.count * dimension * 4)
                return whole
            }
        }
    }

    private func logRows(
        after sequenceNumber: UInt64,
        of collection: CollectionNumber?
    ) throws(LodestoneError) -> [LogRow] {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                LogRow.select + " WHERE seq > ?1"
                    + (collection == nil ? " ORDER BY seq" : " AND collection = ?2 ORDER BY seq")
            )
            defer { statement.reset() }
            statement.bind(sequenceNumber, at: 1)
            if let collection { statement.bind(collection, at: 2) }
            var rows: [LogRow] = []
            while try statement.step() { rows.append(LogRow(statement)) }
            return rows
        }
    }

    func nextRow(of collection: CollectionNumber) throws(LodestoneError) -> RowID {
        let logged = try logScalar("max(first_row + row_count)", of: collection, and: "kind = 3")
        return max(
            RowID(rawValue: UInt32(truncatingIfNeeded: logged)),
            try base(of: collection)?.nextRow ?? .first
        )
    }

    func lastSequenceNumber(of collection: CollectionNumber) throws(LodestoneError) -> UInt64 {
        let logged = UInt64(bitPattern: try logScalar("max(seq)", of: collection, and: "1"))
        return max(logged, try base(of: collection)?.sequenceNumber ?? 0)
    }

    private func logScalar(
        _ expression: String,
        of collection: CollectionNumber,
        and condition: String
    ) throws(LodestoneError) -> Int64 {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "SELECT \(expression) FROM log WHERE collection = ?1 AND \(condition)"
            )
            defer { statement.reset() }
            statement.bind(collection, at: 1)
            return try statement.step() ? statement.int(at: 0) : 0
        }
    }

    func row(_ row: RowID, of collection: CollectionNumber) throws(LodestoneError)
        -> StoredRow?
    {
        try RowTable(collection: collection, connection: connection).read(row, context: context)
    }

    func forEachRow(
        of collection: CollectionNumber,
        after: RowID?,
        _ body: (StoredRow) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        try RowTable(collection: collection, connection: connection)
            .forEach(after: after, context: context, body)
    }

    func words(of collection: CollectionNumber, among visible: VisibleRows?) -> any WordTables {
        SQLiteWords(collection, connection, context, among: visible)
    }

    func orFail<T>(_ body: () throws(SQLiteConnection.Failure) -> T)
        throws(LodestoneError) -> T
    {
        try SQLiteConnection.orFail(context, body)
    }
}

extension VectorSegment {
    /// The `count` vectors at `offset`, as a run of rows from `firstRow` on.
    func run(at offset: Int, count: Int, dimension: Int, firstRow: RowID)
        throws(LodestoneError) -> VectorRun
    {
        let (byteCount, overflow) = (count * 4).multipliedReportingOverflow(by: dimension)
        guard !overflow, count > 0,
            let base = try vectors(at: offset, byteCount: byteCount).baseAddress
        else { throw Self.damaged(path, "the log names \(count) vectors at \(offset)") }
        return VectorRun(
            base: base.assumingMemoryBound(to: Float.self),
            firstRow: firstRow,
            rows: nil,
            count: count,
            owner: self,
            checked: nil
        )
    }

    /// A run of a base, whose blocks are checked before their first use.
    func run(_ run: VectorExtents.Run, dimension: Int) throws(LodestoneError) -> VectorRun {
        let vectorBytes = dimension * MemoryLayout<Float>.stride
        let bytes = try vectors(
            at: run.offset,
            byteCount: run.byteCount(vectorBytes: vectorBytes)
        )
        let blocks = (bytes.count + VerifiedBytes.blockBytes - 1) / VerifiedBytes.blockBytes
        guard let base = bytes.baseAddress, run.count > 0, vectorBytes > 0,
            run.sums.count == blocks
        else {
            throw Self.damaged(path, "its base has \(run.sums.count) checksums for it")
        }
        let checked = VerifiedBytes(
            bytes,
            sums: run.sums,
            checksum: { lode_crc32c(0, $0.baseAddress, $0.count) },
            release: { withExtendedLifetime(self) {} }
        )
        return VectorRun(
            base: base.assumingMemoryBound(to: Float.self),
            firstRow: run.firstRow,
            rows: run.isSparse
                ? MappedArray(checked, run.count * vectorBytes..<bytes.count) : nil,
            count: run.count,
            owner: self,
            checked: checked
        )
    }
}
