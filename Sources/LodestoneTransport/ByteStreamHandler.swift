// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// What becomes of a stream's bytes.
///
/// Every method is called on the stream's loop.
package protocol ByteStreamHandler: AnyObject, Sendable {
    /// Bytes are there: those left over from the last call, then new ones.
    ///
    /// - Parameters:
    ///   - bytes: Good during the call only.
    ///   - stream: Where they came from.
    /// - Returns: How many bytes from the front are done with. The rest is shown again when more
    ///   has arrived, or after `resumeReading`.
    func received(_ bytes: UnsafeRawBufferPointer, on stream: ByteStream) -> Int

    /// The other end will send no more.
    ///
    /// Unless implemented: closes after the output is sent.
    func inputEnded(on stream: ByteStream)

    /// Output had to wait for the other end, and now all of it is handed to the system.
    ///
    /// Unless implemented: nothing.
    func drained(_ stream: ByteStream)

    /// The stream is closed; the last call, and never inside another one.
    ///
    /// `nil` when this end closed it.
    func closed(_ stream: ByteStream, error: LodestoneError?)
}

extension ByteStreamHandler {
    package func inputEnded(on stream: ByteStream) { stream.closeAfterFlush() }
    package func drained(_ stream: ByteStream) {}
}
