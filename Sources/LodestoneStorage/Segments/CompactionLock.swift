// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneSystem

/// The lock for the compaction of a collection: one holder among the threads of all processes.
///
/// All collections use one file. A compaction shares the file with the compactions of other
/// collections, and locks the byte at its collection's number alone. A holder for all collections
/// locks the whole file alone. The kernel releases both locks with their descriptor, also when the
/// process crashes.
///
/// A read-only process shares the byte with other read-only processes. So nothing is compacted
/// while it compares a base with the rows.
///
/// Threading: any thread; each holder has its own descriptor.
struct CompactionLock: Sendable {
    let path: String
    let isReadOnly: Bool

    init(_ path: String, isReadOnly: Bool = false) throws(LodestoneError) {
        self.path = path
        self.isReadOnly = isReadOnly
        if !isReadOnly { SharedFile.close(try SharedFile.open(path)) }
    }

    /// Runs `body` unless another holder compacts the collection; returns `nil` in that case.
    ///
    /// For `nil`, no collection may be under compaction.
    func ifFree<T>(_ collection: CollectionNumber?, _ body: () throws(LodestoneError) -> T)
        throws(LodestoneError) -> T?
    {
        if Planted.ignoresLock { return try body() }
        guard
            let descriptor =
                isReadOnly ? try SharedFile.openIfThere(path) : try SharedFile.open(path)
        else { return try body() }
        defer { SharedFile.close(descriptor) }
        guard flock(descriptor, (collection == nil ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 else {
            return nil
        }
        if let collection, lode_lock_byte(descriptor, Int64(collection), isReadOnly) != 0 {
            return nil
        }
        return try body()
    }
}
