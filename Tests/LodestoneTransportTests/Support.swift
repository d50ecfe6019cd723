// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneTransport
import Synchronization
import Testing

/// Turns the events of a stream into a sequence, and keeps every byte.
final class Recorder: ByteStreamHandler {
    enum Event: Equatable {
        case bytes([UInt8])
        case inputEnded
        case drained
        case closed(LodestoneError?)
    }

    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let consume: @Sendable (UnsafeRawBufferPointer, ByteStream) -> Int
    private let closesAtEnd: Bool

    init(
        closesAtEnd: Bool = true,
        consume: @escaping @Sendable (UnsafeRawBufferPointer, ByteStream) -> Int = { bytes, _ in
            bytes.count
        }
    ) {
        (events, continuation) = AsyncStream.makeStream()
        self.closesAtEnd = closesAtEnd
        self.consume = consume
    }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int {
        let used = consume(bytes, stream)
        if used > 0 { continuation.yield(.bytes(Array(bytes.prefix(used)))) }
        return used
    }

    func inputEnded(on stream: ByteStream) {
        continuation.yield(.inputEnded)
        if closesAtEnd { stream.closeAfterFlush() }
    }

    func drained(_ stream: ByteStream) { continuation.yield(.drained) }

    func closed(_ stream: ByteStream, error: LodestoneError?) {
        continuation.yield(.closed(error))
        continuation.finish()
    }

    /// The next `count` bytes, however they were divided.
    func bytes(_ count: Int) async throws -> [UInt8] {
        var all: [UInt8] = []
        for await event in events {
            guard case .bytes(let some) = event else { continue }
            all += some
            if all.count >= count { return all }
        }
        throw EndedEarly(byteCount: all.count)
    }

    /// Waits for the end and returns its error.
    func end() async -> LodestoneError? {
        for await event in events {
            if case .closed(let error) = event { return error }
        }
        return nil
    }

    /// Waits for one event.
    func wait(for wanted: Event) async -> Bool {
        for await event in events where event == wanted { return true }
        return false
    }
}

/// A value that closures on several threads share.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    func update(_ change: @Sendable (inout Value) -> Void) {
        mutex.withLock { change(&$0) }
    }
}

struct EndedEarly: Error {
    var byteCount: Int
}

/// Sends all bytes back, at the end of the round.
let echo: @Sendable (UnsafeRawBufferPointer, ByteStream) -> Int = { bytes, stream in
    stream.send { $0.append(bytes) }
    return bytes.count
}

/// Two connected streams: the one that the listener accepted, and the one that connected to it.
struct Pair {
    let loop: EventLoop
    let listener: Listener
    let server: ByteStream
    let client: ByteStream

    init(
        _ endpoint: Endpoint = .tcp(host: "127.0.0.1", port: 0),
        tls: TLSAcceptor? = nil,
        session: TLSSession? = nil
    ) async throws {
        loop = try EventLoop(label: "pair")
        listener = try Listener(endpoint, loop: loop, tls: tls)
        let (accepted, taken) = AsyncStream<ByteStream>.makeStream()
        listener.start { taken.yield($0) }
        client = try await connect(to: listener.localEndpoint, on: loop, tls: session)
        server = try #require(await accepted.first { _ in true })
    }

    /// Starts both ends.
    func start(server serverHandler: Recorder, client clientHandler: Recorder) {
        loop.async { [server, client] in
            server.start(serverHandler)
            client.start(clientHandler)
        }
    }

    /// Sends messages of the client from many threads, and compares the bytes of each at the
    /// server, which has received nothing before.
    func expectIntactMessages(to server: Recorder, isShort: Bool) async throws {
        await withTaskGroup(of: Void.self) { group in
            for sender in 0..<8 {
                group.addTask {
                    for round in 0..<200 {
                        client.send(now: round % 2 == 0, isShort: isShort) {
                            $0.append(contentsOf: [UInt8](repeating: UInt8(sender), count: 10))
                        }
                    }
                }
            }
        }
        let bytes = try await server.bytes(16_000)
        #expect(
            stride(from: 0, to: bytes.count, by: 10).allSatisfy { start in
                bytes[start..<(start + 10)].allSatisfy { $0 == bytes[start] }
            }
        )
    }
}

func connect(
    to endpoint: Endpoint,
    on loop: EventLoop,
    timeout: Duration = .seconds(5),
    tls: TLSSession? = nil
) async throws -> ByteStream {
    try await withCheckedThrowingContinuation { continuation in
        ByteStream.connect(to: endpoint, on: loop, timeout: timeout, tls: tls) { result in
            continuation.resume(with: result.mapError { $0 as any Error })
        }
    }
}

extension EventLoop {
    /// Runs `work` on the loop and waits for its result.
    func run<R: Sendable>(_ work: @escaping @Sendable () -> R) async -> R {
        await withCheckedContinuation { continuation in
            async { continuation.resume(returning: work()) }
        }
    }

    /// Ends the loop and waits for the end.
    func end() async {
        await withCheckedContinuation { continuation in
            shutdown { continuation.resume() }
        }
    }
}

/// A new directory with a short path, for Unix sockets.
func temporaryDirectory() throws -> URL {
    let directory = FileManager.default.temporaryDirectory
        .appending(path: "lode-\(UInt32.random(in: .min ... .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    return directory
}
