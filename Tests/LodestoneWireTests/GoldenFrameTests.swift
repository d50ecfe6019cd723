// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneWire
import Testing

/// A frame that never changes while the protocol stays the same; another encoder wrote its bytes.
struct GoldenFrame: Decodable, Sendable, CustomTestStringConvertible {
    enum Kind: String, Decodable { case request, response }

    let name: String
    let kind: Kind
    let hex: String

    var testDescription: String { name }

    var bytes: [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { position in
            UInt8(String(decoding: digits[position..<position + 2], as: UTF8.self), radix: 16) ?? 0
        }
    }

    static let all: [GoldenFrame] = {
        do {
            let file = repositoryFile("Tests/Conformance/golden_frames.json")
            return try JSONDecoder().decode([GoldenFrame].self, from: Data(contentsOf: file))
        } catch {
            Issue.record("golden_frames.json: \(error)")
            return []
        }
    }()
}

func repositoryFile(_ path: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../\(path)")
}

@Suite("PROTOCOL.md")
struct ProtocolDocumentTests {
    private let lines: [Substring]

    init() throws {
        let file = repositoryFile("proto/PROTOCOL.md")
        lines = try String(contentsOf: file, encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    @Test("The frame explained byte by byte in PROTOCOL.md is the golden one")
    func workedFrame() throws {
        let start = try #require(lines.firstIndex(of: "```text"))
        let hex = lines[(start + 1)...].prefix { $0 != "```" }
            .map { $0.prefix { $0 != "|" }.filter { $0 != " " } }.joined()
        let golden = try #require(GoldenFrame.all.first { $0.name == "search near a vector" })
        #expect(hex == golden.hex)
    }

    @Test("The table of limits in PROTOCOL.md has every limit with its default")
    func limits() throws {
        for limit in Mirror(reflecting: Limits.standard).children {
            let name = try #require(limit.label)
            let value = (limit.value as? Duration).map { "\($0.components.seconds) s" }
            let row = "| `\(name)` | \(value ?? "\(limit.value)") |"
            #expect(lines.contains { $0.hasPrefix(row) }, "\(row)")
        }
    }

    @Test("The table of errors in PROTOCOL.md has every code with its number")
    func codes() {
        for code in LodestoneError.Code.allCases {
            let row = "| \(code.rawValue) | `\(code.name)` |"
            #expect(lines.contains { $0.hasPrefix(row) }, "\(row)")
        }
    }
}

@Suite("Golden frames")
struct GoldenFrameTests {
    @Test("Golden frames and golden values correspond one to one")
    func complete() {
        let names = { (kind: GoldenFrame.Kind) in
            Set(GoldenFrame.all.filter { $0.kind == kind }.map(\.name))
        }
        #expect(names(.request) == Set(GoldenValues.requests.keys))
        #expect(names(.response) == Set(GoldenValues.responses.keys))
    }

    @Test(
        "Golden frames decode to their values and encode to their bytes",
        arguments: GoldenFrame.all
    )
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

    @Test("Golden frames truncated at any byte are refused", arguments: GoldenFrame.all)
    func truncated(golden: GoldenFrame) throws {
        let whole = try message(golden.bytes)
        for count in whole.indices {
            // The rest of the frame stays behind the cut, where a decoder that reads too far would
            // find it.
            let isDecoded = whole.withUnsafeBytes { bytes in
                decodeOrRefuse(UnsafeRawBufferPointer(rebasing: bytes[..<count]), golden.kind)
            }
            #expect(!isDecoded, "cut after \(count) bytes")
        }
    }

    @Test("Golden frames with any flipped bit are decoded or refused", arguments: GoldenFrame.all)
    func flipped(golden: GoldenFrame) throws {
        let whole = try message(golden.bytes)
        for position in whole.indices {
            for bit in 0..<8 {
                var flipped = whole
                flipped[position] ^= 1 << bit
                _ = flipped.withUnsafeBytes { decodeOrRefuse($0, golden.kind) }
            }
        }
    }

    /// Whether the bytes decode.
    ///
    /// Fails when they don't and the refusal has no recovery.
    private func decodeOrRefuse(_ bytes: UnsafeRawBufferPointer, _ kind: GoldenFrame.Kind) -> Bool {
        do throws(DecodingFailure) {
            switch kind {
            case .request: _ = try MessageCodec.decodeRequest(bytes)
            case .response: _ = try MessageCodec.decodeResponse(bytes)
            }
            return true
        } catch {
            #expect(!error.error.reason.rawValue.isEmpty && !error.error.recovery.isEmpty)
            #expect(error.error.code != .internal)
            return false
        }
    }
}
