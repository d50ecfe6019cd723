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

/// How far the output of a stream is, in bytes since it was connected.
package struct OutputProgress: Equatable, Sendable {
    /// All that is to be sent.
    package var written: Int
    /// The bytes that the other end's system has taken; its program may not have read them.
    ///
    /// Of a Unix socket less may be counted while anything is on its way: only that it grows means
    /// something there.
    package var delivered: Int

    /// Creates progress.
    package init(written: Int, delivered: Int) {
        self.written = written
        self.delivered = delivered
    }
}

/// The output half of a stream: what is to be sent, and how far that has come.
///
/// Sending a batch takes the system a while, and those who append must not wait for it. So the loop
/// takes the bytes out (`next`), sends them without the lock, and says what became of them. Any
/// other thread sends with the lock held (`transmit`), which keeps the loop from closing the
/// descriptor meanwhile; it does so only when nothing else is on its way.
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

    /// What became of bytes that were to be sent.
    enum Attempt {
        case sentAll
        /// The socket is full.
        case blocked(hasSentSome: Bool)
        /// A negative errno.
        case failed(Int32)
    }

    /// Bytes that nobody has begun to send.
    var buffer: ByteBuffer
    /// Bytes that the loop has taken out and not sent yet.
    private var byteCountInHand = 0
    /// Bytes that the system has taken.
    private var sentByteCount = 0
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
    private var mustTellDrained = false
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
    /// Bytes that the system has not taken.
    var unsentByteCount: Int { buffer.count + byteCountInHand }

    /// How far the output is.
    ///
    /// The loop must not be sending.
    var progress: OutputProgress {
        let undelivered = descriptor >= 0 ? max(0, lode_socket_undelivered(descriptor)) : 0
        return OutputProgress(
            written: sentByteCount + unsentByteCount,
            delivered: sentByteCount - undelivered
        )
    }

    /// Hands the loop its news.
    mutating func takeNews() -> News {
        defer { news = [] }
        return news
    }

    /// Appends `bytes`, without a copy where nothing waits to be sent, and empties them.
    mutating func append(_ bytes: inout ByteBuffer) {
        if buffer.isEmpty {
            swap(&buffer, &bytes)
        } else {
            bytes.withUnsafeBytes { buffer.append($0) }
        }
        bytes.removeAll()
    }

    /// Sends what the socket takes, unless the loop is at it or waits for room.
    mutating func transmit() {
        guard descriptor >= 0, failure == nil, !isBlocked, byteCountInHand == 0 else { return }
        let byteCount = buffer.count
        let attempt = Self.send(&buffer, to: descriptor)
        sentByteCount += byteCount - buffer.count
        record(attempt)
        buffer.releaseIfEmpty()
        settle()
    }

    /// Gives the loop the next bytes to send.
    ///
    /// - Parameters:
    ///   - outgoing: The bytes in the loop's hand, some or all of which it may have sent.
    ///   - attempt: What became of them; `nil` when the loop has just begun.
    ///   - hasRoom: A socket that was full has room.
    /// - Returns: The descriptor to send them to; `nil` when there is nothing to do now.
    mutating func next(
        _ outgoing: inout ByteBuffer,
        after attempt: Attempt?,
        hasRoom: Bool
    ) -> Int32? {
        if let attempt { record(attempt) }
        sentByteCount += byteCountInHand - outgoing.count
        byteCountInHand = outgoing.count
        guard descriptor >= 0, failure == nil, hasRoom && attempt == nil || !isBlocked else {
            return nil
        }
        if outgoing.isEmpty {
            guard !buffer.isEmpty else {
                settle()
                return nil
            }
            swap(&buffer, &outgoing)
            byteCountInHand = outgoing.count
        }
        return descriptor
    }

    /// Sends as much of `bytes` as the socket takes, and removes it.
    static func send(_ bytes: inout ByteBuffer, to descriptor: Int32) -> Attempt {
        var hasSentSome = false
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes {
                lode_socket_send(descriptor, $0.baseAddress, $0.count)
            }
            if sent == 0 || sent == -Int(EAGAIN) { return .blocked(hasSentSome: hasSentSome) }
            if sent < 0 { return .failed(Int32(sent)) }
            bytes.removeFirst(sent)
            hasSentSome = true
        }
        return .sentAll
    }

    private mutating func record(_ attempt: Attempt) {
        switch attempt {
        case .sentAll:
            mustTellDrained = mustTellDrained || isBlocked
            stalledSince = nil
        case .blocked(let hasSentSome):
            if !isBlocked { news.insert(.blocked) }
            if hasSentSome || !isBlocked { stalledSince = .now }
        case .failed(let errno):
            failure = errno
            stalledSince = nil
            news.insert(.failed)
            buffer.removeAll()
        }
    }

    /// Says so when everything is sent.
    private mutating func settle() {
        guard buffer.isEmpty, failure == nil, !isBlocked else { return }
        if mustTellDrained {
            mustTellDrained = false
            news.insert(.drained)
        }
        if mustFinish, !hasFinished {
            hasFinished = true
            news.insert(.finished)
            _ = lode_socket_finish(descriptor)
        }
    }

    /// Lets go of the descriptor, which the loop is about to close.
    mutating func close() {
        descriptor = -1
        stalledSince = nil
        byteCountInHand = 0
        buffer.removeAll()
    }
}
