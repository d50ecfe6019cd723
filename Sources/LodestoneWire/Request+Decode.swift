// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

extension Request {
    init(_ message: UnsafePointer<CRequest>, limits: Limits) throws(LodestoneError) {
        self.init(
            id: message.pointee.id,
            deadlineMilliseconds: message.pointee.deadline_ms,
            requestID: message.pointee.has_request_id != 0
                ? try RequestID(message.pointee.request_id) : nil,
            trace: TraceParent(message.pointee.trace_parent),
            call: try Call(message, limits: limits)
        )
    }
}

extension RequestID {
    /// - Throws: `BAD_REQUEST_ID` when there are not 16 bytes.
    fileprivate init(_ bytes: CBytes) throws(LodestoneError) {
        guard bytes.len == Self.byteCount else {
            throw .invalid(
                .badRequestID,
                "request_id has \(bytes.len) bytes; it must have 16.",
                recovery: "Send 16 random bytes, the same ones when the call is sent again.",
                field: "request_id"
            )
        }
        self.init(
            high: UInt64(bigEndian: bytes.buffer.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.buffer.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }
}

extension TraceParent {
    /// The trace that some bytes name; `nil` when they have another form.
    init?(_ bytes: CBytes) {
        guard bytes.len == Self.byteCount else { return nil }
        self.init(
            String(
                decoding: UnsafeBufferPointer(start: bytes.data, count: bytes.len),
                as: UTF8.self
            )
        )
    }
}

extension Call {
    fileprivate init(_ message: UnsafePointer<CRequest>, limits: Limits) throws(LodestoneError) {
        // Read by field: a copy of the message would have the fields of all calls.
        switch message.pointee.call_case {
        case LODESTONE__V1__REQUEST__CALL_HELLO:
            self = .hello(try Hello(message.pointee.hello.pointee))
        case LODESTONE__V1__REQUEST__CALL_PING:
            self = .ping
        case LODESTONE__V1__REQUEST__CALL_CREATE_COLLECTION:
            let create = message.pointee.create_collection.pointee
            let options = try required("options", create.options)
            self = .createCollection(
                name: try create.name.text("name"),
                try within("options") { () throws(LodestoneError) in
                    try CollectionOptions(options)
                }
            )
        case LODESTONE__V1__REQUEST__CALL_ALTER_COLLECTION:
            let alter = message.pointee.alter_collection.pointee
            self = .alterCollection(
                name: try alter.name.text("name"),
                try CollectionChange(alter)
            )
        case LODESTONE__V1__REQUEST__CALL_DROP_COLLECTION:
            self = .dropCollection(
                name: try message.pointee.drop_collection.pointee.name.text("name")
            )
        case LODESTONE__V1__REQUEST__CALL_LIST_COLLECTIONS:
            self = .listCollections
        case LODESTONE__V1__REQUEST__CALL_DESCRIBE_COLLECTION:
            self = .describeCollection(
                name: try message.pointee.describe_collection.pointee.name.text("name")
            )
        case LODESTONE__V1__REQUEST__CALL_INDEX_MANY:
            self = .indexMany(try IndexManyRequest(message.pointee.index_many, limits: limits))
        case LODESTONE__V1__REQUEST__CALL_DROP_MANY:
            self = .dropMany(try DropManyRequest(message.pointee.drop_many, limits: limits))
        case LODESTONE__V1__REQUEST__CALL_GET:
            self = .get(try GetRequest(message.pointee.get, limits: limits))
        case LODESTONE__V1__REQUEST__CALL_SCAN:
            self = .scan(try ScanRequest(message.pointee.scan))
        case LODESTONE__V1__REQUEST__CALL_COUNT:
            self = .count(try CountRequest(message.pointee.count))
        case LODESTONE__V1__REQUEST__CALL_SEARCH:
            self = .search(try SearchRequest(message.pointee.search, limits: limits))
        case LODESTONE__V1__REQUEST__CALL_WALK:
            self = .walk(try WalkRequest(message.pointee.walk, limits: limits))
        case LODESTONE__V1__REQUEST__CALL_LIST_EDGES:
            self = .listEdges(try ListEdgesRequest(message.pointee.list_edges, limits: limits))
        case LODESTONE__V1__REQUEST__CALL_BUILD_INDEX:
            self = .buildIndex(
                collection: try message.pointee.build_index.pointee.collection.text("collection")
            )
        case LODESTONE__V1__REQUEST__CALL_COMPACT:
            self = .compact(
                collection: try message.pointee.compact.pointee.collection.text("collection")
            )
        case LODESTONE__V1__REQUEST__CALL_SNAPSHOT:
            self = .snapshot(name: try message.pointee.snapshot.pointee.name.text("name"))
        case LODESTONE__V1__REQUEST__CALL_LIST_SNAPSHOTS:
            self = .listSnapshots
        case LODESTONE__V1__REQUEST__CALL_DELETE_SNAPSHOT:
            self = .deleteSnapshot(
                name: try message.pointee.delete_snapshot.pointee.name.text("name")
            )
        case LODESTONE__V1__REQUEST__CALL_FETCH_SNAPSHOT:
            let fetch = message.pointee.fetch_snapshot.pointee
            self = .fetchSnapshot(
                name: try fetch.name.text("name"),
                offset: fetch.offset,
                maxBytes: fetch.has_max_bytes != 0
                    ? Int(fetch.max_bytes) : SnapshotPart.standardByteCount
            )
        case LODESTONE__V1__REQUEST__CALL_ERASE:
            let erase = message.pointee.erase.pointee
            self = .erase(
                collection: erase.has_collection != 0
                    ? try erase.collection.text("collection") : nil
            )
        case LODESTONE__V1__REQUEST__CALL_VERIFY:
            self = .verify
        case LODESTONE__V1__REQUEST__CALL_STATS:
            self = .stats
        case LODESTONE__V1__REQUEST__CALL_SLOW_REQUESTS:
            let slow = message.pointee.slow_requests.pointee
            self = .slowRequests(
                limit: slow.has_limit != 0
                    ? min(Int(slow.limit), SlowRequests.standardLimit) : SlowRequests.standardLimit
            )
        case LODESTONE__V1__REQUEST__CALL_CANCEL:
            self = .cancel(id: message.pointee.cancel.pointee.id)
        default:
            throw LodestoneError(
                .unimplemented,
                reason: .unknownCall,
                "The request has no call, or one that is unknown to release \(LodestoneVersion.release).",
                recovery: "Upgrade the server, or use a call of its release."
            )
        }
    }
}

extension Hello {
    fileprivate init(_ message: Lodestone__V1__HelloRequest) throws(LodestoneError) {
        self.init(
            protocolVersion: message.protocol_version,
            token: message.has_token != 0 ? [UInt8](message.token.buffer) : nil,
            clientName: try message.client_name.text("client_name"),
            lastSequenceNumber: message.has_last_sequence_number != 0
                ? message.last_sequence_number : nil
        )
    }
}

extension IndexManyRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__IndexManyRequest>, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        let documents = UnsafeBufferPointer(start: message.documents, count: message.n_documents)
        let isPresent = documents.map { $0.map { $0.pointee.has_vector != 0 } ?? false }
        let slices = try VectorSlices(
            message.vectors,
            count: message.n_vectors,
            vectors: isPresent.count { $0 }
        )
        self.init(
            collection: try message.collection.text("collection"),
            documents: try list(
                "documents",
                message.documents,
                message.n_documents,
                limit: limits.maxBatch
            ) { (document) throws(LodestoneError) in
                let id = try document.pointee.id.documentID("id")
                return try Document(document, id: id, vector: nil)
            },
            vectors: PackedVectors(
                elements: [Float](
                    UnsafeBufferPointer(start: message.vectors, count: message.n_vectors)
                ),
                isPresent: isPresent,
                dimension: slices.dimension
            ),
            edges: try SourcedEdge.decode(message.edges, message.n_edges, limits)
        )
    }
}

extension DropManyRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__DropManyRequest>, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        self.init(
            collection: try message.collection.text("collection"),
            ids: try documentIDs("ids", message.ids, message.n_ids, limit: limits.maxBatch),
            edges: try SourcedEdge.decode(message.edges, message.n_edges, limits)
        )
        filter = try Filter(optional: message.filter)
    }
}

extension CountRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__CountRequest>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            collection: try message.collection.text("collection"),
            filter: try Filter(optional: message.filter),
            facets: try list("facets", message.facets, message.n_facets) {
                (facet) throws(LodestoneError) in try FacetRequest(facet)
            }
        )
    }
}

extension Filter {
    /// Decodes the filter of a call; `nil` when it has none.
    fileprivate init?(optional message: UnsafePointer<CFilter>?) throws(LodestoneError) {
        guard let message else { return nil }
        self = try within("filter") { () throws(LodestoneError) in try Filter(message) }
    }
}

extension SourcedEdge {
    fileprivate static func decode(
        _ items: UnsafeMutablePointer<UnsafeMutablePointer<CSourcedEdge>?>?,
        _ count: Int,
        _ limits: Limits
    ) throws(LodestoneError) -> [SourcedEdge] {
        try list("edges", items, count, limit: limits.maxBatch) {
            (edge) throws(LodestoneError) in try SourcedEdge(edge)
        }
    }
}

extension GetRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__GetRequest>, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        self.init(
            collection: try message.collection.text("collection"),
            ids: try documentIDs("ids", message.ids, message.n_ids, limit: limits.maxBatch)
        )
        if let include = message.include { self.include = Include(include) }
    }
}

extension ScanRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__ScanRequest>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            collection: try message.collection.text("collection"),
            // Some clients can't omit a cursor, so they begin with an empty one.
            cursor: message.cursor.len > 0 ? try ScanCursor("cursor", message.cursor) : nil
        )
        if message.has_limit != 0 { limit = Int(message.limit) }
        filter = try Filter(optional: message.filter)
        if let include = message.include { self.include = Include(include) }
        if let order = message.order?.pointee {
            self.order = ScanOrder(
                path: try texts("order.path", order.path, order.n_path),
                isDescending: order.descending != 0
            )
        }
        if message.has_max_edges != 0 { maxEdges = Int(message.max_edges) }
    }
}

extension ScanCursor {
    /// The bytes of a cursor: its row, big-endian, and at most those of a direction and a value's
    /// key.
    static let byteCounts = 8...512

    /// - Throws: `BAD_CURSOR` for bytes that no server has returned.
    init(_ field: String, _ bytes: CBytes) throws(LodestoneError) {
        guard Self.byteCounts.contains(bytes.len) else {
            throw .invalid(
                .badCursor,
                "\(field) has \(bytes.len) bytes; no server gave it.",
                recovery: "Send next_cursor of the page before as it is.",
                field: field
            )
        }
        self.init(
            row: UInt64(bigEndian: bytes.buffer.loadUnaligned(as: UInt64.self)),
            order: Array(bytes.buffer.dropFirst(8))
        )
    }
}

extension SearchRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__SearchRequest>, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        var vectors = 0
        for query in UnsafeBufferPointer(start: message.queries, count: message.n_queries) {
            guard let query = query?.pointee else { continue }
            for source in UnsafeBufferPointer(start: query.sources, count: query.n_sources)
            where source?.pointee.kind_case == LODESTONE__V1__SOURCE__KIND_VECTOR {
                vectors += 1
            }
        }
        var slices = try VectorSlices(message.vectors, count: message.n_vectors, vectors: vectors)
        self.init(
            collection: try message.collection.text("collection"),
            queries: try list(
                "queries",
                message.queries,
                message.n_queries,
                limit: limits.maxBatch
            ) { (query) throws(LodestoneError) in
                try Query(query, vectors: &slices, limits: limits)
            }
        )
    }
}

extension WalkRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__WalkRequest>, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        self.init(
            collection: try message.collection.text("collection"),
            walks: try list("walks", message.walks, message.n_walks, limit: limits.maxBatch) {
                (walk) throws(LodestoneError) in try Walk(walk, limits: limits)
            }
        )
        readsColumns = message.columns != 0
    }
}

extension ListEdgesRequest {
    fileprivate init(_ message: UnsafePointer<Lodestone__V1__ListEdgesRequest>, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        self.init(
            collection: try message.collection.text("collection"),
            id: try message.id.documentID("id"),
            direction: try enumCase("direction", message.direction.rawValue),
            labels: try texts("labels", message.labels, message.n_labels, limit: limits.maxBatch),
            // Some clients can't omit a cursor, so they begin with an empty one.
            cursor: message.cursor.len > 0 ? try EdgeCursor("cursor", message.cursor) : nil
        )
        if message.has_limit != 0 { limit = Int(message.limit) }
    }
}

extension EdgeCursor {
    /// The most bytes of a cursor: more than two edges by label and id, with their lengths.
    static let maxByteCount = 2_048

    /// - Throws: `BAD_CURSOR` for bytes that no server has returned.
    init(_ field: String, _ bytes: CBytes) throws(LodestoneError) {
        guard bytes.len <= Self.maxByteCount else {
            throw .invalid(
                .badCursor,
                "\(field) has \(bytes.len) bytes; no server gave it.",
                recovery: "Send next_cursor of the page before as it is.",
                field: field
            )
        }
        self.init(Array(bytes.buffer))
    }
}
