// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneTransport

/// A link that carries so many bytes a second to a server; the way back is free.
final class SlowLink: Sendable {
    let endpoint: Endpoint
    private let loop: EventLoop
    private let listener: Listener

    init(to server: Endpoint, bytesPerSecond: Int) throws {
        let loop = try EventLoop(label: "slow link")
        self.loop = loop
        listener = try Listener(.tcp(host: "127.0.0.1", port: 0), loop: loop)
        endpoint = listener.localEndpoint
        listener.start { client in
            ByteStream.connect(to: server, on: loop, timeout: .seconds(5)) { result in
                guard case .success(let server) = result else {
                    client.close()
                    return
                }
                client.start(LinkEnd(to: server, bytesPerSecond: bytesPerSecond))
                server.start(LinkEnd(to: client, bytesPerSecond: nil))
            }
        }
    }

    func end() async {
        await withCheckedContinuation { continuation in
            loop.shutdown { continuation.resume() }
        }
    }
}

/// Hands on the bytes that arrive at one end of a link.
private final class LinkEnd: ByteStreamHandler {
    /// Few enough for the sender to see them move all the time.
    private static let bytesAtOnce = 8 << 10

    private let other: ByteStream
    private let bytesPerSecond: Int?

    init(to other: ByteStream, bytesPerSecond: Int?) {
        self.other = other
        self.bytesPerSecond = bytesPerSecond
    }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int {
        guard let bytesPerSecond else {
            other.send { $0.append(bytes) }
            return bytes.count
        }
        let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.bytesAtOnce))
        other.send { $0.append(part) }
        stream.suspendReading()
        let time = Duration.seconds(Double(part.count) / Double(bytesPerSecond))
        stream.loop.schedule(after: time) { stream.resumeReading() }
        return part.count
    }

    func closed(_ stream: ByteStream, error: LodestoneError?) { other.close() }
}
