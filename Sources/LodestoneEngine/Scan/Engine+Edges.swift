// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneGraph
import LodestoneStorage
import LodestoneStructures

/// The edges of one document, in pages.
extension Engine {
    package func listEdges(_ request: ListEdgesRequest, context: CallContext)
        throws(LodestoneError) -> ListEdgesResponse
    {
        let collection = try collection(named: request.collection, context)
        let validation = RequestValidation(limits: options.limits)
        try validation.number(request.limit, in: 1...options.limits.maxBatch, "limit")
        try validation.number(request.labels.count, in: 0...options.limits.maxBatch, "labels")
        guard request.direction != .both else {
            throw .invalid(
                .badDirection,
                "The edges of both directions have no common order.",
                recovery: "Ask for OUTGOING edges, then for INCOMING ones.",
                field: "direction"
            )
        }
        let position = try request.cursor.map { (cursor) throws(LodestoneError) in
            try EdgePosition(cursor, of: request)
        }
        let isOutgoing = request.direction == .outgoing
        return try ReadView.with(
            collection,
            catalog: catalog,
            needsRows: isOutgoing,
            restricts: !isOutgoing,
            context: context
        ) { (view) throws(LodestoneError) in
            var page = EdgePage(
                request,
                row: position?.row,
                maxByteCount: options.limits.maxFrameBytes / 2
            )
            if isOutgoing {
                try view.addOutgoing(to: &page, after: position, context)
            } else {
                try view.addIncoming(to: &page, after: position, context)
            }
            return page.response
        }
    }
}

extension ReadView {
    fileprivate func addOutgoing(
        to page: inout EdgePage,
        after position: EdgePosition?,
        _ context: CallContext
    ) throws(LodestoneError) {
        let request = page.request
        guard let rows, let row = try row(of: request.id, at: position, context) else { return }
        var last = position?.last.map { (label: $0.label, target: $0.id) }
        while true {
            // A page may end with a large edge.
            let (edges, isLast) = try rows.edges(
                of: row,
                in: collection.number,
                labels: request.labels.isEmpty ? nil : request.labels,
                after: last,
                limit: page.room.edges,
                maxBytes: page.room.bytes
            )
            for edge in edges {
                let listed = ListedEdge(
                    edge.label,
                    edge.target,
                    weight: edge.weight,
                    metadata: edge.metadata
                )
                guard try page.takes(listed, context) else { return }
            }
            guard !isLast, let end = edges.last else { return }
            guard page.room.edges > 0 else { return page.end(before: nil) }
            last = (end.label, end.target)
        }
    }

    /// The row of a document.
    ///
    /// It must be the row to which the position is bound, if it is bound.
    private func row(of id: DocumentID, at position: EdgePosition?, _ context: CallContext)
        throws(LodestoneError) -> RowID?
    {
        var row = version.ids.row(of: id)
        if let found = row, try !VisibilityTest(context.visibility).shows(found, in: self) {
            row = nil
        }
        guard let wanted = position?.row, wanted != row else { return row }
        throw LodestoneError(
            .outOfRange,
            reason: .cursorExpired,
            "'\(id)' was replaced or dropped since the scan that gave the cursor.",
            recovery: "Go on with the scan, which has the new version if there is one.",
            field: "cursor",
            object: id.string
        )
    }

    fileprivate func addIncoming(
        to page: inout EdgePage,
        after position: EdgePosition?,
        _ context: CallContext
    ) throws(LodestoneError) {
        let request = page.request
        let vertex = version.ids.table.withTable { $0.vertex(of: request.id) }
        guard let vertex else { return }
        let labels: Set<LabelID>? =
            request.labels.isEmpty
            ? nil
            : version.graph.labels.withTable { table in
                Set(request.labels.compactMap { table.id(of: $0) })
            }
        let incoming = try version.graph.index.edges(
            to: vertex,
            from: try position.map { (position) throws(LodestoneError) in
                try start(at: position, vertex)
            },
            labels: labels,
            isVisible: visibility == nil ? nil : { source in showsDocument(of: source) },
            limit: request.limit + 1,
            context
        )
        let ids = version.ids.table.withTable { table in incoming.map { table.id($0.vertex) } }
        let names = version.graph.labels.withTable { table in
            incoming.map { table.label($0.label) ?? "" }
        }
        for (index, adjacency) in incoming.enumerated() {
            let edge = ListedEdge(names[index], ids[index], weight: adjacency.weight)
            guard try page.takes(edge, context) else { return }
        }
    }

    /// The position at which incoming edges continue.
    ///
    /// It is after the last edge of the page. If the source of that edge has no vertex id any more,
    /// it is at the edge that followed.
    private func start(at position: EdgePosition, _ vertex: VertexID) throws(LodestoneError)
        -> GraphIndex.AdjacencyPosition
    {
        let last = position.last.flatMap { adjacency(of: $0, to: vertex) }
        let next = position.next.flatMap { adjacency(of: $0, to: vertex) }
        // A source that lost its vertex id and was written again comes after others.
        if let last, next.map({ Adjacency.precedes(last, $0) }) ?? true { return .after(last) }
        if let next { return .at(next) }
        throw LodestoneError(
            .outOfRange,
            reason: .cursorExpired,
            "The edges where the page ended, '\(position.last?.label ?? "")' of "
                + "'\(position.last?.id.string ?? "")' and the one after it, are no longer known.",
            recovery: "Start again without a cursor.",
            field: "cursor"
        )
    }

    /// The edge of a cursor; `nil` if it is not known.
    ///
    /// A call that sees some documents only knows the existing edges from these alone. A cursor
    /// with another id or label would otherwise tell whether the store knows them.
    private func adjacency(of edge: EdgePosition.Edge, to vertex: VertexID) -> Adjacency? {
        guard let source = version.ids.table.withTable({ $0.vertex(of: edge.id) }),
            let label = version.graph.labels.withTable({ $0.id(of: edge.label) })
        else { return nil }
        let found = Adjacency(label: label, vertex: source)
        let isKnown =
            visibility == nil
            || showsDocument(of: source) && version.graph.index.hasEdge(found, to: vertex)
        return isKnown ? found : nil
    }

    /// Whether a vertex has a document that the call sees.
    private func showsDocument(of vertex: VertexID) -> Bool {
        version.ids.row(of: vertex).map { shows($0) } ?? false
    }
}

/// The edges of one reply; it is full when another edge could exceed its count or bytes.
private struct EdgePage {
    let request: ListEdgesRequest
    /// The version of the document to which the next page is bound.
    private let row: RowID?
    private let maxByteCount: Int
    private var edges: [ListedEdge] = []
    private var byteCount = 0
    /// Whether no edges follow those of the page.
    private var isLast = true
    private var next: ListedEdge?

    init(_ request: ListEdgesRequest, row: RowID?, maxByteCount: Int) {
        self.request = request
        self.row = row
        self.maxByteCount = maxByteCount
    }

    /// Adds an edge if it fits; the first one is always added, so that every page makes progress.
    mutating func takes(_ edge: ListedEdge, _ context: CallContext) throws(LodestoneError) -> Bool {
        try context.check()
        let more = edge.maxWireByteCount
        guard edges.isEmpty || edges.count < request.limit && byteCount + more <= maxByteCount
        else {
            end(before: edge)
            return false
        }
        try context.charge(
            wire: edge.label.utf8.count + edge.id.string.utf8.count,
            memory: MemoryLayout<ListedEdge>.stride + more
        )
        byteCount += more
        edges.append(edge)
        return true
    }

    /// Records that more edges follow the page, and the first of them if it was read.
    mutating func end(before next: ListedEdge?) {
        isLast = false
        self.next = next
    }

    /// The remaining room of the page, in edges and in bytes.
    var room: (edges: Int, bytes: Int) {
        (max(0, request.limit - edges.count), max(1, maxByteCount - byteCount))
    }

    var response: ListEdgesResponse {
        var cursor: EdgeCursor?
        if let last = edges.last, !isLast {
            cursor = EdgePosition(
                last: EdgePosition.Edge(last),
                next: next.map { EdgePosition.Edge($0) },
                row: row
            ).cursor(of: request.id, request.direction)
        }
        return ListEdgesResponse(edges: edges, nextCursor: cursor)
    }
}

/// The position at which a page ended.
///
/// A cursor has the direction, a byte of the document's fingerprint, and the last edge of the page.
/// A cursor of incoming edges also has the edge that follows: their order is by vertex id, and a
/// dropped source has no vertex id after a compaction. An edge is encoded as its label and the id
/// at its other end, each after its length in two bytes.
///
/// A cursor that began with a scan is bound to the version of the document that the scan found. It
/// has the direction plus 128, the byte of the fingerprint, the row in four bytes, big-endian, and
/// the last edge, if any.
private struct EdgePosition {
    struct Edge {
        let label: String
        let id: DocumentID

        init(label: String, id: DocumentID) {
            self.label = label
            self.id = id
        }

        init(_ edge: ListedEdge) {
            self.init(label: edge.label, id: edge.id)
        }
    }

    /// The last edge of the page; `nil` before the first edge of a version.
    let last: Edge?
    /// The edge after the page; only for edges that enter the document.
    let next: Edge?
    /// The row to which the position is bound; `nil` when it is not bound.
    let row: RowID?

    private static let boundMark: UInt8 = 0x80

    init(last: Edge?, next: Edge?, row: RowID?) {
        self.last = last
        self.next = next
        self.row = row
    }

    /// - Throws: `BAD_CURSOR` for a cursor that no server returned for this document and direction.
    init(_ cursor: EdgeCursor, of request: ListEdgesRequest) throws(LodestoneError) {
        var bytes = cursor.bytes[...]
        let direction = UInt8(request.direction.rawValue)
        let kind = bytes.popFirst()
        let isBound = request.direction == .outgoing && kind == direction | Self.boundMark
        guard isBound || kind == direction else { throw Self.badCursor("another direction") }
        guard bytes.popFirst() == request.id.mark else { throw Self.badCursor("another document") }
        if isBound {
            guard bytes.count >= 4 else { throw Self.badCursor("no version") }
            row = RowID(rawValue: bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
            bytes = bytes.dropFirst(4)
        } else {
            row = nil
        }
        last = isBound && bytes.isEmpty ? nil : Self.edge(from: &bytes)
        guard last != nil || isBound && bytes.isEmpty else { throw Self.badCursor("no edge") }
        next = request.direction == .incoming ? Self.edge(from: &bytes) : nil
        guard bytes.isEmpty, next != nil || request.direction == .outgoing else {
            throw Self.badCursor("no edge")
        }
    }

    func cursor(of id: DocumentID, _ direction: Direction) -> EdgeCursor {
        let mark = row == nil ? 0 : Self.boundMark
        var bytes = [UInt8(direction.rawValue) | mark, id.mark]
        if let row { withUnsafeBytes(of: row.rawValue.bigEndian) { bytes += $0 } }
        for edge in [last, direction == .incoming ? next : nil].compactMap(\.self) {
            for text in [edge.label, edge.id.string] {
                let count = UInt16(clamping: text.utf8.count)
                bytes += [UInt8(count >> 8), UInt8(count & 0xff)]
                bytes += text.utf8
            }
        }
        return EdgeCursor(bytes)
    }

    private static func edge(from bytes: inout ArraySlice<UInt8>) -> Edge? {
        guard let label = text(from: &bytes), let string = text(from: &bytes),
            let id = try? DocumentID(string)
        else { return nil }
        return Edge(label: label, id: id)
    }

    private static func text(from bytes: inout ArraySlice<UInt8>) -> String? {
        guard let high = bytes.popFirst(), let low = bytes.popFirst() else { return nil }
        let count = Int(high) << 8 | Int(low)
        guard count <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count).withUnsafeBytes { String(utf8: $0) }
    }

    private static func badCursor(_ what: String) -> LodestoneError {
        .invalid(
            .badCursor,
            "The cursor is of \(what).",
            recovery: "Send next_cursor of the page before as it is, with the same document and "
                + "direction; or start again without a cursor.",
            field: "cursor"
        )
    }
}

extension EdgeCursor {
    /// The cursor before the first edge that leaves the document's version in a row.
    init(firstOf id: DocumentID, in row: RowID) {
        self = EdgePosition(last: nil, next: nil, row: row).cursor(of: id, .outgoing)
    }
}

extension DocumentID {
    /// A byte of the fingerprint, to refuse most cursors of other documents.
    fileprivate var mark: UInt8 { UInt8(truncatingIfNeeded: Fingerprint.of(string)) }
}
