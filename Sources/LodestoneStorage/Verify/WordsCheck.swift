// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Compares the words in FTS5 with the words of the rows' texts.
///
/// FTS5's own check can't do that: the index is contentless, and the check does not notice words
/// that no text has. So the text of every row is analyzed again, into an index in memory. For each
/// row both sides sum up the hashes of all words with their positions. The sums have 64 bits, so a
/// chance match is negligible.
struct WordsCheck {
    /// The most rows in the index in memory.
    private static let rowsPerPage = 1_024

    private let collection: CollectionNumber
    private let words: WordMaker
    private let connection: SQLiteConnection
    private let context: CallContext?
    private let scratch: SQLiteConnection
    /// Per row, the sum of its text's words minus the sum of its words in FTS5; 0 for an intact
    /// row.
    private var balance: [UInt64] = []
    private var ignored: Set<RowID> = []
    private var pending = 0
    /// The number of words in FTS5 for rows after the last row with text.
    private var strangers = 0

    init(
        _ collection: CollectionNumber,
        _ words: WordMaker,
        _ connection: SQLiteConnection,
        context: CallContext?
    ) throws(LodestoneError) {
        self.collection = collection
        self.words = words
        self.connection = connection
        self.context = context
        do throws(SQLiteConnection.Failure) {
            scratch = try SQLiteConnection(path: ":memory:", isReadOnly: false)
            try scratch.execute(Schema.createWords(collection))
            for table in Schema.wordTables {
                try scratch.execute(Self.vocabulary(table, collection))
            }
        } catch {
            throw error.asLodestoneError(context: context)
        }
    }

    /// Adds the expected words of a row.
    mutating func expect(_ row: StoredRow) throws(LodestoneError) {
        guard let words = words.words(of: row.text) else { return }
        let count = Int(row.row) + 1
        if count > balance.count {
            balance.append(contentsOf: repeatElement(0, count: count - balance.count))
        }
        try orFail { () throws(SQLiteConnection.Failure) in
            try RowTable(collection: collection, connection: scratch)
                .insert(words, of: row.row)
        }
        pending += 1
        if pending == Self.rowsPerPage { try takePage() }
    }

    /// Excludes a row whose text can't be read.
    mutating func ignore(_ row: RowID) {
        ignored.insert(row)
    }

    /// Reads FTS5's index and reports the rows that differ; call it after the last row.
    mutating func compare(with record: CollectionRecord, _ report: inout VerifyReport)
        throws(LodestoneError)
    {
        try takePage()
        do throws(LodestoneError) {
            try orFail { () throws(SQLiteConnection.Failure) in
                for table in Schema.wordTables {
                    try connection.execute(
                        """
                        DROP TABLE IF EXISTS temp.\(table)_words;
                        \(Self.vocabulary(table, collection))
                        """
                    )
                }
            }
            try add(connection) { $0 &- $1 }
            try orFail { () throws(SQLiteConnection.Failure) in
                for table in Schema.wordTables {
                    connection.forgetStatements(mentioning: "temp.\(table)_words")
                    try connection.execute("DROP TABLE temp.\(table)_words")
                }
            }
        } catch {
            guard error.code == .dataLoss else { throw error }
            report.note(.words("the index", "The words can't be read: \(error.message)", record))
            return
        }
        if strangers > 0 {
            report.note(
                .words("the index", "\(strangers) words belong to no row.", record)
            )
        }
        for (row, sum) in balance.enumerated()
        where sum != 0 && !ignored.contains(RowID(row)) {
            report.note(
                .words(
                    "row \(row)",
                    "The words kept for row \(row) of '\(record.name)' are not those of its text.",
                    record
                )
            )
        }
    }

    private mutating func takePage() throws(LodestoneError) {
        guard pending > 0 else { return }
        pending = 0
        try add(scratch) { $0 &+ $1 }
        try orFail { () throws(SQLiteConnection.Failure) in
            for table in Schema.wordTables {
                let name = "\(table)_\(collection)"
                try scratch.execute("INSERT INTO \(name)(\(name)) VALUES('delete-all')")
            }
        }
    }

    /// Adds every word of an index to the balance.
    private mutating func add(
        _ connection: SQLiteConnection,
        _ combine: (UInt64, UInt64) -> UInt64
    ) throws(LodestoneError) {
        for (number, table) in Schema.wordTables.enumerated() {
            try add(table, UInt64(number), connection, combine)
        }
    }

    private mutating func add(
        _ table: String,
        _ number: UInt64,
        _ connection: SQLiteConnection,
        _ combine: (UInt64, UInt64) -> UInt64
    ) throws(LodestoneError) {
        let statement = try orFail { () throws(SQLiteConnection.Failure) in
            try connection.statement("SELECT term, doc, offset FROM temp.\(table)_words")
        }
        defer { statement.reset() }
        while try orFail({ () throws(SQLiteConnection.Failure) in try statement.step() }) {
            let row = statement.int(at: 1)
            guard let index = Int(exactly: row), balance.indices.contains(index) else {
                strangers += 1
                continue
            }
            let offset = UInt64(bitPattern: statement.int(at: 2))
            let word = statement.withBytes(at: 0) {
                UInt64(hashing: $0).mixed(with: offset).mixed(with: number)
            }
            balance[index] = combine(balance[index], word)
        }
    }

    private static func vocabulary(_ table: String, _ collection: CollectionNumber) -> String {
        """
        CREATE VIRTUAL TABLE temp.\(table)_words
            USING fts5vocab('main', '\(table)_\(collection)', 'instance')
        """
    }

    private func orFail<T>(_ body: () throws(SQLiteConnection.Failure) -> T)
        throws(LodestoneError) -> T
    {
        try SQLiteConnection.orFail(context, body)
    }
}
