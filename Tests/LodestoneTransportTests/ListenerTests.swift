// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneTransport
import Testing

@Suite("Listener", .timeLimit(.minutes(1)))
struct ListenerTests {
    private let anyPort = Endpoint.tcp(host: "127.0.0.1", port: 0)

    @Test("A listener serves many connections at once, spread over its loops")
    func manyConnections() async throws {
        let loops = try (0..<3).map { try EventLoop(label: "loop\($0)") }
        let clientLoop = try EventLoop(label: "clients")
        let listener = try Listener(anyPort, loop: loops[0], streamLoops: loops)
        let homes = Shared<[ObjectIdentifier: Int]>([:])
        listener.start { stream in
            #expect(stream.loop.isCurrent)
            homes.update { $0[ObjectIdentifier(stream.loop), default: 0] += 1 }
            stream.start(Recorder(consume: echo))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<120 {
                group.addTask {
                    let stream = try await connect(to: listener.localEndpoint, on: clientLoop)
                    let recorder = Recorder()
                    await clientLoop.run { stream.start(recorder) }
                    let bytes = [UInt8](repeating: UInt8(number), count: 1_000 + number)
                    stream.send { $0.append(contentsOf: bytes) }
                    #expect(try await recorder.bytes(bytes.count) == bytes)
                    stream.close()
                    #expect(await recorder.end() == nil)
                }
            }
            try await group.waitForAll()
        }
        #expect(homes.value.values.sorted() == [40, 40, 40])
        for loop in loops + [clientLoop] { await loop.end() }
    }

    @Test("A paused listener accepts no connection, and the waiting ones after resumption")
    func pause() async throws {
        let loop = try EventLoop(label: "test")
        let listener = try Listener(anyPort, loop: loop)
        let (accepted, taken) = AsyncStream<ByteStream>.makeStream()
        await loop.run { listener.pause() }
        let count = Shared(0)
        listener.start {
            count.update { $0 += 1 }
            taken.yield($0)
        }
        let client = try await connect(to: listener.localEndpoint, on: loop)
        await loop.run {}
        #expect(count.value == 0)
        await loop.run { listener.resume() }
        #expect(await accepted.first { _ in true } != nil)
        client.close()
        await loop.end()
    }

    @Test("A listener on an address in use is refused with the address")
    func addressInUse() async throws {
        let loop = try EventLoop(label: "test")
        let listener = try Listener(anyPort, loop: loop)
        let error = #expect(throws: LodestoneError.self) {
            try Listener(listener.localEndpoint, loop: loop)
        }
        #expect(error?.reason == .addressInUse)
        #expect(error?.message.contains(listener.localEndpoint.description) == true)
        await loop.end()
    }

    @Test("A listener replaces the file of a Unix socket only when no process listens on it")
    func staleSocket() async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appending(path: "s").path
        let loop = try EventLoop(label: "test")
        // A listener that is released without closing leaves its file behind, like a crash.
        _ = try Listener(.unix(path: path), loop: loop)
        #expect(FileManager.default.fileExists(atPath: path))
        let listener = try Listener(.unix(path: path), loop: loop, socketMode: 0o660)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o660)
        let error = #expect(throws: LodestoneError.self) {
            try Listener(.unix(path: path), loop: loop)
        }
        #expect(error?.reason == .addressInUse)
        await withCheckedContinuation { continuation in
            listener.close { continuation.resume() }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        await loop.end()
    }

    @Test("A listener leaves a file that is no socket as it is")
    func notASocket() async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "notes.txt")
        try Data("mine".utf8).write(to: file)
        let loop = try EventLoop(label: "test")
        #expect(throws: LodestoneError.self) { try Listener(.unix(path: file.path), loop: loop) }
        #expect(try Data(contentsOf: file) == Data("mine".utf8))
        await loop.end()
    }

    @Test("A listener without free descriptors waits without spinning, then serves all clients")
    func outOfDescriptors() async {
        await #expect(processExitsWith: .success) {
            let loop = try EventLoop(label: "server")
            let listener = try Listener(.tcp(host: "127.0.0.1", port: 0), loop: loop)
            var clients: [ByteStream] = []
            // These are more clients than there is room for, even when descriptors come back that
            // the start of the process held for a while.
            let clientCount = 100
            for _ in 0..<clientCount {
                clients.append(try await connect(to: listener.localEndpoint, on: loop))
            }
            // The system gives the lowest free descriptor first, so this limit leaves room for a
            // few.
            let probe = dup(0)
            close(probe)
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = rlim_t(probe + 5)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)

            let (accepted, taken) = AsyncStream<ByteStream>.makeStream()
            let start = ContinuousClock.now
            let cpuAtStart = clock()
            listener.start { taken.yield($0) }
            while listener.starvations < 4 {
                await withCheckedContinuation { continuation in
                    loop.schedule(after: .milliseconds(5)) { continuation.resume() }
                }
            }
            // Three pauses lie between the first time and the fourth.
            let elapsed = ContinuousClock.now - start
            #expect(elapsed >= .milliseconds(140))
            let cpu = Double(clock() - cpuAtStart) / Double(CLOCKS_PER_SEC)
            #expect(cpu < elapsed / .seconds(1) / 2)
            // Each connection that ends makes room for another.
            var served = 0
            for await stream in accepted {
                stream.close()
                served += 1
                if served == clientCount { break }
            }
            await loop.end()
        }
    }

    @Test("A connection to an address without a listener is refused")
    func refused() async throws {
        let loop = try EventLoop(label: "test")
        let listener = try Listener(anyPort, loop: loop)
        let endpoint = listener.localEndpoint
        await withCheckedContinuation { continuation in
            listener.close { continuation.resume() }
        }
        for endpoint in [endpoint, .unix(path: "/nonexistent/socket")] {
            let error = await #expect(throws: LodestoneError.self) {
                try await connect(to: endpoint, on: loop)
            }
            #expect(error?.reason == .connectionRefused)
            #expect(error?.message.contains(endpoint.description) == true)
        }
        await loop.end()
    }

    @Test("A listener is reached by host name")
    func byName() async throws {
        let loop = try EventLoop(label: "test")
        let listener = try Listener(anyPort, loop: loop)
        listener.start { $0.close() }
        guard case .tcp(_, let port) = listener.localEndpoint else { return }
        let stream = try await connect(to: .tcp(host: "localhost", port: port), on: loop)
        stream.close()
        await loop.end()
    }
}
