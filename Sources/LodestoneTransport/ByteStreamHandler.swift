// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The receiver of a stream's input and events.
///
/// Every method is called on the stream's loop.
package protocol ByteStreamHandler: AnyObject, Sendable {
    /// Handles bytes: those left over from the last call, then new ones.
    ///
    /// - Parameters:
    ///   - bytes: The bytes, valid during the call only.
    ///   - stream: The stream that they came from.
    /// - Returns: The number of bytes at the front that are used up. The rest is shown again when
    ///   more has arrived, or after `resumeReading`.
    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int

    /// The other end will send no more.
    ///
    /// By default the stream closes after the output is sent.
    func inputEnded(on stream: ByteStream)

    /// The system has taken all of the output, after some had to wait or was flushed.
    ///
    /// By default nothing happens.
    func drained(_ stream: ByteStream)

    /// The stream is closed; this is the last call, and never inside another one.
    ///
    /// The error is `nil` when this end closed the stream.
    func closed(_ stream: ByteStream, error: LodestoneError?)
}

extension ByteStreamHandler {
    package func inputEnded(on stream: ByteStream) { stream.closeAfterFlush() }
    package func drained(_ stream: ByteStream) {}
}
