// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// A message on its way from the loop that received it to the worker that decodes it.
// Sendable is unchecked because of the pointers in the buffer: the loop has given it away when the
// worker gets it, and nobody else has it.
final class LongFrame: @unchecked Sendable {
    private let bytes: ByteBuffer
    private let message: Range<Int>

    init(_ bytes: consuming ByteBuffer, message: Range<Int>) {
        self.bytes = bytes
        self.message = message
    }

    /// On a worker.
    func decode(limits: Limits) -> Result<Request, DecodingFailure> {
        bytes.withUnsafeBytes { bytes in
            Result { () throws(DecodingFailure) in
                try MessageCodec.decodeRequest(
                    UnsafeRawBufferPointer(rebasing: bytes[message]),
                    limits: limits
                )
            }
        }
    }
}
