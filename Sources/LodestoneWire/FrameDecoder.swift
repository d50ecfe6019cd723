// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Finds the next frame in received bytes: a 4-byte big-endian length, then the message.
///
/// The decoder holds no bytes and never allocates. It checks a length before a caller allocates
/// memory for it.
package struct FrameDecoder: Sendable {
    /// The number of bytes of the length in front of every message.
    package static let headerByteCount = 4

    /// The most bytes of an accepted message; the connection raises it after the client's hello.
    package var maxFrameBytes: Int

    package init(maxFrameBytes: Int) {
        self.maxFrameBytes = maxFrameBytes
    }

    /// The result for the bytes received so far.
    package enum Progress: Sendable, Equatable {
        /// The message has this range of the buffer; the next frame begins at its end.
        case message(Range<Int>)
        /// The decoder needs at least this many bytes in the buffer to continue.
        case incomplete(byteCount: Int)
    }

    /// Finds the frame that begins at the start of `buffer`.
    ///
    /// - Throws: `EMPTY_FRAME` and `FRAME_TOO_LARGE`. The bytes after such a header can't be
    ///   divided into frames, so the connection must end.
    package func next(in buffer: UnsafeRawBufferPointer) throws(LodestoneError) -> Progress {
        guard buffer.count >= Self.headerByteCount else {
            return .incomplete(byteCount: Self.headerByteCount)
        }
        let length = Int(UInt32(bigEndian: buffer.loadUnaligned(as: UInt32.self)))
        guard length > 0 else {
            throw .invalid(
                .emptyFrame,
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
    /// The error for a message that is longer than the other end accepts, or is announced to be.
    static func frameTooLarge(_ byteCount: Int, limit: Int) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .frameTooLarge,
            "A frame has \(byteCount) bytes; the limit is \(limit) bytes.",
            recovery: "Send the batch in parts, or raise the server's limit."
        )
    }
}
