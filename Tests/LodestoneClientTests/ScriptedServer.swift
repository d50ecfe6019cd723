// SPDX-License-Identifier: Apache-2.0
import LodestoneTransport
import LodestoneWire
import Synchronization
import Testing

@testable import LodestoneClient

/// A peer that speaks the protocol and replies as a test requires.
///
/// It replies to hello and to pings by itself; every other request arrives at the test.
final class ScriptedServer: Sendable {
    /// A request, and the connection it came by.
    struct IncomingCall: Sendable {
        var request: Request
        var connection: Peer

        func reply(_ reply: Reply) {
            connection.send(Response(id: request.id, reply: reply))
        }
    }

    struct Settings: Sendable {
        var maxInFlight = 64
        var maxFrameBytes = Limits.standard.maxFrameBytes
        /// The reply to hello; `nil`: the usual one.
        var hello: @Sendable (Hello) -> Reply? = { _ in nil }
        var repliesToHello = true
    }

    let endpoint: Endpoint
    let incomingCalls: AsyncStream<IncomingCall>
    /// Every hello, in order.
    let hellos = Shared<[Hello]>([])
    /// Connections that have ended.
    let endings: AsyncStream<ObjectIdentifier>
    private let loop: EventLoop
    private let listener: Listener

    init(_ settings: Settings = Settings()) throws {
        loop = try EventLoop(label: "scripted")
        listener = try Listener(.tcp(host: "127.0.0.1", port: 0), loop: loop)
        endpoint = listener.localEndpoint
        let incomingCall: AsyncStream<IncomingCall>.Continuation
        let ending: AsyncStream<ObjectIdentifier>.Continuation
        (incomingCalls, incomingCall) = AsyncStream.makeStream()
        (endings, ending) = AsyncStream.makeStream()
        listener.start { [hellos] stream in
            let peer = Peer(stream)
            peer.receive = { [unowned peer] request in
                switch request.call {
                case .hello(let hello):
                    hellos.update { $0.append(hello) }
                    guard settings.repliesToHello else { return }
                    let reply =
                        settings.hello(hello)
                        ?? .hello(
                            HelloReply(
                                maxFrameBytes: settings.maxFrameBytes,
                                maxInFlight: settings.maxInFlight,
                                sequenceNumber: 40
                            )
                        )
                    peer.send(Response(id: request.id, reply: reply))
                case .ping:
                    peer.send(Response(id: request.id, reply: .pong(sequenceNumber: 42)))
                default:
                    incomingCall.yield(IncomingCall(request: request, connection: peer))
                }
            }
            peer.ended = { ending.yield(ObjectIdentifier($0)) }
            stream.start(peer)
        }
    }

    func configuration(
        retry: RetryPolicy = .standard,
        deadline: Duration = .seconds(30)
    ) -> LodestoneClient.Configuration {
        LodestoneClient.Configuration(endpoint: endpoint, deadline: deadline, retry: retry)
    }

    /// A client with a loop of its own, so that tests with many calls delay no others.
    func client(retry: RetryPolicy = .standard, deadline: Duration = .seconds(30)) async throws
        -> LodestoneClient
    {
        try await LodestoneClient.connect(
            configuration(retry: retry, deadline: deadline),
            loops: SharedLoops(maxCount: 1)
        )
    }

    func end() async {
        await withCheckedContinuation { continuation in
            loop.shutdown { continuation.resume() }
        }
    }
}

/// The server's end of one connection.
final class Peer: ByteStreamHandler, @unchecked Sendable {
    // Unchecked: the closures are set before the stream starts.
    let stream: ByteStream
    var receive: (Request) -> Void = { _ in }
    var ended: (Peer) -> Void = { _ in }

    init(_ stream: ByteStream) { self.stream = stream }

    func send(_ response: Response) {
        stream.send { MessageCodec.append(response, to: &$0) }
    }

    /// Sends a message that is no reply to a request.
    func say(_ reply: Reply) { send(Response(id: 0, reply: reply)) }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int {
        let decoder = FrameDecoder(maxFrameBytes: .max)
        var consumed = 0
        while true {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
            guard case .message(let range) = try? decoder.next(in: rest) else { return consumed }
            let message = UnsafeRawBufferPointer(rebasing: rest[range])
            do {
                receive(try MessageCodec.decodeRequest(message))
            } catch {
                Issue.record("the client sent what can't be decoded: \(error)")
            }
            consumed += range.upperBound
        }
    }

    func closed(_ stream: ByteStream, error: LodestoneError?) { ended(self) }
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

extension Reply {
    /// The reply to a write.
    static func written(at sequenceNumber: UInt64) -> Reply {
        .written(WriteReceipt(sequenceNumber: sequenceNumber, durability: .full, inserted: 1))
    }

    /// The reply to a get, with the requested documents.
    static func echo(_ request: Request) -> Reply {
        guard case .get(let get) = request.call else { return .documents([]) }
        return .documents(get.ids.map { Document(id: $0) })
    }
}

/// The error that a call throws, or `nil`.
func failure<R>(of work: () async throws(LodestoneError) -> R) async -> LodestoneError? {
    do throws(LodestoneError) {
        _ = try await work()
        return nil
    } catch {
        return error
    }
}
