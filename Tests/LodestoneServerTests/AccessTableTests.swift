// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneServer
import LodestoneStructures
import LodestoneWire
import Testing

@Suite("Access table")
struct AccessTableTests {
    /// One token per kind of client; its name is the token.
    private static let credentials = """
        \(line("setup", "admin"))
        \(line("expired", "admin", #""expires":"2020-01-01T00:00:00Z""#))
        \(line("read", "read"))
        \(line("write", "write"))
        \(line("admin", "admin"))
        \(line("other", "admin", #""collections":["other","doc","docs2-*"]"#))
        \(line("filtered", "write", #""filter":"tenant = 'a'""#))
        \(line("limited", "admin", #""requestsPerSecond":0.001"#))
        """

    static func line(_ name: String, _ role: String, _ rest: String...) -> String {
        let digest = Hexadecimal.text(Token.digest(of: name))
        let members = [#""name":"\#(name)","role":"\#(role)","sha256":"\#(digest)""#] + rest
        return "{" + members.joined(separator: ",") + "}"
    }

    private static func token(of client: AccessTable.Client) -> String? {
        client == .noToken ? nil : "\(client)"
    }

    @Test("Every call is served or refused for every kind of client as the table says")
    func table() async throws {
        try await withServer {
            $0.credentials = try? Credentials(text: Self.credentials, path: "tokens")
        } _: { server in
            let setup = try server.connect(token: "setup")
            // The only request of the limited client for a quarter of an hour.
            #expect(try server.connect(token: "limited").call(.stats).error == nil)
            for kind in CallKind.allCases {
                let row = AccessTable.row(of: kind)
                #expect(row.count == AccessTable.Client.allCases.count)
                for (client, expected) in zip(AccessTable.Client.allCases, row) {
                    _ = try setup.call(
                        .createCollection(name: "docs", CollectionOptions(dimension: 0))
                    )
                    let before = try Self.state(setup)
                    let found = try Self.access(of: client, to: kind, on: server)
                    #expect(
                        found.allSatisfy { $0 == expected },
                        "\(kind), \(client): \(found) instead of \(expected)"
                    )
                    guard expected != .allowed else { continue }
                    let after = try Self.state(setup)
                    #expect(after == before, "\(kind), \(client) changed the store")
                }
            }
        }
    }

    /// The access to each call of a kind.
    private static func access(
        of client: AccessTable.Client,
        to kind: CallKind,
        on server: RunningServer
    ) throws -> [AccessTable.Access] {
        let connection = try server.connectSilently()
        let hello = try connection.call(.hello(.test(token: token(of: client))))
        let calls = AccessTable.calls(of: kind)
        if calls.isEmpty { return [AccessTable.Access(hello.error)] }
        return try calls.map { call in
            if case .cancel = call, hello.error == nil {
                // It has no reply of its own; the connection goes on.
                try connection.send(call)
                return AccessTable.Access(try connection.call(.ping).error)
            }
            return AccessTable.Access(try connection.call(call).error)
        }
    }

    /// The names of the collections and snapshots, and the number of the last batch.
    private static func state(_ setup: RawClient) throws -> [String] {
        guard case .collections(let collections) = try setup.call(.listCollections),
            case .snapshots(let snapshots) = try setup.call(.listSnapshots),
            case .pong(let number) = try setup.call(.ping)
        else { throw RawClientError("the state can't be read") }
        return collections.map(\.name) + snapshots.map(\.name) + ["\(number)"]
    }

    @Test("The table of access in PROTOCOL.md is the one that is tested")
    func documented() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("proto/PROTOCOL.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let table = AccessTable.lines.joined(separator: "\n")
        #expect(text.contains(table), "proto/PROTOCOL.md lacks:\n\(table)")
    }

    @Test("A refused collection is answered alike whether it exists or not")
    func existence() async throws {
        try await withServer {
            $0.credentials = try? Credentials(text: Self.credentials, path: "tokens")
        } _: { server in
            let setup = try server.connect(token: "setup")
            let create = Call.createCollection(name: "docs", CollectionOptions(dimension: 0))
            #expect(try setup.call(create).error == nil)
            let other = try server.connect(token: "other")
            for kind in CallKind.allCases where AccessTable.row(of: kind)[6] == .collection {
                let replies = try ["docs", "none"].map { name in
                    try AccessTable.calls(of: kind, on: name).map { call in
                        try other.call(call).error?.description
                            .replacingOccurrences(of: "'\(name)'", with: "NAME")
                    }
                }
                #expect(replies[0] == replies[1], "\(kind)")
            }
        }
    }
}
