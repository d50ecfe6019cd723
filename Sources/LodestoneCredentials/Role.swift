// SPDX-License-Identifier: Apache-2.0

/// The role of a credential; each role allows all calls that the roles before it allow.
package enum Role: Int, Sendable, CaseIterable, Comparable {
    /// To read: searches, walks, documents and descriptions.
    case read
    /// To change documents and edges.
    case write
    /// To create, change and drop collections, and to maintain the store.
    case admin

    /// The word in a token file.
    package var name: String {
        switch self {
        case .read: "read"
        case .write: "write"
        case .admin: "admin"
        }
    }

    /// The role that a token file calls `name`.
    package init?(name: some StringProtocol) {
        guard let role = Self.allCases.first(where: { $0.name.utf8.elementsEqual(name.utf8) })
        else { return nil }
        self = role
    }

    package static func < (left: Role, right: Role) -> Bool { left.rawValue < right.rawValue }
}
