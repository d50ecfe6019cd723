// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneStructures
import LodestoneServer
import LodestoneWire
import Testing

@Suite("Scoped tokens")
struct TokenChangeTests {
    private static func line(_ name: String, _ role: String, _ rest: String...) -> String {
        let digest = Hexadecimal.text(Token.digest(of: name))
        let members = [#""name":"\#(name)","role":"\#(role)","sha256":"\#(digest)""#] + rest
        return "{" + members.joined(separator: ",") + "}"
    }

    private static let admin = line("admin", "admin")

    private func withTokens(
        _ lines: String...,
        body: @escaping @Sendable (RunningServer, RawClient) throws -> Void
    ) async throws {
        let text = ([Self.admin] + lines).joined(separator: "\n")
        try await withServer {
            $0.credentials = try? Credentials(text: text, path: "tokens")
        } _: { server in
            let setup = try server.connect(token: "admin")
            for name in ["docs", "logs-1", "logs-2", "other"] {
                let options = CollectionOptions(dimension: 0)
                #expect(try setup.call(.createCollection(name: name, options)).error == nil)
            }
            try body(server, setup)
        }
    }

    private static func write(_ count: Int, to collection: String = "docs") -> Call {
        .indexMany(
            IndexManyRequest(
                collection: collection,
                documents: (0..<count).map { Document(id: DocumentID(trusted: "\($0)")) }
            )
        )
    }

    // MARK: Scope

    @Test("Lists and stats have the collections of the token only, and no figures of the others")
    func lists() async throws {
        try await withTokens(
            Self.line("some", "read", #""collections":["docs","logs-*"]"#)
        ) { server, setup in
            #expect(try setup.call(Self.write(7, to: "other")).error == nil)
            let some = try server.connect(token: "some")
            guard case .collections(let list) = try some.call(.listCollections),
                case .stats(let stats) = try some.call(.stats),
                case .stats(let all) = try setup.call(.stats)
            else {
                Issue.record("a list failed")
                return
            }
            #expect(list.map(\.name).sorted() == ["docs", "logs-1", "logs-2"])
            #expect(stats.collections.map(\.name).sorted() == ["docs", "logs-1", "logs-2"])
            #expect(all.collections.count == 4)
            #expect(all.statistics.contains { $0.name.hasPrefix("store.") })
            #expect(stats.statistics.allSatisfy { $0.name.hasPrefix("server.") })
        }
    }

    @Test("A token for some collections may not make calls on the whole store, even as an admin")
    func wholeStore() async throws {
        try await withTokens(
            Self.line("some", "admin", #""collections":["docs","logs-*"]"#)
        ) { server, _ in
            let some = try server.connect(token: "some")
            for call in [
                Call.verify, .snapshot(name: "a"), .listSnapshots, .erase(collection: nil),
            ] {
                #expect(try some.call(call).error?.reason == .collection)
            }
            let create = Call.createCollection(name: "logs-9", CollectionOptions(dimension: 0))
            #expect(try some.call(create).error == nil)
            #expect(try some.call(.compact(collection: "docs")).error == nil)
        }
    }

    // MARK: Changes

    @Test(
        "A revoked token's open connections are closed, those that send calls and those that don't"
    )
    func revocation() async throws {
        try await withTokens(Self.line("reader", "read")) { server, setup in
            let silent = try server.connect(token: "reader")
            let busy = try server.connect(token: "reader")
            #expect(try silent.call(.ping).error == nil)
            #expect(try busy.call(.ping).error == nil)
            try server.replaceCredentials(Self.admin)
            // This one says nothing: the server closes it by itself.
            #expect(try silent.lastError()?.reason == .credentialEnded)
            // This one may be closed before the call arrives, or by it.
            _ = try? busy.send(.listCollections)
            #expect(try busy.lastError()?.reason == .credentialEnded)
            #expect(try server.connectSilently().call(.hello(.test(token: "reader"))).error != nil)
            #expect(try setup.call(.ping).error == nil)
        }
    }

    @Test("A changed role or scope holds for the next call of an open connection")
    func roleChange() async throws {
        try await withTokens(Self.line("app", "write")) { server, _ in
            let app = try server.connect(token: "app")
            #expect(try app.call(Self.write(1)).error == nil)
            try server.replaceCredentials(
                [Self.admin, Self.line("app", "read")].joined(separator: "\n")
            )
            #expect(try app.call(Self.write(1)).error?.reason == .role)
            #expect(try app.call(.describeCollection(name: "docs")).error == nil)
            let scoped = Self.line("app", "write", #""collections":["other"]"#)
            try server.replaceCredentials([Self.admin, scoped].joined(separator: "\n"))
            #expect(try app.call(Self.write(1)).error?.reason == .collection)
            #expect(try app.call(Self.write(1, to: "other")).error == nil)
        }
    }

    @Test("A token that expires ends its open connection")
    func expiry() async throws {
        let end = TimestampText.format(microseconds: Credentials.now + 700_000)
        try await withTokens(
            Self.line("brief", "read", #""expires":"\#(end)""#)
        ) { server, _ in
            // On a slow machine it has expired before the hello.
            guard let brief = try? server.connect(token: "brief") else { return }
            #expect(try brief.lastError()?.reason == .credentialEnded)
            let late = try server.connectSilently().call(.hello(.test(token: "brief")))
            #expect(late.error?.reason == .unauthenticated)
        }
    }

    // MARK: Limits

    @Test("A limit of requests holds over all connections of its name, with a time to wait")
    func requestLimit() async throws {
        try await withTokens(
            Self.line("slow", "read", #""requestsPerSecond":0.01"#),
            Self.line("fast", "read")
        ) { server, _ in
            let first = try server.connect(token: "slow")
            let second = try server.connect(token: "slow")
            #expect(try first.call(.listCollections).error == nil)
            for client in [first, second] {
                let error = try client.call(.listCollections).error
                #expect(error?.code == .resourceExhausted && error?.reason == .rateLimit)
                let wait = try #require(error?.retryAfter)
                #expect(wait > .seconds(10) && wait <= .seconds(100))
                #expect(error?.message.contains("'slow'") == true)
                #expect(error?.message.contains("0.01 per second") == true)
                #expect(try client.call(.ping).error == nil)
            }
            let fast = try server.connect(token: "fast")
            for _ in 0..<100 { #expect(try fast.call(.listCollections).error == nil) }
        }
    }

    @Test("A limit of documents lets a large batch in and then makes its name wait")
    func documentLimit() async throws {
        let slow = Self.line("slow", "write", #""documentsPerSecond":1"#)
        try await withTokens(slow) { server, setup in
            let client = try server.connect(token: "slow")
            #expect(try client.call(Self.write(5_000)).error == nil)
            for call in [Self.write(1), .get(GetRequest(collection: "docs", ids: ["1"]))] {
                let error = try server.connect(token: "slow").call(call).error
                #expect(error?.reason == .rateLimit)
                #expect(error?.retryAfter.map { $0 > .seconds(4_000) } == true)
            }
            // Calls without documents go on, and a new version of the file forgives nothing.
            #expect(try client.call(.describeCollection(name: "docs")).error == nil)
            try server.replaceCredentials([Self.admin, slow].joined(separator: "\n"))
            #expect(try client.call(Self.write(1)).error?.reason == .rateLimit)
            #expect(try setup.call(Self.write(1)).error == nil)
        }
    }

    @Test("Documents that reads return count for the limit of documents")
    func readDocuments() async throws {
        try await withTokens(
            Self.line("slow", "read", #""documentsPerSecond":1"#)
        ) { server, setup in
            #expect(try setup.call(Self.write(500)).error == nil)
            let client = try server.connect(token: "slow")
            let ids = (0..<500).map { DocumentID(trusted: "\($0)") }
            let get = Call.get(GetRequest(collection: "docs", ids: ids))
            #expect(try client.call(get).error == nil)
            let error = try client.call(get).error
            #expect(error?.reason == .rateLimit)
            #expect(error?.retryAfter.map { $0 > .seconds(400) } == true)
        }
    }
}
