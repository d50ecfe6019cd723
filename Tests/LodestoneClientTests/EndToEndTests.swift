// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneCredentials
import LodestoneEngine
import LodestoneServer
import Logging
import TestSupport
import Testing

/// A store in a directory of its own, to be served by one server after another.
final class ServedStore: Sendable {
    let directory: URL
    let engine: Engine

    init() throws {
        directory = FileManager.default.temporaryDirectory
            .appending(path: "lode-\(UInt32.random(in: .min ... .max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        engine = try Engine.open(
            directory: directory.appending(path: "store").path,
            options: Engine.Options(durability: .relaxed)
        )
    }

    deinit {
        engine.close()
        try? FileManager.default.removeItem(at: directory)
    }

    func serve(
        at endpoint: Endpoint = .tcp(host: "127.0.0.1", port: 0),
        credentials: Credentials? = nil
    ) throws -> (Server, Endpoint) {
        let server = Server(
            engine: engine,
            configuration: ServerConfiguration(endpoint: endpoint, credentials: credentials),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        return (server, try server.start())
    }
}

@Suite("Client and server", .timeLimit(.minutes(1)))
struct EndToEndTests {
    @Test("An index build reports its progress, and a cancelled task ends the build")
    func build() async throws {
        let store = try ServedStore()
        let (server, endpoint) = try store.serve()
        let client = try await LodestoneClient.connect(to: endpoint.description)
        try await client.createCollection("a", CollectionOptions(dimension: 2))
        let target = client.collection("a")
        try await target.indexMany([Document(id: "x", vector: [1, 0])])
        let hnsw = VectorIndexStrategy.hnsw(inlineIndexing: false, HNSWOptions(m: 8))
        try await client.alterCollection("a", hnsw)
        let path = store.directory.appending(path: "store/compaction.lock").path

        let lock = try HeldLock(path)
        let (statuses, continuation) = AsyncStream.makeStream(of: IndexStatus.self)
        let build = Task {
            try await target.buildIndex { continuation.yield($0) }
        }
        var told = statuses.makeAsyncIterator()
        let status = try #require(await told.next())
        #expect(status.strategy == hnsw && status.indexedVectors + status.scannedVectors == 1)
        lock.release()
        #expect(try await build.value == 3)

        let second = try HeldLock(path)
        let cancelled = Task { try await target.buildIndex { continuation.yield($0) } }
        _ = await told.next()
        cancelled.cancel()
        let error = await #expect(throws: LodestoneError.self) { try await cancelled.value }
        #expect(error?.code == .cancelled)
        second.release()
        let question = Query([.near([1, 0], exact: true, efSearch: 5)], include: .explain)
        let result = try await target.search(question)
        #expect(result.hits.map(\.id) == ["x"])
        #expect(result.explanations.map(\.strategy) == ["exact"])
        await client.close()
        await server.shutdown()
    }

    @Test("A collection lives from creation to drop over a Unix socket with a token")
    func life() async throws {
        let store = try ServedStore()
        let path = store.directory.appending(path: "socket").path
        let token = "a-token-of-enough-bytes"
        let (server, endpoint) = try store.serve(
            at: .unix(path: path),
            credentials: try Credentials(text: token, path: "tokens")
        )
        let refused = await failure { () async throws(LodestoneError) in
            try await LodestoneClient.connect(to: endpoint.description, token: "not the token")
        }
        #expect(refused?.code == .unauthenticated)

        let client = try await LodestoneClient.connect(to: endpoint.description, token: token)
        let created = try await client.createCollection(
            "words",
            CollectionOptions(dimension: 2, metric: .euclidean)
        )
        let words = client.collection("words")
        let receipt = try await words.indexMany(
            [
                Document(id: "cat", vector: [1, 0], text: "a small animal that purrs"),
                Document(id: "dog", vector: [0.9, 0.1], text: "an animal that barks"),
                Document(id: "oak", vector: [0, 1], text: "a tree"),
            ],
            edges: [SourcedEdge(from: "cat", Edge("fears", to: "dog"))]
        )
        #expect(receipt.inserted == 3)
        #expect(receipt.sequenceNumber > created.sequenceNumber)

        let near = try await words.search(Query([.near([1, 0])], limit: 2))
        #expect(near.hits.map(\.id) == ["cat", "dog"])
        let response = try await words.search([
            Query([.matching("barks")]), Query([.near([0, 1])], limit: 1),
        ])
        #expect(response.results.map { $0.hits.map(\.id) } == [["dog"], ["oak"]])
        let walk = try await words.walk(Walk(from: ["cat"]))
        #expect(walk.reached.map(\.id) == ["dog"])
        for pageSize in [1, 10] {
            var edges: [ListedEdge] = []
            for try await edge in words.edges(of: "dog", direction: .incoming, pageSize: pageSize) {
                edges.append(edge)
            }
            #expect(edges.map(\.id) == ["cat"])
        }
        #expect(try await words.get("oak")?.vector == [0, 1])
        #expect(try await words.get("elm") == nil)
        let page = try await words.scan(limit: 2)
        #expect(page.documents.map(\.id) == ["cat", "dog"])
        let rest = try await words.scan(limit: 2, cursor: page.nextCursor)
        #expect(rest.documents.map(\.id) == ["oak"])
        #expect(try await words.describe().documents == 3)
        #expect(try await client.collections().map(\.name) == ["words"])
        #expect(try await client.stats().sequenceNumber == receipt.sequenceNumber)

        #expect(try await words.compact() == receipt.sequenceNumber)
        #expect(try await words.search(Query([.near([1, 0])], limit: 2)) == near)

        #expect(try await words.drop(["dog"]).dropped == 1)
        #expect(try await words.walk(Walk(from: ["cat"])).reached.isEmpty)
        try await client.dropCollection("words")
        let missing = await failure { () async throws(LodestoneError) in
            try await words.describe()
        }
        #expect(missing?.code == .notFound)
        await client.close()
        await server.shutdown()
    }

    @Test("A write sent twice under one request id is applied once")
    func once() async throws {
        let store = try ServedStore()
        let (server, endpoint) = try store.serve()
        let client = try await LodestoneClient.connect(.init(endpoint: endpoint))
        try await client.createCollection("c", CollectionOptions(dimension: 0))
        let requestID = RequestID.random()
        let document = Document(id: "a", text: "once")
        let first = try await client.collection("c").indexMany([document], requestID: requestID)
        let second = try await client.collection("c").indexMany([document], requestID: requestID)
        #expect(!first.isRepeated && second.isRepeated)
        #expect(first.sequenceNumber == second.sequenceNumber)
        await client.close()
        await server.shutdown()
    }

    @Test("No call is lost when the server restarts under load")
    func restart() async throws {
        let store = try ServedStore()
        let (first, endpoint) = try store.serve()
        let client = try await LodestoneClient.connect(.init(endpoint: endpoint))
        try await client.createCollection("c", CollectionOptions(dimension: 2))
        let collection = client.collection("c")
        let progress = Shared(0)
        let isDone = Shared(false)
        let written = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var count = 0
                    while !isDone.value {
                        let id = try DocumentID("\(task)/\(count)")
                        try await collection.indexMany([Document(id: id, vector: [1, 1])])
                        _ = try await collection.search(Query([.near([1, 0])]))
                        count += 1
                        progress.update { $0 += 1 }
                    }
                    return count
                }
            }
            func untilProgress(_ count: Int) async throws {
                let target = progress.value + count
                while progress.value < target { _ = try await client.ping() }
            }
            try await untilProgress(30)
            await first.drain()
            let (second, _) = try store.serve(at: endpoint)
            try await untilProgress(30)
            isDone.update { $0 = true }
            let written = try await group.reduce(0, +)
            #expect(try await collection.describe().documents == written)
            await client.close()
            await second.shutdown()
            return written
        }
        #expect(written >= 60)
    }
}
