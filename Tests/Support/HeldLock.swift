// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import Foundation
import LodestoneSystem

/// A lock of a store, held as another process would hold it.
///
/// With `compaction.lock` no compaction begins and no index is built until it is released.
package final class HeldLock: Sendable {
    private let file: FileHandle

    /// Waits until the lock on the file at `path` is free, and takes it.
    package init(_ path: String) throws {
        guard let file = FileHandle(forUpdatingAtPath: path),
            flock(file.fileDescriptor, LOCK_EX) == 0
        else { throw POSIXError(.ENOLCK) }
        self.file = file
    }

    /// Releases the lock.
    package func release() {
        flock(file.fileDescriptor, LOCK_UN)
    }
}

/// The right to compact one collection, held as another process would hold it.
package final class HeldCompaction: Sendable {
    private let file: FileHandle

    /// Takes the lock of a collection on the store's `compaction.lock`.
    package init(_ path: String, of collection: UInt64) throws {
        guard let file = FileHandle(forUpdatingAtPath: path),
            flock(file.fileDescriptor, LOCK_SH | LOCK_NB) == 0,
            lode_lock_byte(file.fileDescriptor, Int64(collection), false) == 0
        else { throw POSIXError(.ENOLCK) }
        self.file = file
    }

    /// Releases the lock.
    package func release() {
        try? file.close()
    }
}
