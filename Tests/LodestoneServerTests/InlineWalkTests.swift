// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneServer
import LodestoneWire
import Testing

@Suite("Short walk", .timeLimit(.minutes(5)))
struct InlineWalkTests {
    /// A walk over a few edges.
    private static let short = Walk(from: ["d1"], depth: 3)
    /// A walk over more edges than a loop follows.
    private static let long = Walk(from: ["hub"], depth: 2)

    /// Gives the loop unlimited time, so that its walks don't depend on the machine's speed.
    @Sendable private static func patient(_ configuration: inout ServerConfiguration) {
        configuration.eventLoops = 1
        configuration.readWorkers = 2
        configuration.maxSearchTimeOnLoop = .seconds(600)
    }

    /// Writes a chain of documents, and a hub with an edge to each; walks once, which makes the
    /// base known to the server.
    private static func fill(_ server: RunningServer, _ client: RawClient) throws {
        let ids = (0..<3_000).map { DocumentID(trusted: "d\($0)") }
        var documents = zip(ids, ids.dropFirst()).map { id, next in
            Document(id: id, edges: [Edge("next", to: next)])
        }
        documents.append(Document(id: "hub", edges: ids.map { Edge("to", to: $0) }))
        let calls = [
            Call.createCollection(name: "a", CollectionOptions(dimension: 0)),
            .indexMany(IndexManyRequest(collection: "a", documents: documents)),
            .compact(collection: "a"), call(short),
        ]
        for call in calls {
            if let error = try client.call(call).error { throw error }
        }
        try server.waitUntilReadsRun(0, over: client)
    }

    private static func call(_ walks: Walk...) -> Call {
        .walk(WalkRequest(collection: "a", walks: walks))
    }

    private static func results(_ reply: Reply) throws -> [WalkResult] {
        guard case .walk(let response) = reply else {
            throw try #require(reply.error, "not the reply of a walk: \(reply)")
        }
        return response.results
    }

    @Test("A short walk runs on the event loop, with the result of a worker")
    func short() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            try Self.fill(server, client)
            var partial = Self.long
            partial.budget.edges = 100
            for (walk, count) in [(Self.short, 3), (partial, 100)] {
                let before = try server.figures(over: client)["server.walks.inline"] ?? -1
                let one = try Self.results(client.call(Self.call(walk)))
                #expect(try server.figures(over: client)["server.walks.inline"] == before + 1)
                // A request with two walks goes to a worker.
                try server.waitUntilReadsRun(0, over: client)
                let two = try Self.results(client.call(Self.call(walk, walk)))
                #expect(try server.figures(over: client)["server.walks.inline"] == before + 1)
                try server.waitUntilReadsRun(0, over: client)
                #expect(two == one + one)
                #expect(one[0].reached.count == count)
                #expect(one[0].endedBy == (count == 100 ? .edges : nil))
            }
            let figures = try server.figures(over: client)
            #expect(figures["server.walks.restarted"] == 0)
            #expect(figures["server.memory.replies"] == 0)
        }
    }

    @Test("A walk over many edges restarts on a worker, and no walk is tried for a while")
    func long() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            try Self.fill(server, client)
            let result = try Self.results(client.call(Self.call(Self.long)))[0]
            #expect(result.reached.count == 2_999)
            #expect(result.endedBy == nil)
            var figures = try server.figures(over: client)
            #expect(figures["server.walks.restarted"] == 1)
            let before = figures["server.walks.inline"]
            // After the pause, short walks run on the loop again.
            repeat {
                let reached = try Self.results(client.call(Self.call(Self.short)))[0].reached
                #expect(reached.map(\.id) == ["d2", "d3", "d4"])
                try server.waitUntilReadsRun(0, over: client)
                figures = try server.figures(over: client)
            } while figures["server.walks.inline"] == before
        }
    }

    @Test("An invalid walk, and one without a collection, are refused on the loop as on a worker")
    func invalid() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            try Self.fill(server, client)
            let deep = Walk(from: ["d1"], depth: 9)
            let inline = try client.call(Self.call(deep)).error
            #expect(inline?.reason == .limit)
            try server.waitUntilReadsRun(0, over: client)
            #expect(try client.call(Self.call(deep, deep)).error == inline)
            let nowhere = WalkRequest(collection: "b", walks: [Self.short])
            #expect(try client.call(.walk(nowhere)).error?.code == .notFound)
        }
    }
}
