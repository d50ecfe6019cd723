// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneCore

/// One connection to the database file, and its prepared statements.
///
/// Threading: one thread at a time. The owner ensures it: the store's lock for the writer, the pool
/// for a reader. Unchecked, because a C handle is not `Sendable`.
final class SQLiteConnection: @unchecked Sendable {
    /// The error code and message of SQLite for a call that failed.
    struct Failure: Error {
        let code: Int32
        let message: String
    }

    let handle: OpaquePointer
    private var statements: [String: (statement: SQLiteStatement, lastUse: UInt64)] = [:]
    private var useCount: UInt64 = 0
    /// The most prepared statements that are kept; each takes some 5 KB.
    ///
    /// Statements name the tables of a collection. Without a bound, thousands of collections would
    /// keep tens of thousands of statements.
    private static let maximumStatements = 128
    /// Whether the connection has the function `visible_rank`.
    private var hasVisibleRank = false
    /// The call for which the connection works; its deadline or cancellation ends long statements.
    private var context: CallContext?

    init(path: String, isReadOnly: Bool, flags: Int32 = 0) throws(Failure) {
        var handle: OpaquePointer?
        let access = isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let all = access | flags | SQLITE_OPEN_NOMUTEX
        let result = sqlite3_open_v2(path, &handle, all, nil)
        guard result == SQLITE_OK, let handle else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close(handle)
            throw Failure(code: result, message: message)
        }
        self.handle = handle
        sqlite3_extended_result_codes(handle, 1)
        for option in [SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE] {
            _ = lode_sqlite_db_config(handle, option, 1)
        }
        _ = lode_sqlite_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        // SQLite checks the call's context every 4,000 virtual machine steps, some 50 microseconds.
        sqlite3_progress_handler(
            handle,
            4_000,
            { pointer in
                guard let pointer else { return 0 }
                let connection = Unmanaged<SQLiteConnection>.fromOpaque(pointer)
                return connection.takeUnretainedValue().context?.isOver == true ? 1 : 0
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// Opens a file that no process changes, for reading: without locks, recovery or other files.
    convenience init(immutable path: String) throws(Failure) {
        let escaped = path.utf8.map { byte in
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || [45, 46, 47, 95].contains(byte)
            if isPlain { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
        // The `//` before the path is an empty authority; a path that begins with `//` would be
        // read as one.
        try self.init(
            path: (path.hasPrefix("/") ? "file://" : "file:") + escaped + "?immutable=1",
            isReadOnly: true,
            flags: SQLITE_OPEN_URI
        )
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Sets the call of the next statements; `nil`: no call.
    func work(for context: CallContext?) {
        self.context = context
    }

    /// Runs statements that return no rows.
    func execute(_ sql: String) throws(Failure) {
        try check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// A prepared statement, reset and without bindings.
    ///
    /// The most recently used statements are kept for the next time.
    func statement(_ sql: String) throws(Failure) -> SQLiteStatement {
        useCount += 1
        if let statement = statements[sql]?.statement {
            statements[sql]?.lastUse = useCount
            statement.reset()
            return statement
        }
        if statements.count >= Self.maximumStatements { forgetOldStatements() }
        var prepared: OpaquePointer?
        try check(
            sqlite3_prepare_v3(
                handle,
                sql,
                -1,
                UInt32(SQLITE_PREPARE_PERSISTENT),
                &prepared,
                nil
            )
        )
        guard let prepared else { throw Failure(code: SQLITE_MISUSE, message: "empty statement") }
        let statement = SQLiteStatement(prepared, connection: self)
        statements[sql] = (statement, useCount)
        return statement
    }

    /// Adds the function `visible_rank`, at its first use.
    func addVisibleRank() throws(Failure) {
        if hasVisibleRank { return }
        try VisibleRank.register(on: self)
        hasVisibleRank = true
    }

    /// Drops the least recently used half of the statements.
    ///
    /// A statement in use remains until its holder releases it.
    private func forgetOldStatements() {
        let uses = statements.values.map(\.lastUse).sorted()
        let oldest = uses[uses.count / 2]
        statements = statements.filter { $0.value.lastUse >= oldest }
    }

    /// Drops the statements on a table, before the table is dropped.
    func forgetStatements(mentioning table: String) {
        statements = statements.filter { !$0.key.contains(table) }
    }

    func check(_ result: Int32) throws(Failure) {
        guard result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW else {
            throw Failure(code: result, message: String(cString: sqlite3_errmsg(handle)))
        }
    }
}

extension SQLiteConnection {
    /// Runs `body` and turns a failure of SQLite into the error for a caller of the store.
    ///
    /// - Parameters:
    ///   - context: The call on whose behalf `body` runs.
    ///   - body: Statements that write nothing, or are rolled back.
    /// - Returns: The result of `body`.
    /// - Throws: The error of `asLodestoneError`.
    static func orFail<T>(
        _ context: CallContext? = nil,
        _ body: () throws(Failure) -> T
    ) throws(LodestoneError) -> T {
        do throws(Failure) {
            return try body()
        } catch {
            throw error.asLodestoneError(context: context)
        }
    }
}

extension SQLiteConnection.Failure {
    /// The error for a caller of the store after a failure that wrote nothing.
    func asLodestoneError(context: CallContext?) -> LodestoneError {
        switch code & 0xff {
        case SQLITE_INTERRUPT:
            do throws(LodestoneError) {
                try context?.check()
            } catch {
                return error
            }
            return .broken("A statement was interrupted without a reason.")
        case SQLITE_FULL:
            return LodestoneError(
                .resourceExhausted,
                reason: .diskFull,
                "The disk is full: \(message).",
                recovery: "Free space on the data directory's disk; reads and drops go on."
            )
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return LodestoneError(
                .dataLoss,
                reason: .corruptDatabase,
                "SQLite reports damage: \(message).",
                recovery: "Stop writing, keep a copy of the directory, restore a snapshot."
            )
        case SQLITE_BUSY, SQLITE_LOCKED:
            return LodestoneError(
                .unavailable,
                reason: .busy,
                "The database is busy: \(message).",
                recovery: "Send the call again.",
                retryAfter: .milliseconds(50)
            )
        case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM:
            return LodestoneError(
                .failedPrecondition,
                reason: .ioError,
                "SQLite can't reach its files (code \(code)): \(message).",
                recovery: "Check the disk and the rights on the data directory."
            )
        default:
            return .broken("SQLite answered \(code): \(message).")
        }
    }
}
