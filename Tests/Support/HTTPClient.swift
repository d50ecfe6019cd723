// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
import LodestoneSystem

#if canImport(Glibc)
private let streamSocket = Int32(SOCK_STREAM.rawValue)
private let noSignal = Int32(MSG_NOSIGNAL)
#elseif canImport(Darwin)
private let streamSocket = SOCK_STREAM
private let noSignal: Int32 = 0
#endif

/// A client that sends any bytes, and reads responses of HTTP.
///
/// It blocks: use it inside `offPool`.
package final class HTTPClient {
    /// A response.
    package struct Response: Sendable {
        package let status: Int
        /// The header fields by their names in lower case.
        package let fields: [String: String]
        package let body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    private let descriptor: Int32
    private var input: [UInt8] = []

    /// Connects to a port of this machine.
    ///
    /// - Parameters:
    ///   - endpoint: The address.
    ///   - receiveBuffer: About the bytes that the system accepts before they are read; `nil`: the
    ///     system's own size.
    /// - Throws: The error of the connection.
    package init(_ endpoint: Endpoint, receiveBuffer: Int32? = nil) throws {
        guard case .tcp(_, let port) = endpoint else { throw HTTPClientError("not a TCP endpoint") }
        descriptor = socket(AF_INET, streamSocket, 0)
        guard descriptor >= 0 else { throw HTTPClientError("socket: \(errno)") }
        // The timeout is so long that only a fault reaches it.
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
        if var receiveBuffer {
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, size)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            close(descriptor)
            throw HTTPClientError("connect: \(errno)")
        }
    }

    deinit {
        close(descriptor)
    }

    /// Sends bytes unchanged; those that a closed connection refuses are dropped.
    package func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                LodestoneSystem.send(descriptor, $0.baseAddress, $0.count, noSignal)
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends text unchanged.
    package func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends a request, and reads its response.
    package func get(_ path: String, method: String = "GET", accept: String? = nil) throws
        -> Response
    {
        let field = accept.map { "Accept: \($0)\r\n" } ?? ""
        send("\(method) \(path) HTTP/1.1\r\nHost: test\r\n\(field)\r\n")
        guard let response = try receive(isHead: method == "HEAD") else {
            throw HTTPClientError("closed before the response")
        }
        return response
    }

    /// Reads the next response; `nil` when the server has closed the connection.
    package func receive(isHead: Bool = false) throws -> Response? {
        let end = Array("\r\n\r\n".utf8)
        var headCount = 0
        while true {
            if let found = input.firstRange(of: end) {
                headCount = found.upperBound
                break
            }
            guard try fill() else { return nil }
        }
        let lines = String(decoding: input[..<headCount], as: UTF8.self)
            .components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count > 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
            throw HTTPClientError("the status line is '\(lines[0])'")
        }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields[line[..<colon].lowercased()] = String(value)
        }
        guard let length = fields["content-length"].flatMap({ Int($0) }) else {
            throw HTTPClientError("there is no Content-Length")
        }
        let byteCount = headCount + (isHead ? 0 : length)
        while input.count < byteCount {
            guard try fill() else { throw HTTPClientError("the body is cut off") }
        }
        let body = Array(input[headCount..<byteCount])
        input.removeFirst(byteCount)
        return Response(status: status, fields: fields, body: body)
    }

    /// Tells the server that the client sends no more.
    package func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    private func fill() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == ECONNRESET || errno == EPIPE { return false }
        guard count >= 0 else { throw HTTPClientError("recv: \(errno)") }
        input += buffer[..<count]
        return count > 0
    }
}

package struct HTTPClientError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
