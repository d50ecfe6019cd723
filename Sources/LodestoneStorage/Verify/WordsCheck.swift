// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneText

/// Compares the words that FTS5 keeps with those that the rows have.
///
/// FTS5's own check can't: the index is contentless, and does not notice words of a text that was
/// never there. So every row's text goes through the same analysis once more, into an index in
/// memory, and of each row all words with their places are summed up on both sides. Sums of 64 bits
/// that agree by chance are not a thing to reckon with.
struct WordsCheck {
    /// Rows that go into the index in memory at once.
    private static let rowsPerPage = 1_024

    private let collection: CollectionNumber
    private let analyzer: TextAnalyzer
    private let connection: SQLiteConnection
    private let context: CallContext?
    private let scratch: SQLiteConnection
    /// What the rows have, less what the index has: 0 for every row in the end.
    private var balance: [UInt64] = []
    private var ignored: Set<RowNumber> = []
    private var pending = 0
    /// Words in the index of rows beyond the last one with text.
    private var strangers = 0

    init(
        _ collection: CollectionNumber,
        _ analyzer: TextAnalyzer,
        _ connection: SQLiteConnection,
        context: CallContext?
    ) throws(LodestoneError) {
        self.collection = collection
        self.analyzer = analyzer
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

    /// Takes in a row as it should be.
    mutating func expect(_ row: StoredRow) throws(LodestoneError) {
        guard let words = FTS5Words(of: row.text, analyzer) else { return }
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

    /// Leaves out a row whose text is not known.
    mutating func ignore(_ row: RowNumber) {
        ignored.insert(row)
    }

    /// Reads the index, once every row has been taken in, and notes what does not agree.
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
        where sum != 0 && !ignored.contains(RowNumber(row)) {
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
            guard let place = Int(exactly: row), balance.indices.contains(place) else {
                strangers += 1
                continue
            }
            let offset = UInt64(bitPattern: statement.int(at: 2))
            let word = statement.withBytes(at: 0) {
                UInt64(hashing: $0).mixed(with: offset).mixed(with: number)
            }
            balance[place] = combine(balance[place], word)
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
