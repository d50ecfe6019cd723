// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneWire
import Testing

/// A frame that stays as it is for as long as the protocol does; another encoder wrote its bytes.
struct GoldenFrame: Decodable, Sendable, CustomTestStringConvertible {
    enum Kind: String, Decodable { case request, response }

    let name: String
    let kind: Kind
    let hex: String

    var testDescription: String { name }

    var bytes: [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { place in
            UInt8(String(decoding: digits[place..<place + 2], as: UTF8.self), radix: 16) ?? 0
        }
    }

    static let all: [GoldenFrame] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Conformance/golden_frames.json")
        do {
            return try JSONDecoder().decode([GoldenFrame].self, from: Data(contentsOf: file))
        } catch {
            Issue.record("golden_frames.json: \(error)")
            return []
        }
    }()
}

@Suite("Golden frames")
struct GoldenFrameTests {
    @Test("there is one for every value, and a value for every one")
    func complete() {
        let names = { (kind: GoldenFrame.Kind) in
            Set(GoldenFrame.all.filter { $0.kind == kind }.map(\.name))
        }
        #expect(names(.request) == Set(GoldenValues.requests.keys))
        #expect(names(.response) == Set(GoldenValues.responses.keys))
    }

    @Test("decode to their value and encode to their bytes", arguments: GoldenFrame.all)
    func bothWays(golden: GoldenFrame) throws {
        switch golden.kind {
        case .request:
            let value = try #require(GoldenValues.requests[golden.name])
            #expect(try decodedRequest(golden.bytes) == value)
            #expect(try encoded(value) == golden.bytes)
        case .response:
            let value = try #require(GoldenValues.responses[golden.name])
            #expect(try decodedResponse(golden.bytes) == value)
            #expect(encoded(value) == golden.bytes)
        }
    }

    @Test("cut short at any byte, they decode or are refused", arguments: GoldenFrame.all)
    func truncated(golden: GoldenFrame) throws {
        let whole = try message(golden.bytes)
        for count in whole.indices {
            decodeOrRefuse(Array(whole[..<count]), golden.kind)
        }
    }

    @Test("with any one bit turned over, they decode or are refused", arguments: GoldenFrame.all)
    func flipped(golden: GoldenFrame) throws {
        let whole = try message(golden.bytes)
        for place in whole.indices {
            for bit in 0..<8 {
                var flipped = whole
                flipped[place] ^= 1 << bit
                decodeOrRefuse(flipped, golden.kind)
            }
        }
    }

    /// Fails unless the bytes decode or the refusal says what to do.
    private func decodeOrRefuse(_ message: [UInt8], _ kind: GoldenFrame.Kind) {
        do {
            switch kind {
            case .request: _ = try message.withUnsafeBytes { try MessageCodec.decodeRequest($0) }
            case .response: _ = try message.withUnsafeBytes { try MessageCodec.decodeResponse($0) }
            }
        } catch let failure as DecodingFailure {
            #expect(!failure.error.reason.isEmpty && !failure.error.recovery.isEmpty)
            #expect(failure.error.code != .internal)
        } catch {
            Issue.record("\(error)")
        }
    }
}
