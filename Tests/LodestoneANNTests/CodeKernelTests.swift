// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Code kernels")
struct CodeKernelTests {
    private static let sets = [LODE_ISA_AVX2, LODE_ISA_AVX512]

    @Test(
        "Code kernels of every instruction set give the keys of the scalar definition",
        arguments: VectorQuantization.allCases,
        [1, 7, 16, 60, 61, 64, 100, 384, 785]
    )
    func keys(quantization: VectorQuantization, dimension: Int) throws {
        var random = SeededGenerator(seed: UInt64(dimension))
        for metric in Metric.allCases {
            let memory = RowMemory(random.vectors(37, dimension))
            let sample = (0..<37).map { memory.base + $0 * dimension }
            let codec = VectorCodec(
                metric,
                dimension: dimension,
                quantization: quantization,
                sample: CodecSample(of: sample, dimension: dimension, metric)
            )
            let definition = lode_code_kernels_for(Int32(LODE_ISA_SCALAR.rawValue))
            let expected = keys(codec, sample, try #require(definition).pointee)
            for set in Self.sets {
                guard let kernels = lode_code_kernels_for(Int32(set.rawValue)) else { continue }
                let found = keys(codec, sample, kernels.pointee)
                if quantization == .none {
                    for (a, b) in zip(found, expected) {
                        let (a, b) = (RecordShape.value(a), RecordShape.value(b))
                        #expect(abs(a - b) <= 1e-5 * max(1, abs(b)) * Float(dimension).squareRoot())
                    }
                } else {
                    #expect(found == expected, "set \(set.rawValue)")
                }
            }
        }
    }

    /// The keys of the first vector to all vectors: as a query and as a record, by metric and by
    /// distance.
    private func keys(
        _ codec: VectorCodec,
        _ vectors: [UnsafePointer<Float>],
        _ kernels: lode_code_kernels
    ) -> [UInt32] {
        let graph = HNSWGraph(codec, HNSWOptions(), capacity: vectors.count)
        let scratch = HNSWScratch(codec, nodes: vectors.count, kernels: kernels)
        for (row, vector) in vectors.enumerated() {
            graph.encode(vector, into: graph.addNode(row: RowID(row)), scratch.codec)
        }
        let ids = Array(graph.nodes.reversed())
        var all: [UInt32] = []
        var found = [UInt32](repeating: 0, count: ids.count)
        let encoded = codec.encodeQuery(vectors[0], into: scratch.query, scratch.codec)
        codec.shape.keys(kernels)(
            codec.shape.layout(graph.records),
            encoded.kernel,
            ids,
            ids.count,
            &found
        )
        all += found
        for ranking in [RecordShape.Ranking.metric, .distance] {
            let query = codec.shape.makeQuery(
                of: graph.record(NodeID(0)),
                into: scratch.query,
                kernels,
                by: ranking
            )
            let layout = codec.shape.layout(graph.records, by: ranking)
            codec.shape.keys(kernels, by: ranking)(layout, query, ids, ids.count, &found)
            all += found
        }
        return all
    }

    @Test("Keys of codes sort like distances", arguments: Metric.allCases)
    func order(metric: Metric) {
        var random = SeededGenerator(seed: 17)
        let dimension = 96
        let memory = RowMemory(random.vectors(200, dimension))
        let sample = (0..<200).map { memory.base + $0 * dimension }
        let codec = VectorCodec(
            metric,
            dimension: dimension,
            quantization: .int8,
            sample: CodecSample(of: sample, dimension: dimension, metric)
        )
        let found = keys(codec, sample, lode_code_kernels_best().pointee).prefix(200)
        let exact = (0..<200).reversed().map {
            Exact.distance(metric, memory.rows[0], memory.rows[$0]).distance
        }
        // The ten nearest by keys are among the fourteen nearest.
        let byKey = Set(found.indices.sorted { found[$0] < found[$1] }.prefix(10))
        let near = Set(exact.indices.sorted { exact[$0] < exact[$1] }.prefix(14))
        #expect(byKey.isSubset(of: near))
    }
}
