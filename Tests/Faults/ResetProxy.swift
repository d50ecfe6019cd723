// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneSystem
import Synchronization
import TestSupport

/// A proxy between clients and a server that resets connections in the middle of messages.
final class ResetProxy: Sendable {
    /// The address for clients.
    let endpoint: String
    private let listener: Int32
    private let upstream = Mutex<UInt16>(0)
    private let random: Mutex<SeededGenerator>
    private let resets = Atomic<Int>(0)

    /// The number of connections that were reset so far.
    var resetCount: Int { resets.load(ordering: .relaxed) }

    init(seed: UInt64) throws {
        random = Mutex(SeededGenerator(seed: seed))
        let listener = socket(AF_INET, Self.stream, 0)
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isListening else { throw Finding(.refusal, "The proxy can't listen.") }
        self.listener = listener
        endpoint = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        let thread = Thread { [self] in acceptAll() }
        thread.start()
    }

    /// Forwards new connections to `endpoint` from now on.
    func lead(to endpoint: String) {
        let port = endpoint.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
        upstream.withLock { $0 = port }
    }

    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            if client < 0 { return }
            let server = socket(AF_INET, Self.stream, 0)
            var address = Self.loopback(upstream.withLock { $0 })
            let isConnected = withUnsafePointer(to: &address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isConnected else {
                close(client)
                close(server)
                continue
            }
            let pair = Pair(client, server)
            let budgets = random.withLock { random in
                (
                    Int.random(in: 200...8_000, using: &random),
                    Int.random(in: 100...1_500, using: &random)
                )
            }
            for (from, to, budget) in [(client, server, budgets.0), (server, client, budgets.1)] {
                Thread { [self] in pump(from, to, budget, pair) }.start()
            }
        }
    }

    /// Forwards `budget` bytes, and then resets both connections.
    private func pump(_ from: Int32, _ to: Int32, _ budget: Int, _ pair: Pair) {
        var left = budget
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(from, &buffer, buffer.count)
            guard count > 0 else {
                pair.leave(isReset: false)
                return
            }
            var sent = 0
            let share = min(count, left)
            while sent < share {
                let part = buffer[sent..<share].withUnsafeBytes {
                    send(to, $0.baseAddress, $0.count, Self.quietly)
                }
                guard part > 0 else {
                    pair.leave(isReset: false)
                    return
                }
                sent += part
            }
            left -= share
            if left == 0 {
                resets.add(1, ordering: .relaxed)
                pair.leave(isReset: true)
                return
            }
        }
    }

    /// Two sockets, closed once both directions are done with them.
    private final class Pair: Sendable {
        private let client: Int32
        private let server: Int32
        private let users = Atomic<Int>(2)

        init(_ client: Int32, _ server: Int32) {
            self.client = client
            self.server = server
        }

        func leave(isReset: Bool) {
            for descriptor in [client, server] {
                if isReset {
                    var linger = linger(l_onoff: 1, l_linger: 0)
                    let size = socklen_t(MemoryLayout.size(ofValue: linger))
                    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, size)
                }
                shutdown(descriptor, Int32(isReset ? SHUT_RD : SHUT_RDWR))
            }
            if users.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
                close(client)
                close(server)
            }
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    #if canImport(Glibc)
    private static let stream = Int32(SOCK_STREAM.rawValue)
    private static let quietly = Int32(MSG_NOSIGNAL)
    #else
    private static let stream = SOCK_STREAM
    private static let quietly: Int32 = 0
    #endif
}
