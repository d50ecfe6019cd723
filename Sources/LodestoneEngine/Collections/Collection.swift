// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneGraph
import LodestoneMetadata
import LodestoneStorage
import Synchronization

/// Contents that several readers share.
final class SharedContents: Sendable {
    let contents: CollectionContents

    init(_ contents: CollectionContents) { self.contents = contents }
}

/// A collection: its name, and its present contents with their options.
///
/// Threading: readers take a reference to the contents, or a copy, under the mutex. The writer
/// changes them in place under the same mutex, for the time that one batch takes to apply. There is
/// one writer at a time: the thread inside `Catalog.changing`.
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

    private struct Current {
        var contents: CollectionContents
        /// The shared contents for readers, made for the first reader.
        ///
        /// A change drops this reference first, so that contents without a reader need no copy.
        var shared: SharedContents?
        /// The writes since a compaction took the contents; `nil` while none is under way.
        var journal: ChangeBuffer?
        /// Bytes that `deltaMemory` counts for this collection.
        var countedBytes = 0

        mutating func count(in memory: DeltaMemory) {
            let byteCount = contents.deltaByteCount + (journal?.byteCount ?? 0)
            memory.take(byteCount - countedBytes)
            countedBytes = byteCount
        }

        mutating func share() -> SharedContents {
            if let shared { return shared }
            let made = SharedContents(contents)
            shared = made
            return made
        }
    }

    init(
        _ record: CollectionRecord,
        contents: CollectionContents? = nil,
        countedIn deltaMemory: DeltaMemory
    ) {
        number = record.number
        name = record.name
        self.deltaMemory = deltaMemory
        var first = Current(contents: contents ?? CollectionContents(record.options))
        first.count(in: deltaMemory)
        current = Mutex(first)
    }

    deinit {
        deltaMemory.take(-current.withLock { $0.countedBytes })
    }

    /// The collection with its present options.
    var record: CollectionRecord {
        CollectionRecord(number: number, name: name, options: contents.options)
    }

    /// The present contents for a reader: one reference, where a copy counts some thirty.
    var shared: SharedContents { current.withLock { $0.share() } }

    /// The present contents for a reader; `nil` while the writer changes them.
    var sharedIfFree: SharedContents? { current.withLockIfAvailable { $0.share() } }

    /// Notes that a search has used contents with this base.
    ///
    /// The first such search checks the base's graph and reads it from the disk.
    func noteSearch(ofBase sequenceNumber: UInt64) {
        searchedBase.store(sequenceNumber + 1, ordering: .relaxed)
    }

    /// Whether a search has used contents with this base before.
    func hasSearched(base sequenceNumber: UInt64) -> Bool {
        searchedBase.load(ordering: .relaxed) == sequenceNumber + 1
    }

    /// The bytes of memory of the changes since the base, as last counted.
    var deltaByteCount: Int { current.withLock { $0.countedBytes } }

    var contents: CollectionContents { current.withLock { $0.contents } }
    var state: CollectionState { current.withLock { $0.contents.state } }
    var ids: IDTable { current.withLock { $0.contents.ids } }

    /// The edges of some documents as links between numbers; new ids and labels get numbers.
    func links(_ lists: [[Edge]]) -> EdgeBatch {
        let (ids, labels) = current.withLock { ($0.contents.ids, $0.contents.labels) }
        return CollectionContents.links(lists, ids: ids, labels: labels)
    }

    /// The edges of one document as links between numbers.
    ///
    /// An edge whose label or target no edge and no document has is left out.
    func knownLinks(_ names: [EdgeName]) -> [Adjacency] {
        let (ids, labels) = current.withLock { ($0.contents.ids, $0.contents.labels) }
        return CollectionContents.knownLinks(names, ids: ids, labels: labels)
    }

    /// Applies a batch.
    ///
    /// With inline indexing, the new vectors are linked before readers have to wait. Measured
    /// (1,000 vectors): linking takes a tenth of a second, everything else a hundredth of that.
    func apply(_ change: IndexChange) {
        let linked = change.vectors.flatMap { state.linking($0) }
        current.withLock { current in
            current.shared = nil
            current.contents.state.apply(change, linked: linked)
            current.journal?.append(change)
            current.count(in: deltaMemory)
        }
    }

    /// Applies the batch that changed the collection's strategy or indexed fields.
    func alter(to options: CollectionOptions, at sequenceNumber: UInt64) {
        let isOther = current.withLock { current in
            current.shared = nil
            defer {
                current.contents.alter(to: options)
                current.contents.state.advance(to: sequenceNumber)
                current.journal?.breakOff()
                current.count(in: deltaMemory)
            }
            return current.contents.options.vectorStrategy != options.vectorStrategy
        }
        if isOther { progress.stop(.strategyChanged) }
    }

    /// Adds the values of rows that existed before some fields were indexed.
    func fill(_ parts: [Backfill.Part]) {
        current.withLock { current in
            current.shared = nil
            for part in parts { current.contents.state.fill(part) }
            current.count(in: deltaMemory)
        }
    }

    /// Installs the index that `VectorIndex.extended` made from an earlier one.
    ///
    /// Runs inside the registry's gate, so that a write under way can't replace it.
    ///
    /// - Returns: Whether the index covers more vectors than before.
    func adopt(_ extended: any VectorIndex) -> Bool {
        current.withLock { current in
            current.shared = nil
            return current.contents.state.adopt(extended)
        }
    }

    /// Installs other contents of the same or a later sequence number.
    func replace(_ contents: CollectionContents) {
        let isOther = current.withLock { current in
            current.shared = nil
            defer {
                current.contents = contents
                current.journal?.breakOff()
                current.count(in: deltaMemory)
            }
            return current.contents.options.vectorStrategy != contents.options.vectorStrategy
        }
        if isOther { progress.stop(.strategyChanged) }
    }

    // MARK: A compaction

    /// The contents to fold; a journal keeps the later writes for `takeJournal` until `endJournal`.
    func beginJournal() -> CollectionContents {
        current.withLock { current in
            current.journal = ChangeBuffer(limit: deltaMemory.journalLimit)
            return current.contents
        }
    }

    /// The writes since `beginJournal`, or since the last call; `nil` when one is missing.
    func takeJournal() -> [IndexChange]? {
        current.withLock { current in
            current.journal?.isBroken == false ? current.journal?.take() : nil
        }
    }

    func endJournal() {
        current.withLock { current in
            current.journal = nil
            current.count(in: deltaMemory)
        }
    }

    var isDropped: Bool { dropped.load(ordering: .acquiring) }

    func markDropped() {
        dropped.store(true, ordering: .releasing)
        progress.stop(.noCollection(name))
    }

    var description: CollectionDescription {
        let contents = contents
        let state = contents.state
        return CollectionDescription(
            name: name,
            options: contents.options,
            documents: state.documentCount,
            vectors: state.vectorCount,
            edges: state.graph.edgeCount,
            sequenceNumber: state.sequenceNumber,
            changesSinceBase: state.changesSinceBase,
            baseByteCount: UInt64(contents.base?.count ?? 0),
            index: indexStatus(of: contents),
            buildingIndexes: state.values.incompleteFields.map { MetadataIndex(path: $0.path) },
            number: UInt64(clamping: record.number)
        )
    }

    /// The state of the vector index in some contents of this collection.
    ///
    /// Searches and descriptions both use it, so they say the same.
    func indexStatus(of contents: CollectionContents) -> IndexStatus {
        let strategy = contents.options.vectorStrategy
        let state = contents.state
        if case .flatScan = strategy {
            return IndexStatus(strategy: strategy, indexedVectors: state.vectorCount)
        }
        let index = state.index
        let isRunning = progress.isRunning
        let serves = index.count > 0 && index.health.isGood
        let scanned = serves ? min(state.uncoveredCount, state.vectorCount) : state.vectorCount
        var message = progress.lastError.map { "The last build failed: \($0)" } ?? ""
        if message.isEmpty { message = index.remark }
        if message.isEmpty, !serves { message = "There is no index yet: every vector is compared." }
        return IndexStatus(
            strategy: strategy,
            state: isRunning ? .building : serves ? .ready : .scanning,
            indexedVectors: state.vectorCount - scanned,
            scannedVectors: scanned,
            progress: isRunning ? progress.fraction : serves ? 1 : 0,
            byteCount: UInt64(index.byteCount),
            unreachableNodes: index.health.unreachable,
            selfRecall: index.health.recall,
            message: message
        )
    }
}
