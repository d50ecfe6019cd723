// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import Synchronization

/// A collection: its name, and its present contents with their options.
///
/// Threading: readers take a copy of the contents under the mutex; the writer changes them in place
/// under the same mutex, for as long as one batch takes to apply.
final class Collection: Sendable {
    let number: CollectionNumber
    let name: String
    /// How far the index is that is being built.
    let progress = BuildProgress()
    private let current: Mutex<CollectionContents>
    private let dropped = Atomic<Bool>(false)

    init(_ record: CollectionRecord, contents: CollectionContents? = nil) {
        number = record.number
        name = record.name
        current = Mutex(contents ?? CollectionContents(record.options))
    }

    /// The collection with its present options.
    var record: CollectionRecord {
        CollectionRecord(number: number, name: name, options: current.withLock { $0.options })
    }

    var contents: CollectionContents { current.withLock { $0 } }
    var state: CollectionState { current.withLock { $0.state } }
    var ids: IDTable { current.withLock { $0.ids } }

    /// Edges of some documents as links between numbers; ids and labels that are new get one.
    func links(_ lists: [[Edge]]) -> [[Link]] {
        let (ids, labels) = current.withLock { ($0.ids, $0.labels) }
        return CollectionContents.links(lists, ids: ids, labels: labels)
    }

    func update(_ body: (inout CollectionState) -> Void) {
        current.withLock { body(&$0.state) }
    }

    /// Takes in the batch that gave the collection another strategy.
    func setStrategy(_ strategy: VectorIndexStrategy, at sequenceNumber: UInt64) {
        let isOther = current.withLock { contents in
            defer {
                contents.setStrategy(strategy)
                contents.state.advance(to: sequenceNumber)
            }
            return contents.options.vectorStrategy != strategy
        }
        if isOther { progress.stop(.strategyChanged) }
    }

    /// Goes on with other contents of the same or a later sequence number.
    func replace(_ contents: CollectionContents) {
        let isOther = current.withLock { current in
            defer { current = contents }
            return current.options.vectorStrategy != contents.options.vectorStrategy
        }
        if isOther { progress.stop(.strategyChanged) }
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
            index: indexStatus(of: contents)
        )
    }

    /// How vectors are found in some contents of this collection.
    ///
    /// The one place that says so: a search and a person must be told the same.
    func indexStatus(of contents: CollectionContents) -> IndexStatus {
        let strategy = contents.options.vectorStrategy
        let vectorCount = contents.state.vectorCount
        if case .flatScan = strategy {
            return IndexStatus(strategy: strategy, indexedVectors: vectorCount)
        }
        let isRunning = progress.isRunning
        return IndexStatus(
            strategy: strategy,
            state: isRunning ? .building : .scanning,
            scannedVectors: vectorCount,
            progress: isRunning ? progress.fraction : 0,
            message: progress.lastError.map { "The last build failed: \($0)" }
                ?? "There is no index yet: every vector is compared."
        )
    }
}
