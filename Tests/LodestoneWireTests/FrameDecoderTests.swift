// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Testing

@Suite("Frame decoder")
struct FrameDecoderTests {
    private let decoder = FrameDecoder(maxFrameBytes: 1 << 20)

    @Test(
        "Frames are found in pieces of any size",
        arguments: [1, 3, 7, 64, 4_096]
    )
    func anyPieces(pieceByteCount: Int) throws {
        let frames = GoldenFrame.all.map(\.bytes)
        let stream = frames.flatMap { $0 }
        var buffer: [UInt8] = []
        var found: [[UInt8]] = []
        for start in stride(from: 0, to: stream.count, by: pieceByteCount) {
            buffer += stream[start..<min(start + pieceByteCount, stream.count)]
            while case .message(let range) = try progress(buffer) {
                found.append(Array(buffer[..<range.upperBound]))
                buffer.removeFirst(range.upperBound)
            }
        }
        #expect(found == frames)
        #expect(buffer.isEmpty)
    }

    @Test("An incomplete frame reports how many bytes it needs")
    func incomplete() throws {
        #expect(try progress([]) == .incomplete(byteCount: 4))
        #expect(try progress([0, 0, 0]) == .incomplete(byteCount: 4))
        #expect(try progress([0, 0, 1, 2]) == .incomplete(byteCount: 4 + 258))
        #expect(try progress([0, 0, 0, 2, 9]) == .incomplete(byteCount: 6))
        #expect(try progress([0, 0, 0, 2, 9, 9, 9]) == .message(4..<6))
    }

    @Test("An empty frame is refused")
    func empty() {
        let error = #expect(throws: LodestoneError.self) { try progress([0, 0, 0, 0]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.reason == .emptyFrame)
    }

    @Test(
        "A frame over the limit is refused by its length alone",
        arguments: [[0, 0x10, 0, 1], [0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff]]
            as [[UInt8]]
    )
    func tooLarge(header: [UInt8]) {
        let error = #expect(throws: LodestoneError.self) { try progress(header) }
        #expect(error?.code == .resourceExhausted)
        #expect(error?.reason == .frameTooLarge)
    }

    @Test("A frame of exactly the limit is accepted")
    func atTheLimit() throws {
        #expect(try progress([0, 0x10, 0, 0]) == .incomplete(byteCount: 4 + 1 << 20))
    }

    private func progress(_ bytes: [UInt8]) throws -> FrameDecoder.Progress {
        try bytes.withUnsafeBytes { try decoder.next(in: $0) }
    }
}
