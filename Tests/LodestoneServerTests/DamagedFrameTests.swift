// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneWire
import Testing

@Suite("Damaged frames")
struct DamagedFrameTests {
    @Test("A server survives frames truncated at every byte")
    func truncation() async throws {
        try await withServer { server in
            for frame in try GoldenRequest.all() {
                for end in 1..<frame.bytes.count {
                    let client = try server.connect()
                    try client.send(Array(frame.bytes[..<end]))
                    client.finishSending()
                    #expect(try client.receive() == nil, "\(frame.name) cut at \(end)")
                }
            }
            #expect(try server.connect().call(.ping).error == nil)
        }
    }

    @Test("A frame with any flipped bit gets a reply or closes its connection")
    func bitFlips() async throws {
        try await withServer { server in
            var client = try server.connect()
            var pingID = UInt64(1) << 48
            for frame in try GoldenRequest.all() {
                // Flipped bits of the length are another test, because they change where frames
                // begin.
                for bit in FrameDecoder.headerByteCount * 8..<frame.bytes.count * 8 {
                    var bytes = frame.bytes
                    bytes[bit / 8] ^= 1 << (bit % 8)
                    pingID += 1
                    try client.send(bytes + Request(id: pingID, call: .ping).frame())
                    var missing = Set(expectedReply(to: bytes).map { [$0, pingID] } ?? [pingID])
                    while !missing.isEmpty, let response = try client.receive() {
                        missing.remove(response.id)
                    }
                    if !missing.isEmpty { client = try server.connect() }
                }
            }
            #expect(try server.connect().call(.ping).error == nil)
        }
    }

    @Test("A server survives frames with any flipped bit of their length")
    func lengthBitFlips() async throws {
        try await withServer { server in
            for frame in try GoldenRequest.all() {
                for bit in 0..<FrameDecoder.headerByteCount * 8 {
                    var bytes = frame.bytes
                    bytes[bit / 8] ^= 1 << (bit % 8)
                    let client = try server.connect()
                    try client.send(bytes)
                    client.finishSending()
                    while try client.receive() != nil {}
                }
            }
            #expect(try server.connect().call(.ping).error == nil)
        }
    }

    /// The id of the server's reply; `nil` for a call without a reply.
    private func expectedReply(to frame: [UInt8]) -> UInt64? {
        let message = Array(frame[FrameDecoder.headerByteCount...])
        let result = message.withUnsafeBytes { bytes in
            Result { () throws(DecodingFailure) in try MessageCodec.decodeRequest(bytes) }
        }
        switch result {
        case .success(let request):
            if case .cancel = request.call { return nil }
            return request.id
        case .failure(let failure):
            return failure.id ?? 0
        }
    }
}

/// A request frame from another encoder.
struct GoldenRequest {
    let name: String
    let bytes: [UInt8]

    private struct Entry: Decodable {
        let name: String
        let kind: String
        let hex: String
    }

    static func all() throws -> [GoldenRequest] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Conformance/golden_frames.json")
        let entries = try JSONDecoder().decode([Entry].self, from: Data(contentsOf: file))
        return entries.filter { $0.kind == "request" }.map { entry in
            let digits = Array(entry.hex)
            return GoldenRequest(
                name: entry.name,
                bytes: stride(from: 0, to: digits.count, by: 2).map {
                    UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0
                }
            )
        }
    }
}
