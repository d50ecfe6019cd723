// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import Synchronization

/// A collection in memory: its options, its numbers for ids and labels, and its present state.
///
/// Threading: readers take a copy of the state under the mutex; the writer changes it in place
/// under the same mutex, for as long as one batch takes to apply.
final class Collection: Sendable {
    let record: CollectionRecord
    let ids = Interner<DocumentID>()
    let labels = Interner<Label>()
    private let current: Mutex<CollectionState>
    private let dropped = Atomic<Bool>(false)

    init(_ record: CollectionRecord) {
        self.record = record
        current = Mutex(CollectionState(dimension: record.options.dimension))
    }

    /// Loads a collection from its rows and vectors.
    init(_ record: CollectionRecord, from reader: any StoreReader) throws(LodestoneError) {
        self.record = record
        var state = CollectionState(dimension: record.options.dimension)
        for run in try reader.vectorRuns(of: record.number) { state.append(run) }
        let (ids, labels) = (ids, labels)
        try reader.forEachRow(of: record.number, after: nil) { row in
            let node = ids.withTable { $0.intern(row.id) }
            state.insert(
                row.row,
                node: node,
                links: Self.links(row.edges, ids: ids, labels: labels)
            )
            return true
        }
        state.skip(to: try reader.nextRow(of: record.number))
        state.advance(to: try reader.lastSequenceNumber(of: record.number))
        current = Mutex(state)
    }

    var state: CollectionState { current.withLock { $0 } }

    func update(_ body: (inout CollectionState) -> Void) {
        current.withLock { state in body(&state) }
    }

    var isDropped: Bool { dropped.load(ordering: .acquiring) }

    func markDropped() {
        dropped.store(true, ordering: .releasing)
    }

    /// Edges as links between numbers; ids and labels that are new get one.
    func links(_ edges: [Edge]) -> [Link] {
        Self.links(edges, ids: ids, labels: labels)
    }

    private static func links(
        _ edges: [Edge],
        ids: Interner<DocumentID>,
        labels: Interner<Label>
    ) -> [Link] {
        if edges.isEmpty { return [] }
        let nodes = ids.withTable { table in edges.map { table.intern($0.target) } }
        let labels = labels.withTable { table in
            edges.map { table.intern(Label(string: $0.label)) }
        }
        return edges.indices.map {
            Link(label: labels[$0], node: nodes[$0], weight: edges[$0].weight)
        }
    }

    var description: CollectionDescription {
        let state = state
        return CollectionDescription(
            name: record.name,
            options: record.options,
            documents: state.documentCount,
            vectors: state.vectorCount,
            edges: state.graph.edgeCount,
            sequenceNumber: state.sequenceNumber
        )
    }
}
