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
    /// Whether the connection has the tables that list the words.
    private var hasVocabulary = false

    init(_ collection: CollectionNumber, _ connection: SQLiteConnection, _ context: CallContext?) {
        self.collection = collection
        self.connection = connection
        self.context = context
    }

    func forEachForm(from start: [UInt8], _ body: ([UInt8]) -> Bool) throws(LodestoneError) {
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
            guard body(statement.withBytes(at: 0) { Array($0) }) else { return }
        }
    }

    func frequency(ofStem stem: [UInt8]) throws(LodestoneError) -> Int {
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
        let statement = try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                """
                SELECT rowid, rank FROM text_\(collection) WHERE text_\(collection) MATCH ?1
                ORDER BY rank, rowid
                """
            )
            statement.bind(text: expression, at: 1)
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
