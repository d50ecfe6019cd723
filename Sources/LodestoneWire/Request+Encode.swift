// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension MessageWriter {
    mutating func request(_ request: Request) {
        varint(1, request.id)
        if request.deadlineMilliseconds > 0 { varint(2, UInt64(request.deadlineMilliseconds)) }
        if let requestID = request.requestID {
            withUnsafeBytes(of: (requestID.high.bigEndian, requestID.low.bigEndian)) { raw(3, $0) }
        }
        if let trace = request.trace { text(5, trace.description) }
        call(request.call)
    }

    private mutating func call(_ call: Call) {
        switch call {
        case .hello(let hello):
            message(10) { $0.hello(hello) }
        case .ping:
            message(11) { _ in }
        case .createCollection(let name, let options):
            message(12) { writer in
                writer.text(1, name)
                writer.collectionOptions(2, options)
            }
        case .alterCollection(let name, let change):
            message(13) { writer in
                writer.text(1, name)
                if let strategy = change.vectorStrategy { writer.vectorStrategy(2, strategy) }
                writer.metadataIndexes(3, change.addedIndexes)
                writer.metadataIndexes(4, change.droppedIndexes)
            }
        case .dropCollection(let name):
            message(14) { $0.text(1, name) }
        case .listCollections:
            message(15) { _ in }
        case .describeCollection(let name):
            message(16) { $0.text(1, name) }
        case .indexMany(let request):
            message(17, expecting: request.expectedByteCount) { writer in
                writer.text(1, request.collection)
                writer.documents(2, request.documents, vectors: 3)
                writer.sourcedEdges(4, request.edges)
            }
        case .dropMany(let request):
            message(18, expecting: 16 * request.ids.count) { writer in
                writer.text(1, request.collection)
                for id in request.ids { writer.text(2, id.string) }
                writer.sourcedEdges(3, request.edges)
                if let filter = request.filter { writer.filter(4, filter) }
            }
        case .get(let request):
            message(19, expecting: 16 * request.ids.count) { writer in
                writer.text(1, request.collection)
                for id in request.ids { writer.text(2, id.string) }
                writer.include(3, request.include)
            }
        case .scan(let request):
            message(20) { $0.scan(request) }
        case .count(let request):
            message(30) { $0.count(request) }
        case .search(let request):
            message(21, expecting: request.expectedByteCount) { writer in
                writer.text(1, request.collection)
                writer.elements("queries", request.queries) { $0.query(2, $1) }
                writer.vectors(3, request.queries.lazy.flatMap(\.vectors)) { number in
                    (request.vectorFields[number], nil)
                }
            }
        case .walk(let request):
            message(22) { writer in
                writer.text(1, request.collection)
                writer.elements("walks", request.walks) { $0.walk(2, $1) }
                if request.readsColumns { writer.bool(3, true) }
            }
        case .listEdges(let request):
            message(33) { $0.listEdges(request) }
        case .buildIndex(let collection):
            message(23) { $0.text(1, collection) }
        case .compact(let collection):
            message(24) { $0.text(1, collection) }
        case .snapshot(let name):
            message(25) { $0.text(1, name) }
        case .listSnapshots:
            message(29) { _ in }
        case .deleteSnapshot(let name):
            message(32) { $0.text(1, name) }
        case .fetchSnapshot(let name, let offset, let maxBytes):
            message(34) { writer in
                writer.text(1, name)
                if offset > 0 { writer.varint(2, offset) }
                if maxBytes != SnapshotPart.standardByteCount {
                    writer.varint(3, UInt64(clamping: maxBytes))
                }
            }
        case .erase(let collection):
            message(31) { writer in
                if let collection { writer.text(1, collection) }
            }
        case .verify:
            message(26) { _ in }
        case .stats:
            message(27) { _ in }
        case .slowRequests(let limit):
            message(40) { writer in
                if limit != SlowRequests.standardLimit { writer.varint(1, UInt64(clamping: limit)) }
            }
        case .cancel(let id):
            message(28) { $0.varint(1, id) }
        }
    }

    private mutating func hello(_ hello: Hello) {
        varint(1, UInt64(hello.protocolVersion))
        if let token = hello.token { token.withUnsafeBytes { raw(2, $0) } }
        text(3, hello.clientName)
        if let number = hello.lastSequenceNumber { varint(4, number) }
    }

    private mutating func scan(_ request: ScanRequest) {
        text(1, request.collection)
        if let cursor = request.cursor { self.cursor(2, cursor) }
        count(3, request.limit, "limit")
        if let filter = request.filter { self.filter(4, filter) }
        include(5, request.include)
        if let order = request.order {
            message(6) { writer in
                for name in order.path { writer.text(1, name) }
                if order.isDescending { writer.bool(2, true) }
            }
        }
        if let maxEdges = request.maxEdges { count(7, maxEdges, "max_edges") }
    }

    private mutating func listEdges(_ request: ListEdgesRequest) {
        text(1, request.collection)
        text(2, request.id.string)
        enumeration(3, request.direction)
        for label in request.labels { text(4, label) }
        count(5, request.limit, "limit")
        if let cursor = request.cursor { cursor.bytes.withUnsafeBytes { raw(6, $0) } }
    }

    private mutating func count(_ request: CountRequest) {
        text(1, request.collection)
        if let filter = request.filter { self.filter(2, filter) }
        facetRequests(3, request.facets)
    }

    mutating func cursor(_ field: UInt8, _ cursor: ScanCursor) {
        var bytes = withUnsafeBytes(of: cursor.row.bigEndian) { Array($0) }
        bytes += cursor.order
        bytes.withUnsafeBytes { raw(field, $0) }
    }
}

extension Call {
    /// A guess at the bytes of the encoded call.
    package var expectedByteCount: Int {
        switch self {
        case .indexMany(let request): request.expectedByteCount + 256 * request.documents.count
        case .search(let request): request.expectedByteCount + 256
        case .dropMany(let request): 256 + 32 * request.ids.count
        case .get(let request): 256 + 32 * request.ids.count
        default: 256
        }
    }
}

extension Call {
    /// Whether the encoded call surely has no more than some kilobytes.
    package var isShort: Bool {
        switch self {
        case .ping, .stats, .slowRequests, .listCollections, .describeCollection, .cancel: true
        case .get(let request): request.ids.count <= 8
        case .search(let request): request.queries.count == 1 && request.queries[0].isOneVector
        default: false
        }
    }
}

extension IndexManyRequest {
    /// The bytes of the vectors, which are most of a large batch.
    fileprivate var expectedByteCount: Int {
        documents.count * (16 + 4 * (documents.first?.vector?.count ?? 0))
    }
}

extension SearchRequest {
    fileprivate var expectedByteCount: Int {
        queries.count * (16 + 4 * (queries.first?.vectors.first?.count ?? 0))
    }
}

extension SearchRequest {
    /// The names of the sources' vectors in errors, in their order.
    fileprivate var vectorFields: [String] {
        queries.enumerated().flatMap { queryIndex, query in
            query.sources.enumerated().compactMap { index, source in
                guard case .vector = source.kind else { return nil }
                return "queries[\(queryIndex)].sources[\(index)].vector"
            }
        }
    }
}

extension Query {
    /// Whether the query has one vector and nothing else that may be long.
    fileprivate var isOneVector: Bool {
        guard sources.count == 1, case .vector = sources[0].kind else { return false }
        return filter == nil && facets.isEmpty
    }

    /// The vectors of the sources, in their order.
    fileprivate var vectors: [[Float]] {
        sources.compactMap { source in
            if case .vector(let near) = source.kind { near.vector } else { nil }
        }
    }
}
