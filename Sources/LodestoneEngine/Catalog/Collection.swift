// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import Synchronization

/// A collection: its name, and its current version.
///
/// Threading: readers take a reference to the version, or a copy, under the mutex. The writer
/// changes the version in place under the same mutex, one batch at a time. There is one writer at a
/// time: the thread inside `Catalog.withExclusiveAccess`.
final class Collection: Sendable {
    let number: CollectionNumber
    let name: String
    /// The progress of the index that is being built.
    let progress = BuildProgress()
    /// The rows that satisfy the filters of the latest queries.
    let filters = FilterCache()
    private let current: Mutex<Current>
    private let deltaMemory: DeltaMemory
    private let dropped = Atomic<Bool>(false)
    /// The sequence number, plus one, of the last base that a search has used; 0 for none.
    private let searchedBase = Atomic<UInt64>(0)
    /// Likewise for the last base that a walk has used.
    private let walkedBase = Atomic<UInt64>(0)

    private struct Current {
        var version: CollectionVersion
        /// The shared version for readers; the first reader makes it.
        ///
        /// A change drops this reference first, so that a version without a reader needs no copy.
        var shared: CollectionVersion.Shared?
        /// The writes since a compaction took the version; `nil` without a compaction.
        var buffer: ChangeBuffer?
        /// The bytes that `deltaMemory` counts for this collection.
        var countedBytes = 0

        mutating func count(in memory: DeltaMemory) {
            let byteCount = version.deltaByteCount + (buffer?.byteCount ?? 0)
            memory.take(byteCount - countedBytes)
            countedBytes = byteCount
        }

        mutating func share() -> CollectionVersion.Shared {
            if let shared { return shared }
            let new = CollectionVersion.Shared(version)
            shared = new
            return new
        }
    }

    init(
        _ record: CollectionRecord,
        version: CollectionVersion? = nil,
        countedIn deltaMemory: DeltaMemory
    ) {
        number = record.number
        name = record.name
        self.deltaMemory = deltaMemory
        var first = Current(version: version ?? CollectionVersion(record.options))
        first.count(in: deltaMemory)
        current = Mutex(first)
    }

    deinit {
        deltaMemory.take(-current.withLock { $0.countedBytes })
    }

    /// The record with the current options.
    var record: CollectionRecord {
        CollectionRecord(number: number, name: name, options: version.options)
    }

    /// The current version for a reader: one reference; a copy would retain some thirty.
    var shared: CollectionVersion.Shared { current.withLock { $0.share() } }

    /// The current version for a reader; `nil` while the writer changes it.
    var sharedIfFree: CollectionVersion.Shared? { current.withLockIfAvailable { $0.share() } }

    /// Records that a search has used a version with this base.
    ///
    /// The first such search checks the base's graph and reads it from the disk.
    func noteSearch(ofBase sequenceNumber: UInt64) {
        searchedBase.store(sequenceNumber + 1, ordering: .relaxed)
    }

    /// Whether a search has used a version with this base before.
    func hasSearched(base sequenceNumber: UInt64) -> Bool {
        searchedBase.load(ordering: .relaxed) == sequenceNumber + 1
    }

    /// Notes that a walk has used a version with this base.
    ///
    /// The first walks check the base's edges and read them from the disk.
    func noteWalk(ofBase sequenceNumber: UInt64) {
        walkedBase.store(sequenceNumber + 1, ordering: .relaxed)
    }

    /// Whether a walk has used a version with this base before.
    func hasWalked(base sequenceNumber: UInt64) -> Bool {
        walkedBase.load(ordering: .relaxed) == sequenceNumber + 1
    }

    /// The bytes of memory of the changes since the base, as last counted.
    var deltaByteCount: Int { current.withLock { $0.countedBytes } }

    /// A copy of the current version.
    var version: CollectionVersion { current.withLock { $0.version } }

    /// Applies a batch.
    ///
    /// Its slow parts run before the mutex is held, so readers don't wait for them.
    func apply(_ change: IndexChange) {
        let started = version.started(change)
        current.withLock { current in
            current.shared = nil
            current.version.apply(started)
            current.buffer?.append(change)
            current.count(in: deltaMemory)
        }
    }

    /// Applies the batch that changed the collection's strategy or indexed fields.
    func alter(to options: CollectionOptions, at sequenceNumber: UInt64) {
        let isOther = current.withLock { current in
            current.shared = nil
            defer {
                current.version.alter(to: options)
                current.version.advance(to: sequenceNumber)
                current.buffer?.breakOff()
                current.count(in: deltaMemory)
            }
            return current.version.options.vectorStrategy != options.vectorStrategy
        }
        if isOther { progress.stop(.strategyChanged) }
    }

    /// Adds the values of rows that existed before some fields were indexed.
    func fill(_ parts: [Backfill.Part]) {
        current.withLock { current in
            current.shared = nil
            current.version.update(FieldIndex.self) { index in
                for part in parts { index.fill(part) }
            }
            current.count(in: deltaMemory)
        }
    }

    /// Installs the index that `VectorIndex.extended` made from an earlier one.
    ///
    /// Call it under the catalog's lock, so that no running write replaces the index.
    ///
    /// - Returns: Whether the index covers more vectors than before.
    func adopt(_ extended: any VectorIndex) -> Bool {
        current.withLock { current in
            current.shared = nil
            let ids = current.version.ids
            return current.version.update(CollectionVectors.self) { vectors in
                vectors.adopt(extended, exists: ids.contains)
            }
        }
    }

    /// Installs another version of the same or a later sequence number.
    func replace(_ version: CollectionVersion) {
        let isOther = current.withLock { current in
            current.shared = nil
            defer {
                current.version = version
                current.buffer?.breakOff()
                current.count(in: deltaMemory)
            }
            return current.version.options.vectorStrategy != version.options.vectorStrategy
        }
        if isOther { progress.stop(.strategyChanged) }
    }

    // MARK: A compaction

    /// The version to compact; a buffer keeps the later writes for `takeChanges` until
    /// `endBuffering`.
    func beginBuffering() -> CollectionVersion {
        current.withLock { current in
            current.buffer = ChangeBuffer(limit: deltaMemory.bufferLimit)
            return current.version
        }
    }

    /// The writes since `beginBuffering` or the last call; `nil` when the buffer lacks one.
    func takeChanges() -> [IndexChange]? {
        current.withLock { current in
            current.buffer?.isBroken == false ? current.buffer?.take() : nil
        }
    }

    func endBuffering() {
        current.withLock { current in
            current.buffer = nil
            current.count(in: deltaMemory)
        }
    }

    var isDropped: Bool { dropped.load(ordering: .acquiring) }

    func markDropped() {
        dropped.store(true, ordering: .releasing)
        progress.stop(.noCollection(name))
    }

    var description: CollectionDescription {
        let version = version
        return CollectionDescription(
            name: name,
            options: version.options,
            documents: version.ids.documentCount,
            vectors: version.vectors.count,
            edges: version.graph.index.edgeCount,
            sequenceNumber: version.sequenceNumber,
            changesSinceBase: version.changesSinceBase,
            baseByteCount: UInt64(version.base?.count ?? 0),
            index: indexStatus(of: version),
            buildingIndexes: version.fields.incompleteFields.map { MetadataIndex(path: $0.path) },
            number: UInt64(clamping: record.number)
        )
    }

    private func indexStatus(of version: CollectionVersion) -> IndexStatus {
        let strategy = version.options.vectorStrategy
        let vectors = version.vectors
        if case .flatScan = strategy {
            return IndexStatus(strategy: strategy, indexedVectors: vectors.count)
        }
        let index = vectors.index
        let isRunning = progress.isRunning
        let serves = index.count > 0 && index.health.isUsable
        let scanned = serves ? min(vectors.uncoveredCount, vectors.count) : vectors.count
        var message = progress.lastError.map { "The last build failed: \($0)" } ?? ""
        if message.isEmpty { message = index.remark }
        if message.isEmpty, !serves { message = "There is no index yet: every vector is compared." }
        return IndexStatus(
            strategy: strategy,
            state: isRunning ? .building : serves ? .ready : .scanning,
            indexedVectors: vectors.count - scanned,
            scannedVectors: scanned,
            progress: isRunning ? progress.fraction : serves ? 1 : 0,
            byteCount: UInt64(index.byteCount),
            unreachableNodes: index.health.unreachable,
            selfRecall: index.health.recall,
            message: message
        )
    }
}
