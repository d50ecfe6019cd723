// SPDX-License-Identifier: Apache-2.0
import CSQLite

/// The memory of SQLite in this process: mostly the page caches of its connections.
package enum SQLiteMemory {
    /// Limits the memory to about `byteCount` bytes.
    ///
    /// At the limit a connection reuses one of its own pages before it takes memory for another.
    /// The limit applies to the whole process; the last call sets it.
    package static func limit(to byteCount: Int) {
        sqlite3_soft_heap_limit64(Int64(byteCount))
    }

    /// The bytes of SQLite in use.
    package static var byteCount: Int { Int(sqlite3_memory_used()) }
}
