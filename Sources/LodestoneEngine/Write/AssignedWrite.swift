// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// A write with assigned rows: the batch for the store, and its effect on the catalog.
struct AssignedWrite {
    /// The effect of a batch once it is durable.
    enum Effect {
        case create(CollectionRecord)
        /// Another vector strategy, or other indexed fields.
        case alter(Collection, CollectionOptions)
        case drop(CollectionNumber)
        /// Other rows or edges. The locations of vectors and the removed texts are known after the
        /// commit.
        case change(Collection, IndexChange)
    }

    let batch: StoredBatch
    let effect: Effect
    /// The collection whose index has to be built now.
    var needsIndex: Collection?

    /// Makes a durable batch visible.
    func apply(_ committed: CommittedBatch, to catalog: Catalog) {
        switch effect {
        case .create(let record):
            var version = CollectionVersion(record.options)
            version.advance(to: committed.sequenceNumber)
            catalog.add(
                record,
                Collection(record, version: version, countedIn: catalog.deltaMemory)
            )
        case .alter(let collection, let options):
            collection.alter(to: options, at: committed.sequenceNumber)
        case .drop(let number):
            catalog.remove(number)
        case .change(let collection, var change):
            collection.version.prepareRemoval(of: committed.removedTexts, in: &change.batches)
            change.vectors = committed.vectors
            change.sequenceNumber = committed.sequenceNumber
            collection.apply(change)
        }
    }

    func receipt(_ committed: CommittedBatch, durability: Durability) -> WriteReceipt {
        WriteReceipt(
            sequenceNumber: committed.sequenceNumber,
            durability: durability,
            inserted: batch.inserted,
            replaced: batch.replaced,
            dropped: batch.dropped
        )
    }
}
