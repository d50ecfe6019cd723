// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneStructures
import LodestoneSystem

/// The progress of a stream's output, in bytes since it was connected.
package struct OutputProgress: Equatable, Sendable {
    /// The number of bytes that were written for sending.
    package var written: Int
    /// The number of bytes that the other end's system has taken; its program may not have read
    /// them.
    ///
    /// For a Unix socket, fewer bytes may be counted while any are on their way. Only the growth of
    /// the number has a meaning there.
    package var delivered: Int

    /// Creates progress.
    package init(written: Int, delivered: Int) {
        self.written = written
        self.delivered = delivered
    }
}

/// The output half of a stream: the bytes to send, and how far the sending has come.
///
/// The system takes a while to send a batch, and threads that append must not wait for it. So the
/// loop takes the bytes out (`next`), sends them without the lock, and reports the outcome. Any
/// other thread sends with the lock held (`transmit`), which keeps the loop from closing the
/// descriptor meanwhile. It does so only when no other bytes are being sent.
///
/// Threading: guarded by the lock of its stream.
struct OutputState: ~Copyable {
    /// The events that the loop must act on.
    struct SendEvents: OptionSet {
        let rawValue: UInt8
        /// The socket took no more bytes: the loop must wait for room.
        static let blocked = SendEvents(rawValue: 1)
        /// All bytes are sent after a wait: the loop must stop waiting and tell the handler.
        static let drained = SendEvents(rawValue: 2)
        /// The other end was told that no more will come.
        static let finished = SendEvents(rawValue: 4)
        /// `failure` has the reason why nothing can be sent any more.
        static let failed = SendEvents(rawValue: 8)
    }

    /// The outcome of an attempt to send bytes.
    enum Attempt {
        case sentAll
        /// The socket is full.
        case blocked(hasSentSome: Bool)
        /// The other end has not ended the handshake yet; `ByteStream` sends once it has.
        case waiting
        /// A negative errno.
        case failed(Int32)
    }

    /// The bytes that no thread has begun to send.
    var buffer: ByteBuffer
    /// The number of bytes that the loop has taken out and not sent yet.
    private var byteCountInHand = 0
    /// The number of bytes that the system has taken.
    private var sentByteCount = 0
    /// Whether the end of the loop's iteration will send.
    var isTouched = false
    /// Whether no more bytes will come, so that the other end must be told after the last one.
    var mustFinish = false
    /// The events that the loop has not taken yet.
    private(set) var events: SendEvents = []
    /// The time since which the socket has taken nothing; `nil` unless output waits for it.
    private(set) var stalledSince: ContinuousClock.Instant?
    private(set) var hasFinished = false
    /// A negative errno.
    private(set) var failure: Int32?
    private var mustTellDrained = false
    /// The descriptor; -1 once the loop has closed it.
    private var descriptor: Int32
    private let tls: TLSSession?

    init(descriptor: Int32, pool: BufferPool, tls: TLSSession? = nil) {
        self.descriptor = descriptor
        self.tls = tls
        buffer = ByteBuffer(pool: pool)
    }

    /// Whether added bytes can still be sent.
    var isOpen: Bool { descriptor >= 0 && failure == nil && !mustFinish }
    /// Whether the loop must tell when there is room.
    var isBlocked: Bool { stalledSince != nil }
    /// The number of bytes that the system has not taken.
    var unsentByteCount: Int { buffer.count + byteCountInHand }

    /// The progress of the output.
    ///
    /// The loop must not be sending.
    var progress: OutputProgress {
        let undelivered = descriptor >= 0 ? max(0, lode_socket_undelivered(descriptor)) : 0
        let taken = sentByteCount + (tls?.takenByteCount ?? 0)
        return OutputProgress(
            written: sentByteCount + unsentByteCount,
            // Records are longer than the bytes in them.
            delivered: max(0, taken - undelivered)
        )
    }

    /// Hands the loop its events.
    mutating func takeEvents() -> SendEvents {
        defer { events = [] }
        return events
    }

    /// Appends `bytes` and empties them, without a copy where no bytes wait to be sent.
    mutating func append(_ bytes: inout ByteBuffer) {
        if buffer.isEmpty {
            swap(&buffer, &bytes)
        } else {
            bytes.withUnsafeBytes { buffer.append($0) }
        }
        bytes.removeAll()
    }

    /// Sends the bytes that the socket takes, unless the loop is sending or waits for room.
    mutating func transmit() {
        guard descriptor >= 0, failure == nil, !isBlocked, byteCountInHand == 0 else { return }
        let byteCount = buffer.count
        let attempt = Self.send(&buffer, to: descriptor, tls)
        sentByteCount += byteCount - buffer.count
        record(attempt)
        buffer.releaseIfEmpty()
        settle()
    }

    /// Makes an event once all bytes are sent, even if the socket is never full until then.
    ///
    /// The loop may be sending the last bytes.
    mutating func tellWhenSent() {
        if unsentByteCount > 0 { mustTellDrained = true }
    }

    /// Gives the loop the next bytes to send.
    ///
    /// - Parameters:
    ///   - outgoing: The bytes that the loop took, and may have sent in part or as a whole.
    ///   - attempt: The outcome for these bytes; `nil` when the loop has just begun.
    ///   - hasRoom: Whether a socket that was full has room.
    /// - Returns: The descriptor for the bytes; `nil` when there is nothing to do now.
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
        if case .waiting? = attempt { return nil }
        if outgoing.isEmpty {
            guard !buffer.isEmpty || hasSealed else {
                settle()
                return nil
            }
            swap(&buffer, &outgoing)
            byteCountInHand = outgoing.count
        }
        return descriptor
    }

    /// Whether records of the handshake, or of the end, wait for the socket.
    private var hasSealed: Bool { tls.map { $0.sealedByteCount > 0 } ?? false }

    /// Sends as much of `bytes` as the socket takes, and removes it.
    static func send(
        _ bytes: inout ByteBuffer,
        to descriptor: Int32,
        _ tls: TLSSession? = nil
    ) -> Attempt {
        if let tls { return tls.send(&bytes, to: descriptor) }
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
            if !isBlocked { events.insert(.blocked) }
            if hasSentSome || !isBlocked { stalledSince = .now }
        case .waiting:
            break
        case .failed(let errno):
            failure = errno
            stalledSince = nil
            events.insert(.failed)
            buffer.removeAll()
        }
    }

    /// Notes the event when all bytes are sent.
    private mutating func settle() {
        guard buffer.isEmpty, failure == nil, !isBlocked else { return }
        if mustTellDrained {
            mustTellDrained = false
            events.insert(.drained)
        }
        if mustFinish, !hasFinished, hasSaidFarewell() {
            hasFinished = true
            events.insert(.finished)
            _ = lode_socket_finish(descriptor)
        }
    }

    /// Sends the record that ends encrypted output; returns whether the socket has taken it.
    private mutating func hasSaidFarewell() -> Bool {
        guard let tls else { return true }
        tls.finish()
        guard hasSealed else { return true }
        var nothing = ByteBuffer()
        let attempt = Self.send(&nothing, to: descriptor, tls)
        record(attempt)
        if case .sentAll = attempt { return true }
        return false
    }

    /// Tells the other end that the output is whole, if it is and the encryption has a way to.
    mutating func sayFarewell() {
        guard descriptor >= 0, failure == nil, unsentByteCount == 0 else { return }
        _ = hasSaidFarewell()
    }

    /// Gives up the descriptor, which the loop is about to close.
    mutating func close() {
        descriptor = -1
        stalledSince = nil
        byteCountInHand = 0
        buffer.removeAll()
    }
}
