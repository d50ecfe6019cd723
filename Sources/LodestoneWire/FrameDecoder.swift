// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Finds the next frame in the bytes received: a 4-byte big-endian length, then the message.
///
/// It holds no bytes, so it never allocates: a length is judged before anyone makes room for it.
package struct FrameDecoder: Sendable {
    /// Bytes of the length in front of every message.
    package static let headerByteCount = 4

    /// The longest message accepted; raised once the client has said hello.
    package var maxFrameBytes: Int

    package init(maxFrameBytes: Int) {
        self.maxFrameBytes = maxFrameBytes
    }

    /// What the bytes at hand amount to.
    package enum Progress: Sendable, Equatable {
        /// The message lies at this place of the buffer; the next frame begins at its end.
        case message(Range<Int>)
        /// Nothing can be said before the buffer holds at least this many bytes.
        case incomplete(byteCount: Int)
    }

    /// Looks for the frame that begins at the start of `buffer`.
    ///
    /// - Throws: `EMPTY_FRAME` and `FRAME_TOO_LARGE`. What follows such a header can't be told
    ///   apart into frames, so the connection must end.
    package func next(in buffer: UnsafeRawBufferPointer) throws(LodestoneError) -> Progress {
        guard buffer.count >= Self.headerByteCount else {
            return .incomplete(byteCount: Self.headerByteCount)
        }
        let length = Int(UInt32(bigEndian: buffer.loadUnaligned(as: UInt32.self)))
        guard length > 0 else {
            throw .invalid(
                "EMPTY_FRAME",
                "A frame announces a message of 0 bytes.",
                recovery: "Send a length followed by that many bytes of a message."
            )
        }
        guard length <= maxFrameBytes else { throw .frameTooLarge(length, limit: maxFrameBytes) }
        let end = Self.headerByteCount + length
        guard buffer.count >= end else { return .incomplete(byteCount: end) }
        return .message(Self.headerByteCount..<end)
    }
}

extension LodestoneError {
    /// A message that is, or is announced to be, longer than the other end takes.
    static func frameTooLarge(_ byteCount: Int, limit: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: "FRAME_TOO_LARGE",
            "A frame has \(byteCount) bytes; the limit is \(limit) bytes.",
            recovery: "Send the batch in parts, or raise the server's limit."
        )
    }
}
