// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// A seeded source of calls and replies, with every optional part both there and absent.
struct RandomMessages {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// The next number of SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func flag() -> Bool { next() & 1 == 1 }
    mutating func maybe<T>(_ make: (inout RandomMessages) -> T) -> T? { flag() ? make(&self) : nil }
    mutating func many<T>(_ most: Int, _ make: (inout RandomMessages) -> T) -> [T] {
        (0..<below(most + 1)).map { _ in make(&self) }
    }

    /// Numbers near the places where their varint grows.
    mutating func number() -> UInt64 { next() >> UInt64(below(64)) }
    mutating func count() -> Int { Int(UInt32(truncatingIfNeeded: number())) }

    mutating func text() -> String {
        let parts = [
            "", "a", "word ", "\0", "é", "日本語", "🦊", String(repeating: "long ", count: 40),
        ]
        return many(4) { parts[$0.below(parts.count)] }.joined()
    }

    mutating func id() -> DocumentID {
        let parts = ["a", "doc-", "é", "🦊", "7"]
        return DocumentID(stringLiteral: "x" + many(6) { parts[$0.below(parts.count)] }.joined())
    }

    mutating func vector(_ dimension: Int) -> [Float] {
        (0..<dimension).map { _ in Float(below(2_000) - 1_000) / 8 }
    }

    mutating func value(_ depth: Int = 0) -> Value {
        switch below(depth < 3 ? 7 : 5) {
        case 0: .bool(flag())
        case 1: .int(Int64(bitPattern: number()))
        case 2: .double(Double(Int64(bitPattern: number())) / 3)
        case 3: .string(text())
        case 4: .timestamp(microseconds: Int64(bitPattern: number()))
        case 5: .list(many(3) { $0.value(depth + 1) })
        default: .object(metadata(depth + 1))
        }
    }

    mutating func metadata(_ depth: Int = 0) -> Metadata {
        Metadata(many(4) { ($0.text(), $0.value(depth)) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func edge() -> Edge {
        Edge(text(), to: id(), weight: flag() ? 1 : Float(below(100)) / 4, metadata: metadata())
    }

    mutating func sourcedEdge() -> SourcedEdge { SourcedEdge(from: id(), edge()) }

    mutating func document(dimension: Int) -> Document {
        Document(
            id: id(),
            vector: maybe { $0.vector(dimension) },
            text: many(2) { TextField(name: $0.text(), text: $0.text()) },
            metadata: metadata(),
            edges: many(2) { $0.edge() }
        )
    }

    mutating func documents() -> [Document] {
        let dimension = 1 + below(20)
        return many(5) { $0.document(dimension: dimension) }
    }

    mutating func strategy() -> VectorIndexStrategy {
        switch below(3) {
        case 0: .flatScan
        case 1: .lsh(LSHOptions(tables: count(), hyperplanes: count(), probes: count()))
        default:
            .hnsw(
                inlineIndexing: flag(),
                HNSWOptions(
                    m: count(),
                    efConstruction: count(),
                    efSearch: count(),
                    quantization: VectorQuantization.allCases[below(3)]
                )
            )
        }
    }

    mutating func options() -> CollectionOptions {
        CollectionOptions(
            dimension: count(),
            metric: Metric.allCases[below(3)],
            vectorStrategy: strategy(),
            textStrategy: TextIndexStrategy.allCases[below(2)],
            text: textOptions(),
            metadataIndexes: indexes()
        )
    }

    private mutating func indexes() -> [MetadataIndex] {
        many(3) { random in MetadataIndex(path: random.many(3) { $0.text() }) }
    }

    mutating func textOptions() -> TextOptions {
        if flag() { return TextOptions() }
        return TextOptions(
            fields: (0..<below(TextOptions.maxFields)).map { _ in
                TextFieldOptions(text(), weight: Double(below(100)) / 8)
            },
            k1: flag() ? Double(below(100)) / 8 : nil,
            b: Double(below(8)) / 8,
            exactWeight: Double(below(100)) / 16,
            language: TextLanguage.allCases[below(TextLanguage.allCases.count)],
            keepsStopWords: flag()
        )
    }

    mutating func description() -> CollectionDescription {
        CollectionDescription(
            name: text(),
            options: options(),
            documents: count(),
            vectors: count(),
            edges: count(),
            sequenceNumber: number(),
            changesSinceBase: count(),
            baseByteCount: number(),
            index: indexStatus(),
            buildingIndexes: indexes(),
            number: number()
        )
    }

    mutating func indexStatus() -> IndexStatus {
        IndexStatus(
            strategy: strategy(),
            state: IndexStatus.State.allCases[below(3)],
            indexedVectors: count(),
            scannedVectors: count(),
            progress: Double(below(99)) / 98,
            byteCount: number(),
            unreachableNodes: count(),
            selfRecall: maybe { Double($0.below(99)) / 98 },
            message: text()
        )
    }

    mutating func explanation() -> VectorExplanation {
        VectorExplanation(
            source: count(),
            strategy: text(),
            visitedNodes: count(),
            computedDistances: count(),
            scannedRows: count()
        )
    }

    mutating func filterExplanation() -> FilterExplanation {
        FilterExplanation(strategy: text(), matchedDocuments: count(), readDocuments: count())
    }

    /// A random cursor; it is never empty, since an empty one is no cursor.
    mutating func edgeCursor() -> EdgeCursor {
        EdgeCursor([UInt8(below(2))] + many(20) { UInt8(truncatingIfNeeded: $0.next()) })
    }

    mutating func cursor() -> ScanCursor {
        ScanCursor(row: number(), order: many(20) { UInt8(truncatingIfNeeded: $0.next()) })
    }

    mutating func bound() -> Filter.Bound { Filter.Bound(value(), isExclusive: flag()) }

    mutating func filter(_ depth: Int = 0) -> Filter {
        let path = [text()] + many(2) { $0.text() }
        switch below(depth < 3 ? 9 : 6) {
        case 0: return .equal(path: path, value())
        case 1: return .oneOf(path: path, many(3) { $0.value() })
        case 2: return .range(path: path, lower: maybe { $0.bound() }, upper: maybe { $0.bound() })
        case 3: return .exists(path: path, flag())
        case 4: return .contains(path: path, value())
        case 5: return .ids(many(3) { $0.id() })
        case 6: return .and(many(3) { $0.filter(depth + 1) })
        case 7: return .or(many(3) { $0.filter(depth + 1) })
        default: return .not(filter(depth + 1))
        }
    }

    mutating func walk() -> Walk {
        Walk(
            from: many(3) { $0.id() },
            labels: many(2) { $0.text() },
            direction: Direction.allCases[below(3)],
            depth: count(),
            budget: WalkBudget(
                nodes: count(),
                edges: count(),
                time: maybe { .milliseconds($0.count()) }
            )
        )
    }

    mutating func source(dimension: Int) -> Source {
        let kind: Source.Kind =
            switch below(4) {
            case 0:
                .vector(
                    NearVector(vector(dimension), exact: flag(), efSearch: maybe { $0.count() })
                )
            case 1:
                .text(
                    MatchText(
                        text(),
                        mode: TextMode.allCases[below(2)],
                        fuzzy: maybe { $0.fuzziness() }
                    )
                )
            case 2: .walk(walk())
            default: .walkFromHits(walk())
            }
        return Source(
            kind,
            weight: maybe { Float($0.below(10)) / 4 },
            candidates: maybe { $0.count() }
        )
    }

    mutating func fuzziness() -> Fuzziness {
        Fuzziness(
            flag() ? .auto : .edits(below(3)),
            prefixLength: below(3),
            maxExpansions: [50, 7][below(2)]
        )
    }

    mutating func highlight() -> Highlight {
        Highlight(
            fields: many(2) { $0.text() },
            fragmentSize: count(),
            maxFragments: count(),
            before: text(),
            after: text()
        )
    }

    mutating func highlightedField() -> HighlightedField {
        HighlightedField(
            field: text(),
            fragments: many(2) { random in
                let text = random.text()
                let place = random.below(text.utf8.count + 1)
                return HighlightedField.Fragment(
                    text: text,
                    offset: random.count(),
                    matches: random.flag() ? [] : [0..<place, place..<text.utf8.count]
                )
            }
        )
    }

    mutating func textExplanation() -> TextExplanation {
        TextExplanation(
            source: below(4),
            words: many(3) { random in
                TextExplanation.Word(
                    random.text(),
                    documents: random.count(),
                    expansionCount: random.count(),
                    expansions: random.many(3) {
                        TextExplanation.Expansion(
                            $0.text(),
                            distance: $0.below(3),
                            documents: $0.count()
                        )
                    }
                )
            },
            leftOut: many(2) { $0.text() }
        )
    }

    mutating func include() -> Include { Include(rawValue: UInt32(below(64))) }

    mutating func query(dimension: Int) -> Query {
        let fusion: Fusion =
            flag()
            ? .reciprocalRank(k: count())
            : .weightedScores(Fusion.Normalization.allCases[below(2)])
        return Query(
            many(3) { $0.source(dimension: dimension) },
            filter: maybe { $0.filter() },
            fusion: fusion,
            limit: count(),
            include: include(),
            highlight: maybe { $0.highlight() },
            facets: facetRequests()
        )
    }

    private mutating func facetRequests() -> [FacetRequest] {
        many(3) { random in
            FacetRequest(path: random.many(3) { $0.text() }, limit: random.count())
        }
    }

    private mutating func facets() -> [Facet] {
        many(3) { random in
            Facet(
                path: random.many(3) { $0.text() },
                values: random.many(3) { Facet.Count(value: $0.value(), count: $0.count()) },
                distinctValues: random.count()
            )
        }
    }

    /// The call with this place in `Call`'s list of cases.
    mutating func call(_ kind: Int) -> Call {
        let dimension = 1 + below(20)
        switch kind {
        case 0:
            return .hello(
                Hello(
                    protocolVersion: UInt32(count()),
                    token: maybe { $0.many(40) { UInt8(truncatingIfNeeded: $0.next()) } },
                    clientName: text(),
                    lastSequenceNumber: maybe { $0.number() }
                )
            )
        case 1: return .ping
        case 2: return .createCollection(name: text(), options())
        case 3:
            return .alterCollection(
                name: text(),
                CollectionChange(
                    vectorStrategy: maybe { $0.strategy() },
                    addedIndexes: indexes(),
                    droppedIndexes: indexes()
                )
            )
        case 4: return .dropCollection(name: text())
        case 5: return .listCollections
        case 6: return .describeCollection(name: text())
        case 7:
            return .indexMany(
                IndexManyRequest(
                    collection: text(),
                    documents: documents(),
                    edges: many(3) { $0.sourcedEdge() }
                )
            )
        case 8:
            var request = DropManyRequest(
                collection: text(),
                ids: many(5) { $0.id() },
                edges: many(3) { $0.sourcedEdge() }
            )
            request.filter = maybe { $0.filter() }
            return .dropMany(request)
        case 9:
            return .get(
                GetRequest(collection: text(), ids: many(5) { $0.id() }, include: include())
            )
        case 10:
            return .scan(
                ScanRequest(
                    collection: text(),
                    cursor: maybe { $0.cursor() },
                    limit: count(),
                    filter: maybe { $0.filter() },
                    order: maybe { random in
                        ScanOrder(path: random.many(3) { $0.text() }, isDescending: random.flag())
                    },
                    include: include()
                )
            )
        case 11:
            return .search(
                SearchRequest(
                    collection: text(),
                    queries: many(3) { $0.query(dimension: dimension) }
                )
            )
        case 12: return .walk(WalkRequest(collection: text(), walks: many(3) { $0.walk() }))
        case 13: return .buildIndex(collection: text())
        case 14: return .compact(collection: text())
        case 15: return .snapshot(name: text())
        case 16: return .verify
        case 17: return .stats
        case 18: return .listSnapshots
        case 20: return .deleteSnapshot(name: text())
        case 22:
            return .listEdges(
                ListEdgesRequest(
                    collection: text(),
                    id: id(),
                    direction: [.outgoing, .incoming, .both][below(3)],
                    labels: many(3) { $0.text() },
                    limit: count(),
                    cursor: maybe { $0.edgeCursor() }
                )
            )
        case 21: return .erase(collection: maybe { $0.text() })
        case 23: return .fetchSnapshot(name: text(), offset: number(), maxBytes: count())
        case 19:
            return .count(
                CountRequest(
                    collection: text(),
                    filter: maybe { $0.filter() },
                    facets: facetRequests()
                )
            )
        default: return .cancel(id: number())
        }
    }

    static let calls = 0...24

    mutating func request(_ kind: Int) -> Request {
        Request(
            id: number(),
            deadline: maybe { .milliseconds(1 + $0.count() / 2) },
            requestID: maybe { RequestID(high: $0.next(), low: $0.next()) },
            call: call(kind)
        )
    }

    mutating func hit() -> Hit {
        var hit = Hit(id: id(), score: Double(below(1_000)) / 7)
        hit.sourceScores = many(3) {
            SourceScore(
                source: $0.count(),
                rank: $0.maybe { $0.count() },
                score: Double($0.below(99)) / 7
            )
        }
        hit.highlights = many(2) { $0.highlightedField() }
        if flag() {
            hit.document = document(dimension: 1 + below(4))
            hit.document?.id = hit.id
        }
        return hit
    }

    mutating func reached() -> Reached {
        Reached(
            id: id(),
            depth: count(),
            from: id(),
            label: text(),
            weight: flag() ? 1 : Float(below(9)) / 4,
            isIncoming: flag()
        )
    }

    mutating func walkResult() -> WalkResult {
        WalkResult(
            reached: many(4) { $0.reached() },
            endedBy: [nil, .nodes, .edges, .time][below(4)],
            edgesFollowed: count()
        )
    }

    mutating func error() -> LodestoneError {
        LodestoneError(
            LodestoneError.Code.allCases[below(16)],
            reason: text(),
            text(),
            recovery: text(),
            outcome: [.notApplied, .applied, .unknown][below(3)],
            retryAfter: maybe { .milliseconds($0.count()) },
            field: maybe { $0.text() },
            object: maybe { $0.text() },
            sequenceNumber: maybe { $0.number() }
        )
    }

    /// The reply with this place in `Reply`'s list of cases.
    mutating func reply(_ kind: Int) -> Reply {
        switch kind {
        case 0: return .error(error())
        case 1: return .goAway(GoAway(lastRequest: number(), message: text()))
        case 2:
            return .hello(
                HelloReply(
                    protocolVersion: UInt32(count()),
                    serverVersion: text(),
                    maxFrameBytes: count(),
                    maxInFlight: count(),
                    sequenceNumber: number()
                )
            )
        case 3: return .pong(sequenceNumber: number())
        case 4:
            return .written(
                WriteReceipt(
                    sequenceNumber: number(),
                    durability: flag() ? .full : .relaxed,
                    inserted: count(),
                    replaced: count(),
                    dropped: count(),
                    isRepeated: flag()
                )
            )
        case 5: return .collections(many(3) { $0.description() })
        case 6: return .collection(description())
        case 7: return .documents(documents())
        case 8:
            return .page(
                ScanResponse(
                    documents: documents(),
                    nextCursor: maybe { $0.cursor() }
                )
            )
        case 9:
            return .search(
                SearchResponse(
                    results: many(3) {
                        QueryResult(
                            hits: $0.many(5) { $0.hit() },
                            isPartial: $0.flag(),
                            explanations: $0.many(2) { $0.explanation() },
                            filter: $0.maybe { $0.filterExplanation() },
                            textExplanations: $0.many(2) { $0.textExplanation() },
                            facets: $0.facets()
                        )
                    },
                    sequenceNumber: number()
                )
            )
        case 10:
            return .walk(
                WalkResponse(results: many(3) { $0.walkResult() }, sequenceNumber: number())
            )
        case 11: return .done(sequenceNumber: number())
        case 12: return .snapshot(snapshot())
        case 13: return .snapshots(many(3) { $0.snapshot() })
        case 16:
            return .erased(
                EraseReceipt(sequenceNumber: number(), snapshots: many(3) { $0.text() })
            )
        case 17:
            return .edges(
                ListEdgesResponse(
                    edges: many(4) {
                        ListedEdge(
                            $0.text(),
                            $0.id(),
                            weight: $0.flag() ? 1 : Float($0.below(9)) / 4,
                            metadata: $0.metadata()
                        )
                    },
                    nextCursor: maybe { $0.edgeCursor() }
                )
            )
        case 14:
            return .verified(
                VerifyReport(
                    sequenceNumber: number(),
                    batches: number(),
                    rows: number(),
                    vectors: number(),
                    edges: number(),
                    damages: many(3) { $0.damage() },
                    damageCount: number()
                )
            )
        case 18:
            let bytes = many(200) { UInt8($0.below(256)) }
            return .snapshotPart(SnapshotPart(bytes: bytes, byteCount: number()))
        case 15:
            return .counted(
                CountResponse(
                    count: count(),
                    facets: facets(),
                    filter: maybe { $0.filterExplanation() },
                    sequenceNumber: number()
                )
            )
        default:
            return .stats(
                Stats(
                    serverVersion: text(),
                    storeVersion: text(),
                    sequenceNumber: number(),
                    collections: many(2) { $0.description() },
                    statistics: many(3) {
                        Statistic($0.text(), Double($0.below(99)) / 7, unit: $0.text())
                    },
                    compactionFailure: flag() ? text() : nil
                )
            )
        }
    }

    mutating func snapshot() -> SnapshotDescription {
        SnapshotDescription(
            name: text(),
            sequenceNumber: number(),
            byteCount: number(),
            createdAt: Int64(truncatingIfNeeded: number())
        )
    }

    mutating func damage() -> Damage {
        Damage(
            kind: text(),
            collection: maybe { $0.text() },
            object: text(),
            message: text(),
            recovery: text(),
            isRepaired: flag()
        )
    }

    static let replies = 0...19

    mutating func response(_ kind: Int) -> Response {
        Response(id: number(), reply: reply(kind))
    }
}
