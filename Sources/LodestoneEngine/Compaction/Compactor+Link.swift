// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import Synchronization

/// The linking of vectors into the index in memory, without a base.
///
/// A base makes the log and the start shorter. Fast searches need only that new vectors are in the
/// graph. After a restart the vectors of the log are compared one by one until they are linked
/// again.
extension Compactor {
    /// The rows that are linked before the collection adopts them: a tenth of a second of work.
    private static let rowsAtOnce = 1_024

    /// The rounds of linking before the turn of other collections: some seconds.
    private static let roundsAtOnce = 32

    /// Links the vectors that a collection's index does not cover; writes and searches continue
    /// meanwhile.
    ///
    /// Runs on the calling thread. It links nothing while a whole index is being built.
    ///
    /// - Returns: Whether vectors are left to link.
    func link(_ collection: Collection) -> Bool {
        for _ in 0..<Self.roundsAtOnce {
            // Vectors that were not linked are compared one by one; the next write tries again.
            guard (try? linkSome(collection)) ?? false else { return false }
        }
        return true
    }

    /// - Returns: Whether vectors are left to link.
    private func linkSome(_ collection: Collection) throws(LodestoneError) -> Bool {
        try background.check()
        let version = collection.version
        let (ids, vectors) = (version.ids, version.vectors)
        guard vectors.uncoveredCount > 0, !collection.isDropped,
            // The check follows the copy of the version: a compaction that begins later has all
            // rows of the copy.
            !collection.progress.isRunning
        else { return false }
        let work = IndexWork(
            threads: 1,
            check: { [background] () throws(LodestoneError) in
                try background.check()
                if collection.isDropped || collection.progress.isRunning { throw .overtaken }
            },
            exists: { ids.contains($0) }
        )
        guard
            let extended = try vectors.index.extended(
                over: vectors.table,
                by: Self.rowsAtOnce,
                work
            )
        else { return false }
        return try catalog.withExclusiveAccess(for: background) { (_) throws(LodestoneError) in
            collection.adopt(extended)
        }
    }
}

extension LodestoneError {
    /// The error that ends the linking when a compaction builds the index.
    fileprivate static let overtaken = LodestoneError(
        .aborted,
        reason: .overtaken,
        "A compaction makes the index.",
        recovery: "Nothing needs to be done."
    )
}
