// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneGraph
import LodestoneMetadata
import LodestoneStorage
import Synchronization

/// Contents that many readers hold at once.
final class SharedContents: Sendable {
    let contents: CollectionContents

    init(_ contents: CollectionContents) { self.contents = contents }
}

/// A collection: its name, and its present contents with their options.
///
/// Threading: readers take a reference to the contents, or a copy, under the mutex; the writer
/// changes them in place under the same mutex, for as long as one batch takes to apply. There is one
/// writer at a time: whoever is inside `Registry.changing`.
final class Collection: Sendable {
    let number: CollectionNumber
    let name: String
    /// How far the index is that is being built.
    let progress = BuildProgress()
    /// Which rows satisfy the filters that were asked for last.
    let filters = FilterCache()
    private let current: Mutex<Current>
    private let deltaMemory: DeltaMemory
    private let dropped = Atomic<Bool>(false)
    /// One more than the sequence number of the base that a search has gone through; 0: none.
    private let searchedBase = Atomic<UInt64>(0)

    private struct Current {
        var contents: CollectionContents
        /// The contents for readers, made for the first of them.
        ///
        /// A change lets go of them first, so that it needs no copy of what no reader holds.
        var shared: SharedContents?
        /// What was written to them since a compaction took them; `nil` while none is under way.
        var journal: ChangeJournal?
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

    /// The present contents, to read: one reference, where a copy counts some thirty.
    var shared: SharedContents { current.withLock { $0.share() } }

    /// The same, unless the writer is at work on them.
    var sharedIfFree: SharedContents? { current.withLockIfAvailable { $0.share() } }

    /// Notes that a search has gone through contents with a base: the first one checks its graph,
    /// and reads it from the disk.
    func noteSearch(ofBase sequenceNumber: UInt64) {
        searchedBase.store(sequenceNumber + 1, ordering: .relaxed)
    }

    /// Whether a search has gone through contents with this base before.
    func hasSearched(base sequenceNumber: UInt64) -> Bool {
        searchedBase.load(ordering: .relaxed) == sequenceNumber + 1
    }

    /// Bytes of memory that its changes since the base take, as far as they are counted.
    var deltaByteCount: Int { current.withLock { $0.countedBytes } }

    var contents: CollectionContents { current.withLock { $0.contents } }
    var state: CollectionState { current.withLock { $0.contents.state } }
    var ids: IDTable { current.withLock { $0.contents.ids } }

    /// Edges of some documents as links between numbers; ids and labels that are new get one.
    func links(_ lists: [[Edge]]) -> LinkTable {
        let (ids, labels) = current.withLock { ($0.contents.ids, $0.contents.labels) }
        return CollectionContents.links(lists, ids: ids, labels: labels)
    }

    /// Edges of one document as links between numbers; those are left out whose label or target no edge
    /// and no document has.
    func knownLinks(_ names: [EdgeName]) -> [Link] {
        let (ids, labels) = current.withLock { ($0.contents.ids, $0.contents.labels) }
        return CollectionContents.knownLinks(names, ids: ids, labels: labels)
    }

    /// Takes in a batch.
    ///
    /// Links between vectors, where the strategy makes them inside writes, are made before readers
    /// have to wait: for 1,000 vectors that takes a tenth of a second, all else a hundredth of it.
    func apply(_ change: AppliedChange) {
        let linked = change.vectors.flatMap { state.linking($0) }
        current.withLock { current in
            current.shared = nil
            current.contents.state.apply(change, linked: linked)
            current.journal?.append(change)
            current.count(in: deltaMemory)
        }
    }

    /// Takes in the batch that gave the collection another strategy, or other indexed fields.
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

    /// Takes in the values of rows that were there before some fields were indexed.
    func fill(_ parts: [ValueFill.Part]) {
        current.withLock { current in
            current.shared = nil
            for part in parts { current.contents.state.fill(part) }
            current.count(in: deltaMemory)
        }
    }

    /// Goes on with an index that `VectorIndex.extended` made of an earlier one; inside the registry's
    /// gate, so that no write that is being applied loses it.
    ///
    /// - Returns: Whether more is covered by that.
    func adopt(_ extended: any VectorIndex) -> Bool {
        current.withLock { current in
            current.shared = nil
            return current.contents.state.adopt(extended)
        }
    }

    /// Goes on with other contents of the same or a later sequence number.
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

    /// The contents to fold; what is written after them is kept for `takeJournal` until
    /// `endJournal`.
    func beginJournal() -> CollectionContents {
        current.withLock { current in
            current.journal = ChangeJournal(limit: deltaMemory.journalLimit)
            return current.contents
        }
    }

    /// What was written since the contents that `beginJournal` answered, or since this was asked
    /// before; `nil` when something is missing.
    func takeJournal() -> [AppliedChange]? {
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

    /// How vectors are found in some contents of this collection.
    ///
    /// The one place that says so: a search and a person must be told the same.
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
