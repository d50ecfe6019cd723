// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// Results, errors, replies and responses.
extension RandomMessages {
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
            reason: LodestoneError.Reason(rawValue: text()),
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
            var response = WalkResponse(
                results: many(3) { $0.walkResult() },
                sequenceNumber: number()
            )
            if flag(), !response.results.isEmpty {
                // Columns are for documents in order of their depth.
                for index in response.results.indices {
                    let reached = response.results[index].reached.enumerated().map { place, one in
                        var one = one
                        one.depth = 1 + place / 2
                        return one
                    }
                    response.results[index].reached = ReachedDocuments(reached)
                }
                response.mayUseColumns = true
            }
            return .walk(response)
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
        case 19: return .slowRequests(slowRequests())
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

    private mutating func slowRequests() -> SlowRequests {
        SlowRequests(
            latest: many(3) { $0.slowRequest() },
            slowest: many(3) { $0.slowRequest() },
            shapes: many(3) { random in
                QueryShape(
                    shape: random.text(),
                    collection: random.text(),
                    count: random.number(),
                    errorCount: random.number(),
                    total: .microseconds(random.count()),
                    p99: .microseconds(random.count()),
                    longest: .microseconds(random.count())
                )
            },
            since: Int64(truncatingIfNeeded: number())
        )
    }

    private mutating func slowRequest() -> SlowRequest {
        SlowRequest(
            call: text(),
            collection: maybe { $0.text() },
            query: text(),
            path: maybe { $0.text() },
            duration: .microseconds(count()),
            steps: many(3) { Statistic($0.text(), Double($0.below(99)) / 7, unit: $0.text()) },
            error: maybe { $0.text() },
            client: text(),
            peer: text(),
            request: number(),
            trace: flag()
                ? TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") : nil,
            beganAt: Int64(truncatingIfNeeded: number())
        )
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

    static let replies = 0...20

    mutating func response(_ kind: Int) -> Response {
        Response(id: number(), reply: reply(kind))
    }
}
