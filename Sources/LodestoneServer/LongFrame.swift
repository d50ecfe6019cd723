// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneWire
import Synchronization

/// A message on its way from the loop that received it to the worker that decodes it.
// Sendable is unchecked because of the pointers in the buffer: the loop passes the buffer to one
// worker, and uses it no more.
final class LongFrame: @unchecked Sendable {
    private let bytes: ByteBuffer
    private let message: Range<Int>
    private let isDropped = Atomic<Bool>(false)

    init(_ bytes: consuming ByteBuffer, message: Range<Int>) {
        self.bytes = bytes
        self.message = message
    }

    /// Drops the message, so that no worker decodes it; any thread.
    func drop() { isDropped.store(true, ordering: .relaxed) }

    /// Decodes the message on a worker; `nil` when it was dropped.
    func decode(limits: Limits) -> Result<Request, DecodingFailure>? {
        if isDropped.load(ordering: .relaxed) { return nil }
        return bytes.withUnsafeBytes { bytes in
            Result { () throws(DecodingFailure) in
                try MessageCodec.decodeRequest(
                    UnsafeRawBufferPointer(rebasing: bytes[message]),
                    limits: limits
                )
            }
        }
    }
}
