// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore
package import LodestoneStructures
import LodestoneSystem
import Synchronization

/// A connected socket.
///
/// Bytes pass through two functions only, `readOnce` here and `OutputState.send`. With a
/// `TLSSession`, both pass them to it, and it encrypts between the buffers and the socket.
///
/// Threading: input and life belong to the loop. Output is guarded by a lock, so that any thread
/// may send; the loop closes the descriptor after the output has let go of it.
package final class ByteStream: @unchecked Sendable {
    // Unchecked: `output` is guarded by `outputLock`; everything else that varies, `outgoing` too,
    // is touched on the loop only.

    /// The loop that handles input and events.
    package let loop: EventLoop
    /// The other end, for logs: `127.0.0.1:41234`, or `unix` where the system names none.
    package let peer: String

    enum Phase {
        /// Nothing is read before `start`.
        case new
        case open
        /// The output is on its way, or is sent and the other end has not noticed yet.
        case closing
        case closed
    }

    /// The room for a read.
    ///
    /// The first read has more room, because memory that it leaves untouched costs nothing.
    private static let readByteCount = 16 << 10
    private static let firstReadByteCount = BufferPool.smallByteCount
    /// The most bytes of one read, since other connections wait for its end.
    private static let maxReadByteCount = 1 << 20
    /// The most reads after a failed send, since the input that had arrived by then is still valid.
    private static let maxLastReads = 64
    /// The time that an ended stream gives the other end to take its last bytes.
    ///
    /// The stream reads on meanwhile: a close with unread input would make the system drop those
    /// bytes.
    static let lingerTime = Duration.seconds(1)

    let registration: Registration
    /// The encryption; `nil` for clear text.
    let tls: TLSSession?
    var phase = Phase.new
    var handler: (any ByteStreamHandler)?
    var input: ByteBuffer
    private var isSuspended = false
    var inputHasEnded = false
    private var isDelivering = false
    private var mustDeliver = false
    /// The number of bytes of input that the handler needs before it can use them.
    private(set) var expectedByteCount = 0
    /// The receiver of the first bytes of the input, once the handler has returned.
    private var takeover: (byteCount: Int, take: (consuming ByteBuffer) -> Void)?
    private var lingerTimer: ScheduledWork?
    private let outputLock = Lock()
    private var output: OutputState
    private let unsent = Atomic(0)
    /// The time at which the output began to stall, in nanoseconds after `origin`; negative without
    /// a stall.
    private let stalled = Atomic<Int64>(-1)
    private let origin = ContinuousClock.now
    /// The budget of unsent output, if any, and the number of bytes counted in it; under the lock.
    private var outputMemory: MemoryBudget?
    private var countedByteCount = 0
    /// The bytes that the loop is sending.
    private var outgoing: ByteBuffer

    /// Takes over a registration.
    ///
    /// On the loop only.
    init(_ registration: Registration, loop: EventLoop, peer: String, tls: TLSSession? = nil) {
        self.registration = registration
        self.tls = tls
        self.loop = loop
        self.peer = peer
        input = ByteBuffer(pool: loop.buffers)
        output = OutputState(descriptor: registration.descriptor, pool: loop.buffers, tls: tls)
        outgoing = ByteBuffer(pool: loop.buffers)
        registration.pollable = self
        loop.setInterest([], of: registration)
    }

    /// Begins to read and to report to `handler`, which is kept until the stream is closed.
    ///
    /// A stream must be started or closed. On the loop only.
    ///
    /// - Parameters:
    ///   - handler: Receives all events from here on.
    ///   - outputMemory: The budget from which the bytes of unsent output are taken, even when
    ///     nothing is left of it. The code that makes the output must keep to the budget.
    package func start(_ handler: any ByteStreamHandler, outputMemory: MemoryBudget? = nil) {
        assert(loop.isCurrent)
        guard phase == .new else { return }
        phase = .open
        outputLock.locked {
            self.outputMemory = outputMemory
            noteUnsent()
        }
        self.handler = handler
        loop.touch(self)
    }

    // MARK: Input

    /// Reads no more until `resumeReading`, so that the other end has to wait.
    ///
    /// Bytes read before are kept. On the loop only.
    package func suspendReading() {
        assert(loop.isCurrent)
        isSuspended = true
        loop.touch(self)
    }

    /// Reads again; at the end of this round of the loop the handler gets the bytes that were kept.
    ///
    /// On the loop only.
    package func resumeReading() {
        assert(loop.isCurrent)
        isSuspended = false
        mustDeliver = true
        loop.touch(self)
    }

    private var isReading: Bool {
        switch phase {
        case .new, .closed: false
        case .open: !isSuspended && !inputHasEnded
        case .closing: !inputHasEnded
        }
    }

    /// Reads with one system call; the loop calls again while there is more.
    ///
    /// - Returns: Whether there may be more.
    @discardableResult
    private func readOnce() -> Bool {
        if let tls { return readOnce(tls) }
        var result = 0
        let usual = input.capacity == 0 ? Self.firstReadByteCount : Self.readByteCount
        input.append(reserving: max(usual, expectedByteCount - input.count)) { room in
            let byteCount = min(room.count, Self.maxReadByteCount)
            result = lode_socket_receive(registration.descriptor, room.baseAddress, byteCount)
            return max(result, 0)
        }
        if result > 0 {
            deliver()
            return true
        }
        if result == 0 {
            inputHasEnded = true
            loop.touch(self)
            if phase == .open { handler?.inputEnded(on: self) }
        } else if result != -Int(EAGAIN) {
            end(.connectionLost(peer, errno: Int32(result)))
        }
        return false
    }

    func deliver() {
        mustDeliver = false
        switch phase {
        case .new, .closed:
            return
        case .closing:
            // No handler listens after the last bytes.
            input.removeAll()
        case .open:
            guard let handler, !isSuspended, !isDelivering, !input.isEmpty else { return }
            isDelivering = true
            let used = input.withUnsafeBytes { handler.received($0, on: self) }
            isDelivering = false
            input.removeFirst(phase == .open ? used : input.count)
            handOver()
            input.releaseIfEmpty()
        }
    }

    /// Makes room for `byteCount` bytes of input in one piece, before the next read.
    ///
    /// On the loop only.
    package func expectInput(_ byteCount: Int) {
        assert(loop.isCurrent)
        expectedByteCount = byteCount
    }

    /// Gives `take` the first `byteCount` bytes behind those that the handler has used up, once the
    /// handler has returned from `received`.
    ///
    /// So a long message is given away without a copy.
    ///
    /// On the loop, in `received`, only.
    package func takeInput(_ byteCount: Int, _ take: @escaping (consuming ByteBuffer) -> Void) {
        assert(isDelivering)
        takeover = (byteCount, take)
    }

    private func handOver() {
        guard let (byteCount, take) = takeover else { return }
        takeover = nil
        expectedByteCount = 0
        guard phase == .open else { return }
        var taken = ByteBuffer(pool: loop.buffers)
        swap(&taken, &input)
        taken.withUnsafeBytes { bytes in
            input.append(UnsafeRawBufferPointer(rebasing: bytes[byteCount...]))
        }
        taken.truncate(to: byteCount)
        take(taken)
    }

    // MARK: Output

    /// Appends the bytes that `encode` writes to the output.
    ///
    /// Any thread may call it. Once the stream is closed or finished, `encode` still runs and its
    /// bytes are dropped. On the loop, and for a short message, `encode` runs under the lock of the
    /// output. Elsewhere a long message is encoded without the lock, since the loop needs the lock
    /// and such an encoding takes long.
    ///
    /// Nothing here is generic: every message passes, and the caller is in another module, which
    /// the compiler doesn't specialize a generic function for.
    ///
    /// - Parameters:
    ///   - now: Whether to send at once, in this thread, instead of at the end of the loop's round,
    ///     together with everything else sent by then.
    ///   - isShort: Whether `encode` surely writes no more than some kilobytes.
    ///   - encode: The encoder, which may only encode.
    package func send(
        now: Bool = false,
        isShort: Bool = false,
        _ encode: (inout ByteBuffer) -> Void
    ) {
        guard isShort || loop.isCurrent else {
            var encoded = ByteBuffer(pool: loop.buffers)
            encode(&encoded)
            let mustTouch = outputLock.locked {
                guard output.isOpen, !encoded.isEmpty else { return false }
                output.append(&encoded)
                return hasAppended(now: now)
            }
            if mustTouch { loop.touch(self) }
            return
        }
        let mustTouch = outputLock.locked {
            guard output.isOpen else {
                var dropped = ByteBuffer()
                encode(&dropped)
                return false
            }
            encode(&output.buffer)
            return hasAppended(now: now)
        }
        if mustTouch { loop.touch(self) }
    }

    /// Appends the bytes that `encode` writes to the output, as `send` does.
    ///
    /// - Parameters:
    ///   - now: As for `send`.
    ///   - isShort: As for `send`.
    ///   - encode: The encoder. When it throws, it must have added nothing.
    /// - Throws: The errors of `encode`.
    package func trySend(
        now: Bool = false,
        isShort: Bool = false,
        _ encode: (inout ByteBuffer) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        var failure: LodestoneError?
        send(now: now, isShort: isShort) { output in
            do throws(LodestoneError) {
                try encode(&output)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Sends the appended bytes if `now` is true; under the lock.
    ///
    /// - Returns: Whether the loop has to look at the stream.
    private func hasAppended(now: Bool) -> Bool {
        if now { output.transmit() }
        let mustTouch = now ? !output.events.isEmpty : !output.isTouched && !output.isBlocked
        if mustTouch { output.isTouched = true }
        noteUnsent()
        return mustTouch
    }

    /// Sends the output now, as far as the system takes it.
    ///
    /// The handler is told once all of it is sent, unless that is so on return. Any thread may call
    /// it.
    package func flush() {
        let mustTouch = outputLock.locked {
            output.transmit()
            output.tellWhenSent()
            noteUnsent()
            return !output.events.isEmpty
        }
        if mustTouch { loop.touch(self) }
    }

    /// The number of bytes of output that the system has not taken yet, perhaps with bytes that are
    /// being sent now.
    ///
    /// Any thread may call it, and it waits for no lock. The lock is held while bytes are sent. The
    /// receiver's next request often arrives before this system call returns.
    package var unsentByteCount: Int { unsent.load(ordering: .acquiring) }

    /// Counts the unsent bytes; under the lock.
    private func noteUnsent() {
        let byteCount = output.unsentByteCount
        unsent.store(byteCount, ordering: .releasing)
        let heldByteCount = byteCount + (tls?.sealedByteCount ?? 0)
        if let outputMemory, heldByteCount != countedByteCount {
            outputMemory.take(heldByteCount - countedByteCount)
            countedByteCount = heldByteCount
        }
        let since = output.stalledSince.map { Int64(origin.duration(to: $0).wholeNanoseconds) }
        stalled.store(since ?? -1, ordering: .releasing)
    }

    /// The time since which the other end has taken no output; `nil` unless output waits for it.
    ///
    /// Any thread may call it, and it waits for no lock.
    package var stalledSince: ContinuousClock.Instant? {
        let since = stalled.load(ordering: .acquiring)
        return since < 0 ? nil : origin.advanced(by: .nanoseconds(since))
    }

    /// The progress of the output.
    ///
    /// On the loop only.
    package var outputProgress: OutputProgress {
        assert(loop.isCurrent)
        return outputLock.locked { output.progress }
    }

    /// Tells the other end, after the output, that no more will come; the stream still reads.
    ///
    /// Any thread.
    package func finishOutput() {
        outputLock.locked { output.mustFinish = true }
        loop.touch(self)
    }

    // MARK: The end

    /// Closes now; output that the system has not taken is dropped.
    ///
    /// Any thread may call it.
    package func close() {
        onLoop { $0.end(nil) }
    }

    /// Closes now and tells the other end that something was cut off (TCP: RST).
    ///
    /// Any thread may call it.
    package func reset() {
        onLoop { stream in
            guard stream.phase != .closed else { return }
            lode_socket_reset_on_close(stream.registration.descriptor)
            stream.end(nil)
        }
    }

    /// Closes once the output is sent and the other end had a moment to take it.
    ///
    /// The handler gets no more input. Any thread may call it.
    package func closeAfterFlush() {
        onLoop { stream in
            guard stream.phase == .new || stream.phase == .open else { return }
            stream.phase = .closing
            stream.finishOutput()
            stream.limitHandshake(to: Self.lingerTime)
        }
    }

    private func onLoop(_ work: @escaping @Sendable (ByteStream) -> Void) {
        if loop.isCurrent {
            work(self)
        } else {
            loop.async { work(self) }
        }
    }

    func end(_ error: LodestoneError?) {
        guard phase != .closed else { return }
        phase = .closed
        outputLock.locked {
            if error == nil { output.sayFarewell() }
            output.close()
            if let outputMemory { outputMemory.take(-countedByteCount) }
            countedByteCount = 0
            outputMemory = nil
            noteUnsent()
        }
        takeover = nil
        outgoing.removeAll()
        if !isDelivering { input.removeAll() }
        lingerTimer?.cancel()
        loop.close(registration)
        guard let handler else { return }
        self.handler = nil
        loop.async { handler.closed(self, error: error) }
    }

    // MARK: Rounds

    /// Sends the output that was written in this round, and acts on the outcome.
    ///
    /// The loop calls it.
    func endRound() {
        guard phase != .closed else { return }
        if mustDeliver { deliver() }
        transmit()
    }

    private func transmit(hasRoom: Bool = false) {
        var attempt: OutputState.Attempt?
        var events: OutputState.SendEvents = []
        var isBlocked = false
        while true {
            let descriptor = outputLock.locked {
                output.isTouched = false
                let descriptor = output.next(&outgoing, after: attempt, hasRoom: hasRoom)
                noteUnsent()
                if descriptor == nil {
                    events = output.takeEvents()
                    isBlocked = output.isBlocked
                }
                return descriptor
            }
            guard let descriptor else { break }
            attempt = OutputState.send(&outgoing, to: descriptor, tls)
        }
        outgoing.releaseIfEmpty()
        act(on: events, isBlocked: isBlocked)
    }

    private func act(on events: OutputState.SendEvents, isBlocked: Bool) {
        if events.contains(.failed) {
            var reads = 0
            while isReading, reads < Self.maxLastReads, readOnce() { reads += 1 }
            let errno = outputLock.locked { output.failure } ?? 0
            end(.connectionLost(peer, errno: errno))
        }
        guard phase != .closed else { return }
        if events.contains(.drained), phase == .open { handler?.drained(self) }
        if phase == .closing { closeIfDone() }
        guard phase != .closed else { return }
        var interest: Readiness = []
        if isReading { interest.insert(.read) }
        if isBlocked { interest.insert(.write) }
        loop.setInterest(interest, of: registration)
    }

    private func closeIfDone() {
        guard outputLock.locked({ output.hasFinished }) else { return }
        if inputHasEnded {
            end(nil)
        } else if lingerTimer == nil {
            lingerTimer = loop.schedule(after: Self.lingerTime) { [weak self] in self?.end(nil) }
        }
    }
}

extension ByteStream: Pollable {
    func ready(_ readiness: Readiness) {
        if readiness.contains(.write) { transmit(hasRoom: true) }
        if isReading, !readiness.isDisjoint(with: [.read, .hangup]) {
            readOnce()
        } else if readiness.contains(.hangup) {
            // The connection is lost, so input that was kept or not read yet needs no reply.
            end(.connectionLost(peer, errno: lode_socket_error(registration.descriptor)))
        }
    }

    func loopEnded() { end(nil) }
}
