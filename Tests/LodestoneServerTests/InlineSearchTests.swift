// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import LodestoneServer
import LodestoneWire
import Synchronization
import Testing

@Suite("Short search", .timeLimit(.minutes(5)))
struct InlineSearchTests {
    /// Gives the loop unlimited time, so that its searches don't depend on the machine's speed.
    @Sendable private static func patient(_ configuration: inout ServerConfiguration) {
        configuration.eventLoops = 1
        configuration.readWorkers = 2
        configuration.maxSearchTimeOnLoop = .seconds(600)
        configuration.limits.maxQueryBytes = ShortCollection.maxQueryBytes
    }

    @Test("A short search runs on the event loop, a long one on a worker, with equal results")
    func ways() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            _ = try ShortCollection(server, client)
            let queries =
                ShortCollection.short.map { ($0, 1.0) } + ShortCollection.long.map { ($0, 0.0) }
            for (query, expected) in queries {
                let before = try server.figures(over: client)["server.searches.inline"] ?? -1
                let reply = try client.call(ShortCollection.call(query))
                let after = try server.figures(over: client)["server.searches.inline"]
                #expect(after == before + expected, "\(query)")
                // A request with two queries goes to a worker.
                try server.waitUntilReadsRun(0, over: client)
                let both = try client.call(ShortCollection.call(query, query))
                try server.waitUntilReadsRun(0, over: client)
                guard case .search(let one) = reply, case .search(let two) = both else {
                    Issue.record("not the replies of a search: \(reply), \(both)")
                    return
                }
                #expect(one.results[0].hits == two.results[0].hits)
                #expect(one.sequenceNumber == two.sequenceNumber)
                #expect(!one.results[0].hits.isEmpty)
            }
        }
    }

    @Test("A short search over the loop's time limit restarts on a worker")
    func begunAgain() async throws {
        try await withServer {
            $0.eventLoops = 1
            $0.maxSearchTimeOnLoop = .nanoseconds(1)
        } _: { server in
            let client = try server.connect()
            let collection = try ShortCollection(server, client)
            let before = try server.figures(over: client)["server.searches.restarted"]
            var after: [String: Double]
            // No search is tried in the pause after the search that made the collection known.
            repeat {
                #expect(try client.call(collection.call) == collection.reply)
                after = try server.figures(over: client)
            } while after["server.searches.restarted"] == before
            #expect(after["server.searches.restarted"] == before.map { $0 + 1 })
            #expect(after["server.searches.inline"] == 0)
        }
    }

    @Test("A search that only looks short restarts on a worker after the time limit")
    func deceptive() async throws {
        try await withServer {
            $0.eventLoops = 1
            $0.limits.maxQueryBytes = ShortCollection.maxQueryBytes
        } _: { server in
            let client = try server.connect()
            _ = try ShortCollection(server, client)
            let worker = try client.call(
                ShortCollection.call(ShortCollection.deceptive, ShortCollection.deceptive)
            )
            try server.waitUntilReadsRun(0, over: client)
            let before = try server.figures(over: client)
            var after: [String: Double]
            // No search is tried in the pause after a long search.
            repeat {
                let reply = try client.call(ShortCollection.call(ShortCollection.deceptive))
                guard case .search(let one) = reply, case .search(let two) = worker else {
                    Issue.record("not the replies of a search: \(reply), \(worker)")
                    return
                }
                #expect(one.results[0].hits == two.results[0].hits)
                after = try server.figures(over: client)
            } while after["server.searches.restarted"] == before["server.searches.restarted"]
            #expect(after["server.searches.inline"] == before["server.searches.inline"])
        }
    }

    @Test("A short search does not wait for a long one of another connection")
    func besideLong() async throws {
        try await withServer(Self.patient) { server in
            let (busy, client) = (try server.connect(), try server.connect())
            let collection = try ShortCollection(server, client)
            let work = try HugeSearch(busy)
            let long = try busy.send(work.call, deadline: .seconds(300))
            try server.waitUntilReadsRun(1, over: client)
            let before = try server.figures(over: client)["server.searches.inline"]
            for _ in 1...20 { #expect(try client.call(collection.call) == collection.reply) }
            let meanwhile = try server.figures(over: client)["server.searches.inline"]
            #expect(meanwhile == before.map { $0 + 20 })
            // The long search was not finished meanwhile.
            try busy.send(.cancel(id: long))
            #expect(try busy.reply(to: long).error?.code == .cancelled)
            try server.waitUntilReadsRun(0, over: client)
            #expect(try client.call(collection.call) == collection.reply)
            let after = try server.figures(over: client)["server.searches.inline"]
            #expect(after == before.map { $0 + 21 })
        }
    }

    @Test(
        "Short and long searches get results while another connection floods the server",
        arguments: [0, 1]
    )
    func fairness(flooding: Int) async throws {
        try await withServer {
            $0.eventLoops = 1
            $0.readWorkers = 2
        } _: { server in
            let client = try server.connect()
            let collection = try ShortCollection(server, client)
            let work = try HugeSearch(client, queries: 20)
            let calls = [collection.call, work.call]
            let (isDone, ended) = (Flag(), DispatchSemaphore(value: 0))
            DispatchQueue.global().async {
                defer { ended.signal() }
                do {
                    let other = try server.connect()
                    repeat {
                        let ids = try (1...20).map { _ in try other.send(calls[flooding]) }
                        let replies = try other.replies(to: ids)
                        #expect(replies.allSatisfy { $0.error == nil })
                    } while !isDone.isRaised
                } catch {
                    Issue.record(error)
                }
            }
            for _ in 1...20 {
                let reply = try client.call(calls[1 - flooding])
                #expect(reply.error == nil)
                if flooding == 1 { #expect(reply == collection.reply) }
                #expect(try client.call(.ping).error == nil)
            }
            isDone.raise()
            ended.wait()
        }
    }

    @Test("At most two of 50 pipelined short searches run on the event loop")
    func pipelined() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            let collection = try ShortCollection(server, client)
            let before = try server.figures(over: client)["server.searches.inline"] ?? -1
            let frames = try (1_000..<1_050).flatMap {
                try Request(id: $0, call: collection.call).frame()
            }
            try client.send(frames)
            let replies = try client.replies(to: Array(1_000..<1_050))
            #expect(replies.allSatisfy { $0 == collection.reply })
            // The last request of a packet may be alone, and the network cuts the frames into two
            // packets at most.
            let after = try server.figures(over: client)["server.searches.inline"] ?? -1
            #expect(after - before <= 2)
        }
    }

    @Test("A cancelled short search has exactly one reply")
    func cancel() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            let collection = try ShortCollection(server, client)
            let finished = try client.send(collection.call)
            #expect(try client.reply(to: finished) == collection.reply)
            try client.send(.cancel(id: finished))
            guard case .pong = try client.call(.ping) else {
                Issue.record("a call got a second reply")
                return
            }
            for id in UInt64(1_000)..<1_100 {
                let frames =
                    try Request(id: id, call: collection.call).frame()
                    + Request(id: id + 1_000, call: .cancel(id: id)).frame()
                    + Request(id: id + 2_000, call: .ping).frame()
                try client.send(frames)
                var replies: [UInt64: Reply] = [:]
                while replies.count < 2, let response = try client.receive() {
                    #expect(replies[response.id] == nil)
                    replies[response.id] = response.reply
                }
                let reply = try #require(replies[id])
                #expect(reply == collection.reply || reply.error?.code == .cancelled)
                #expect(replies[id + 2_000] != nil)
            }
            #expect(try server.figures(over: client)["server.calls"] == 0)
        }
    }

    @Test("A short search on the event loop ends at its deadline")
    func deadline() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            let collection = try ShortCollection(server, client)
            let call = ShortCollection.call(ShortCollection.deceptive)
            let late = try client.call(call, deadline: .milliseconds(1))
            #expect(late.error?.code == .deadlineExceeded)
            #expect(late.error?.outcome == .notApplied)
            #expect(try server.figures(over: client)["server.searches.restarted"] == 1)
            try server.waitUntilReadsRun(0, over: client)
            #expect(try client.call(collection.call) == collection.reply)
        }
    }

    @Test("An invalid short search is refused on the loop as on a worker, and frees its memory")
    func wrong() async throws {
        try await withServer(Self.patient) { server in
            let client = try server.connect()
            _ = try ShortCollection(server, client)
            let query = Query([.near([1])])
            let before = try server.figures(over: client)["server.searches.inline"]
            let inline = try client.call(ShortCollection.call(query))
            #expect(
                try server.figures(over: client)["server.searches.inline"]
                    == before.map { $0 + 1 }
            )
            #expect(inline.error?.reason == .dimensionMismatch)
            #expect(try client.call(ShortCollection.call(query, query)).error == inline.error)
            try server.waitUntilReadsRun(0, over: client)
            let figures = try server.figures(over: client)
            #expect(figures["server.calls"] == 0)
            #expect(figures["server.memory.requests"] == 0)
        }
    }

    @Test("A short search counts among the calls in flight and frees its slot")
    func inFlight() async throws {
        try await withServer {
            Self.patient(&$0)
            $0.limits.maxInFlight = 1
        } _: { server in
            let client = try server.connect()
            let collection = try ShortCollection(server, client)
            // The limit counts calls under way, so each call in turn passes it.
            for _ in 1...50 { #expect(try client.call(collection.call) == collection.reply) }
            #expect(try server.figures(over: client)["server.calls"] == 0)
            #expect(try server.figures(over: client)["server.memory.requests"] == 0)
            let work = try HugeSearch(client)
            let long = try client.send(work.call, deadline: .seconds(300))
            #expect(try client.call(collection.call).error?.reason == .tooManyInFlight)
            try client.send(.cancel(id: long))
            #expect(try client.reply(to: long).error?.code == .cancelled)
            #expect(try client.call(collection.call) == collection.reply)
        }
    }

    @Test("A short search of a connection within its share runs although the queue is full")
    func overload() async throws {
        try await withServer {
            Self.patient(&$0)
            $0.readWorkers = 1
            $0.limits.maxQueuedReads = 1
        } _: { server in
            let (busy, client) = (try server.connect(), try server.connect())
            let collection = try ShortCollection(server, client)
            let work = try HugeSearch(busy)
            let running = try busy.send(work.call, deadline: .seconds(300))
            try server.waitUntilReadsRun(1, over: client)
            let waiting = try busy.send(work.call, deadline: .seconds(300))
            while try server.figures(over: client)["server.reads.waiting"] != 1 {}
            #expect(try client.call(collection.call) == collection.reply)
            try busy.send(.cancel(id: waiting))
            try busy.send(.cancel(id: running))
            _ = try busy.replies(to: [running, waiting])
            #expect(try client.call(collection.call) == collection.reply)
        }
    }

    @Test("A short search doesn't delay a drain, during which no other is started")
    func drain() async throws {
        try await withServer(Self.patient) { server in
            let (busy, client) = (try server.connect(), try server.connect())
            let collection = try ShortCollection(server, client)
            let work = try HugeSearch(busy)
            let last = try client.send(collection.call)
            #expect(try client.reply(to: last) == collection.reply)
            let running = try busy.send(work.call, deadline: .seconds(300))
            try server.waitUntilReadsRun(1, over: busy)
            let drained = Task { await server.drain() }
            // The first client has no call under way: it is told to leave, and its connection ends.
            guard case .goAway(let goAway)? = try client.receive()?.reply else {
                Issue.record("no go away")
                return
            }
            #expect(goAway.lastRequest >= last)
            #expect(try client.receive() == nil)
            // The other client has a call under way, and may not begin another.
            guard case .goAway? = try busy.receive()?.reply else {
                Issue.record("no go away")
                return
            }
            let late = try busy.call(collection.call)
            #expect(late.error?.code == .unavailable)
            #expect(late.error?.outcome == .notApplied)
            try busy.send(.cancel(id: running))
            #expect(try busy.reply(to: running).error?.code == .cancelled)
            #expect(try busy.receive() == nil)
            _ = drained
        }
    }
}

/// A flag that one thread sets for another.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
