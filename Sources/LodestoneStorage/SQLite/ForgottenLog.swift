// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneCore
import LodestoneStructures

/// Deletes the rows of the log before the last row, except those that a collection still needs.
///
/// The log is one chain, and an idle collection may need an old row. Such a row is kept before the
/// anchor (`LogAnchor`), and the rows around it are deleted. A kept row is outside of the chain and
/// has a checksum of its own. `meta.kept` has the number of all such rows and the sum of their
/// checksums, so none can disappear unnoticed.
extension SQLiteStore {
    /// The log rows that one transaction forgets; a longer transaction would delay commits.
    private static let forgottenRowsPerStep: UInt64 = 2_000

    /// Forgets all of the log except the rows that a base lacks and the last row.
    ///
    /// The last row has the last sequence number.
    func forgetLog() throws(LodestoneError) {
        try inSteps { (last) throws(SQLiteConnection.Failure) in
            // An erasure keeps the last row of its time, as a row of no collection.
            _ = try forgetKeptStep(of: KeptLog.noCollection, through: last - 1)
            return try forgetStep(before: last)
        }
    }

    /// Forgets the kept rows whose changes the collection's base has now.
    func forgetKeptLog(of collection: CollectionNumber) throws(LodestoneError) {
        try inSteps { (last) throws(SQLiteConnection.Failure) in
            let anchor = try LogAnchor.read(writer)?.sequenceNumber ?? 0
            let base = try scalar(
                "SELECT coalesce(max(seq), 0) FROM bases WHERE collection = \(collection)"
            )
            let through = min(anchor, last - 1, UInt64(base))
            try Planted.forgetQuietLog(of: self, through: through)
            return try forgetKeptStep(of: collection, through: through)
        }
    }

    /// Forgets the kept rows of a collection that is being dropped; runs inside its transaction.
    func forgetKeptLog(ofDropped collection: CollectionNumber) throws(SQLiteConnection.Failure) {
        let anchor = try LogAnchor.read(writer)?.sequenceNumber ?? 0
        while try !forgetKeptStep(of: collection, through: anchor) {}
    }

    /// Repeats a step, each time in its own transaction, until the step returns that it is done.
    private func inSteps(_ step: (_ last: UInt64) throws(SQLiteConnection.Failure) -> Bool)
        throws(LodestoneError)
    {
        var isDone = false
        while !isDone {
            isDone = try exclusively { (last) throws(LodestoneError) in
                guard last > 0 else { return true }
                return try transaction { () throws(SQLiteConnection.Failure) in try step(last) }
            }
        }
    }

    func forgetStep(before last: UInt64) throws(SQLiteConnection.Failure) -> Bool {
        let anchor = try LogAnchor.read(writer)?.sequenceNumber ?? 0
        guard last - 1 > anchor else { return true }
        let through = min(last - 1, anchor + Self.forgottenRowsPerStep)
        let chain = try scalar("SELECT chain FROM log WHERE seq = \(through)")
        let isKept = Planted.kept(KeptLog.isKept)
        let range = "seq > \(anchor) AND seq <= \(through)"
        try writer.execute("DELETE FROM log WHERE \(range) AND NOT \(isKept)")
        try keepRows(where: range)
        try LogAnchor(sequenceNumber: through, chain: UInt32(truncatingIfNeeded: chain))
            .write(writer)
        return through == last - 1
    }

    /// Removes the rows that stay before the anchor from the chain.
    private func keepRows(where range: String) throws(SQLiteConnection.Failure) {
        var kept = try KeptLog.read(writer)
        let before = kept
        let select = try writer.statement(LogRow.select + " WHERE \(range) ORDER BY seq")
        let update = try writer.statement("UPDATE log SET chain = ?2 WHERE seq = ?1")
        defer { for statement in [select, update] { statement.reset() } }
        while try select.step() {
            let row = LogRow(select)
            let sum = row.chain(after: 0)
            update.reset()
            update.bind(row.sequenceNumber, at: 1)
            update.bind(sum, at: 2)
            try update.run()
            kept.add(count: 1, sum: UInt64(sum))
        }
        if kept != before { try kept.write(writer) }
    }

    private func forgetKeptStep(of collection: CollectionNumber, through: UInt64)
        throws(SQLiteConnection.Failure) -> Bool
    {
        let statement = try writer.statement(
            """
            SELECT count(*), coalesce(sum(chain), 0), coalesce(max(seq), 0) FROM (
                SELECT seq, chain FROM log
                WHERE collection = ?1 AND seq <= ?2
                ORDER BY seq LIMIT \(Self.forgottenRowsPerStep))
            """
        )
        defer { statement.reset() }
        statement.bind(collection, at: 1)
        statement.bind(through, at: 2)
        guard try statement.step(), statement.int(at: 0) > 0 else { return true }
        let (count, last) = (UInt64(statement.int(at: 0)), statement.int(at: 2))
        var kept = try KeptLog.read(writer)
        kept.remove(count: count, sum: UInt64(statement.int(at: 1)))
        statement.reset()
        try writer.execute("DELETE FROM log WHERE collection = \(collection) AND seq <= \(last)")
        try kept.write(writer)
        return count < Self.forgottenRowsPerStep
    }

    /// Compares the rows before the anchor with their checksums and the sum.
    ///
    /// It runs once, when the store is opened: no later step reads these rows.
    func checkKeptLog() throws(LodestoneError) {
        do throws(SQLiteConnection.Failure) {
            var check = try KeptLogCheck(writer)
            while let row = try check.next() {
                guard check.isRight(row) else {
                    throw SQLiteConnection.Failure(
                        code: SQLITE_CORRUPT,
                        message: "log row \(row.sequenceNumber) fails its checksum"
                    )
                }
            }
            if let missing = check.missing {
                throw SQLiteConnection.Failure(code: SQLITE_CORRUPT, message: missing)
            }
        } catch {
            throw error.asLodestoneError(context: nil)
        }
    }
}

/// The number of log rows before the anchor, and the sum of their checksums.
struct KeptLog: Equatable {
    private(set) var count: UInt64 = 0
    private(set) var sum: UInt64 = 0

    private static let value = MetaValue(
        key: "kept",
        byteCount: 16,
        description: "the sum of the rows before the log's anchor"
    )

    /// The collection number of a row that has only its sequence number; no collection has it.
    static let noCollection: CollectionNumber = 0

    /// The SQL condition that a log row has a change that the base of its collection lacks.
    ///
    /// A collection without a base also keeps its first batch. By this batch `isLost` recognizes a
    /// collection that never had a base. Batches that alter a collection are not needed: its record
    /// has its options.
    static let isKept = """
        EXISTS(SELECT 1 FROM collections LEFT JOIN bases ON bases.collection = number
            WHERE number = log.collection AND
                (kind = 3 AND log.seq > coalesce(bases.seq, 0) OR kind = 1 AND bases.seq IS NULL))
        """

    mutating func add(count: UInt64, sum: UInt64) {
        self.count &+= count
        self.sum &+= sum
    }

    mutating func remove(count: UInt64, sum: UInt64) {
        self.count &-= count
        self.sum &-= sum
    }

    static func read(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) -> KeptLog {
        guard let bytes = try value.read(connection) else { return KeptLog() }
        return KeptLog(
            count: bytes.fixed(UInt64.self, at: 0),
            sum: bytes.fixed(UInt64.self, at: 8)
        )
    }

    func write(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) {
        var writer = ByteWriter()
        writer.append(fixed: count)
        writer.append(fixed: sum)
        try Self.value.write(writer, to: connection)
    }
}

/// Reads the rows before the anchor and compares them with their checksums.
struct KeptLogCheck {
    private let statement: SQLiteStatement
    private let expected: KeptLog
    private var found = KeptLog()

    init(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) {
        expected = try KeptLog.read(connection)
        let anchor = try LogAnchor.read(connection)?.sequenceNumber ?? 0
        statement = try connection.statement(LogRow.select + " WHERE seq <= ?1 ORDER BY seq")
        statement.bind(anchor, at: 1)
    }

    mutating func next() throws(SQLiteConnection.Failure) -> LogRow? {
        guard try statement.step() else {
            statement.reset()
            return nil
        }
        let row = LogRow(statement)
        found.add(count: 1, sum: UInt64(row.stored))
        return row
    }

    func isRight(_ row: LogRow) -> Bool { Checksum.isRight(row.chain(after: 0), row.stored) }

    /// The difference between all rows and the expected count and sum; called after the last row.
    var missing: String? {
        guard !Checksum.isRight(found, expected) else { return nil }
        return found.count == expected.count
            ? "the rows before the log's anchor are not those that were kept"
            : "the log has \(found.count) rows before its anchor, of \(expected.count)"
    }
}
