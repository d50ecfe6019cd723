// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Verifies one state of the database.
///
/// Every checksum is computed again, and facts that are stored twice must agree. Damage is
/// reported, and the check continues. An error is thrown only when the check itself can't continue.
struct StateCheck {
    let connection: SQLiteConnection
    let context: CallContext?
    /// The analysis by which the words of FTS5 are compared with the rows.
    ///
    /// `nil` when another analysis made the words; they are not compared then.
    let words: (any WordAnalysis)?

    /// Checks the rows before the anchor, then follows the log's chain from its start to its end.
    func verifyLog(_ report: inout VerifyReport) throws(LodestoneError) {
        try verifyKeptLog(&report)
        var (sequence, chain) = try SchemaReader.logStart(connection)
        let statement = try SQLiteConnection.orFail {
            () throws(SQLiteConnection.Failure) in
            try connection.statement(LogRow.select + " WHERE seq > ?1 ORDER BY seq")
        }
        statement.bind(sequence, at: 1)
        defer { statement.reset() }
        while try readable(
            "the log after batch \(sequence)",
            kind: "log",
            nil,
            &report,
            {
                () throws(SQLiteConnection.Failure) in try statement.step()
            }
        ) ?? false {
            try context?.check()
            let row = LogRow(statement)
            if row.sequenceNumber != sequence + 1 {
                report.note(
                    .log(
                        "batch \(sequence + 1)",
                        "The log goes from batch \(sequence) to batch \(row.sequenceNumber)."
                    )
                )
            } else if row.chain(after: chain) != row.stored {
                report.note(
                    .log(
                        "batch \(row.sequenceNumber)",
                        "Batch \(row.sequenceNumber) of the log fails its checksum."
                    )
                )
            }
            report.batches += 1
            // Each row is compared with the row before it, even if that row is damaged.
            (sequence, chain) = (row.sequenceNumber, row.stored)
        }
    }

    private func verifyKeptLog(_ report: inout VerifyReport) throws(LodestoneError) {
        let what = "the log before its anchor"
        guard
            var check = try readable(
                what,
                kind: "log",
                nil,
                &report,
                { () throws(SQLiteConnection.Failure) in try KeptLogCheck(connection) }
            )
        else { return }
        // `nil` means damage, or that there is no next row.
        while let row = try readable(
            what,
            kind: "log",
            nil,
            &report,
            { () throws(SQLiteConnection.Failure) in try check.next() }
        ) ?? nil {
            try context?.check()
            report.batches += 1
            if !check.isRight(row) {
                report.note(
                    .log(
                        "batch \(row.sequenceNumber)",
                        "Batch \(row.sequenceNumber) of the log fails its checksum."
                    )
                )
            }
        }
        if let missing = check.missing { report.note(.log("log", "Damage: \(missing).")) }
    }

    /// Compares the rows and words of a collection with each other and with the log.
    ///
    /// `body` gets every intact row.
    func verifyRows(
        _ record: CollectionRecord,
        _ report: inout VerifyReport,
        _ body: (StoredRow) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let firstLogged = try SchemaReader.firstLoggedRow(of: record.number, connection)
        var missing = try liveRows(of: record, &report)
        var words =
            try self.words.flatMap { WordMaker($0, for: record.options) }
            .map { (words) throws(LodestoneError) in
                try WordsCheck(record.number, words, connection, context: context)
            }
        var hubs = try hubCheck(of: record)
        var ids: Set<Int> = []
        var last: RowID?
        var isComplete = true
        do throws(LodestoneError) {
            try RowTable(collection: record.number, connection: connection).forEachResult(
                context: context
            ) { (number, result) throws(LodestoneError) in
                last = number
                report.rows += 1
                if !missing.remove(number) && number >= firstLogged {
                    report.note(.extraRow(number, record))
                }
                switch result {
                case .success(let row):
                    if !ids.insert(row.id.hashValue).inserted {
                        report.note(.repeatedID(row, record))
                    }
                    try words?.expect(row)
                    if try hubs.take(row, &report) { try body(row) }
                case .failure(let error):
                    hubs.ignore(number)
                    words?.ignore(number)
                    report.note(.row(number, error, record))
                }
            }
        } catch {
            guard error.code == .dataLoss else { throw error }
            isComplete = false
            let position = last.map { "after row \($0)" } ?? "from the first on"
            report.note(.database("the rows \(position)", error, record))
        }
        guard isComplete else { return }
        for run in missing.runs { report.note(.missingRows(run, record)) }
        try hubs.finish(&report)
        try words?.compare(with: record, &report)
    }

    private func hubCheck(of record: CollectionRecord) throws(LodestoneError) -> HubCheck {
        let table = HubTable(collection: record.number, connection: connection, context: context)
        let exists = try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try table.exists()
        }
        return HubCheck(record, exists ? table : nil)
    }

    /// The live rows according to the log.
    private func liveRows(of record: CollectionRecord, _ report: inout VerifyReport)
        throws(LodestoneError) -> RowBits
    {
        var rows = RowBits()
        let statement = try SQLiteConnection.orFail {
            () throws(SQLiteConnection.Failure) in
            try connection.statement(
                LogRow.select + " WHERE collection = ?1 AND kind = 3 ORDER BY seq"
            )
        }
        statement.bind(record.number, at: 1)
        defer { statement.reset() }
        while try readable(
            "the log",
            kind: "log",
            record,
            &report,
            {
                () throws(SQLiteConnection.Failure) in try statement.step()
            }
        ) ?? false {
            let row = LogRow(statement)
            // A damaged log row may claim any count; counts beyond these limits are ignored.
            let end = Int(row.firstRow) + row.rowCount
            guard (0...1 << 27).contains(row.rowCount), end < Int(RowID.max) else { continue }
            rows.insert(row.firstRow..<RowID(end))
            for removed in row.removedRows { rows.remove(removed) }
        }
        return rows
    }

    /// Runs a step of a statement.
    ///
    /// Damage that SQLite finds is reported, and the result is `nil`.
    private func readable<T>(
        _ what: String,
        kind: String,
        _ record: CollectionRecord?,
        _ report: inout VerifyReport,
        _ body: () throws(SQLiteConnection.Failure) -> T
    ) throws(LodestoneError) -> T? {
        do throws(LodestoneError) {
            return try SQLiteConnection.orFail(context, body)
        } catch {
            guard error.code == .dataLoss else { throw error }
            report.note(.database(what, error, record))
            return nil
        }
    }
}

extension LogRow {
    /// The rows that the batch removed; none when the detail is impossible.
    var removedRows: [RowID] {
        detail.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            guard let count = try? reader.count() else { return [] }
            var rows: [RowID] = []
            for _ in 0..<count {
                guard let row = try? reader.row() else { return [] }
                rows.append(row)
            }
            return rows
        }
    }
}
