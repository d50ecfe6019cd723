// SPDX-License-Identifier: Apache-2.0
import CSQLite

/// The memory of SQLite in this process: mostly the pages that its connections keep.
package enum SQLiteMemory {
    /// Limits the memory to about `byteCount` bytes.
    ///
    /// At the limit a connection reuses one of its own pages before it takes memory for another.
    /// The limit is the process's; the last call counts.
    package static func limit(to byteCount: Int) {
        sqlite3_soft_heap_limit64(Int64(byteCount))
    }

    /// The bytes of SQLite in use.
    package static var byteCount: Int { Int(sqlite3_memory_used()) }
}
