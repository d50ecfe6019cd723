// SPDX-License-Identifier: Apache-2.0
// The state of the engine for metrics and probes. No collection is opened for it.
package import LodestoneCore
import LodestoneStorage

/// The figures of an engine at one moment.
package struct EngineFigures: Sendable {
    /// The figures of one collection.
    package struct Collection: Sendable {
        package let description: CollectionDescription
        /// The age of the oldest change that the base lacks.
        package let ageOfChanges: Duration
    }

    /// The sequence number that searches read.
    package let sequenceNumber: UInt64
    /// The sequence number of the last batch of any process.
    package let sharedSequenceNumber: UInt64
    /// The number of collections, open and closed.
    package let collectionCount: Int
    /// The collections whose state is known without opening them, in the order of their making.
    package let collections: [Collection]
    /// The bytes of files and memory, by part; empty when the store can't be read.
    package let statistics: [Statistic]
    /// Whether the last compaction failed.
    package let hasFailedCompaction: Bool
    /// Compactions and builds that are queued or running.
    package let pendingCompactions: Int
    /// Whether the store refuses writes since one failed.
    package let refusesWrites: Bool
}

extension Engine {
    /// The figures now.
    package var figures: EngineFigures {
        let known = catalog.knownDescriptions
        return EngineFigures(
            sequenceNumber: catalog.sequenceNumber,
            sharedSequenceNumber: sequenceNumber,
            collectionCount: known.count,
            collections: known.descriptions.map { description, collection in
                EngineFigures.Collection(
                    description: description,
                    ageOfChanges: collection.map { compactor.ageOfChanges(of: $0) } ?? .zero
                )
            },
            statistics: (try? statistics()) ?? [],
            hasFailedCompaction: compactor.lastFailure != nil,
            pendingCompactions: compactor.pendingCount,
            refusesWrites: store.failedWrite != nil
        )
    }

    /// Whether there is a collection of that name, as far as this process knows.
    package func knowsCollection(_ name: String) -> Bool { catalog.record(named: name) != nil }

    /// The failed write since which the store refuses all writes; `nil`: none failed.
    package var failedWrite: LodestoneError? { store.failedWrite }

    /// Applies the commits of other processes, unless that takes longer than some milliseconds.
    ///
    /// - Returns: Whether searches read the last batch of all processes.
    /// - Throws: The errors of reading the store.
    package func isCaughtUp() throws(LodestoneError) -> Bool {
        let last = store.sharedSequenceNumber
        try catalog.catchUpIfFree()
        return catalog.sequenceNumber >= last
    }
}
