// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures

/// Scans and counts of a whole collection, or of its documents that pass a filter.
extension Engine {
    package func scan(_ request: ScanRequest, context: CallContext) throws(LodestoneError)
        -> ScanResponse
    {
        let collection = try collection(named: request.collection, context)
        let validation = RequestValidation(limits: options.limits)
        try validation.number(request.limit, in: 1...options.limits.maxBatch, "limit")
        if let filter = request.filter { try validation.filter(filter, "filter", depth: 1) }
        if let order = request.order {
            try validation.path(order.path, "order.path")
            let fields = collection.version.fields
            guard fields.indexes(order.path) else {
                let index = MetadataIndex(path: order.path)
                if fields.incompleteFields.contains(where: { $0.index == index }) {
                    throw .beingBuilt(order.path)
                }
                throw .invalid(
                    .notIndexed,
                    "'\(order.path.joined(separator: "."))' is not indexed in "
                        + "'\(request.collection)'.",
                    recovery: "Order by a field of metadata_indexes, or leave the order out.",
                    field: "order.path"
                )
            }
        }
        let position = try request.checkedPosition()
        let maxPageBytes = options.limits.maxFrameBytes / 2
        var request = request
        request.filter = context.restricting(request.filter)
        return try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: true,
            restricts: false,
            context: context
        ) { (view) throws(LodestoneError) in
            let fields = view.version.fields
            if request.order == nil, request.filter?.references({ fields.indexes($0) }) != true {
                return try view.streamedPage(
                    request,
                    after: position?.row,
                    maxByteCount: maxPageBytes,
                    context
                )
            }
            let allowed = try view.rows(matching: request.filter, context)
            var positions: [FieldIndexPosition]
            if let order = request.order {
                positions = fields.rows(
                    inOrderOf: order.path,
                    isDescending: order.isDescending,
                    after: position,
                    among: allowed,
                    limit: request.limit + 1
                )
            } else {
                positions = allowed.positions(after: position?.row, limit: request.limit + 1)
            }
            var page = Page(maxByteCount: maxPageBytes)
            var nextCursor: ScanCursor?
            if positions.count > request.limit {
                positions.removeLast()
                nextCursor = positions.last.map { ScanCursor($0, request.order) }
            }
            var last: FieldIndexPosition?
            for position in positions {
                try context.check()
                if let id = view.version.ids.id(of: position.row) {
                    let (document, lacksEdges) = try view.document(
                        position.row,
                        id: id,
                        for: request,
                        maxByteCount: maxPageBytes,
                        context
                    )
                    guard page.takes(document) else {
                        nextCursor = last.map { ScanCursor($0, request.order) }
                        break
                    }
                    if lacksEdges {
                        // The client must read the document's edges before the scan continues.
                        nextCursor = ScanCursor(position, request.order)
                        page.edgesCursor = EdgeCursor(firstOf: id, in: position.row)
                        break
                    }
                }
                last = position
            }
            return page.response(nextCursor)
        }
    }

    package func count(_ request: CountRequest, context: CallContext) throws(LodestoneError)
        -> CountResponse
    {
        let collection = try collection(named: request.collection, context)
        let validation = RequestValidation(limits: options.limits)
        if let filter = request.filter { try validation.filter(filter, "filter", depth: 1) }
        try validation.facets(request.facets, "facets")
        return try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: request.filter != nil || !request.facets.isEmpty,
            context: context
        ) { (view) throws(LodestoneError) in
            let version = view.version
            var response = CountResponse(
                count: view.visibleRows?.count ?? version.ids.documentCount,
                sequenceNumber: version.sequenceNumber
            )
            if request.filter == nil && request.facets.isEmpty { return response }
            let rows: RowSet
            if let filter = request.filter {
                let found = try collection.filters.rows(matching: filter, in: view, context)
                rows = found.rows
                response.filter = found.explanation
            } else {
                rows = try view.rows(matching: nil, context)
            }
            response.count = rows.count
            var facets = CountedFacets()
            response.facets = try facets.facets(
                request.facets,
                matching: request.filter,
                in: view,
                context
            ) { () throws(LodestoneError) in rows }
            return response
        }
    }

    /// The rows of the documents that satisfy a filter, and no other condition.
    func matches(_ filter: Filter, in collection: Collection, _ context: CallContext)
        throws(LodestoneError) -> RowSet
    {
        try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: true,
            restricts: false,
            context: context
        ) {
            (view) throws(LodestoneError) in try view.rows(matching: filter, context)
        }
    }
}

extension ReadView {
    /// The rows that satisfy a filter; all existing rows without one.
    ///
    /// Rows that the view hides are left out.
    func rows(matching filter: Filter?, _ context: CallContext) throws(LodestoneError)
        -> RowSet
    {
        guard let filter else {
            return visibleRows ?? version.fields.liveRows(count: Int(version.ids.nextRow))
        }
        return try collection.filters.rows(matching: filter, in: self, context).rows
    }

    /// A page in row order; the metadata of rows is read only for that page.
    fileprivate func streamedPage(
        _ request: ScanRequest,
        after: RowID?,
        maxByteCount: Int,
        _ context: CallContext
    ) throws(LodestoneError) -> ScanResponse {
        var page = Page(maxByteCount: maxByteCount)
        var nextCursor: ScanCursor?
        let test = request.filter.map { FilterTest($0) }
        var last: UInt64 = 0
        try rows?.forEachRow(of: collection.number, after: after) { (row) throws(LodestoneError) in
            try context.check()
            guard test?.matches(row.metadata, id: row.id) ?? true else { return true }
            if page.documents.count == request.limit {
                nextCursor = ScanCursor(row: last)
                return false
            }
            let (document, lacksEdges) = try self.document(
                of: row,
                for: request,
                maxByteCount: maxByteCount,
                context
            )
            guard page.takes(document) else {
                nextCursor = ScanCursor(row: last)
                return false
            }
            last = UInt64(row.row)
            if lacksEdges {
                nextCursor = ScanCursor(row: last)
                page.edgesCursor = EdgeCursor(firstOf: row.id, in: row.row)
                return false
            }
            return true
        }
        return page.response(nextCursor)
    }

    fileprivate func document(
        _ row: RowID,
        id: DocumentID,
        for request: ScanRequest,
        maxByteCount: Int,
        _ context: CallContext
    ) throws(LodestoneError) -> (Document, lacksEdges: Bool) {
        guard request.include.needsRows, let stored = try rows?.row(row, of: collection.number)
        else { return (try document(row, id: id, include: request.include, context), false) }
        return try document(of: stored, for: request, maxByteCount: maxByteCount, context)
    }

    /// A document, without its edges if they are more than wanted or more than a page can have.
    private func document(
        of row: StoredRow,
        for request: ScanRequest,
        maxByteCount: Int,
        _ context: CallContext
    ) throws(LodestoneError) -> (Document, lacksEdges: Bool) {
        var include = request.include
        if include.contains(.edges), let maxEdges = request.maxEdges, let rows {
            let counts = try rows.edgeCounts(of: row, in: collection.number)
            // A page with all other parts of the document still fits a frame.
            if counts.edges > maxEdges || counts.expectedWireByteCount > maxByteCount {
                include.remove(.edges)
            }
        }
        let document = try document(of: row, include: include, context)
        return (document, lacksEdges: include != request.include)
    }
}

/// The documents of one reply; it is full when another document could exceed its bytes.
private struct Page {
    private(set) var documents: [Document] = []
    /// The cursor for the edges of the last document, if these are left out.
    var edgesCursor: EdgeCursor?
    private let maxByteCount: Int
    private var byteCount = 0

    init(maxByteCount: Int) { self.maxByteCount = maxByteCount }

    /// Adds a document if it fits; the first one is always added, so that every page makes
    /// progress.
    mutating func takes(_ document: Document) -> Bool {
        let more = document.maxWireByteCount
        guard documents.isEmpty || byteCount + more <= maxByteCount else { return false }
        byteCount += more
        documents.append(document)
        return true
    }

    func response(_ nextCursor: ScanCursor?) -> ScanResponse {
        ScanResponse(documents: documents, nextCursor: nextCursor, edgesCursor: edgesCursor)
    }
}

extension ScanRequest {
    /// The position at which the page starts.
    ///
    /// - Throws: `BAD_CURSOR` for a cursor that no server returned for this order.
    fileprivate func checkedPosition() throws(LodestoneError) -> FieldIndexPosition? {
        guard let cursor else { return nil }
        guard cursor.row < UInt64(RowID.max) else { throw .badCursor("row \(cursor.row)") }
        let row = RowID(rawValue: UInt32(cursor.row))
        guard let order else {
            guard cursor.order.isEmpty else { throw .badCursor("the order of a field") }
            return FieldIndexPosition(key: nil, row: row)
        }
        guard cursor.order.first == (order.isDescending ? 1 : 0) else {
            throw .badCursor("another order")
        }
        if cursor.order.count == 1 { return FieldIndexPosition(key: nil, row: row) }
        guard let key = EncodedKey(checking: Array(cursor.order.dropFirst())),
            key.bytes[0] == order.mark
        else { throw .badCursor("no value of the field") }
        return FieldIndexPosition(key: key, row: row)
    }
}

extension ScanCursor {
    fileprivate init(_ position: FieldIndexPosition, _ order: ScanOrder?) {
        self.init(row: UInt64(position.row))
        if let order {
            // The mark replaces the field's number, because another field may have the number after
            // the next base.
            let key = position.key.map { [order.mark] + $0.bytes.dropFirst() }
            self.order = [order.isDescending ? 1 : 0] + (key ?? [])
        }
    }
}

extension ScanOrder {
    /// A byte of the field's fingerprint, to refuse most cursors of other orders.
    fileprivate var mark: UInt8 {
        UInt8(truncatingIfNeeded: Fingerprint.of(path.joined(separator: "\0")))
    }
}

extension RowSet {
    /// The first rows after a row.
    fileprivate func positions(after row: RowID?, limit: Int) -> [FieldIndexPosition] {
        var positions: [FieldIndexPosition] = []
        var next = self.next(from: row.map { $0 + 1 } ?? .first)
        while let row = next, positions.count < limit {
            positions.append(FieldIndexPosition(key: nil, row: row))
            next = self.next(from: row + 1)
        }
        return positions
    }
}

extension LodestoneError {
    fileprivate static func badCursor(_ what: String) -> LodestoneError {
        .invalid(
            .badCursor,
            "The cursor is of \(what).",
            recovery: "Send next_cursor of the page before as it is, with the same order; or start "
                + "again without a cursor.",
            field: "cursor"
        )
    }

    fileprivate static func beingBuilt(_ path: [String]) -> LodestoneError {
        LodestoneError(
            .failedPrecondition,
            reason: .indexBuilding,
            "The index of '\(path.joined(separator: "."))' is being built.",
            recovery: "Send it again once building_indexes of the collection has it no more, or "
                + "leave the order out.",
            field: "order.path"
        )
    }
}
