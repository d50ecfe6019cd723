// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// A message that could not be decoded.
package struct DecodingFailure: Error, Sendable, Equatable {
    /// The id of the request or response, for the reply; `nil` when it could not be read.
    package var id: UInt64?
    /// The error of the decoding.
    package var error: LodestoneError
}

/// Decodes and encodes messages.
package enum MessageCodec {
    /// Decodes a message that a client sent; `bytes` is one message, without the length.
    package static func decodeRequest(_ bytes: UnsafeRawBufferPointer, limits: Limits = .standard)
        throws(DecodingFailure) -> Request
    {
        try withUnpackedRequest(bytes, bounds: .request(limits)) {
            (message) throws(LodestoneError) in try Request(message, limits: limits)
        }
    }

    /// Decodes a message that a server sent; `bytes` is one message, without the length.
    package static func decodeResponse(_ bytes: UnsafeRawBufferPointer, limits: Limits = .standard)
        throws(DecodingFailure) -> Response
    {
        try withUnpackedResponse(bytes, bounds: .response(limits)) {
            (message) throws(LodestoneError) in try Response(message)
        }
    }

    /// Appends a frame with `request`.
    ///
    /// - Throws: `FRAME_TOO_LARGE`; `DIMENSION_MISMATCH` when the vectors of a call differ in
    ///   length; `LIMIT` for a number that the wire can't carry. `output` is then unchanged.
    package static func append(
        _ request: Request,
        to output: inout ByteBuffer,
        maxFrameBytes: Int = Limits.standard.maxFrameBytes
    ) throws(LodestoneError) {
        try MessageWriter.append(
            to: &output,
            maxByteCount: maxFrameBytes,
            expecting: request.call.expectedByteCount
        ) { $0.request(request) }
    }

    /// Appends a frame with `response`, or with an error when the response is too large.
    package static func append(
        _ response: Response,
        to output: inout ByteBuffer,
        maxFrameBytes: Int = Limits.standard.maxFrameBytes
    ) {
        do throws(LodestoneError) {
            try MessageWriter.append(
                to: &output,
                maxByteCount: maxFrameBytes,
                expecting: response.reply.expectedByteCount
            ) { $0.response(response) }
        } catch {
            let refusal = Response(id: response.id, reply: .error(.replyRefused(error)))
            do throws(LodestoneError) {
                try MessageWriter.append(to: &output, maxByteCount: .max, expecting: 512) {
                    $0.response(refusal)
                }
            } catch {
                preconditionFailure("An error can't be encoded: \(error)")
            }
        }
    }
}

extension LodestoneError {
    /// The error that replaces a reply that can't be sent.
    fileprivate static func replyRefused(_ error: LodestoneError) -> LodestoneError {
        guard error.reason == .frameTooLarge else { return .broken(error.message) }
        return .replyTooLarge(error.message)
    }
}
