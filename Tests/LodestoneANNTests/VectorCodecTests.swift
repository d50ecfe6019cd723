// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Codes")
struct VectorCodecTests {
    @Test(
        "tell vectors apart in which one element is a thousand times the others",
        arguments: [32, 64, 200],
        Metric.allCases
    )
    func dominatingElement(dimension: Int, metric: Metric) {
        var random = SeededGenerator(seed: 3)
        let rows = random.vectors(500, dimension).map { [1_000 + $0[0]] + $0.dropFirst() }
        let memory = RowMemory(rows)
        let vectors = (0..<rows.count).map { memory.base + $0 * dimension }
        let codec = VectorCodec(metric, dimension: dimension, quantization: .int8, sample: vectors)
        let scratch = CodecScratch(codec)
        var codes: Set<[UInt8]> = []
        for vector in vectors {
            var record = [UInt8](repeating: 0, count: codec.stride)
            record.withUnsafeMutableBufferPointer { bytes in
                guard let start = bytes.baseAddress else { return }
                codec.encode(vector, into: start, scratch)
            }
            codes.insert(record)
        }
        #expect(codes.count > 400)
    }
}
