// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// One state of a collection to answer from: what is in memory and, where rows are needed, a read
/// transaction on the store at the same sequence number.
struct ReadView {
    let collection: Collection
    let state: CollectionState
    let rows: (any StoreReader)?

    /// Runs `body` on one state of the collection; the transaction ends with it.
    static func with<T>(
        _ collection: Collection,
        store: any Store,
        registry: Registry,
        needsRows: Bool,
        context: CallContext,
        _ body: (ReadView) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        guard needsRows else {
            return try body(ReadView(collection: collection, state: collection.state, rows: nil))
        }
        let view = try pair(collection, store: store, registry: registry, context: context)
        defer { view.rows?.end() }
        return try body(view)
    }

    /// A transaction and a state that hold exactly the same batches.
    ///
    /// Between a commit and its application to the collections there is none; after a few tries the
    /// commits wait instead.
    private static func pair(
        _ collection: Collection,
        store: any Store,
        registry: Registry,
        context: CallContext
    ) throws(LodestoneError) -> ReadView {
        for _ in 0..<3 {
            let rows = try store.beginRead(context: context)
            // The state must have taken in every batch of the transaction, and no later one.
            if registry.sequenceNumber >= rows.sequenceNumber {
                let state = collection.state
                if state.sequenceNumber <= rows.sequenceNumber {
                    return ReadView(collection: collection, state: state, rows: rows)
                }
            }
            rows.end()
        }
        return try registry.withoutCommits { () throws(LodestoneError) in
            ReadView(
                collection: collection,
                state: collection.state,
                rows: try store.beginRead(context: context)
            )
        }
    }

    /// The id of a row's document in this state.
    func id(of row: RowNumber) -> DocumentID? {
        state.node(of: row).map { node in
            collection.ids.withTable { $0.keys[Int(node)] }
        }
    }

    /// The row of a document in this state.
    func row(of id: DocumentID) -> RowNumber? {
        collection.ids.withTable { $0.number(of: id) }.flatMap { state.row(of: $0) }
    }

    /// The parts of a document that were asked for.
    func document(_ row: RowNumber, id: DocumentID, include: Include) throws(LodestoneError)
        -> Document
    {
        var document = Document(id: id)
        if include.contains(.vector) { document.vector = state.vector(of: row).map { Array($0) } }
        if include.needsRows, let stored = try rows?.row(row, of: collection.record.number) {
            if include.contains(.text) { document.text = stored.text }
            if include.contains(.metadata) { document.metadata = stored.metadata }
            if include.contains(.edges) { document.edges = stored.edges }
        }
        return document
    }
}

extension Include {
    /// Whether the rows must be read for it.
    var needsRows: Bool { !isDisjoint(with: [.text, .metadata, .edges]) }
    /// Whether it asks for any part of the document.
    var needsDocument: Bool { !isDisjoint(with: .document) }
}
