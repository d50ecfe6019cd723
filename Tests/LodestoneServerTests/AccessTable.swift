// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneServer
import LodestoneWire

/// The access of every kind of call for every kind of client.
enum AccessTable {
    /// A client, by its token.
    enum Client: CaseIterable {
        case noToken, wrongToken, expired, read, write, admin, other, filtered, limited

        /// The column in `proto/PROTOCOL.md`.
        var title: String {
            switch self {
            case .noToken: "no token"
            case .wrongToken: "wrong token"
            case .expired: "expired"
            case .read: "`read`"
            case .write: "`write`"
            case .admin: "`admin`"
            case .other: "`admin`, other collection"
            case .filtered: "`write`, filter"
            case .limited: "`admin`, over limit"
            }
        }
    }

    /// The access of one client to one kind of call.
    enum Access: String {
        case allowed = "yes"
        case unauthenticated = "`UNAUTHENTICATED`"
        case role = "`ROLE`"
        case collection = "`COLLECTION`"
        case rateLimit = "`RATE_LIMIT`"

        init(_ error: LodestoneError?) {
            self =
                switch (error?.code, error?.reason) {
                case (.unauthenticated, _): .unauthenticated
                case (_, .role?): .role
                case (_, .collection?): .collection
                case (_, .rateLimit?): .rateLimit
                default: .allowed
                }
        }
    }

    /// The access to a kind of call, in the order of `Client.allCases`.
    ///
    /// The switch has no default, so a new call doesn't compile without a row.
    static func row(of kind: CallKind) -> [Access] {
        let no = Access.unauthenticated
        return switch kind {
        case .hello:
            [no, no, no, .allowed, .allowed, .allowed, .allowed, .allowed, .allowed]
        case .ping, .cancel:
            [no, no, no, .allowed, .allowed, .allowed, .allowed, .allowed, .allowed]
        case .listCollections, .stats:
            [no, no, no, .allowed, .allowed, .allowed, .allowed, .allowed, .rateLimit]
        case .describeCollection, .get, .scan, .count, .search, .walk, .listEdges:
            [no, no, no, .allowed, .allowed, .allowed, .collection, .allowed, .rateLimit]
        case .indexMany, .dropMany:
            [no, no, no, .role, .allowed, .allowed, .collection, .allowed, .rateLimit]
        case .createCollection, .alterCollection, .dropCollection, .buildIndex, .compact, .erase:
            [no, no, no, .role, .role, .allowed, .collection, .role, .rateLimit]
        case .snapshot, .listSnapshots, .deleteSnapshot, .fetchSnapshot, .verify, .slowRequests:
            [no, no, no, .role, .role, .allowed, .collection, .role, .rateLimit]
        }
    }

    /// Calls of a kind on the collection `docs`, or on another one.
    static func calls(of kind: CallKind, on name: String = "docs") -> [Call] {
        switch kind {
        case .hello: []
        case .ping: [.ping]
        case .cancel: [.cancel(id: 1_000_000)]
        case .listCollections: [.listCollections]
        case .stats: [.stats]
        case .describeCollection: [.describeCollection(name: name)]
        case .get: [.get(GetRequest(collection: name, ids: ["a"]))]
        case .scan: [.scan(ScanRequest(collection: name))]
        case .count: [.count(CountRequest(collection: name))]
        case .search:
            [.search(SearchRequest(collection: name, queries: [Query([.matching("word")])]))]
        case .walk: [.walk(WalkRequest(collection: name, walks: [Walk(from: ["a"])]))]
        case .listEdges: [.listEdges(ListEdgesRequest(collection: name, id: "a"))]
        case .indexMany:
            [
                .indexMany(
                    IndexManyRequest(
                        collection: name,
                        documents: [Document(id: "new", metadata: ["tenant": "a"])]
                    )
                )
            ]
        case .dropMany: [.dropMany(DropManyRequest(collection: name, ids: ["none"]))]
        case .createCollection: [.createCollection(name: name, CollectionOptions(dimension: 0))]
        case .alterCollection:
            [
                .alterCollection(
                    name: name,
                    CollectionChange(addedIndexes: [MetadataIndex(path: ["year"])])
                )
            ]
        case .dropCollection: [.dropCollection(name: name)]
        case .buildIndex: [.buildIndex(collection: name)]
        case .compact: [.compact(collection: name)]
        case .erase: [.erase(collection: name), .erase(collection: nil)]
        case .snapshot: [.snapshot(name: "one")]
        case .listSnapshots: [.listSnapshots]
        case .deleteSnapshot: [.deleteSnapshot(name: "one")]
        case .fetchSnapshot: [.fetchSnapshot(name: "one", offset: 0, maxBytes: 1_000)]
        case .verify: [.verify]
        case .slowRequests: [.slowRequests(limit: 10)]
        }
    }

    /// The table as `proto/PROTOCOL.md` has it: one line per kind of call.
    static var lines: [String] {
        let titles = Client.allCases.map(\.title).joined(separator: " | ")
        let rules = Client.allCases.map { _ in "---" }.joined(separator: " | ")
        return ["| call | \(titles) |", "| --- | \(rules) |"]
            + CallKind.allCases.map { kind in
                let cells = row(of: kind).map(\.rawValue).joined(separator: " | ")
                return "| `\(snakeCase("\(kind)"))` | \(cells) |"
            }
    }

    private static func snakeCase(_ name: String) -> String {
        name.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
    }
}
