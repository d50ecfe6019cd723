// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// Calls and requests.
extension RandomMessages {
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
        case 12:
            var request = WalkRequest(collection: text(), walks: many(3) { $0.walk() })
            request.readsColumns = flag()
            return .walk(request)
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
        case 24: return .slowRequests(limit: below(129))
        default: return .cancel(id: number())
        }
    }

    static let calls = 0...25

    mutating func request(_ kind: Int) -> Request {
        Request(
            id: number(),
            deadline: maybe { .milliseconds(1 + $0.count() / 2) },
            requestID: maybe { RequestID(high: $0.next(), low: $0.next()) },
            call: call(kind)
        )
    }
}
