// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore
import LodestoneSystem
import Synchronization

/// Accepts connections at an address.
///
/// Threading: belongs to its loop; create, start and close may be called from any thread.
package final class Listener: @unchecked Sendable {
    // Unchecked: everything that varies is touched on the loop only.

    /// The address at which it listens, with the port that the system gave for port 0.
    package let localEndpoint: Endpoint

    /// The number of connections that the system queues.
    private static let backlog: Int32 = 1_024
    /// The most connections accepted before other work on the loop has its turn.
    private static let maxAtOnce = 64
    /// The pause when the system has no descriptor or no memory for one more connection.
    private static let starvedPause = Duration.milliseconds(50)

    private let loop: EventLoop
    private let streamLoops: [EventLoop]
    private let tls: TLSAcceptor?
    private let descriptor: Int32
    private let socketFile: SocketFile?
    private var nextLoop = 0
    private var registration: Registration?
    private var accepted: (@Sendable (ByteStream) -> Void)?
    private var isPaused = false
    private var isStarved = false
    private var isClosed = false
    private let starvedCount = Atomic<Int>(0)

    /// Binds and listens, but accepts no connection before `start`.
    ///
    /// - Parameters:
    ///   - endpoint: The address. Port 0 takes any free port. A name takes its first address, and
    ///     its lookup blocks. A Unix socket file that no process listens on is replaced.
    ///   - loop: The loop that accepts connections.
    ///   - streamLoops: The loops of the connections, in turns; empty: `loop`.
    ///   - socketMode: The permissions of the file of a Unix socket.
    ///   - tls: The encryption of connections; `nil` for clear text.
    /// - Throws: `.unavailable` when the address is taken or not ours.
    package init(
        _ endpoint: Endpoint,
        loop: EventLoop,
        streamLoops: [EventLoop] = [],
        socketMode: UInt32 = 0o600,
        tls: TLSAcceptor? = nil
    ) throws(LodestoneError) {
        self.loop = loop
        self.tls = tls
        self.streamLoops = streamLoops.isEmpty ? [loop] : streamLoops
        guard var address = try endpoint.resolvedAddresses().first else {
            throw .system(-EADDRNOTAVAIL, "'\(endpoint)' has no address")
        }
        let bound = try Self.bind(endpoint, &address)
        do throws(LodestoneError) {
            socketFile = try SocketFile.claim(endpoint, mode: socketMode)
            // No client can connect before this call, so no client meets the file's first
            // permissions.
            try Self.check(lode_socket_listen(bound, Self.backlog), endpoint)
            try Self.check(lode_socket_local_address(bound, &address), endpoint)
        } catch {
            lode_socket_close(bound)
            throw error
        }
        descriptor = bound
        localEndpoint = address.endpoint ?? endpoint
    }

    private static func bind(
        _ endpoint: Endpoint,
        _ address: inout lode_address
    ) throws(LodestoneError) -> Int32 {
        var bound = lode_socket_bind(&address)
        if bound == -EADDRINUSE, case .unix(let path) = endpoint, lode_unix_is_stale(path) != 0 {
            _ = unlink(path)
            bound = lode_socket_bind(&address)
        }
        try check(bound, endpoint)
        return bound
    }

    private static func check(_ result: Int32, _ endpoint: Endpoint) throws(LodestoneError) {
        guard result < 0 else { return }
        throw .system(result, "Listening at \(endpoint) failed", object: endpoint.description)
    }

    deinit {
        if registration == nil, !isClosed { lode_socket_close(descriptor) }
    }

    /// The number of times that the system had no descriptor or no memory for a connection.
    ///
    /// Any thread may read it.
    package var starvations: Int { starvedCount.load(ordering: .relaxed) }

    /// Starts to accept connections.
    ///
    /// `accepted` runs on the loop of the new stream, which reads nothing before its own `start`.
    package func start(_ accepted: @escaping @Sendable (ByteStream) -> Void) {
        loop.async { [self] in
            guard registration == nil, !isClosed else { return }
            self.accepted = accepted
            registration = try? loop.register(descriptor, for: self)
            isClosed = registration == nil
            updateInterest()
        }
    }

    /// Stops accepting connections for now; the system queues some.
    ///
    /// On the loop only.
    package func pause() {
        isPaused = true
        updateInterest()
    }

    /// Accepts connections again.
    ///
    /// On the loop only.
    package func resume() {
        isPaused = false
        updateInterest()
    }

    /// Stops listening for good and removes the file of a Unix socket.
    ///
    /// Any thread may call it.
    ///
    /// - Parameter done: Runs on the loop afterwards.
    package func close(_ done: @escaping @Sendable () -> Void = {}) {
        loop.async { [self] in
            loopEnded()
            done()
        }
    }

    private func updateInterest() {
        guard let registration else { return }
        loop.setInterest(isPaused || isStarved ? [] : .read, of: registration)
    }

    private func starve() {
        starvedCount.add(1, ordering: .relaxed)
        isStarved = true
        updateInterest()
        loop.schedule(after: Self.starvedPause) { [weak self] in
            self?.isStarved = false
            self?.updateInterest()
        }
    }

    private func take(_ connection: Int32, from address: lode_address) {
        let home = streamLoops[nextLoop]
        nextLoop = (nextLoop + 1) % streamLoops.count
        let peer = address.endpoint?.description ?? "unix"
        guard let accepted else {
            lode_socket_close(connection)
            return
        }
        let begin: @Sendable () -> Void = { [tls] in
            guard let registration = try? home.register(connection, for: nil) else { return }
            accepted(ByteStream(registration, loop: home, peer: peer, tls: tls?.session()))
        }
        if home === loop { begin() } else { home.async(begin) }
    }
}

extension Listener: Pollable {
    func ready(_ readiness: Readiness) {
        for _ in 0..<Self.maxAtOnce where !isPaused && !isClosed {
            var address = lode_address()
            let connection = lode_socket_accept(descriptor, &address)
            switch -connection {
            case ...0:
                take(connection, from: address)
            case EAGAIN:
                return
            case ECONNABORTED, EINTR, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH,
                EOPNOTSUPP, ENETUNREACH, EPERM:
                // This connection is lost; the next one may be fine.
                continue
            default:
                starve()
                return
            }
        }
    }

    func loopEnded() {
        guard !isClosed else { return }
        isClosed = true
        accepted = nil
        if let registration {
            loop.close(registration)
            self.registration = nil
        } else {
            lode_socket_close(descriptor)
        }
        socketFile?.release()
    }
}

/// The file of a Unix socket that this process has made.
private struct SocketFile {
    let path: String
    let device: UInt64
    let inode: UInt64

    /// Sets the file's permissions and keeps its identity; `nil` for other addresses.
    static func claim(_ endpoint: Endpoint, mode: UInt32) throws(LodestoneError) -> SocketFile? {
        guard case .unix(let path) = endpoint else { return nil }
        var device: UInt64 = 0
        var inode: UInt64 = 0
        let result = lode_unix_claim(path, mode, &device, &inode)
        guard result == 0 else {
            throw .system(result, "The socket '\(path)' can't be set up", object: path)
        }
        return SocketFile(path: path, device: device, inode: inode)
    }

    /// Removes the file unless another file has its path by now.
    func release() {
        lode_unix_release(path, device, inode)
    }
}
