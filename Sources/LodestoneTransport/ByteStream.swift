// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// What becomes of a stream's bytes. Every method is called on the stream's loop.
package protocol ByteStreamHandler: AnyObject, Sendable {
    /// Bytes are there: those left over from the last call, then new ones.
    ///
    /// - Parameter bytes: Good during the call only.
    /// - Returns: How many bytes from the front are done with. The rest is shown again when more
    ///   has arrived, or after `resumeReading`.
    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int

    /// The other end will send no more. Unless implemented: closes after the output is sent.
    func inputEnded(on stream: ByteStream)

    /// Output had to wait for the other end, and now all of it is handed to the system. Unless
    /// implemented: nothing.
    func drained(_ stream: ByteStream)

    /// The stream is closed; the last call. `nil` when this end closed it.
    func closed(_ stream: ByteStream, error: LodestoneError?)
}

extension ByteStreamHandler {
    package func inputEnded(on stream: ByteStream) { stream.closeAfterFlush() }
    package func drained(_ stream: ByteStream) {}
}

/// A connected socket.
///
/// Threading: input and life belong to the loop. Output may be sent from any thread.
package final class ByteStream: Sendable {
    /// Where input and events are handled.
    package let loop: EventLoop
    /// The other end, for logs: `127.0.0.1:41234`, or `unix` where the system names none.
    package let peer: String

    init(loop: EventLoop, peer: String) {
        self.loop = loop
        self.peer = peer
    }

    /// Connects without blocking. `completion` runs on the loop, with a stream that reads nothing
    /// before its `start`.
    package static func connect(
        to endpoint: Endpoint,
        on loop: EventLoop,
        timeout: Duration,
        _ completion: @escaping @Sendable (Result<ByteStream, LodestoneError>) -> Void
    ) {}

    /// Begins to read and to report to `handler`, which is kept until the stream is closed. On the
    /// loop only.
    package func start(_ handler: any ByteStreamHandler) {}

    /// Appends what `encode` writes to the output and sends it at the end of the loop's round,
    /// together with everything else sent by then. Any thread may call it. After the end, `encode`
    /// still runs and its bytes are dropped.
    package func send<E: Error, R>(
        _ encode: (inout ByteBuffer) throws(E) -> R
    ) throws(E) -> R {
        var buffer = ByteBuffer()
        return try encode(&buffer)
    }

    /// Sends the output now, as far as the system takes it. Any thread may call it.
    package func flush() {}

    /// Bytes of output that the system has not taken yet. Any thread may ask.
    package var unsentByteCount: Int { 0 }

    /// When the system last took output, or when output last began to wait. Any thread may ask.
    package var lastProgress: ContinuousClock.Instant { .now }

    /// Reads no more until `resumeReading`, so that the other end has to wait. Bytes read before
    /// are kept. On the loop only.
    package func suspendReading() {}

    /// Reads again; bytes that were kept are shown to the handler in this round of the loop. On
    /// the loop only.
    package func resumeReading() {}

    /// Tells the other end, after the output, that no more will come; still reads. Any thread.
    package func finishOutput() {}

    /// Closes now; output that was not taken is dropped. Any thread may ask.
    package func close() {}

    /// Closes once the output is sent; reads no more. Any thread may ask.
    package func closeAfterFlush() {}

    /// Closes now and tells the other end that something was cut off (TCP: RST). Any thread.
    package func reset() {}
}
