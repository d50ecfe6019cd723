// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneServer
import LodestoneSystem
import LodestoneStructures
import LodestoneWire

#if canImport(Glibc)
let streamSocket = Int32(SOCK_STREAM.rawValue)
let noSignal = Int32(MSG_NOSIGNAL)
#elseif canImport(Darwin)
let streamSocket = SOCK_STREAM
let noSignal: Int32 = 0
#endif

/// A client that sends any bytes, and waits for replies.
///
/// It blocks: use it inside `offPool`.
final class RawClient {
    private let descriptor: Int32
    private var input: [UInt8] = []
    private var nextID: UInt64 = 0

    /// Connects to a port of this machine, and says hello unless told not to.
    ///
    /// - Parameters:
    ///   - endpoint: The address of the server.
    ///   - token: The token in the hello.
    ///   - hello: Whether to send a hello.
    ///   - receiveBuffer: About the bytes that the system accepts before they are read; `nil`: the
    ///     system's own size.
    /// - Throws: The error of the connection or of the hello.
    init(
        _ endpoint: Endpoint,
        token: String? = nil,
        hello: Bool = true,
        receiveBuffer: Int32? = nil
    ) throws {
        guard case .tcp(_, let port) = endpoint else { throw RawClientError("not a TCP endpoint") }
        descriptor = socket(AF_INET, streamSocket, 0)
        guard descriptor >= 0 else { throw RawClientError("socket: \(errno)") }
        // The timeout is so long that only a fault reaches it.
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, size)
        if var receiveBuffer {
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, size)
        }
        #if canImport(Darwin)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw RawClientError("connect: \(errno)") }
        guard hello else { return }
        let reply = try call(.hello(.test(token: token)))
        guard case .hello = reply else { throw RawClientError("the reply to hello is \(reply)") }
    }

    deinit {
        close(descriptor)
    }

    /// Sends bytes unchanged.
    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                LodestoneSystem.send(descriptor, $0.baseAddress, $0.count, noSignal)
            }
            guard count > 0 else { throw RawClientError("send: \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends a call without waiting for its reply.
    ///
    /// - Returns: The id of the call.
    @discardableResult
    func send(_ call: Call, deadline: Duration? = nil) throws -> UInt64 {
        nextID += 1
        let writes: [CallKind] = [
            .createCollection, .alterCollection, .dropCollection, .indexMany, .dropMany,
        ]
        let isWrite = writes.contains(CallKind(call))
        try send(
            Request(
                id: nextID,
                deadline: deadline,
                requestID: isWrite ? .random() : nil,
                call: call
            ).frame()
        )
        return nextID
    }

    /// Makes a call; replies to other calls are ignored.
    func call(_ call: Call, deadline: Duration? = nil) throws -> Reply {
        try reply(to: send(call, deadline: deadline))
    }

    /// Waits for the reply to a request.
    func reply(to id: UInt64) throws -> Reply {
        while let response = try receive() {
            if response.id == id { return response.reply }
        }
        throw RawClientError("closed before the reply to \(id)")
    }

    /// Waits for the replies to requests, in the order of `ids`.
    func replies(to ids: [UInt64]) throws -> [Reply] {
        var replies: [UInt64: Reply] = [:]
        while replies.count < ids.count {
            guard let response = try receive() else {
                throw RawClientError("closed before \(ids.count - replies.count) replies")
            }
            if ids.contains(response.id) { replies[response.id] = response.reply }
        }
        return ids.compactMap { replies[$0] }
    }

    /// Waits for the next response; `nil` when the server has closed the connection.
    func receive() throws -> Response? {
        let decoder = FrameDecoder(maxFrameBytes: 64 << 20)
        while true {
            let progress = try input.withUnsafeBytes { try decoder.next(in: $0) }
            if case .message(let range) = progress {
                let response = try input.withUnsafeBytes {
                    try MessageCodec.decodeResponse(UnsafeRawBufferPointer(rebasing: $0[range]))
                }
                input.removeFirst(range.upperBound)
                return response
            }
            guard try fill() else { return nil }
        }
    }

    /// Waits for the error that the server sends on its own before it closes.
    func lastError() throws -> LodestoneError? {
        var last: LodestoneError?
        while let response = try receive() {
            if case .error(let error) = response.reply { last = error }
        }
        return last
    }

    /// Tells the server that the client sends no more.
    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    private func fill() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == ECONNRESET { return false }
        guard count >= 0 else { throw RawClientError("recv: \(errno)") }
        input += buffer[..<count]
        return count > 0
    }
}

struct RawClientError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Hello {
    static func test(token: String? = nil, last: UInt64? = nil) -> Hello {
        Hello(token: token.map { Array($0.utf8) }, clientName: "test", lastSequenceNumber: last)
    }
}

extension Request {
    /// The frame of the request.
    func frame() throws -> [UInt8] {
        var buffer = ByteBuffer()
        try MessageCodec.append(self, to: &buffer)
        return buffer.withUnsafeBytes { Array($0) }
    }
}

extension Reply {
    /// The error, if the reply is one.
    var error: LodestoneError? {
        if case .error(let error) = self { error } else { nil }
    }

    /// The receipt, if the reply is one.
    var receipt: WriteReceipt? {
        if case .written(let receipt) = self { receipt } else { nil }
    }
}
