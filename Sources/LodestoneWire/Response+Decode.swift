// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

extension Response {
    init(_ message: UnsafePointer<CResponse>) throws(LodestoneError) {
        self.init(id: message.pointee.id, reply: try Reply(message))
    }
}

extension Reply {
    fileprivate init(_ message: UnsafePointer<CResponse>) throws(LodestoneError) {
        switch message.pointee.result_case {
        case LODESTONE__V1__RESPONSE__RESULT_ERROR:
            self = .error(try LodestoneError(message.pointee.error))
        case LODESTONE__V1__RESPONSE__RESULT_GO_AWAY:
            let goAway = message.pointee.go_away.pointee
            self = .goAway(
                GoAway(
                    lastRequest: goAway.last_request,
                    message: try goAway.message.text("message")
                )
            )
        case LODESTONE__V1__RESPONSE__RESULT_HELLO:
            self = .hello(try HelloReply(message.pointee.hello.pointee))
        case LODESTONE__V1__RESPONSE__RESULT_PING:
            self = .pong(sequenceNumber: message.pointee.ping.pointee.sequence_number)
        case LODESTONE__V1__RESPONSE__RESULT_WRITTEN:
            self = .written(try WriteReceipt(message.pointee.written.pointee))
        case LODESTONE__V1__RESPONSE__RESULT_LIST_COLLECTIONS:
            let list = message.pointee.list_collections.pointee
            self = .collections(
                try CollectionDescription.decode(list.collections, list.n_collections)
            )
        case LODESTONE__V1__RESPONSE__RESULT_DESCRIBE_COLLECTION:
            let collection = try required(
                "collection",
                message.pointee.describe_collection.pointee.collection
            )
            self = .collection(
                try within("collection") { () throws(LodestoneError) in
                    try CollectionDescription(collection)
                }
            )
        case LODESTONE__V1__RESPONSE__RESULT_GET:
            let get = message.pointee.get.pointee
            self = .documents(
                try Document.decode(
                    get.documents,
                    get.n_documents,
                    floats: get.vectors,
                    get.n_vectors
                )
            )
        case LODESTONE__V1__RESPONSE__RESULT_SCAN:
            let page = message.pointee.scan.pointee
            self = .page(
                ScanResponse(
                    documents: try Document.decode(
                        page.documents,
                        page.n_documents,
                        floats: page.vectors,
                        page.n_vectors
                    ),
                    nextCursor: page.has_next_cursor != 0
                        ? try ScanCursor("next_cursor", page.next_cursor) : nil,
                    edgesCursor: page.has_edges_cursor != 0
                        ? try EdgeCursor("edges_cursor", page.edges_cursor) : nil
                )
            )
        case LODESTONE__V1__RESPONSE__RESULT_COUNT:
            self = .counted(try CountResponse(message.pointee.count.pointee))
        case LODESTONE__V1__RESPONSE__RESULT_SEARCH:
            let search = message.pointee.search.pointee
            self = .search(
                SearchResponse(
                    results: try list("results", search.results, search.n_results) {
                        (result) throws(LodestoneError) in try QueryResult(result)
                    },
                    sequenceNumber: search.sequence_number
                )
            )
        case LODESTONE__V1__RESPONSE__RESULT_WALK:
            let walk = message.pointee.walk.pointee
            var response = WalkResponse(
                results: try list("results", walk.results, walk.n_results) {
                    (result) throws(LodestoneError) in try WalkResult(result)
                },
                sequenceNumber: walk.sequence_number
            )
            response.mayUseColumns =
                walk.n_results > 0 && walk.results[0]?.pointee.columns != nil
            self = .walk(response)
        case LODESTONE__V1__RESPONSE__RESULT_LIST_EDGES:
            let page = message.pointee.list_edges.pointee
            self = .edges(
                ListEdgesResponse(
                    edges: try list("edges", page.edges, page.n_edges) {
                        (edge) throws(LodestoneError) in try ListedEdge(edge.pointee)
                    },
                    nextCursor: page.has_next_cursor != 0
                        ? try EdgeCursor("next_cursor", page.next_cursor) : nil
                )
            )
        case LODESTONE__V1__RESPONSE__RESULT_DONE:
            self = .done(sequenceNumber: message.pointee.done.pointee.sequence_number)
        case LODESTONE__V1__RESPONSE__RESULT_SNAPSHOT:
            self = .snapshot(try SnapshotDescription(message.pointee.snapshot))
        case LODESTONE__V1__RESPONSE__RESULT_LIST_SNAPSHOTS:
            let snapshots = message.pointee.list_snapshots.pointee
            self = .snapshots(
                try list("snapshots", snapshots.snapshots, snapshots.n_snapshots) {
                    (snapshot) throws(LodestoneError) in try SnapshotDescription(snapshot)
                }
            )
        case LODESTONE__V1__RESPONSE__RESULT_FETCH_SNAPSHOT:
            let part = message.pointee.fetch_snapshot.pointee
            self = .snapshotPart(
                SnapshotPart(
                    bytes: Array(UnsafeBufferPointer(start: part.data.data, count: part.data.len)),
                    byteCount: part.byte_count
                )
            )
        case LODESTONE__V1__RESPONSE__RESULT_ERASED:
            self = .erased(try EraseReceipt(message.pointee.erased.pointee))
        case LODESTONE__V1__RESPONSE__RESULT_VERIFY:
            self = .verified(try VerifyReport(message.pointee.verify.pointee))
        case LODESTONE__V1__RESPONSE__RESULT_SLOW_REQUESTS:
            self = .slowRequests(try SlowRequests(message.pointee.slow_requests.pointee))
        case LODESTONE__V1__RESPONSE__RESULT_STATS:
            self = .stats(try Stats(message.pointee.stats.pointee))
        default:
            throw LodestoneError(
                .unimplemented,
                reason: .unknownReply,
                "The response has no reply, or one that is unknown to release \(LodestoneVersion.release).",
                recovery: "Upgrade the client."
            )
        }
    }
}

extension LodestoneError {
    fileprivate init(_ message: UnsafePointer<CError>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            Code(rawValue: Int32(bitPattern: message.code.rawValue)) ?? .unknown,
            reason: LodestoneError.Reason(rawValue: try message.reason.text("reason")),
            try message.message.text("message"),
            recovery: try message.recovery.text("recovery"),
            outcome: Outcome(rawValue: Int32(bitPattern: message.outcome.rawValue)) ?? .unknown,
            retryAfter: message.has_retry_after_ms != 0 && message.retry_after_ms >= 0
                ? .milliseconds(message.retry_after_ms) : nil,
            field: message.has_field != 0 ? try message.field.text("field") : nil,
            object: message.has_object != 0 ? try message.object.text("object") : nil,
            sequenceNumber: message.has_sequence_number != 0 ? message.sequence_number : nil
        )
    }
}

extension HelloReply {
    fileprivate init(_ message: Lodestone__V1__HelloResponse) throws(LodestoneError) {
        self.init(
            protocolVersion: message.protocol_version,
            serverVersion: try message.server_version.text("server_version"),
            maxFrameBytes: Int(message.max_frame_bytes),
            maxInFlight: Int(message.max_in_flight),
            sequenceNumber: message.sequence_number
        )
    }
}

extension WriteReceipt {
    fileprivate init(_ message: Lodestone__V1__WriteReceipt) throws(LodestoneError) {
        self.init(
            sequenceNumber: message.sequence_number,
            durability: try enumCase("durability", message.durability.rawValue),
            inserted: Int(message.inserted),
            replaced: Int(message.replaced),
            dropped: Int(message.dropped),
            isRepeated: message.repeated_request != 0
        )
    }
}

extension CollectionDescription {
    fileprivate static func decode(
        _ items: UnsafeMutablePointer<UnsafeMutablePointer<CCollectionDescription>?>?,
        _ count: Int
    ) throws(LodestoneError) -> [CollectionDescription] {
        try list("collections", items, count) {
            (collection) throws(LodestoneError) in try CollectionDescription(collection)
        }
    }
}

extension QueryResult {
    fileprivate init(_ message: UnsafePointer<CQueryResult>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            hits: try list("hits", message.hits, message.n_hits) {
                (hit) throws(LodestoneError) in try Hit(hit)
            },
            isPartial: message.partial != 0,
            explanations: try list(
                "explanations",
                message.explanations,
                message.n_explanations
            ) { (explanation) throws(LodestoneError) in try VectorExplanation(explanation) },
            textExplanations: try list(
                "text_explanations",
                message.text_explanations,
                message.n_text_explanations
            ) { (explanation) throws(LodestoneError) in try TextExplanation(explanation) },
            facets: try list("facets", message.facets, message.n_facets) {
                (facet) throws(LodestoneError) in try Facet(facet)
            }
        )
        filter = try FilterExplanation(message.filter)
    }
}

extension FilterExplanation {
    fileprivate init?(_ message: UnsafePointer<Lodestone__V1__FilterExplanation>?)
        throws(LodestoneError)
    {
        guard let message = message?.pointee else { return nil }
        self.init(
            strategy: try message.strategy.text("filter.strategy"),
            matchedDocuments: Int(clamping: message.matched_documents),
            readDocuments: Int(clamping: message.read_documents)
        )
    }
}

extension CountResponse {
    fileprivate init(_ message: Lodestone__V1__CountResponse) throws(LodestoneError) {
        self.init(
            count: Int(clamping: message.count),
            facets: try list("facets", message.facets, message.n_facets) {
                (facet) throws(LodestoneError) in try Facet(facet)
            },
            filter: try FilterExplanation(message.filter),
            sequenceNumber: message.sequence_number
        )
    }
}

extension VectorExplanation {
    fileprivate init(_ message: UnsafePointer<CVectorExplanation>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            source: Int(message.source),
            strategy: try message.strategy.text("strategy"),
            visitedNodes: Int(clamping: message.visited_nodes),
            computedDistances: Int(clamping: message.computed_distances),
            scannedRows: Int(clamping: message.scanned_rows)
        )
    }
}

extension Hit {
    fileprivate init(_ message: UnsafePointer<CHit>) throws(LodestoneError) {
        let message = message.pointee
        self.init(id: try message.id.documentID("id"), score: message.score)
        if message.n_source_scores > 0 {
            sourceScores = try list(
                "source_scores",
                message.source_scores,
                message.n_source_scores
            ) { (score) throws(LodestoneError) in
                SourceScore(
                    source: Int(score.pointee.source),
                    rank: score.pointee.has_rank != 0 ? Int(score.pointee.rank) : nil,
                    score: score.pointee.score
                )
            }
        }
        highlights = try list("highlights", message.highlights, message.n_highlights) {
            (field) throws(LodestoneError) in try HighlightedField(field)
        }
        let vector =
            message.n_vector > 0
            ? [Float](UnsafeBufferPointer(start: message.vector, count: message.n_vector)) : nil
        if let inner = message.document {
            let id = id
            document = try within("document") { () throws(LodestoneError) in
                try Document(inner, id: id, vector: vector)
            }
        } else if let vector {
            document = Document(id: id, vector: vector)
        }
    }
}

extension WalkResult {
    fileprivate init(_ message: UnsafePointer<CWalkResult>) throws(LodestoneError) {
        let message = message.pointee
        let reached: ReachedDocuments
        if let columns = message.columns {
            reached = try within("columns") { () throws(LodestoneError) in
                try ReachedDocuments(columns.pointee)
            }
        } else {
            reached = ReachedDocuments(
                try list("reached", message.reached, message.n_reached) {
                    (reached) throws(LodestoneError) in try Reached(reached.pointee)
                }
            )
        }
        self.init(
            reached: reached,
            endedBy: message.ended_by == LODESTONE__V1__BUDGET_KIND__NO_BUDGET
                ? nil : try enumCase("ended_by", message.ended_by.rawValue),
            edgesFollowed: Int(clamping: message.edges_followed)
        )
    }
}

extension Reached {
    fileprivate init(_ message: CReached) throws(LodestoneError) {
        self.init(
            id: try message.id.documentID("id"),
            depth: Int(message.depth),
            from: try message.from.documentID("from"),
            label: try message.label.text("label"),
            weight: message.has_weight != 0 ? message.weight : 1,
            isIncoming: message.incoming != 0
        )
    }
}

extension ListedEdge {
    fileprivate init(_ message: CListedEdge) throws(LodestoneError) {
        self.init(
            try message.label.text("label"),
            try message.id.documentID("id"),
            weight: message.has_weight != 0 ? message.weight : 1,
            metadata: try decodeMetadata("metadata", message.metadata)
        )
    }
}

extension Stats {
    fileprivate init(_ message: Lodestone__V1__StatsResponse) throws(LodestoneError) {
        self.init(
            serverVersion: try message.server_version.text("server_version"),
            storeVersion: try message.store_version.text("store_version"),
            sequenceNumber: message.sequence_number,
            collections: try CollectionDescription.decode(
                message.collections,
                message.n_collections
            ),
            statistics: try list("statistics", message.statistics, message.n_statistics) {
                (statistic) throws(LodestoneError) in try Statistic(statistic.pointee)
            },
            compactionFailure: message.has_compaction_failure != 0
                ? try message.compaction_failure.text("compaction_failure") : nil
        )
    }
}

extension Statistic {
    init(_ message: Lodestone__V1__Statistic) throws(LodestoneError) {
        self.init(
            try message.name.text("name"),
            message.value,
            unit: try message.unit.text("unit")
        )
    }
}
