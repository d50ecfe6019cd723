// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A message that could not be decoded.
package struct DecodingFailure: Error, Sendable, Equatable {
    /// The id of the request or response, for the reply; `nil` when it could not be read.
    package var id: UInt64?
    /// What is wrong with it.
    package var error: LodestoneError
}

/// Bytes to messages and back.
package enum MessageCodec {
    /// Decodes what a client sent; `bytes` is one message, without the length.
    package static func decodeRequest(_ bytes: UnsafeRawBufferPointer, limits: Limits = .standard)
        throws(DecodingFailure) -> Request
    {
        throw DecodingFailure(id: nil, error: .broken("not built yet"))
    }

    /// Decodes what a server sent; `bytes` is one message, without the length.
    package static func decodeResponse(_ bytes: UnsafeRawBufferPointer, limits: Limits = .standard)
        throws(DecodingFailure) -> Response
    {
        throw DecodingFailure(id: nil, error: .broken("not built yet"))
    }

    /// Appends a frame with `request`.
    ///
    /// - Throws: `FRAME_TOO_LARGE`; `DIMENSION_MISMATCH` when the vectors of a call differ in
    ///   length. `output` is then as before.
    package static func append(
        _ request: Request,
        to output: inout ByteBuffer,
        maxFrameBytes: Int = Limits.standard.maxFrameBytes
    ) throws(LodestoneError) {
        throw .broken("not built yet")
    }

    /// Appends a frame with `response`; with an error in its place when it is too large.
    package static func append(
        _ response: Response,
        to output: inout ByteBuffer,
        maxFrameBytes: Int = Limits.standard.maxFrameBytes
    ) {
    }
}
