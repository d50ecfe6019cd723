// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneText

/// The words of a collection in FTS5, on one connection.
struct SQLiteWords: StoredWords {
    /// The words between two checks of the call's context.
    private static let wordsPerCheck = 1_024

    private let collection: CollectionNumber
    private let connection: SQLiteConnection
    private let context: CallContext?

    init(
        _ collection: CollectionNumber,
        _ connection: SQLiteConnection,
        _ context: CallContext?
    ) throws(LodestoneError) {
        self.collection = collection
        self.connection = connection
        self.context = context
        try SQLiteConnection.orFail(context) { () throws(SQLiteConnection.Failure) in
            for table in Schema.wordTables {
                try connection.execute(
                    """
                    CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary_of_\(table)_\(collection)
                        USING fts5vocab('main', '\(table)_\(collection)', 'row')
                    """
                )
            }
        }
    }

    func forEachForm(from start: [UInt8], _ body: ([UInt8]) -> Bool) throws(LodestoneError) {
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

    private func orFail<T>(_ body: () throws(SQLiteConnection.Failure) -> T)
        throws(LodestoneError) -> T
    {
        try SQLiteConnection.orFail(context, body)
    }
}
