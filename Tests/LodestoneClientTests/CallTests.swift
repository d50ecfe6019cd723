// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneTransport
import LodestoneWire
import Testing

@Suite("Client calls", .timeLimit(.minutes(1)))
struct CallTests {
    @Test("Each caller gets its own reply, in any order of replies")
    func outOfOrder() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let papers = client.collection("papers")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let id = try DocumentID("document \(number)")
                    #expect(try await papers.get(id)?.id == id)
                }
            }
            var waiting: [ScriptedServer.IncomingCall] = []
            for await incoming in server.incomingCalls {
                waiting.append(incoming)
                if waiting.count == 50 { break }
            }
            for incoming in waiting.shuffled() { incoming.reply(.echo(incoming.request)) }
            try await group.waitForAll()
        }
        await client.close()
        await server.end()
    }

    @Test("Many tasks with successive calls each get their own replies")
    func manyTasks() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let echoing = Task {
            for await incoming in server.incomingCalls { incoming.reply(.echo(incoming.request)) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<100 {
                group.addTask {
                    for round in 0..<20 {
                        let id = try DocumentID("\(task)/\(round)")
                        #expect(try await client.collection("c").get(id)?.id == id)
                    }
                }
            }
            try await group.waitForAll()
        }
        echoing.cancel()
        await client.close()
        await server.end()
    }

    @Test("A task with the client's executor as its preference runs on the event loop")
    func executor() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let sum = try await Task(executorPreference: client.executor) {
            var sum: UInt64 = 0
            for _ in 0..<200 { sum += try await client.ping() }
            return sum
        }.value
        #expect(sum == 200 * 42)
        await client.close()
        await server.end()
    }

    @Test("A client sends no more calls at once than the server's limit, and the rest later")
    func maxInFlight() async throws {
        let server = try ScriptedServer(.init(maxInFlight: 2))
        let client = try await server.client()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                group.addTask {
                    _ = try await client.collection("c").get(try DocumentID("\(number)"))
                }
            }
            var waiting: [ScriptedServer.IncomingCall] = []
            var repliedCount = 0
            for await incoming in server.incomingCalls {
                waiting.append(incoming)
                #expect(waiting.count <= 2)
                guard waiting.count == 2 || repliedCount == 11 else { continue }
                let first = waiting.removeFirst()
                first.reply(.echo(first.request))
                repliedCount += 1
                if repliedCount == 12 { break }
                if repliedCount == 11, let last = waiting.first {
                    last.reply(.echo(last.request))
                    break
                }
            }
            try await group.waitForAll()
        }
        await client.close()
        await server.end()
    }

    @Test("A ping or a listing passes the calls that wait for their turn")
    func passing() async throws {
        let server = try ScriptedServer(.init(maxInFlight: 2))
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask { _ = try await client.collection("c").get(["a"]) }
            }
            var waiting: [ScriptedServer.IncomingCall] = []
            for _ in 0..<2 { waiting.append(try #require(await incomingCalls.next())) }
            #expect(try await client.ping(deadline: .seconds(20)) == 42)
            async let collections = client.collections(deadline: .seconds(20))
            let listing = try #require(await incomingCalls.next())
            #expect(listing.request.call == .listCollections)
            listing.reply(.collections([]))
            #expect(try await collections.isEmpty)
            for incoming in waiting { incoming.reply(.echo(incoming.request)) }
            for _ in 0..<8 {
                let incoming = try #require(await incomingCalls.next())
                incoming.reply(.echo(incoming.request))
            }
            try await group.waitForAll()
        }
        await client.close()
        await server.end()
    }

    @Test("A call about the server or a collection ends at its deadline")
    func deadlinesOfDescriptions() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let short = Duration.milliseconds(20)
        let errors = [
            await failure { () async throws(LodestoneError) in
                try await client.collections(deadline: short)
            },
            await failure { () async throws(LodestoneError) in
                try await client.stats(deadline: short)
            },
            await failure { () async throws(LodestoneError) in
                try await client.snapshots(deadline: short)
            },
            await failure { () async throws(LodestoneError) in
                try await client.collection("c").describe(deadline: short)
            },
        ]
        #expect(errors.map(\.?.code) == Array(repeating: .deadlineExceeded, count: 4))
        await client.close()
        await server.end()
    }

    @Test("A request tells the server how much time is left")
    func deadlineTravels() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        async let reply = client.collection("c").search(
            Query([.matching("x")]),
            deadline: .seconds(3)
        )
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        let incoming = try #require(await incomingCalls.next())
        let deadline = try #require(incoming.request.deadline)
        #expect(deadline <= .seconds(3) && deadline > .seconds(1))
        #expect(incoming.request.requestID == nil)
        incoming.reply(
            .search(SearchResponse(results: [QueryResult(hits: [])], sequenceNumber: 1))
        )
        #expect(try await reply.hits.isEmpty)
        await client.close()
        await server.end()
    }

    @Test("A call that ends at its deadline is cancelled at the server and has an outcome")
    func deadlinePasses() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let collection = client.collection("c")
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        let start = ContinuousClock.now
        async let read = failure { () async throws(LodestoneError) in
            try await collection.search([], deadline: .milliseconds(40))
        }
        let incomingRead = try #require(await incomingCalls.next())
        #expect(await read?.code == .deadlineExceeded)
        #expect(await read?.outcome == .notApplied)
        #expect(ContinuousClock.now - start >= .milliseconds(40))
        #expect(
            try #require(await incomingCalls.next()).request.call
                == .cancel(id: incomingRead.request.id)
        )

        async let write = failure { () async throws(LodestoneError) in
            try await collection.drop(["a"], deadline: .milliseconds(40))
        }
        let incomingWrite = try #require(await incomingCalls.next())
        #expect(await write?.code == .deadlineExceeded)
        #expect(await write?.outcome == .unknown)
        #expect(
            try #require(await incomingCalls.next()).request.call
                == .cancel(id: incomingWrite.request.id)
        )
        // The late replies have no caller any more, and the connection still works.
        incomingRead.reply(.search(SearchResponse(results: [], sequenceNumber: 1)))
        incomingWrite.reply(.written(at: 2))
        #expect(try await client.ping() == 42)
        await client.close()
        await server.end()
    }

    @Test("A deadline includes the time in the client's queue")
    func deadlineInQueue() async throws {
        let server = try ScriptedServer(.init(maxInFlight: 1))
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let first = client.collection("c").get(["a"])
        let incoming = try #require(await incomingCalls.next())
        let error = await failure { () async throws(LodestoneError) in
            try await client.collection("c").drop(["b"], deadline: .milliseconds(30))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.outcome == .notApplied)
        incoming.reply(.echo(incoming.request))
        #expect(try await first.count == 1)
        await client.close()
        await server.end()
    }

    @Test("A call whose message is too large is refused, and the next call works")
    func tooLarge() async throws {
        let server = try ScriptedServer(.init(maxFrameBytes: 1_000))
        let client = try await server.client()
        let error = await failure { () async throws(LodestoneError) in
            try await client.collection("c").indexMany([
                Document(id: "a", text: String(repeating: "x", count: 2_000))
            ])
        }
        #expect(error?.reason == .frameTooLarge)
        #expect(error?.outcome == .notApplied)
        #expect(try await client.ping() == 42)
        await client.close()
        await server.end()
    }

    @Test("Batches that the server does not read are held back and all sent in the end")
    func slowServer() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let text = String(repeating: "x", count: 900_000)
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let first = client.collection("c").get(["a"])
        let incoming = try #require(await incomingCalls.next())
        let stream = incoming.connection.stream
        stream.loop.async {
            stream.suspendReading()
            incoming.reply(.echo(incoming.request))
        }
        _ = try await first
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    try await client.collection("c").indexMany([
                        Document(id: try DocumentID("\(number)"), text: text)
                    ])
                }
            }
            stream.loop.async { stream.resumeReading() }
            for _ in 0..<40 { try #require(await incomingCalls.next()).reply(.written(at: 1)) }
            try await group.waitForAll()
        }
        await client.close()
        await server.end()
    }

    @Test("A reply that does not fit its call is an error")
    func unexpectedReply() async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        var incomingCalls = server.incomingCalls.makeAsyncIterator()
        async let error = failure { () async throws(LodestoneError) in
            try await client.collection("c").search(Query([.matching("x")]))
        }
        // The result of one query is missing.
        try #require(await incomingCalls.next()).reply(
            .search(SearchResponse(results: [], sequenceNumber: 1))
        )
        #expect(await error?.reason == .unexpectedReply)
        #expect(await error?.message.contains("search") == true)
        await client.close()
        await server.end()
    }
}
