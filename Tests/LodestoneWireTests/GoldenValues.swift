// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// The values of the frames in Tests/Conformance/golden_frames.json, by the frames' names.
enum GoldenValues {
    static let requestID = RequestID(high: 0x0001_0203_0405_0607, low: 0x0809_0a0b_0c0d_0e0f)

    static let requests: [String: Request] = [
        "hello": Request(
            id: 1,
            call: .hello(
                Hello(
                    token: Array("secret".utf8),
                    clientName: "golden",
                    lastSequenceNumber: 41
                )
            )
        ),
        "hello without token": Request(id: 1, call: .hello(Hello(clientName: "golden"))),
        "ping": Request(id: 2, call: .ping),
        "ping with deadline": Request(id: 3, deadline: .milliseconds(1_500), call: .ping),
        "create flat": write(
            4,
            .createCollection(
                name: "papers",
                CollectionOptions(dimension: 3, textStrategy: .fts5)
            )
        ),
        "create lsh": write(
            5,
            .createCollection(
                name: "hashed",
                CollectionOptions(
                    dimension: 384,
                    metric: .euclidean,
                    vectorStrategy: .lsh(LSHOptions(tables: 8, hyperplanes: 16, probes: 4)),
                    textStrategy: .postings
                )
            )
        ),
        "create hnsw": write(
            6,
            .createCollection(
                name: "graph",
                CollectionOptions(
                    dimension: 768,
                    metric: .dotProduct,
                    vectorStrategy: .hnsw(
                        inlineIndexing: true,
                        HNSWOptions(m: 16, efConstruction: 200, efSearch: 64)
                    ),
                    textStrategy: .fts5
                )
            )
        ),
        "create with text options": write(
            6,
            .createCollection(
                name: "texts",
                CollectionOptions(
                    dimension: 0,
                    text: TextOptions(
                        fields: [
                            TextFieldOptions("title", weight: 5),
                            TextFieldOptions("tags", weight: 0.5),
                        ],
                        k1: 1.5,
                        b: 0.75,
                        exactWeight: 0.25,
                        language: .none,
                        keepsStopWords: true
                    )
                )
            )
        ),
        "alter": write(
            7,
            .alterCollection(
                name: "papers",
                CollectionChange(
                    vectorStrategy: .hnsw(
                        inlineIndexing: false,
                        HNSWOptions(
                            m: 32,
                            efConstruction: 100,
                            efSearch: 50,
                            quantization: .int4
                        )
                    )
                )
            )
        ),
        "drop collection": write(8, .dropCollection(name: "papers")),
        "list collections": Request(id: 9, call: .listCollections),
        "describe": Request(id: 10, call: .describeCollection(name: "papers")),
        "index many": write(11, indexMany, deadline: .seconds(30)),
        "drop many": write(
            12,
            .dropMany(
                DropManyRequest(
                    collection: "papers",
                    ids: ["a", "b"],
                    edges: [SourcedEdge(from: "c", Edge("cites", to: "a"))]
                )
            )
        ),
        "get": Request(id: 13, call: .get(GetRequest(collection: "papers", ids: ["a", "zz"]))),
        "scan": Request(
            id: 14,
            call: .scan(
                ScanRequest(
                    collection: "papers",
                    cursor: ScanCursor(row: 258),
                    limit: 50,
                    filter: .equal(path: ["by", "name"], "Ada"),
                    include: .metadata
                )
            )
        ),
        "scan with a limit of edges": Request(
            id: 14,
            call: .scan(
                ScanRequest(
                    collection: "papers",
                    limit: 500,
                    include: .document,
                    maxEdges: 10_000
                )
            )
        ),
        "search near a vector": Request(
            id: 15,
            call: .search(
                SearchRequest(
                    collection: "papers",
                    queries: [
                        Query(
                            [.near([1, 0, 0], exact: true, efSearch: 128)],
                            fusion: .reciprocalRank()
                        )
                    ]
                )
            )
        ),
        "search by all means": Request(id: 16, deadline: .milliseconds(200), call: search),
        "walk": Request(
            id: 17,
            call: .walk(
                WalkRequest(
                    collection: "papers",
                    walks: [
                        Walk(
                            from: ["a", "b"],
                            labels: ["cites"],
                            depth: 8,
                            budget: WalkBudget(nodes: 10, edges: 20)
                        )
                    ]
                )
            )
        ),
        "walk by columns": Request(id: 17, call: .walk(walkByColumns)),
        "list edges": Request(
            id: 28,
            call: .listEdges(ListEdgesRequest(collection: "papers", id: "a"))
        ),
        "list incoming edges on": Request(
            id: 29,
            call: .listEdges(
                ListEdgesRequest(
                    collection: "papers",
                    id: "a",
                    direction: .incoming,
                    labels: ["cites", "near"],
                    limit: 50,
                    cursor: EdgeCursor([1, 0xff, UInt8(ascii: "x")])
                )
            )
        ),
        "build index": Request(id: 18, call: .buildIndex(collection: "papers")),
        "compact": Request(id: 19, call: .compact(collection: "papers")),
        "snapshot": Request(id: 20, call: .snapshot(name: "nightly")),
        "list snapshots": Request(id: 24, call: .listSnapshots),
        "delete snapshot": Request(id: 25, call: .deleteSnapshot(name: "nightly")),
        "fetch snapshot": Request(
            id: 29,
            call: .fetchSnapshot(name: "nightly", offset: 1 << 33, maxBytes: 4_096)
        ),
        "erase": Request(id: 26, call: .erase(collection: "papers")),
        "erase all": Request(id: 27, call: .erase(collection: nil)),
        "verify": Request(id: 21, call: .verify),
        "stats": Request(id: 22, call: .stats),
        "slow requests": Request(id: 31, trace: trace, call: .slowRequests(limit: 16)),
        "cancel": Request(id: 23, call: .cancel(id: 16)),
    ]

    static let responses: [String: Response] = [
        "error": Response(
            id: 15,
            reply: .error(
                LodestoneError(
                    .resourceExhausted,
                    reason: .overloaded,
                    "256 searches wait.",
                    recovery: "Send it again later.",
                    retryAfter: .milliseconds(50),
                    field: "queries",
                    object: "papers",
                    sequenceNumber: 42
                )
            )
        ),
        "go away": Response(
            id: 0,
            reply: .goAway(GoAway(lastRequest: 23, message: "The server is shutting down."))
        ),
        "hello reply": Response(
            id: 1,
            reply: .hello(
                HelloReply(
                    serverVersion: "0.1.0",
                    maxFrameBytes: 16 << 20,
                    maxInFlight: 64,
                    sequenceNumber: 42
                )
            )
        ),
        "pong": Response(id: 2, reply: .pong(sequenceNumber: 42)),
        "written": Response(
            id: 11,
            reply: .written(
                WriteReceipt(sequenceNumber: 43, durability: .full, inserted: 2, replaced: 1)
            )
        ),
        "written before": Response(
            id: 11,
            reply: .written(
                WriteReceipt(
                    sequenceNumber: 43,
                    durability: .relaxed,
                    inserted: 2,
                    replaced: 1,
                    isRepeated: true
                )
            )
        ),
        "collections": Response(id: 9, reply: .collections([description(3, 2, 3)])),
        "collection": Response(id: 10, reply: .collection(building)),
        "documents": Response(
            id: 13,
            reply: .documents([
                Document(id: "a", vector: [1, 0, 0], text: "Red"), Document(id: "b"),
            ])
        ),
        "page": Response(
            id: 14,
            reply: .page(
                ScanResponse(
                    documents: [Document(id: "a")],
                    nextCursor: ScanCursor(row: 259)
                )
            )
        ),
        "page that lacks edges": Response(
            id: 14,
            reply: .page(
                ScanResponse(
                    documents: [Document(id: "a")],
                    nextCursor: ScanCursor(row: 259),
                    edgesCursor: EdgeCursor([0x81, 1])
                )
            )
        ),
        "last page": Response(
            id: 14,
            reply: .page(ScanResponse(documents: [], nextCursor: nil))
        ),
        "hits": Response(
            id: 15,
            reply: .search(
                SearchResponse(
                    results: [
                        QueryResult(hits: [Hit(id: "a", score: 1), Hit(id: "b", score: 0.5)])
                    ],
                    sequenceNumber: 43
                )
            )
        ),
        "hits with everything": Response(id: 16, reply: hits),
        "edges": Response(
            id: 28,
            reply: .edges(
                ListEdgesResponse(
                    edges: [
                        ListedEdge("cites", "b"),
                        ListedEdge("near", "c", weight: 0.25, metadata: ["page": 7]),
                    ],
                    nextCursor: EdgeCursor([0, 1, UInt8(ascii: "y")])
                )
            )
        ),
        "last page of edges": Response(
            id: 29,
            reply: .edges(ListEdgesResponse(edges: [], nextCursor: nil))
        ),
        "walked": Response(
            id: 17,
            reply: .walk(
                WalkResponse(
                    results: [
                        WalkResult(
                            reached: [
                                Reached(
                                    id: "b",
                                    depth: 1,
                                    from: "a",
                                    label: "cites",
                                    weight: 0.25,
                                    isIncoming: false
                                ),
                                Reached(
                                    id: "c",
                                    depth: 2,
                                    from: "b",
                                    label: "near",
                                    weight: 1,
                                    isIncoming: true
                                ),
                            ],
                            endedBy: .nodes,
                            edgesFollowed: 7
                        )
                    ],
                    sequenceNumber: 43
                )
            )
        ),
        "walked by columns": Response(id: 17, reply: .walk(walkedByColumns)),
        "done": Response(id: 18, reply: .done(sequenceNumber: 43)),
        "snapshot taken": Response(id: 20, reply: .snapshot(nightly)),
        "snapshot part": Response(
            id: 29,
            reply: .snapshotPart(SnapshotPart(bytes: [0, 255, 10], byteCount: (1 << 33) + 3))
        ),
        "erased": Response(
            id: 26,
            reply: .erased(EraseReceipt(sequenceNumber: 43, snapshots: ["nightly", "weekly"]))
        ),
        "snapshots": Response(id: 24, reply: .snapshots([nightly])),
        "verified": Response(
            id: 21,
            reply: .verified(
                VerifyReport(
                    sequenceNumber: 43,
                    batches: 43,
                    rows: 3,
                    vectors: 2,
                    edges: 3,
                    damages: [
                        Damage(
                            kind: "row",
                            collection: "papers",
                            object: "b",
                            message: "Row 1 fails its checksum.",
                            recovery: "Write it again."
                        ),
                        Damage(
                            kind: "words",
                            object: "row 2",
                            message: "Other words.",
                            recovery: "None.",
                            isRepaired: true
                        ),
                    ]
                )
            )
        ),
        "slow requests reply": Response(
            id: 31,
            reply: .slowRequests(
                SlowRequests(
                    latest: [
                        SlowRequest(
                            call: "search",
                            collection: "papers",
                            query: "near(3) where year = 2020 limit 10",
                            path: "filtered_scan",
                            duration: .milliseconds(1_500),
                            steps: [Statistic("filter", 0.5, unit: "s")],
                            error: "DEADLINE",
                            client: "test",
                            peer: "127.0.0.1:4711",
                            request: 7,
                            trace: trace,
                            beganAt: 1_700_000_000_000_000
                        )
                    ],
                    slowest: [
                        SlowRequest(
                            call: "verify",
                            duration: .seconds(2),
                            client: "",
                            peer: "unix",
                            request: 8,
                            beganAt: 1_700_000_000_000_001
                        )
                    ],
                    shapes: [
                        QueryShape(
                            shape: "search near(?) limit ?",
                            collection: "papers",
                            count: 3,
                            errorCount: 1,
                            total: .microseconds(30),
                            p99: .microseconds(12),
                            longest: .microseconds(13)
                        )
                    ],
                    since: 1_600_000_000_000_000
                )
            )
        ),
        "stats reply": Response(
            id: 22,
            reply: .stats(
                Stats(
                    serverVersion: "0.1.0",
                    storeVersion: "SQLite 3.40.1",
                    sequenceNumber: 43,
                    collections: [description(3, 2, 3)],
                    statistics: [Statistic("store.bytes.segments", 4_096, unit: "bytes")],
                    compactionFailure: "The disk is full."
                )
            )
        ),
    ]

    private static let trace = TraceParent(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    )

    private static let nightly = SnapshotDescription(
        name: "nightly",
        sequenceNumber: 43,
        byteCount: 81_920,
        createdAt: 1_700_000_000_000_000
    )

    private static func write(_ id: UInt64, _ call: Call, deadline: Duration? = nil) -> Request {
        Request(id: id, deadline: deadline, requestID: requestID, call: call)
    }

    private static let indexMany = Call.indexMany(
        IndexManyRequest(
            collection: "papers",
            documents: [
                Document(
                    id: "a",
                    vector: [1, 0, -0.5],
                    text: [
                        TextField(name: "title", text: "Red foxes"),
                        TextField(name: "body", text: "The quick brown fox."),
                    ],
                    metadata: [
                        "at": .timestamp(microseconds: 1_700_000_000_000_000),
                        "by": .object(["name": "Ada"]), "open": true, "rank": -7, "score": 0.5,
                        "tags": ["x", 1],
                    ],
                    edges: [
                        Edge("cites", to: "b", weight: 0.25, metadata: ["page": 3]),
                        Edge("near", to: "c"),
                    ]
                ),
                Document(id: "b"),
                Document(id: "é", vector: [0.25, 0.5, 2]),
            ],
            edges: [SourcedEdge(from: "b", Edge("cites", to: "a"))]
        )
    )

    private static let search = Call.search(
        SearchRequest(
            collection: "papers",
            queries: [
                Query(
                    [
                        Source(.vector(NearVector([1, 0, 0])), weight: 2, candidates: 50),
                        Source(
                            .text(MatchText("red fox*", mode: .querySyntax, fuzzy: .edits(1)))
                        ),
                        Source(
                            .walk(
                                Walk(
                                    from: ["a"],
                                    labels: ["cites"],
                                    direction: .both,
                                    depth: 2,
                                    budget: WalkBudget(
                                        nodes: 100,
                                        edges: 1_000,
                                        time: .milliseconds(20)
                                    )
                                )
                            )
                        ),
                        Source(.walkFromHits(Walk(from: [], direction: .incoming))),
                    ],
                    filter: .and([
                        .range(
                            path: ["rank"],
                            lower: .init(-10),
                            upper: .init(10, isExclusive: true)
                        ),
                        .or([
                            .contains(path: ["tags"], "x"), .oneOf(path: ["open"], [true]),
                        ]),
                        .not(.exists(path: ["gone"], true)),
                    ]),
                    fusion: .weightedScores(.minMax),
                    limit: 20,
                    include: [.text, .sourceScores, .explain]
                ),
                Query([.near([0, 1, 0])], fusion: .reciprocalRank(k: 10), limit: 1),
            ]
        )
    )

    private static let hits = Reply.search(
        SearchResponse(
            results: [
                QueryResult(
                    hits: [
                        Hit(
                            id: "a",
                            score: 0.75,
                            sourceScores: [
                                SourceScore(source: 0, rank: 1, score: 0.5),
                                SourceScore(source: 1, rank: 3, score: 2.5),
                            ],
                            document: Document(
                                id: "a",
                                vector: [1, 0, 0],
                                text: "Red",
                                metadata: ["n": 1],
                                edges: [Edge("cites", to: "b")]
                            )
                        ),
                        Hit(
                            id: "b",
                            score: 0.25,
                            document: Document(id: "b", vector: [0, 1, 0])
                        ),
                        Hit(id: "c", score: 0.125, document: Document(id: "c")),
                    ],
                    isPartial: true,
                    explanations: [
                        VectorExplanation(
                            source: 0,
                            strategy: "hnsw",
                            visitedNodes: 90,
                            computedDistances: 700,
                            scannedRows: 5
                        ),
                        VectorExplanation(
                            source: 2,
                            strategy: "exact",
                            computedDistances: 300,
                            scannedRows: 300
                        ),
                    ]
                ),
                QueryResult(hits: []),
            ],
            sequenceNumber: 43
        )
    )

    private static let building = {
        var collection = description(300, 200, 70_000)
        collection.index = IndexStatus(
            strategy: .hnsw(inlineIndexing: false, HNSWOptions(efConstruction: 200)),
            state: .building,
            indexedVectors: 150,
            scannedVectors: 50,
            progress: 0.75,
            byteCount: 65_536,
            unreachableNodes: 1,
            selfRecall: 0.5,
            message: "Soon."
        )
        return collection
    }()

    private static func description(_ documents: Int, _ vectors: Int, _ edges: Int)
        -> CollectionDescription
    {
        CollectionDescription(
            name: "papers",
            options: CollectionOptions(dimension: 3, textStrategy: .fts5),
            documents: documents,
            vectors: vectors,
            edges: edges,
            sequenceNumber: 43,
            changesSinceBase: 12,
            baseByteCount: 4_096
        )
    }
}
