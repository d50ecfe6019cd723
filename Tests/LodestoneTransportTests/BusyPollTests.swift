// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import Testing

@Suite("Busy polling", .timeLimit(.minutes(1)))
struct BusyPollTests {
    @Test("Busy polling begins after several short waits in a row and ends with a long one")
    func streak() {
        var poll = BusyPoll(limit: .microseconds(100))
        for _ in 0..<BusyPoll.needed {
            #expect(!poll.pays)
            poll.ended(after: .microseconds(99))
        }
        #expect(poll.pays)
        poll.ended(after: .microseconds(5))
        #expect(poll.pays)
        poll.ended(after: .microseconds(100))
        #expect(!poll.pays)
        poll.ended(after: .microseconds(5))
        #expect(!poll.pays, "one short wait says nothing yet")
    }

    @Test("Busy polling pauses after frequent long yields, not after occasional ones")
    func crowded() {
        var poll = BusyPoll(limit: .microseconds(200))
        func wait(_ count: Int) { for _ in 0..<count { poll.ended(after: .microseconds(10)) } }
        wait(BusyPoll.needed)
        for _ in 0..<100 {
            poll.yielded(for: .milliseconds(2))
            wait(20)
            #expect(poll.pays)
        }
        for _ in 0...BusyPoll.tolerated { poll.yielded(for: .milliseconds(2)) }
        #expect(!poll.pays)
        wait(BusyPoll.shortestPause)
        #expect(!poll.pays)
        wait(BusyPoll.needed)
        #expect(poll.pays)
    }

    @Test("Busy polling never begins with a limit of zero")
    func off() {
        var poll = BusyPoll(limit: .zero)
        for _ in 0..<10 { poll.ended(after: .zero) }
        #expect(!poll.pays)
    }

    @Test(
        "An event loop serves sockets, threads and timers alike, with and without busy polling",
        arguments: [Duration.zero, .milliseconds(50)]
    )
    func loop(limit: Duration) async throws {
        let loop = try EventLoop(label: "test", busyPoll: limit)
        let listener = try Listener(.tcp(host: "127.0.0.1", port: 0), loop: loop)
        let (accepted, taken) = AsyncStream<ByteStream>.makeStream()
        listener.start { taken.yield($0) }
        let other = try EventLoop(label: "client", busyPoll: limit)
        let client = try await connect(to: listener.localEndpoint, on: other)
        let replies = Recorder()
        await other.run { client.start(replies) }
        var streams = accepted.makeAsyncIterator()
        let server = try #require(await streams.next())
        await loop.run { server.start(Recorder(consume: echo)) }
        // Each message waits for the reply to the one before, so that the waits of both loops are
        // short.
        for round in 1...50 as ClosedRange<UInt8> {
            other.async { client.send(now: true) { $0.append(round) } }
            #expect(try await replies.bytes(1) == [round])
            await loop.run {}
        }
        await withCheckedContinuation { continuation in
            loop.schedule(after: .milliseconds(5)) { continuation.resume() }
        }
        await loop.end()
        await other.end()
    }
}
