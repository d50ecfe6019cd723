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
    private let current: Mutex<Current>
    private let dropped = Atomic<Bool>(false)

    private struct Current {
        var contents: CollectionContents
        /// What was written to them since a compaction took them; `nil` while none is under way.
        var journal: ChangeJournal?
    }

    init(_ record: CollectionRecord, contents: CollectionContents? = nil) {
        self.record = record
        current = Mutex(Current(contents: contents ?? CollectionContents(record.options)))
    }

    var contents: CollectionContents { current.withLock { $0.contents } }
    var state: CollectionState { current.withLock { $0.contents.state } }
    var ids: IDTable { current.withLock { $0.contents.ids } }

    /// Edges of some documents as links between numbers; ids and labels that are new get one.
    func links(_ lists: [[Edge]]) -> LinkTable {
        let (ids, labels) = current.withLock { ($0.contents.ids, $0.contents.labels) }
        return CollectionContents.links(lists, ids: ids, labels: labels)
    }

    /// Takes in a batch.
    func apply(_ change: AppliedChange) {
        current.withLock { current in
            current.contents.state.apply(change)
            current.journal?.append(change)
        }
    }

    /// Goes on with other contents of the same or a later sequence number.
    func replace(_ contents: CollectionContents) {
        current.withLock { current in
            current.contents = contents
            current.journal?.breakOff()
        }
    }

    // MARK: A compaction

    /// The contents to fold; what is written after them is kept for `takeJournal` until
    /// `endJournal`.
    func beginJournal() -> CollectionContents {
        current.withLock { current in
            current.journal = ChangeJournal()
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
        current.withLock { $0.journal = nil }
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
