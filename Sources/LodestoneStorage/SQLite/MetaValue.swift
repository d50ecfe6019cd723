// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CSQLite

/// A value in the table `meta` that ends in the CRC-32C of its bytes.
struct MetaValue {
    let key: String
    /// The size of the value without its checksum.
    let byteCount: Int
    /// The name of the value in the error for a damaged one.
    let description: String

    /// - Returns: The bytes of the value; `nil` when there is none.
    func read(_ connection: SQLiteConnection) throws(SQLiteConnection.Failure) -> [UInt8]? {
        let statement = try connection.statement("SELECT value FROM meta WHERE key = ?1")
        defer { statement.reset() }
        statement.bind(text: key, at: 1)
        guard try statement.step() else { return nil }
        let bytes = statement.withBytes(at: 0) { Array($0) }
        guard bytes.count == byteCount + 4,
            lode_crc32c(0, bytes, byteCount) == bytes.fixed(UInt32.self, at: byteCount)
        else {
            throw SQLiteConnection.Failure(
                code: SQLITE_CORRUPT,
                message: "\(description) is damaged"
            )
        }
        return bytes
    }

    func write(_ value: ByteWriter, to connection: SQLiteConnection)
        throws(SQLiteConnection.Failure)
    {
        var writer = value
        writer.append(fixed: lode_crc32c(0, writer.bytes, byteCount))
        let statement = try connection.statement(
            "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)"
        )
        statement.bind(text: key, at: 1)
        statement.bind(writer.bytes, at: 2)
        try statement.run()
    }
}
