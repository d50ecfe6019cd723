// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Testing

/// Appends to an array, through a buffer that holds the same bytes: arrays compare and print.
extension MessageCodec {
    static func append(
        _ request: Request, to output: inout [UInt8], maxFrameBytes: Int = 16 << 20
    ) throws(LodestoneError) {
        var buffer = ByteBuffer()
        buffer.append(contentsOf: output)
        defer { output = buffer.withUnsafeBytes { Array($0) } }
        try append(request, to: &buffer, maxFrameBytes: maxFrameBytes)
    }

    static func append(
        _ response: Response, to output: inout [UInt8], maxFrameBytes: Int = 16 << 20
    ) {
        var buffer = ByteBuffer()
        buffer.append(contentsOf: output)
        append(response, to: &buffer, maxFrameBytes: maxFrameBytes)
        output = buffer.withUnsafeBytes { Array($0) }
    }
}

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
