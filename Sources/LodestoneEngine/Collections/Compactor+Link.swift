// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import Synchronization

/// Linking vectors into the index in memory, without a base.
///
/// A base is written for the log's sake and the start's, not for that of searches: they only need
/// what was written to have a place in the graph. After a restart the rows of the log are linked
/// again; until then they are compared one by one.
extension Compactor {
    /// Rows that are looked at before the state goes on with them: a tenth of a second's.
    private static let rowsAtOnce = 1_024

    /// How often they are before other collections have their turn: some seconds.
    private static let roundsAtOnce = 32

    /// Links what a collection's index doesn't cover, by the calling thread, while writes and searches
    /// go on; nothing when somebody makes a whole index.
    ///
    /// - Returns: Whether there is more to do.
    func link(_ collection: Collection) -> Bool {
        for _ in 0..<Self.roundsAtOnce {
            // What isn't linked is compared one by one; the next write tries again.
            guard (try? linkSome(collection)) ?? false else { return false }
        }
        return true
    }

    /// - Returns: Whether there is more to do.
    private func linkSome(_ collection: Collection) throws(LodestoneError) -> Bool {
        try background.check()
        let state = collection.state
        guard state.uncoveredCount > 0, !collection.isDropped,
            // Asked after the state was taken: what a compaction begins with later has no row that
            // is missing here.
            !collection.progress.isRunning
        else { return false }
        let work = IndexWork(
            threads: 1,
            check: { [background] () throws(LodestoneError) in
                try background.check()
                if collection.isDropped || collection.progress.isRunning { throw .overtaken }
            },
            exists: { state.contains($0) }
        )
        guard
            let extended = try state.index.extended(
                over: state.vectorTable,
                by: Self.rowsAtOnce,
                work
            )
        else { return false }
        return try registry.changing(for: background) { (_) throws(LodestoneError) in
            collection.adopt(extended)
        }
    }
}

extension LodestoneError {
    /// The end of work that a compaction does as well.
    fileprivate static let overtaken = LodestoneError(
        .aborted,
        reason: "OVERTAKEN",
        "A compaction makes the index.",
        recovery: "Nothing needs to be done."
    )
}
