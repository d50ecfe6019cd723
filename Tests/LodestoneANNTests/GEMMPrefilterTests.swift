// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("GEMM prefilter")
struct GEMMPrefilterTests {
    @Test(
        "A GEMM prefilter passes exactly the pairs within the limits, as its definition does",
        arguments: lode_isa.available,
        Metric.allCases
    )
    func likeTheDefinition(isa: lode_isa, metric: Metric) throws {
        let kernels = try #require(VectorKernels(metric, isa: isa))
        var random = SeededGenerator(seed: 11)
        for dimension in [1, 2, 15, 16, 17, 100, 385, 1_024] {
            for count in [1, 2, 7, 8, 9, 30] {
                let rows = RowMemory(
                    random.vectors(count, dimension),
                    padding: dimension % 5,
                    misalignment: count % 4
                )
                for width in stride(
                    from: kernels.panelStep,
                    through: kernels.panelWidth,
                    by: kernels.panelStep
                ) {
                    let queries = random.vectors(width, dimension)
                    let scales = random.vector(count, scale: 2)
                    let limits = random.vector(width, scale: Float(dimension).squareRoot() / 3)
                    let masks = prefilter(kernels, queries, rows, scales, limits)
                    for (row, mask) in masks.enumerated() {
                        for query in 0..<64 {
                            let isLet = mask >> UInt64(query) & 1 == 1
                            guard query < width else {
                                #expect(!isLet)
                                continue
                            }
                            let (value, magnitude) = define(
                                metric,
                                queries[query],
                                rows.rows[row],
                                scales[row]
                            )
                            let error = Double(dimension + 3) * 0x1p-24 * magnitude
                            let distance = value - Double(limits[query])
                            if distance.magnitude > error { #expect(isLet == (distance < 0)) }
                        }
                    }
                }
            }
        }
    }

    @Test(
        "A GEMM prefilter passes NaN and values equal to the limit",
        arguments: lode_isa.available
    )
    func doubtful(isa: lode_isa) throws {
        for metric in Metric.allCases {
            let kernels = try #require(VectorKernels(metric, isa: isa))
            let rows = RowMemory([[0, 0], [3, 4]])
            let queries = Array(repeating: [Float(0), 0], count: kernels.panelStep)
            let all = UInt64(1) << UInt64(kernels.panelStep) - 1
            // Zeros differ from the rows by 0 and 25, and their products are 0.
            let equal: Float = metric == .euclidean ? 25 : 0
            let limits = Array(repeating: equal, count: queries.count)
            #expect(prefilter(kernels, queries, rows, [1, 1], limits) == [all, all])
            let below = limits.map(\.nextDown)
            let first = metric == .euclidean ? all : 0
            #expect(prefilter(kernels, queries, rows, [1, 1], below) == [first, 0])
            if metric != .euclidean {
                #expect(prefilter(kernels, queries, rows, [.nan, 1], below) == [all, 0])
            }
            let nothing = Array(repeating: -Float.infinity, count: queries.count)
            #expect(prefilter(kernels, queries, rows, [1, 1], nothing) == [0, 0])
        }
    }

    @Test(
        "A GEMM prefilter never excludes a pair that a scan finds within the bound",
        arguments: lode_isa.available,
        Metric.allCases
    )
    func margin(isa: lode_isa, metric: Metric) throws {
        let kernels = try #require(VectorKernels(metric, isa: isa))
        var random = SeededGenerator(seed: 12)
        // Rows that differ by roundings: every distance is a bound that others just reach.
        for (dimension, scale) in [
            (3, Float(1)), (100, 1), (100, 1e-19), (100, 1e18), (1_000, 1), (2_000, 1e-3),
        ] {
            let query = random.vector(dimension, scale: scale)
            let far = random.vector(dimension, scale: scale)
            let rows = (0..<60).map { row in
                query.indices.map { index in
                    let near = query[index] + (far[index] - query[index]) / 8
                    return near + near * Float(row % 5) * 6e-8 * random.vector(1)[0]
                }
            }
            let index = FlatIndex(dimension: dimension, metric: metric, kernels: kernels)
            let memory = RowMemory(rows)
            // As many blocks as rows, so that the bound is up to date at each row.
            let blocks = (0..<rows.count).map { row in
                RowMemory([memory.rows[row]]).block(firstRow: RowID(row))
            }
            for k in [1, 5, 20] {
                let single = try search(index, [query], k, blocks)
                let queries = (0..<20).map { $0 % 2 == 0 ? query : far }
                let batch = try search(index, queries, k, blocks)
                #expect([batch[0]] == single)
                #expect([batch[14]] == single)
            }
        }
    }

    @Test(
        "A batch of queries returns what its queries return alone, for any magnitudes",
        arguments: Metric.allCases
    )
    func magnitudes(metric: Metric) throws {
        var random = SeededGenerator(seed: 13)
        let scales: [Float] = [0, .leastNonzeroMagnitude, 1e-38, 1e-20, 1, 1e10, 1e19, 3e38]
        for dimension in [1, 5, 40] {
            let rows = (0..<400).map { random.vector(dimension, scale: scales[$0 % scales.count]) }
            let queries = scales.flatMap { scale in
                (0..<7).map { _ in random.vector(dimension, scale: scale) }
            }.filter { metric != .cosine || $0.contains { $0 != 0 } }
            let index = FlatIndex(dimension: dimension, metric: metric)
            let blocks = stride(from: 0, to: 400, by: 100).map {
                RowMemory(Array(rows[$0..<$0 + 100])).block(firstRow: RowID($0))
            }
            for k in [1, 10, 150] {
                let batch = try search(index, queries, k, blocks)
                for (query, found) in zip(queries, batch) {
                    #expect(try search(index, [query], k, blocks) == [found])
                }
            }
        }
    }

    @Test(
        "A batch of queries checks its filter for the rows that its queries check alone",
        arguments: Metric.allCases
    )
    func filter(metric: Metric) throws {
        var random = SeededGenerator(seed: 14)
        let index = FlatIndex(dimension: 24, metric: metric)
        let blocks = (0..<20).map {
            RowMemory(random.vectors(100, 24)).block(firstRow: RowID($0 * 100))
        }
        let queries = random.vectors(70, 24)
        var tested: [RowID: Int] = [:]
        let batch = try search(index, queries, 10, blocks) {
            tested[$0, default: 0] += 1
            return $0 % 7 == 0
        }
        var testedAlone: [RowID: Int] = [:]
        for (query, found) in zip(queries, batch) {
            let alone = try search(index, [query], 10, blocks) {
                testedAlone[$0, default: 0] += 1
                return $0 % 7 == 0
            }
            #expect(alone == [found])
        }
        #expect(tested == testedAlone)
    }

    /// The value of a pair in float64, and the sum of magnitudes to which its rounding is relative.
    private func define(_ metric: Metric, _ query: [Float], _ row: [Float], _ scale: Float)
        -> (Double, Double)
    {
        let form: Metric = metric == .euclidean ? .euclidean : .dotProduct
        let (distance, magnitude) = Exact.distance(form, query, row)
        if form == .euclidean { return (distance, magnitude) }
        return (-distance * Double(scale), magnitude * Double(scale.magnitude))
    }

    private func prefilter(
        _ kernels: VectorKernels,
        _ queries: [[Float]],
        _ rows: RowMemory,
        _ scales: [Float],
        _ limits: [Float]
    ) -> [UInt64] {
        let dimension = queries[0].count
        let panel = (0..<dimension).flatMap { element in queries.map { $0[element] } }
        let canary: UInt64 = 0xDEAD_BEEF
        var masks = Array(repeating: canary, count: rows.rows.count + 1)
        kernels.prefilter(
            panel,
            queries.count,
            rows.base,
            rows.stride,
            rows.rows.count,
            dimension,
            scales,
            limits,
            &masks
        )
        #expect(masks.removeLast() == canary)
        return masks
    }

    private func search(
        _ index: FlatIndex,
        _ queries: [[Float]],
        _ k: Int,
        _ blocks: [VectorBlock],
        isAllowed: ((RowID) -> Bool)? = nil
    ) throws(LodestoneError) -> [[Neighbor]] {
        try index.search(
            queries,
            k: k,
            in: blocks,
            isAllowed: isAllowed,
            context: CallContext()
        )
    }
}
