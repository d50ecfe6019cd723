// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneServer
import LodestoneWire
import Testing

@Suite("Server under load")
struct LoadTests {
    @Test("Calls over a connection's limit are refused, except pings and descriptions")
    func inFlight() async throws {
        try await withServer {
            $0.limits.maxInFlight = 2
            $0.readWorkers = 1
        } _: { server in
            let client = try server.connect()
            let work = try HugeSearch(client)
            let first = try client.send(work.call, deadline: .seconds(300))
            let second = try client.send(work.call, deadline: .seconds(300))
            let third = try client.call(work.small)
            #expect(third.error?.code == .resourceExhausted)
            #expect(third.error?.reason == .tooManyInFlight)
            #expect(third.error?.retryAfter != nil)
            #expect(try client.call(.ping).error == nil)
            #expect(try client.call(.describeCollection(name: "c")).error == nil)
            try client.send(.cancel(id: first))
            try client.send(.cancel(id: second))
            #expect(
                try client.replies(to: [first, second]).allSatisfy { $0.error?.code == .cancelled }
            )
            #expect(try client.call(work.small).error == nil)
        }
    }

    @Test("A deadline ends a search and frees its worker")
    func deadline() async throws {
        try await withServer {
            $0.readWorkers = 1
        } _: { server in
            let client = try server.connect()
            let work = try HugeSearch(client)
            let late = try client.call(work.call, deadline: .milliseconds(1))
            #expect(late.error?.code == .deadlineExceeded)
            #expect(late.error?.outcome == .notApplied)
            #expect(try client.call(work.small).error == nil)
        }
    }

    @Test("A search whose deadline passes in the queue is never started")
    func deadlineInQueue() async throws {
        try await withServer {
            $0.readWorkers = 1
        } _: { server in
            let client = try server.connect()
            let work = try HugeSearch(client)
            let running = try client.send(work.call, deadline: .seconds(300))
            try server.waitUntilOneReadRuns()
            // If the search ran, its error would be that there is no such collection.
            let query = Query([.near([1])])
            let late = try client.send(
                .search(SearchRequest(collection: "none", queries: [query])),
                deadline: .milliseconds(1)
            )
            let passed = ContinuousClock.now.advanced(by: .milliseconds(2))
            repeat {
                #expect(try client.call(.ping).error == nil)
            } while ContinuousClock.now < passed
            try client.send(.cancel(id: running))
            let replies = try client.replies(to: [running, late])
            #expect(replies[0].error?.code == .cancelled)
            #expect(replies[1].error?.code == .deadlineExceeded)
            #expect(replies[1].error?.outcome == .notApplied)
        }
    }

    @Test("A read whose deadline passes in the queue gets its error without a free worker")
    func deadlineWithoutWorker() async throws {
        try await withServer {
            $0.readWorkers = 1
            $0.limits.frameTimeout = .milliseconds(40)
        } _: { server in
            let client = try server.connect()
            let work = try HugeSearch(client)
            let running = try client.send(work.call, deadline: .seconds(300))
            try server.waitUntilOneReadRuns()
            let waiting = try client.call(work.call, deadline: .milliseconds(5))
            #expect(waiting.error?.code == .deadlineExceeded)
            #expect(waiting.error?.outcome == .notApplied)
            #expect(try server.statistic("server.reads.running") == 1)
            try client.send(.cancel(id: running))
            #expect(try client.reply(to: running).error?.code == .cancelled)
        }
    }

    @Test("A client with long searches does not block the reads of other clients")
    func neighbors() async throws {
        try await withServer {
            $0.readWorkers = 1
        } _: { server in
            let (busy, other) = (try server.connect(), try server.connect())
            let work = try HugeSearch(busy)
            let ids = try (1...10).map { _ in try busy.send(work.call, deadline: .seconds(300)) }
            while try server.statistic("server.reads.waiting") != 9 {}
            let get = Call.get(GetRequest(collection: "c", ids: [DocumentID(trusted: "0-1")]))
            for _ in 1...20 { #expect(try other.call(get).error == nil) }
            #expect(try server.statistic("server.reads.waiting") == 9)
            for id in ids { try busy.send(.cancel(id: id)) }
            #expect(try busy.replies(to: ids).allSatisfy { $0.error?.code == .cancelled })
        }
    }

    @Test("Cancellation ends a running search and removes a waiting one at once")
    func cancel() async throws {
        try await withServer {
            $0.readWorkers = 1
        } _: { server in
            let client = try server.connect()
            let work = try HugeSearch(client)
            let running = try client.send(work.call, deadline: .seconds(300))
            let waiting = try client.send(work.call, deadline: .seconds(300))
            try client.send(.cancel(id: waiting))
            // The first reply belongs to the second search, because the first still runs.
            let response = try client.receive()
            #expect(response?.id == waiting)
            #expect(response?.reply.error?.code == .cancelled)
            try client.send(.cancel(id: running))
            #expect(try client.reply(to: running).error?.code == .cancelled)
            #expect(try client.call(work.small).error == nil)
        }
    }

    @Test("A disconnected client's searches end")
    func disconnect() async throws {
        try await withServer {
            $0.readWorkers = 1
        } _: { server in
            var client: RawClient? = try server.connect()
            let work = try #require(try client.map { try HugeSearch($0) })
            for _ in 1...10 { try client?.send(work.call, deadline: .seconds(300)) }
            client = nil
            let other = try server.connect()
            #expect(try other.call(work.small).error == nil)
            // The calls would take minutes if the server finished them.
            while try server.statistic("server.calls") != 0 {}
            #expect(try server.statistic("server.reads.waiting") == 0)
            #expect(try server.statistic("server.memory.requests") == 0)
        }
    }

    @Test("Searches over the queue limit are refused with a retry delay, and short calls are not")
    func overload() async throws {
        try await withServer {
            $0.limits.maxQueuedReads = 1
            $0.readWorkers = 1
        } _: { server in
            let client = try server.connect()
            let work = try HugeSearch(client)
            let running = try client.send(work.call, deadline: .seconds(300))
            try server.waitUntilOneReadRuns()
            let waiting = try client.send(work.call, deadline: .seconds(300))
            let refused = try client.call(work.small)
            #expect(refused.error?.code == .resourceExhausted)
            #expect(refused.error?.reason == .overloaded)
            #expect(refused.error?.retryAfter != nil)
            #expect(try client.call(.ping).error == nil)
            #expect(try client.call(.describeCollection(name: "c")).error == nil)
            try client.send(.cancel(id: waiting))
            try client.send(.cancel(id: running))
            #expect(
                try client.replies(to: [running, waiting]).allSatisfy {
                    $0.error?.code == .cancelled
                }
            )
        }
    }

    @Test("Requests that would take too much memory together are refused")
    func decodeBudget() async throws {
        try await withServer {
            $0.memoryBudget = 3 << 20
        } _: { server in
            let client = try server.connect()
            // Each request needs more than the share of requests; one of them is let in all the
            // same.
            let work = try HugeSearch(client, queries: 3_000)
            let calls = try (0..<2).map { _ in
                try client.send(work.call, deadline: .seconds(300))
            }
            let other = try server.connect()
            #expect(try other.call(work.small).error == nil)
            let replies = try client.replies(to: calls)
            let refused = replies.filter { $0.error?.reason == .decodeBudget }
            #expect(refused.count == 1)
            #expect(refused.first?.error?.code == .resourceExhausted)
            #expect(refused.first?.error?.retryAfter != nil)
            #expect(try client.call(work.small).error == nil)
            #expect(try server.statistic("server.memory.requests") == 0)
        }
    }

    @Test("A cancelled write is applied whole or not at all")
    func cancelledWrites() async throws {
        try await withServer { server in
            let client = try server.connect()
            _ = try client.call(.createCollection(name: "c", CollectionOptions(dimension: 0)))
            for number in 1...50 {
                let ids = (1...20).map { DocumentID(trusted: "\(number)-\($0)") }
                let write = try client.send(
                    .indexMany(
                        IndexManyRequest(
                            collection: "c",
                            documents: ids.map { Document(id: $0, text: "x") }
                        )
                    )
                )
                try client.send(.cancel(id: write))
                let reply = try client.reply(to: write)
                let get = Call.get(GetRequest(collection: "c", ids: ids, include: []))
                guard case .documents(let found) = try client.call(get) else {
                    Issue.record("the reply to get has no documents")
                    return
                }
                if let error = reply.error {
                    #expect(error.code == .cancelled)
                    #expect(error.outcome == .notApplied)
                    #expect(found.isEmpty)
                } else {
                    #expect(found.count == ids.count)
                }
            }
        }
    }

    @Test("A slow reader gets every reply within the memory limit")
    func backpressure() async throws {
        try await withServer {
            $0.limits.maxUnreadBytes = 4 << 20
        } _: { server in
            let client = try server.connect()
            _ = try client.call(.createCollection(name: "c", CollectionOptions(dimension: 0)))
            let text = String(repeating: "word ", count: 100_000)
            _ = try client.call(
                .indexMany(
                    IndexManyRequest(collection: "c", documents: [Document(id: "a", text: text)])
                )
            )
            let get = Call.get(GetRequest(collection: "c", ids: ["a"]))
            // 32 MB of replies, eight times the limit of unread bytes, before the first is read.
            let ids = try (1...64).map { _ in try client.send(get) }
            for reply in try client.replies(to: ids) { #expect(reply.error == nil) }
        }
    }

    @Test("A drain tells clients the last request, finishes it and starts no other")
    func drain() async throws {
        try await withServer {
            $0.readWorkers = 1
        } _: { server in
            let client = try server.connect()
            let work = try HugeSearch(client)
            let running = try client.send(work.call, deadline: .seconds(300))
            try server.waitUntilOneReadRuns()
            let drained = Task { await server.drain() }
            guard case .goAway(let goAway)? = try client.receive()?.reply else {
                Issue.record("no go away")
                return
            }
            #expect(goAway.lastRequest == running)
            let late = try client.call(work.small)
            #expect(late.error?.code == .unavailable)
            #expect(late.error?.outcome == .notApplied)
            #expect(throws: RawClientError.self) { try server.connect() }
            try client.send(.cancel(id: running))
            #expect(try client.reply(to: running).error?.code == .cancelled)
            #expect(try client.receive() == nil)
            _ = drained
        }
    }
}
