// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneWire
import Testing

func encoded(_ request: Request) throws -> [UInt8] {
    var output = ByteBuffer()
    try MessageCodec.append(request, to: &output)
    return output.array
}

func encoded(_ response: Response) -> [UInt8] {
    var output = ByteBuffer()
    MessageCodec.append(response, to: &output)
    return output.array
}

extension ByteBuffer {
    var array: [UInt8] { withUnsafeBytes { Array($0) } }
}

/// The message of a buffer that holds exactly one frame.
func message(_ frame: [UInt8]) throws -> [UInt8] {
    let progress = try frame.withUnsafeBytes {
        try FrameDecoder(maxFrameBytes: .max).next(in: $0)
    }
    guard case .message(let range) = progress, range.upperBound == frame.count else {
        throw LodestoneError.broken("not one frame: \(progress)")
    }
    return Array(frame[range])
}

func decodedRequest(_ frame: [UInt8]) throws -> Request {
    try message(frame).withUnsafeBytes { try MessageCodec.decodeRequest($0) }
}

func decodedResponse(_ frame: [UInt8]) throws -> Response {
    try message(frame).withUnsafeBytes { try MessageCodec.decodeResponse($0) }
}

/// Expects that a request's message is refused, and returns how.
@discardableResult
func refusal(_ message: [UInt8], limits: Limits = .standard) -> DecodingFailure? {
    #expect(throws: DecodingFailure.self) {
        _ = try message.withUnsafeBytes { try MessageCodec.decodeRequest($0, limits: limits) }
    }
}
