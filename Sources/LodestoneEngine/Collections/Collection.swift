// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import Synchronization

/// A collection: its options, and its present contents.
///
/// Threading: readers take a copy of the contents under the mutex; the writer changes them in place
/// under the same mutex, for as long as one batch takes to apply.
final class Collection: Sendable {
    let record: CollectionRecord
    private let current: Mutex<CollectionContents>
    private let dropped = Atomic<Bool>(false)

    init(_ record: CollectionRecord, contents: CollectionContents? = nil) {
        self.record = record
        current = Mutex(contents ?? CollectionContents(record.options))
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

    /// Goes on with other contents of the same or a later sequence number.
    func replace(_ contents: CollectionContents) {
        current.withLock { $0 = contents }
    }

    var isDropped: Bool { dropped.load(ordering: .acquiring) }

    func markDropped() {
        dropped.store(true, ordering: .releasing)
    }

    var description: CollectionDescription {
        let contents = contents
        let state = contents.state
        return CollectionDescription(
            name: record.name,
            options: record.options,
            documents: state.documentCount,
            vectors: state.vectorCount,
            edges: state.graph.edgeCount,
            sequenceNumber: state.sequenceNumber,
            changesSinceBase: state.changesSinceBase,
            baseByteCount: UInt64(contents.base?.count ?? 0)
        )
    }
}
