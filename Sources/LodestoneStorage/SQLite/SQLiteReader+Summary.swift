// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Counts of collections, without a read of whole rows.
extension SQLiteReader {
    func uncompactedCollections() throws(LodestoneError) -> [CollectionNumber] {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                """
                SELECT number FROM collections LEFT JOIN bases ON bases.collection = number
                WHERE file = '' OR EXISTS(
                    SELECT 1 FROM log WHERE log.collection = number
                        AND log.seq > coalesce(bases.seq, 0))
                ORDER BY number
                """
            )
            defer { statement.reset() }
            var numbers: [CollectionNumber] = []
            while try statement.step() {
                numbers.append(CollectionNumber(truncatingIfNeeded: statement.int(at: 0)))
            }
            return numbers
        }
    }

    func logRowCount() throws(LodestoneError) -> UInt64 {
        try orFail { () throws(SQLiteConnection.Failure) in
            let anchor = try LogAnchor.read(connection)?.sequenceNumber ?? 0
            let kept = try KeptLog.read(connection).count
            return kept + (sequenceNumber - min(anchor, sequenceNumber))
        }
    }

    func logSummaries() throws(LodestoneError) -> [CollectionNumber: LogSummary] {
        try orFail { () throws(SQLiteConnection.Failure) in
            // The detail of a batch that only adds is five empty lists (`LogRow.detail`).
            let statement = try connection.statement(
                """
                SELECT log.collection, sum(row_count), sum(vector_count), max(log.seq),
                    max(kind = 4 OR (kind = 3 AND detail <> zeroblob(5)))
                FROM log LEFT JOIN bases ON bases.collection = log.collection
                WHERE log.seq > coalesce(bases.seq, 0) GROUP BY log.collection
                """
            )
            defer { statement.reset() }
            var summaries: [CollectionNumber: LogSummary] = [:]
            while try statement.step() {
                summaries[CollectionNumber(truncatingIfNeeded: statement.int(at: 0))] = LogSummary(
                    rows: Int(statement.int(at: 1)),
                    vectors: Int(statement.int(at: 2)),
                    last: UInt64(bitPattern: statement.int(at: 3)),
                    hasOnlyNewRows: statement.int(at: 4) == 0
                )
            }
            return summaries
        }
    }

    func hasEdges(_ collection: CollectionNumber, from row: RowID) throws(LodestoneError)
        -> Bool
    {
        try orFail { () throws(SQLiteConnection.Failure) in
            // The edges column of a row without edges is one byte, a count of 0.
            let statement = try connection.statement(
                """
                SELECT EXISTS(SELECT 1 FROM docs_\(collection) WHERE row >= ?1 AND edges <> x'00')
                """
            )
            defer { statement.reset() }
            statement.bind(row, at: 1)
            return try statement.step() && statement.int(at: 0) != 0
        }
    }
}
