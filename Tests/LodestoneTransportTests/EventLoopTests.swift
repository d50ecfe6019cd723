// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import LodestoneTransport
import Testing

@Suite("Event loop", .timeLimit(.minutes(1)))
struct EventLoopTests {
    @Test("An event loop runs all work of many threads, each thread's in order")
    func manyThreads() async throws {
        let loop = try EventLoop(label: "test")
        let seen = Shared<[Int: [Int]]>([:])
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<8 {
                group.addTask {
                    for number in 0..<1_000 {
                        loop.async {
                            seen.update { $0[thread, default: []].append(number) }
                        }
                    }
                }
            }
        }
        await loop.run {}
        let all = seen.value
        #expect(all.count == 8)
        #expect(all.values.allSatisfy { $0 == Array(0..<1_000) })
        await loop.end()
    }

    @Test("An event loop knows whether the current thread is its own")
    func current() async throws {
        let loop = try EventLoop(label: "one")
        let other = try EventLoop(label: "other")
        #expect(!loop.isCurrent)
        #expect(await loop.run { loop.isCurrent && !other.isCurrent })
        await loop.end()
        await other.end()
    }

    @Test("An event loop marks only the last of several ready connections as last")
    func atLast() async throws {
        let loop = try EventLoop(label: "server")
        let other = try EventLoop(label: "clients")
        let listener = try Listener(.tcp(host: "127.0.0.1", port: 0), loop: loop)
        let (accepted, taken) = AsyncStream<ByteStream>.makeStream()
        listener.start { taken.yield($0) }
        let values = Shared<[Bool]>([])
        let recorders = (0..<3).map { _ in
            Recorder { bytes, stream in
                values.update { $0.append(stream.loop.isLastReady) }
                return bytes.count
            }
        }
        var clients: [ByteStream] = []
        var streams = accepted.makeAsyncIterator()
        for recorder in recorders {
            let client = try await connect(to: listener.localEndpoint, on: other)
            await other.run { client.start(Recorder()) }
            clients.append(client)
            let stream = try #require(await streams.next())
            await loop.run { stream.start(recorder) }
        }
        // The loop is held up until all clients have sent, so it finds all messages together.
        let gate = DispatchSemaphore(value: 0)
        loop.async { gate.wait() }
        for client in clients {
            await other.run { client.send(now: true) { $0.append(1) } }
        }
        gate.signal()
        for recorder in recorders { #expect(try await recorder.bytes(1) == [1]) }
        #expect(values.value == [false, false, true])
        let first = clients[0]
        await other.run { first.send(now: true) { $0.append(2) } }
        #expect(try await recorders[0].bytes(1) == [2])
        #expect(values.value.last == true)
        await loop.end()
        await other.end()
    }

    @Test("An event loop never runs submitted work inside the submitting call")
    func notInside() async throws {
        let loop = try EventLoop(label: "test")
        let order = Shared<[String]>([])
        await loop.run {
            loop.async { order.update { $0.append("later") } }
            order.update { $0.append("first") }
        }
        await loop.run {}
        #expect(order.value == ["first", "later"])
        await loop.end()
    }

    @Test("A busy event loop shares its queue with other blocks")
    func sharesItsQueue() async throws {
        let loop = try EventLoop(label: "test")
        let isDone = Shared(false)
        // Work that always leaves more work behind keeps the loop from ever being idle.
        @Sendable func again() {
            if !isDone.value { loop.async { again() } }
        }
        loop.async { again() }
        await withCheckedContinuation { continuation in
            loop.queue.async { continuation.resume() }
        }
        isDone.update { $0 = true }
        await loop.end()
    }

    @Test("An event loop runs timers in due order and not too early")
    func timers() async throws {
        let loop = try EventLoop(label: "test")
        let (fired, continuation) = AsyncStream<(Int, Duration)>.makeStream()
        let start = ContinuousClock.now
        for delay in [30, 10, 20, 0] {
            loop.schedule(after: .milliseconds(delay)) {
                continuation.yield((delay, ContinuousClock.now - start))
            }
        }
        var order: [Int] = []
        for await (delay, elapsed) in fired {
            order.append(delay)
            #expect(elapsed >= .milliseconds(delay))
            if order.count == 4 { break }
        }
        #expect(order == [0, 10, 20, 30])
        await loop.end()
    }

    @Test("A cancelled timer never fires")
    func cancelledTimers() async throws {
        let loop = try EventLoop(label: "test")
        let fired = Shared(0)
        // The loop is held up, so that it learns of both at once.
        loop.queue.suspend()
        let cancelledHere = loop.schedule(after: .zero) {
            fired.update { $0 += 1 }
        }
        cancelledHere.cancel()
        loop.queue.resume()
        await withCheckedContinuation { continuation in
            loop.async {
                let cancelledThere = loop.schedule(after: .zero) {
                    fired.update { $0 += 1 }
                }
                cancelledThere.cancel()
                loop.schedule(after: .milliseconds(20)) { continuation.resume() }
            }
        }
        #expect(fired.value == 0)
        await loop.end()
    }

    @Test("Tasks that prefer an event loop leave room for its timers, sockets and other work")
    func tasks() async throws {
        let pair = try await Pair()
        let received = Recorder()
        pair.start(server: Recorder(consume: echo), client: received)
        let isDone = Shared(false)
        let tasks = (0..<10).map { _ in
            Task(executorPreference: pair.loop) {
                #expect(pair.loop.isCurrent)
                while !isDone.value { await Task.yield() }
            }
        }
        pair.client.send { $0.append(7) }
        #expect(try await received.bytes(1) == [7])
        await withCheckedContinuation { continuation in
            pair.loop.schedule(after: .milliseconds(5)) { continuation.resume() }
        }
        await pair.loop.run {}
        isDone.update { $0 = true }
        for task in tasks { await task.value }
        await pair.loop.end()
    }

    @Test("Tasks that prefer an event loop go on after its end")
    func tasksAfterTheEnd() async throws {
        let loop = try EventLoop(label: "test")
        let hasEnded = Shared(false)
        let task = Task(executorPreference: loop) {
            var count = 0
            while !hasEnded.value || count < 10 {
                await Task.yield()
                if hasEnded.value { count += 1 }
            }
            return count
        }
        await loop.end()
        hasEnded.update { $0 = true }
        #expect(await task.value == 10)
    }

    @Test("An ended event loop still runs submitted work but no timers")
    func afterTheEnd() async throws {
        let loop = try EventLoop(label: "test")
        await loop.end()
        await loop.end()
        await loop.run {}
        loop.schedule(after: .zero) { Issue.record("a timer outlived its loop") }
        await loop.run {}
    }

    @Test("An ended event loop closes its streams and listeners")
    func shutdown() async throws {
        let pair = try await Pair()
        let (server, client) = (Recorder(), Recorder())
        pair.start(server: server, client: client)
        await pair.loop.end()
        #expect(await server.end() == nil)
        #expect(await client.end() == nil)
        let other = try EventLoop(label: "other")
        let error = await #expect(throws: LodestoneError.self) {
            try await connect(to: pair.listener.localEndpoint, on: other)
        }
        #expect(error?.reason == .connectionRefused)
        await other.end()
    }
}
