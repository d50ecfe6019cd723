// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Testing

/// A real FTS5 table in memory.
final class FTS5Table {
    private let database: OpaquePointer
    private let insertion: OpaquePointer
    private let deletion: OpaquePointer
    private let matching: OpaquePointer
    private let ranking: OpaquePointer
    private let occurrences: OpaquePointer

    /// Creates a table with one of FTS5's tokenizers.
    init(tokenizer: String = "unicode61") throws {
        var handle: OpaquePointer?
        #expect(sqlite3_open(":memory:", &handle) == SQLITE_OK)
        database = try #require(handle)
        let table = """
            CREATE VIRTUAL TABLE texts USING fts5(text, tokenize = '\(tokenizer)');
            CREATE VIRTUAL TABLE occurrences USING fts5vocab(texts, 'instance');
            """
        try #require(sqlite3_exec(database, table, nil, nil, nil) == SQLITE_OK)
        insertion = try Self.prepare("INSERT INTO texts(rowid, text) VALUES (?, ?)", database)
        deletion = try Self.prepare("DELETE FROM texts WHERE rowid = ?", database)
        matching = try Self.prepare("SELECT rowid FROM texts WHERE texts MATCH ?", database)
        ranking = try Self.prepare(
            "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY bm25(texts), rowid",
            database
        )
        let order = "SELECT doc, term FROM occurrences ORDER BY doc, offset"
        occurrences = try Self.prepare(order, database)
    }

    deinit {
        sqlite3_finalize(insertion)
        sqlite3_finalize(deletion)
        sqlite3_finalize(matching)
        sqlite3_finalize(ranking)
        sqlite3_finalize(occurrences)
        sqlite3_close(database)
    }

    private static func prepare(_ sql: String, _ database: OpaquePointer) throws -> OpaquePointer {
        var statement: OpaquePointer?
        try #require(sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK)
        return try #require(statement)
    }

    func insert(_ row: Int, _ text: String) throws {
        sqlite3_bind_int64(insertion, 1, Int64(row))
        sqlite3_bind_text(insertion, 2, text, -1, lode_sqlite_transient())
        try #require(sqlite3_step(insertion) == SQLITE_DONE)
        sqlite3_reset(insertion)
    }

    func delete(_ row: Int) throws {
        sqlite3_bind_int64(deletion, 1, Int64(row))
        try #require(sqlite3_step(deletion) == SQLITE_DONE)
        sqlite3_reset(deletion)
    }

    /// The words of each row in the index, in order.
    func words() throws -> [Int: [String]] {
        defer { sqlite3_reset(occurrences) }
        var words: [Int: [String]] = [:]
        while sqlite3_step(occurrences) == SQLITE_ROW {
            let row = Int(sqlite3_column_int64(occurrences, 0))
            let word = try #require(sqlite3_column_text(occurrences, 1))
            words[row, default: []].append(String(cString: word))
        }
        return words
    }

    /// The rows that match.
    func rows(matching expression: String) throws -> Set<Int> {
        Set(try rows(matching, expression))
    }

    /// The rows that match, best first; of equal ones the smaller row.
    func ranked(matching expression: String) throws -> [Int] {
        try rows(ranking, expression)
    }

    private func rows(_ statement: OpaquePointer, _ expression: String) throws -> [Int] {
        defer { sqlite3_reset(statement) }
        sqlite3_bind_text(statement, 1, expression, -1, lode_sqlite_transient())
        var rows: [Int] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW:
                rows.append(Int(sqlite3_column_int64(statement, 0)))
            case SQLITE_DONE:
                return rows
            default:
                throw FTS5Failure(
                    message: String(cString: sqlite3_errmsg(database)),
                    expression: expression
                )
            }
        }
    }
}

struct FTS5Failure: Error {
    var message: String
    var expression: String
}
