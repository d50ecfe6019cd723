// SPDX-License-Identifier: Apache-2.0
import CSQLite

/// The memory of SQLite in this process: mostly the pages that its connections keep.
package enum SQLiteMemory {
    /// Keeps it to about a limit: a connection then uses one of its own pages again before it takes
    /// memory for another.
    ///
    /// It is the process's; the last call counts.
    package static func limit(to byteCount: Int) {
        sqlite3_soft_heap_limit64(Int64(byteCount))
    }

    /// Bytes in use.
    package static var byteCount: Int { Int(sqlite3_memory_used()) }
}
