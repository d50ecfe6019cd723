// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The right to compact a collection: one holder among the threads of all processes.
///
/// All collections have one file. Whoever compacts one shares the file with those that compact others,
/// and has the byte at the collection's number alone; whoever needs that nothing is compacted has
/// the file alone. The kernel drops both with their descriptor, however the process ends.
///
/// A process that only reads shares the byte with others of its kind, so that nothing is compacted while
/// it compares a base with the rows.
///
/// Threading: any thread; each holder has a descriptor of its own.
struct CompactionLock: Sendable {
    let path: String
    let isReadOnly: Bool

    init(_ path: String, isReadOnly: Bool = false) throws(LodestoneError) {
        self.path = path
        self.isReadOnly = isReadOnly
        if !isReadOnly { SharedFile.close(try SharedFile.open(path)) }
    }

    /// Runs `body` unless somebody else compacts the collection, or any collection when it is `nil`;
    /// answers `nil` then.
    func ifFree<T>(_ collection: CollectionNumber?, _ body: () throws(LodestoneError) -> T)
        throws(LodestoneError) -> T?
    {
        if PlantedBug.compactionWithoutLock.isPlanted { return try body() }
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
