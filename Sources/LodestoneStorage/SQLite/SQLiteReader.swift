// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneText

/// A read transaction: one state of the rows, on a connection of its own.
final class SQLiteReader: StoreReader {
    let sequenceNumber: UInt64
    let connection: SQLiteConnection
    let store: SQLiteStore
    let context: CallContext?

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
        // A connection that can't end its transaction is not given back; it closes with `self`.
        if (try? connection.execute("COMMIT")) != nil { store.giveBack(connection) }
    }

    func collections() throws(LodestoneError) -> [CollectionRecord] {
        try StoreLayout.collections(connection, context: context)
    }

    func nextCollectionNumber() throws(LodestoneError) -> CollectionNumber {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement("SELECT max(collection) FROM log")
            defer { statement.reset() }
            return try statement.step() ? CollectionNumber(statement.int(at: 0)) + 1 : 1
        }
    }

    func vectorRuns(of collection: CollectionNumber) throws(LodestoneError) -> [VectorRun] {
        guard let record = try collections().first(where: { $0.number == collection }) else {
            return []
        }
        let logged = try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                LogRow.select + " WHERE collection = ?1 AND vector_count > 0 ORDER BY seq"
            )
            defer { statement.reset() }
            statement.bind(collection, at: 1)
            var rows: [LogRow] = []
            while try statement.step() { rows.append(LogRow(statement)) }
            return rows
        }
        let dimension = record.options.dimension
        var runs: [VectorRun] = []
        for row in logged {
            try context?.check()
            let segment = try store.segments.segment(
                row.segment,
                of: collection,
                dimension: dimension
            )
            let run = try segment.run(
                at: row.offset,
                count: row.vectorCount,
                dimension: dimension,
                firstRow: row.firstRow
            )
            let sum = lode_crc32c(0, run.base, row.vectorCount * dimension * 4)
            guard Checksum.isRight(sum, row.vectorSum) else {
                throw VectorSegment.damaged(
                    segment.path,
                    "the vectors of batch \(row.sequenceNumber) fail their checksum"
                )
            }
            runs.append(run)
        }
        return runs
    }

    func nextRow(of collection: CollectionNumber) throws(LodestoneError) -> RowNumber {
        RowNumber(
            truncatingIfNeeded: try logScalar(
                "max(first_row + row_count)",
                of: collection,
                and: "kind = 3"
            )
        )
    }

    func lastSequenceNumber(of collection: CollectionNumber) throws(LodestoneError) -> UInt64 {
        UInt64(bitPattern: try logScalar("max(seq)", of: collection, and: "1"))
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

    func row(_ row: RowNumber, of collection: CollectionNumber) throws(LodestoneError)
        -> StoredRow?
    {
        try RowTable(collection: collection, connection: connection).read(row, context: context)
    }

    func forEachRow(
        of collection: CollectionNumber,
        after: RowNumber?,
        _ body: (StoredRow) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        try RowTable(collection: collection, connection: connection)
            .forEach(after: after, context: context, body)
    }

    func forEachMatch(
        of expression: TextExpression,
        in collection: CollectionNumber,
        _ body: (RowNumber, Double) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        let statement = try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                """
                SELECT rowid, rank FROM text_\(collection) WHERE text_\(collection) MATCH ?1
                ORDER BY rank, rowid
                """
            )
            statement.bind(text: FTS5Expression.render(expression), at: 1)
            return statement
        }
        defer { statement.reset() }
        while try orFail({ () throws(SQLiteConnection.Failure) in try statement.step() }) {
            // FTS5's rank is BM25 with the sign turned: smaller is better.
            let row = RowNumber(truncatingIfNeeded: statement.int(at: 0))
            guard try body(row, -statement.double(at: 1)) else { return }
        }
    }

    private func orFail<T>(_ body: () throws(SQLiteConnection.Failure) -> T)
        throws(LodestoneError) -> T
    {
        do throws(SQLiteConnection.Failure) {
            return try body()
        } catch {
            throw error.asLodestoneError(context: context)
        }
    }
}

extension VectorSegment {
    /// `count` vectors at `offset`, as rows from `firstRow` on.
    func run(at offset: Int, count: Int, dimension: Int, firstRow: RowNumber)
        throws(LodestoneError) -> VectorRun
    {
        let (byteCount, overflow) = (count * 4).multipliedReportingOverflow(by: dimension)
        guard !overflow, count > 0,
            let base = try vectors(at: offset, byteCount: byteCount).baseAddress
        else { throw Self.damaged(path, "the log names \(count) vectors at \(offset)") }
        return VectorRun(
            base: base.assumingMemoryBound(to: Float.self),
            firstRow: firstRow,
            count: count,
            owner: self
        )
    }
}
