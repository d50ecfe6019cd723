// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneSystem
import Synchronization
import TestSupport

/// A proxy of TCP between a client and a server, which treats each connection as a test wants.
///
/// Threading: each connection has its own thread.
final class UnreliableProxy: Sendable {
    enum Treatment: Sendable {
        /// Every byte goes through.
        case pass
        /// The connection closes at once.
        case refuse
        /// The connection closes after the server's reply has begun, whose bytes are withheld: the
        /// server has done what the client wanted, and the client does not know.
        case loseReply
        /// The connection closes within the client's request.
        case cutRequest
        /// The client gets an error of the server, and the server gets nothing.
        case fail
        /// Nothing goes through.
        case stall
    }

    let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let choose: @Sendable (Int) -> Treatment
    private let count = Atomic<Int>(0)

    /// - Parameters:
    ///   - target: The port of the server on this machine.
    ///   - choose: The treatment of a connection by its number.
    /// - Throws: The error of the system when no port is free.
    init(to target: UInt16, _ choose: @escaping @Sendable (Int) -> Treatment) throws {
        self.target = target
        self.choose = choose
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        let accepting = Thread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0, let self else { return }
                let number = self.count.add(1, ordering: .relaxed).newValue
                Thread.detachNewThread { self.serve(client, self.choose(number)) }
            }
        }
        accepting.start()
    }

    /// The number of connections so far.
    var connections: Int { count.load(ordering: .relaxed) }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        _ = LodestoneSystem.close(listener)
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private func serve(_ client: Int32, _ treatment: Treatment) {
        defer { _ = LodestoneSystem.close(client) }
        switch treatment {
        case .refuse: return
        case .stall:
            var byte: UInt8 = 0
            while recv(client, &byte, 1, 0) > 0 {}
            return
        case .fail:
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            _ = recv(client, &buffer, buffer.count, 0)
            let reply = "HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            _ = send(client, reply, reply.utf8.count, Int32(MSG_NOSIGNAL))
            shutdown(client, Int32(SHUT_WR))
            while recv(client, &buffer, buffer.count, 0) > 0 {}
            return
        case .pass, .loseReply, .cutRequest: break
        }
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = LodestoneSystem.close(server) }
        var address = Self.address(target)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return }
        relay(client, server, treatment)
    }

    private func relay(_ client: Int32, _ server: Int32, _ treatment: Treatment) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var sent = 0
        while true {
            var ready = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&ready, 2, 60_000) > 0 else { return }
            for (from, to) in [(0, server), (1, client)] where ready[from].revents != 0 {
                let count = recv(ready[from].fd, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                if from == 1, case .loseReply = treatment { return }
                if from == 0, case .cutRequest = treatment {
                    sent += count
                    if sent > 500 { return }
                }
                var done = 0
                while done < count {
                    let written = buffer.withUnsafeBytes { bytes in
                        send(
                            to,
                            bytes.baseAddress.map { $0 + done },
                            count - done,
                            Int32(MSG_NOSIGNAL)
                        )
                    }
                    guard written > 0 else { return }
                    done += written
                }
            }
        }
    }
}
