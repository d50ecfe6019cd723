// SPDX-License-Identifier: Apache-2.0
package import LodestoneCredentials
package import LodestoneWire

/// The kind of call that a request makes, without its arguments: for access, logs and metrics.
package enum CallKind: Int, Sendable, CaseIterable {
    case hello, ping
    case createCollection, alterCollection, dropCollection, listCollections, describeCollection
    case indexMany, dropMany, get, scan, count, search, walk, listEdges
    case buildIndex, compact, snapshot, listSnapshots, deleteSnapshot, fetchSnapshot, erase, verify
    case stats, slowRequests, cancel

    private static let names = allCases.map { "\($0)" }

    /// The word for logs and metrics.
    var name: String { Self.names[rawValue] }

    /// The kind of `call`.
    ///
    /// The switch has no default, so a new call doesn't compile without a kind.
    package init(_ call: Call) {
        self =
            switch call {
            case .hello: .hello
            case .ping: .ping
            case .createCollection: .createCollection
            case .alterCollection: .alterCollection
            case .dropCollection: .dropCollection
            case .listCollections: .listCollections
            case .describeCollection: .describeCollection
            case .indexMany: .indexMany
            case .dropMany: .dropMany
            case .get: .get
            case .scan: .scan
            case .count: .count
            case .search: .search
            case .walk: .walk
            case .listEdges: .listEdges
            case .buildIndex: .buildIndex
            case .compact: .compact
            case .snapshot: .snapshot
            case .listSnapshots: .listSnapshots
            case .deleteSnapshot: .deleteSnapshot
            case .fetchSnapshot: .fetchSnapshot
            case .erase: .erase
            case .verify: .verify
            case .stats: .stats
            case .slowRequests: .slowRequests
            case .cancel: .cancel
            }
    }

    /// Whether the call works on a whole store or collection, without a usual limit of time.
    var isMaintenance: Bool {
        switch self {
        case .buildIndex, .snapshot, .verify, .erase, .compact: true
        default: false
        }
    }

    /// Whether the call reads documents or edges, and so has a shape.
    var isRead: Bool {
        switch self {
        case .get, .scan, .count, .search, .walk, .listEdges: true
        default: false
        }
    }

    /// Whether the call describes the server or its collections.
    var isDescription: Bool {
        self == .listCollections || self == .describeCollection || self == .stats
    }

    /// Whether calls of the kind count for the limits of a credential.
    ///
    /// The others cost next to nothing, and clients use them to see whether the server is there.
    var isRateLimited: Bool {
        switch self {
        case .hello, .ping, .cancel: false
        default: true
        }
    }

    /// Whether the call changes documents, edges or collections.
    var isWrite: Bool {
        switch self {
        case .indexMany, .dropMany, .createCollection, .alterCollection, .dropCollection: true
        default: false
        }
    }

    /// The least role that may make the call.
    ///
    /// The switch has no default, so a new call doesn't compile without a role.
    package var requiredRole: Role {
        switch self {
        case .hello, .ping, .cancel: .read
        case .listCollections, .describeCollection, .stats: .read
        case .get, .scan, .count, .search, .walk, .listEdges: .read
        case .indexMany, .dropMany: .write
        case .createCollection, .alterCollection, .dropCollection: .admin
        case .buildIndex, .compact, .erase, .verify: .admin
        case .snapshot, .listSnapshots, .deleteSnapshot, .fetchSnapshot: .admin
        // The constants of other clients' queries are data.
        case .slowRequests: .admin
        }
    }
}

extension Role {
    /// Whether the role allows the call.
    package func allows(_ call: CallKind) -> Bool { self >= call.requiredRole }
}
