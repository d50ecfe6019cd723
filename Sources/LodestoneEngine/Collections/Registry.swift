// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import Synchronization

/// The collections by name, and the sequence number up to which all of them have been brought.
///
/// Threading: the table is behind a mutex. `gate` is held by the writer from its commit until the
/// collections show it, and by a reader that needs rows and collections of one and the same state.
final class Registry: Sendable {
    private struct Table {
        var collections: [String: Collection] = [:]
        var nextNumber: CollectionNumber = 1
    }

    private let table: Mutex<Table>
    private let published: Atomic<UInt64>
    private let gate = Mutex<Void>(())

    init(_ collections: [Collection], sequenceNumber: UInt64, nextNumber: CollectionNumber) {
        var table = Table()
        for collection in collections { table.collections[collection.record.name] = collection }
        table.nextNumber = nextNumber
        self.table = Mutex(table)
        published = Atomic(sequenceNumber)
    }

    /// Every batch up to this one is visible.
    var sequenceNumber: UInt64 { published.load(ordering: .acquiring) }

    var all: [Collection] {
        table.withLock { Array($0.collections.values) }
            .sorted { $0.record.name < $1.record.name }
    }

    func find(_ name: String) -> Collection? {
        table.withLock { $0.collections[name] }
    }

    func get(_ name: String) throws(LodestoneError) -> Collection {
        guard let collection = find(name) else { throw .noCollection(name) }
        return collection
    }

    func nextCollectionNumber() -> CollectionNumber {
        table.withLock { table in
            defer { table.nextNumber += 1 }
            return table.nextNumber
        }
    }

    func add(_ collection: Collection) {
        table.withLock { $0.collections[collection.record.name] = collection }
    }

    func remove(_ collection: Collection) {
        collection.markDropped()
        table.withLock { $0.collections[collection.record.name] = nil }
    }

    /// Runs a commit and its application to the collections as one step for `consistent`.
    func commit(_ body: () throws(LodestoneError) -> [CommittedBatch]) throws(LodestoneError)
        -> [CommittedBatch]
    {
        try gate.withLock { (_) throws(LodestoneError) in
            let committed = try body()
            if let last = committed.last {
                published.store(last.sequenceNumber, ordering: .releasing)
            }
            return committed
        }
    }

    /// Runs `body` while nothing is being committed.
    func withoutCommits<T>(_ body: () throws(LodestoneError) -> T) throws(LodestoneError) -> T {
        try gate.withLock { (_) throws(LodestoneError) in try body() }
    }
}
