// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures

/// One version of a collection for a read and, where rows are needed, a reader.
///
/// The reader is a read transaction on the store at the same sequence number.
struct ReadView {
    let collection: Collection
    let version: CollectionVersion.Shared
    let rows: (any StoreReader)?
    /// The documents that the call sees; `nil`: all.
    var visibility: Visibility?

    /// Runs `body` on one version of the collection; the transaction ends with it.
    ///
    /// A result from damaged bytes of a base is discarded. The collection is then rebuilt from its
    /// rows, and `body` runs again.
    ///
    /// The view shows the documents that the call sees. A body that reads a few documents tests
    /// them by itself: with `restricts` false, the view shows all.
    static func with<T>(
        _ collection: Collection,
        catalog: Catalog,
        needsRows: Bool,
        restricts: Bool = true,
        context: CallContext,
        _ body: (ReadView) throws(LodestoneError) -> T
    ) throws(LodestoneError) -> T {
        try catalog.catchUp(for: context)
        while true {
            let view =
                needsRows || context.visibility != nil
                ? try pair(collection, catalog: catalog, context: context)
                : ReadView(collection: collection, version: collection.shared, rows: nil)
            let result: Result<T, LodestoneError>
            do {
                defer { view.rows?.end() }
                result = Result { () throws(LodestoneError) in
                    guard restricts, let filter = context.visibility else { return try body(view) }
                    return try body(try view.restricted(to: filter, context))
                }
            }
            guard view.version.isDamaged else { return try result.get() }
            try context.check()
            context.replyBudget?.restart()
            _ = try catalog.undamaged(collection, for: context)
        }
    }

    /// A read transaction and a version with the same batches.
    ///
    /// No such pair exists between a commit and its application to the collections. After a few
    /// tries, the method takes the catalog's lock, so that commits wait until the pair is found.
    private static func pair(
        _ collection: Collection,
        catalog: Catalog,
        context: CallContext
    ) throws(LodestoneError) -> ReadView {
        for _ in 0..<3 {
            let rows = try catalog.store.beginRead(context: context)
            // The version must have every batch of the transaction, and no later one.
            if catalog.sequenceNumber >= rows.sequenceNumber {
                let version = collection.shared
                if version.sequenceNumber <= rows.sequenceNumber {
                    return ReadView(collection: collection, version: version, rows: rows)
                }
            }
            rows.end()
        }
        return try catalog.withExclusiveAccess(for: context) { (lock) throws(LodestoneError) in
            while true {
                let rows = try catalog.store.beginRead(context: context)
                do throws(LodestoneError) {
                    try lock.catchUp(with: rows)
                } catch {
                    rows.end()
                    // A compaction has just moved vectors that this version names.
                    if error.reason == .vectorsMoved { continue }
                    throw error
                }
                return ReadView(collection: collection, version: collection.shared, rows: rows)
            }
        }
    }

    /// The ids of rows' documents; `nil` for a row that does not exist in this version.
    func ids(of rows: [RowID]) -> [DocumentID?] {
        version.ids.table.ids(version.ids.vertices(of: rows))
    }

    /// The requested parts of a document.
    ///
    /// - Throws: `REPLY_TOO_LARGE` when its edges alone exceed the reply; they are then not read.
    func document(
        _ row: RowID,
        id: DocumentID,
        include: Include,
        _ context: CallContext
    ) throws(LodestoneError) -> Document {
        if include.needsRows, let stored = try rows?.row(row, of: collection.number) {
            return try document(of: stored, include: include, context)
        }
        var document = Document(id: id)
        if include.contains(.vector) {
            document.vector = try version.vectors.vector(of: row).map { Array($0) }
        }
        return document
    }

    /// The requested parts of the document in a row that was read.
    func document(of stored: StoredRow, include: Include, _ context: CallContext)
        throws(LodestoneError) -> Document
    {
        var document = Document(id: stored.id)
        if include.contains(.vector) {
            document.vector = try version.vectors.vector(of: stored.row).map { Array($0) }
        }
        if include.contains(.text) { document.text = stored.text }
        if include.contains(.metadata) { document.metadata = stored.metadata }
        if include.contains(.edges) { document.edges = try edges(of: stored, context) }
        return document
    }

    /// The edges of a row.
    ///
    /// - Throws: `REPLY_TOO_LARGE` when they exceed the reply; they are then not read.
    func edges(of row: StoredRow, _ context: CallContext) throws(LodestoneError) -> [Edge] {
        guard row.hub != nil, let rows else { return row.edges }
        let counts = try rows.edgeCounts(of: row, in: collection.number)
        do throws(LodestoneError) {
            try context.checkRoom(
                wire: counts.nameBytes,
                memory: counts.edges * MemoryLayout<Edge>.stride + counts.nameBytes
                    + counts.contentBytes
            )
        } catch {
            guard error.reason == .replyTooLarge else { throw error }
            var error = error
            error.message += " '\(row.id)' has \(counts.edges) edges."
            error.recovery = "Leave edges out, and read those of '\(row.id)' in pages."
            error.object = row.id.string
            throw error
        }
        return try rows.edges(of: row, in: collection.number)
    }
}

extension CallContext {
    /// Charges the reply's budget for a document.
    func charge(for document: Document) throws(LodestoneError) {
        guard replyBudget != nil else { return }
        try charge(
            wire: document.leastWireByteCount,
            memory: MemoryLayout<Document>.stride + 2 * document.maxWireByteCount
        )
    }
}

extension Include {
    /// Whether these parts must be read from the store's rows.
    var needsRows: Bool { !isDisjoint(with: [.text, .metadata, .edges]) }
    /// Whether any part of the document is included.
    var needsDocument: Bool { !isDisjoint(with: .document) }
}
