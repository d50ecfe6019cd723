// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The output half of a stream: what is to be sent, and how far that has come.
///
/// Threading: guarded by the lock of its stream.
struct OutputState: ~Copyable {
    /// What happened that the loop must act on.
    struct News: OptionSet {
        let rawValue: UInt8
        /// The socket took no more: watch for room.
        static let blocked = News(rawValue: 1)
        /// All is sent, after it had to wait: watch no longer, tell the handler.
        static let drained = News(rawValue: 2)
        /// The other end was told that this was all.
        static let finished = News(rawValue: 4)
        /// `failure` says why nothing can be sent any more.
        static let failed = News(rawValue: 8)
    }

    var buffer: ByteBuffer
    /// The end of the round will send.
    var isTouched = false
    /// No more is to come: tell the other end after the last byte.
    var mustFinish = false
    /// What the loop has not heard yet.
    private(set) var news: News = []
    /// Since when the socket has taken nothing; `nil` unless output waits for it.
    private(set) var stalledSince: ContinuousClock.Instant?
    private(set) var hasFinished = false
    /// A negative errno.
    private(set) var failure: Int32?
    /// -1 once the loop has closed it.
    private var descriptor: Int32

    init(descriptor: Int32, pool: BufferPool) {
        self.descriptor = descriptor
        buffer = ByteBuffer(pool: pool)
    }

    /// Whether bytes that are added have a chance to be sent.
    var isOpen: Bool { descriptor >= 0 && failure == nil && !mustFinish }
    /// Whether the loop is to say when there is room.
    var isBlocked: Bool { stalledSince != nil }

    /// Hands the loop its news.
    mutating func takeNews() -> News {
        defer { news = [] }
        return news
    }

    /// Sends as much as the socket takes.
    ///
    /// - Parameter hasRoom: The loop saw that a socket which was full has room.
    mutating func transmit(hasRoom: Bool = false) {
        guard descriptor >= 0, failure == nil, hasRoom || !isBlocked else { return }
        while !buffer.isEmpty {
            let sent = buffer.withUnsafeBytes {
                lode_socket_send(descriptor, $0.baseAddress, $0.count)
            }
            guard sent > 0 else {
                if sent == 0 || sent == -Int(EAGAIN) {
                    if !isBlocked { news.insert(.blocked) }
                    stalledSince = stalledSince ?? .now
                } else {
                    fail(Int32(sent))
                }
                return
            }
            buffer.removeFirst(sent)
            if isBlocked { stalledSince = .now }
        }
        buffer.releaseIfEmpty()
        if isBlocked {
            stalledSince = nil
            news.insert(.drained)
        }
        if mustFinish, !hasFinished {
            hasFinished = true
            news.insert(.finished)
            _ = lode_socket_finish(descriptor)
        }
    }

    private mutating func fail(_ errno: Int32) {
        failure = errno
        stalledSince = nil
        news.insert(.failed)
        buffer.removeAll()
    }

    /// Lets go of the descriptor, which the loop is about to close.
    mutating func close() {
        descriptor = -1
        stalledSince = nil
        buffer.removeAll()
    }
}
