// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneStructures

/// A prepared statement.
///
/// Parameters count from 1 and columns from 0, as in SQLite.
final class SQLiteStatement {
    private let handle: OpaquePointer
    private unowned let connection: SQLiteConnection

    init(_ handle: OpaquePointer, connection: SQLiteConnection) {
        self.handle = handle
        self.connection = connection
    }

    deinit {
        sqlite3_finalize(handle)
    }

    func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    func bind(_ value: some BinaryInteger, at index: Int32) {
        sqlite3_bind_int64(handle, index, Int64(truncatingIfNeeded: value))
    }

    func bind(_ row: RowID, at index: Int32) { bind(row.rawValue, at: index) }

    func bind(_ bytes: [UInt8], at index: Int32) {
        bytes.withUnsafeBytes { bind($0, at: index) }
    }

    /// Binds a copy of the bytes as a blob.
    func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32) {
        if let base = bytes.baseAddress, !bytes.isEmpty {
            sqlite3_bind_blob64(
                handle,
                index,
                base,
                UInt64(bytes.count),
                lode_sqlite_transient()
            )
        } else {
            sqlite3_bind_zeroblob(handle, index, 0)
        }
    }

    /// Binds bytes as a blob without a copy; they must stay in place until `reset`.
    func bind(lent bytes: UnsafeRawBufferPointer, at index: Int32) {
        if let base = bytes.baseAddress, !bytes.isEmpty {
            sqlite3_bind_blob64(handle, index, base, UInt64(bytes.count), nil)
        } else {
            sqlite3_bind_zeroblob(handle, index, 0)
        }
    }

    /// Binds UTF-8 as a blob, for ids and names.
    func bind(blob string: String, at index: Int32) {
        var string = string
        string.withUTF8 { bind(UnsafeRawBufferPointer($0), at: index) }
    }

    /// Binds text.
    func bind(text string: String, at index: Int32) {
        var string = string
        string.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                _ = sqlite3_bind_text64(
                    handle,
                    index,
                    characters.baseAddress,
                    UInt64(characters.count),
                    lode_sqlite_transient(),
                    UInt8(SQLITE_UTF8)
                )
            }
        }
    }

    /// Binds a pointer, which only a function that knows its type can read.
    ///
    /// `destroy` gets the pointer when the bindings are cleared.
    func bind(
        pointer: UnsafeMutableRawPointer,
        type: UnsafePointer<CChar>,
        at index: Int32,
        destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    ) {
        sqlite3_bind_pointer(handle, index, pointer, type, destroy)
    }

    /// Steps once; returns whether there is a row to read.
    func step() throws(SQLiteConnection.Failure) -> Bool {
        let result = sqlite3_step(handle)
        try connection.check(result)
        return result == SQLITE_ROW
    }

    /// Runs a statement that returns no rows.
    func run() throws(SQLiteConnection.Failure) {
        _ = try step()
        sqlite3_reset(handle)
    }

    func int(at column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func row(at column: Int32) -> RowID {
        RowID(rawValue: UInt32(truncatingIfNeeded: int(at: column)))
    }
    func double(at column: Int32) -> Double { sqlite3_column_double(handle, column) }

    /// Calls `body` with the bytes of a column, which are valid until the next step.
    func withBytes<T, Failure: Error>(
        at column: Int32,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> T
    ) throws(Failure) -> T {
        let base = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        return try body(UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count))
    }
}
