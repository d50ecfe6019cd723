// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The words of a collection in FTS5, on one connection.
final class SQLiteWords: WordTables {
    /// The words between two checks of the call's context.
    private static let wordsPerCheck = 1_024

    private let collection: CollectionNumber
    private let connection: SQLiteConnection
    private let context: CallContext?
    /// The rows whose words count; `nil`: all.
    private let visible: VisibleRows?
    /// Whether the connection has the tables that list the words.
    private var hasVocabulary = false

    init(
        _ collection: CollectionNumber,
        _ connection: SQLiteConnection,
        _ context: CallContext?,
        among visible: VisibleRows?
    ) {
        self.collection = collection
        self.connection = connection
        self.context = context
        self.visible = visible
    }

    func forEachForm(
        from start: [UInt8],
        _ body: ([UInt8]) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        try createVocabulary()
        let statement = try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "SELECT term FROM temp.vocabulary_of_forms_\(collection) WHERE term >= ?1"
            )
            statement.bind(text: String(decoding: start, as: UTF8.self), at: 1)
            return statement
        }
        defer { statement.reset() }
        var count = 0
        while try orFail({ () throws(SQLiteConnection.Failure) in try statement.step() }) {
            if count % Self.wordsPerCheck == 0 { try context?.check() }
            count += 1
            guard try body(statement.withBytes(at: 0) { Array($0) }) else { return }
        }
    }

    func isVisible(_ form: [UInt8]) throws(LodestoneError) -> Bool {
        guard let visible else { return true }
        var isFound = false
        try forEachRow(in: "forms", with: form) { row in
            isFound = visible.contains(row)
            return !isFound
        }
        return isFound
    }

    /// Calls `body` with the rows of a table that have a word, until it returns false.
    private func forEachRow(in table: String, with word: [UInt8], _ body: (Int64) -> Bool)
        throws(LodestoneError)
    {
        try context?.check()
        try orFail { () throws(SQLiteConnection.Failure) in
            let name = "\(table)_\(collection)"
            let statement = try connection.statement(
                "SELECT rowid FROM \(name) WHERE \(name) MATCH ?1"
            )
            defer { statement.reset() }
            // Words have no quotes.
            statement.bind(text: "\"\(String(decoding: word, as: UTF8.self))\"", at: 1)
            while try statement.step() {
                guard body(statement.int(at: 0)) else { return }
            }
        }
    }

    func frequency(ofStem stem: [UInt8]) throws(LodestoneError) -> Int {
        if let visible {
            var count = 0
            try forEachRow(in: "text", with: stem) { row in
                if visible.contains(row) { count += 1 }
                return true
            }
            return count
        }
        try createVocabulary()
        try context?.check()
        return try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "SELECT doc FROM temp.vocabulary_of_text_\(collection) WHERE term = ?1"
            )
            defer { statement.reset() }
            statement.bind(text: String(decoding: stem, as: UTF8.self), at: 1)
            return try statement.step() ? Int(statement.int(at: 0)) : 0
        }
    }

    func forEachMatch(
        of expression: String,
        _ body: (RowID, Double) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        let rank = try visible.map { (visible) throws(LodestoneError) in
            VisibleRank(
                visible,
                try visible.wordTotals { () throws(LodestoneError) in
                    try wordTotals(of: visible)
                }
            )
        }
        let statement = try orFail { () throws(SQLiteConnection.Failure) in
            if rank != nil { try connection.addVisibleRank() }
            let table = "text_\(collection)"
            let score = rank == nil ? "rank" : "visible_rank(\(table), ?2)"
            let statement = try connection.statement(
                """
                SELECT rowid, \(score) AS score FROM \(table) WHERE \(table) MATCH ?1
                ORDER BY \(rank == nil ? "rank" : "score"), rowid
                """
            )
            statement.bind(text: expression, at: 1)
            rank?.bind(to: statement, at: 2)
            return statement
        }
        defer { statement.reset() }
        while try orFail({ () throws(SQLiteConnection.Failure) in try statement.step() }) {
            // FTS5's rank is BM25 with the opposite sign: smaller is better.
            let row = statement.row(at: 0)
            guard try body(row, -statement.double(at: 1)) else { return }
        }
    }

    func text(of row: RowID) throws(LodestoneError) -> [TextField]? {
        try RowTable(collection: collection, connection: connection)
            .read(row, context: context)?.text
    }

    /// The number of visible rows in FTS5's table, and of their words.
    private func wordTotals(of visible: VisibleRows) throws(LodestoneError) -> WordTotals {
        try context?.check()
        return try orFail { () throws(SQLiteConnection.Failure) in
            var totals = WordTotals()
            let statement = try connection.statement(
                "SELECT id, sz FROM text_\(collection)_docsize"
            )
            defer { statement.reset() }
            while try statement.step() {
                guard visible.contains(statement.int(at: 0)) else { continue }
                totals.documents += 1
                // The size of the one column, as SQLite's varint: seven bits per byte, highest
                // first.
                totals.words += statement.withBytes(at: 1) { bytes in
                    var size = 0
                    for byte in bytes.prefix(5) {
                        size = size << 7 | Int(byte & 0x7F)
                        if byte < 0x80 { break }
                    }
                    return size
                }
            }
            return totals
        }
    }

    /// Creates the tables that list the words, at their first use.
    private func createVocabulary() throws(LodestoneError) {
        if hasVocabulary { return }
        try orFail { () throws(SQLiteConnection.Failure) in
            for table in Schema.wordTables {
                try connection.execute(
                    """
                    CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary_of_\(table)_\(collection)
                        USING fts5vocab('main', '\(table)_\(collection)', 'row')
                    """
                )
            }
        }
        hasVocabulary = true
    }

    private func orFail<T>(_ body: () throws(SQLiteConnection.Failure) -> T)
        throws(LodestoneError) -> T
    {
        try SQLiteConnection.orFail(context, body)
    }
}

/// Makes the words of one collection.
struct WordMaker {
    private let analysis: any WordAnalysis
    private let options: TextOptions

    init(_ analysis: any WordAnalysis, _ options: TextOptions) {
        self.analysis = analysis
        self.options = options
    }

    /// The maker of a collection's words; `nil` where the store keeps none.
    init?(_ analysis: any WordAnalysis, for options: CollectionOptions) {
        guard options.textStrategy == .fts5 else { return nil }
        self.init(analysis, options.text)
    }

    /// The words of a document; `nil` when it has none.
    func words(of text: [TextField]) -> DocumentWords? { analysis.words(of: text, options) }
}
