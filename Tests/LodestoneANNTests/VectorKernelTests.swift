// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneSystem
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Vector kernels")
struct VectorKernelTests {
    /// Each dimension up to 130, then those around every other multiple of 16, and the largest.
    static let dimensions: [Int] =
        Array(1...130) + stride(from: 144, through: 1_088, by: 32).flatMap { $0 - 1...$0 + 1 }
        + [1_100, 4_099, 16_384]

    @Test(
        "Vector kernels agree with float64 arithmetic and with each other in every shape",
        arguments: lode_isa.available,
        Metric.allCases
    )
    func agreement(isa: lode_isa, metric: Metric) throws {
        let kernels = try #require(VectorKernels(metric, isa: isa))
        var random = SeededGenerator(seed: 42)
        for dimension in Self.dimensions {
            let rows = RowMemory(
                random.vectors(dimension % 9 + 1, dimension),
                padding: dimension % 5,
                misalignment: dimension % 4
            )
            let queries = random.vectors(VectorKernels.blockQueries, dimension)
            let found = measure(kernels, metric, queries, rows)
            for (index, query) in queries.enumerated() {
                for (row, vector) in rows.rows.enumerated() {
                    let exact = Exact.distance(metric, query, vector)
                    let distance = found.one[index][row]
                    let error = (Double(distance) - exact.distance).magnitude
                    // The condition is written so that NaN fails.
                    if !(error <= tolerance * exact.magnitude) {
                        Issue.record("\(dimension): row \(row) is \(distance), not \(exact)")
                    }
                    if distance.bitPattern != found.block[index][row].bitPattern {
                        Issue.record("\(dimension): a block's row \(row) differs from a scan's")
                    }
                }
            }
        }
    }

    @Test(
        "Vector kernels read nothing behind the end of a vector",
        arguments: lode_isa.available,
        Metric.allCases
    )
    func endOfMemory(isa: lode_isa, metric: Metric) throws {
        let kernels = try #require(VectorKernels(metric, isa: isa))
        let page = Int(getpagesize())
        let map = mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
        let pages = try #require(map != MAP_FAILED ? map : nil)
        defer { munmap(pages, 2 * page) }
        try #require(mprotect(pages + page, page, PROT_NONE) == 0)

        let end = (pages + page).assumingMemoryBound(to: Float.self)
        for dimension in 1...65 {
            // The vector is the query and the only row. Both end at a page where reading crashes.
            let vector = end - dimension
            vector.update(repeating: 1, count: dimension)
            var distance = Float.nan
            let norm = Float(dimension).squareRoot()
            kernels.scan(vector, norm, vector, dimension, 1, dimension, &distance)
            let expected: Float = metric == .dotProduct ? -Float(dimension) : 0
            #expect((distance - expected).magnitude <= 1e-6)
        }
    }

    @Test("Vector kernels never return NaN, for any magnitude", arguments: lode_isa.available)
    func magnitudes(isa: lode_isa) throws {
        let scales: [Float] = [
            .leastNonzeroMagnitude, 1e-38, 1e-20, 1e-10, 1, 1e10, 1e18, 1e19, 1e37, 3e38,
        ]
        var random = SeededGenerator(seed: 7)
        for dimension in [1, 3, 16, 100] {
            let rows = RowMemory(scales.map { random.vector(dimension, scale: $0) })
            for metric in Metric.allCases {
                let kernels = try #require(VectorKernels(metric, isa: isa))
                for scale in scales {
                    let queries = (0..<4).map { _ in random.vector(dimension, scale: scale) }
                    let found = measure(kernels, metric, queries, rows)
                    for (query, distances) in zip(queries, found.one) {
                        check(distances, metric, query, rows.rows)
                    }
                    #expect(found.block == found.one)
                }
            }
        }
    }

    private func check(
        _ distances: [Float],
        _ metric: Metric,
        _ query: [Float],
        _ rows: [[Float]]
    ) {
        for (distance, row) in zip(distances, rows) {
            #expect(!distance.isNaN)
            let isZero = !query.contains { $0 != 0 } || !row.contains { $0 != 0 }
            guard !isZero else {
                if metric == .cosine { #expect(distance == 1) }
                continue
            }
            let exact = Exact.distance(metric, query, row)
            if exact.distance.magnitude > Double(Float.greatestFiniteMagnitude) {
                #expect(distance.isInfinite && (distance < 0) == (exact.distance < 0))
            } else if distance.isInfinite {
                // A sum of float32 may pass the limit by its rounding.
                #expect(exact.magnitude > 0.99 * Double(Float.greatestFiniteMagnitude))
            } else {
                let error = (Double(distance) - exact.distance).magnitude
                #expect(error <= tolerance * exact.magnitude + 1e-38)
            }
        }
    }

    @Test("The cosine distance of a row of zeros is 1", arguments: lode_isa.available)
    func zeros(isa: lode_isa) throws {
        let kernels = try #require(VectorKernels(.cosine, isa: isa))
        let rows = RowMemory(Array(repeating: Array(repeating: 0, count: 20), count: 5))
        let queries = Array(repeating: Array(repeating: Float(1), count: 20), count: 4)
        let found = measure(kernels, .cosine, queries, rows)
        let ones = Array(repeating: Array(repeating: Float(1), count: 5), count: 4)
        #expect(found.one == ones)
        #expect(found.block == ones)
    }

    @Test("Vector kernels find the first distance within a bound", arguments: lode_isa.available)
    func firstWithin(isa: lode_isa) throws {
        let kernels = try #require(VectorKernels(.euclidean, isa: isa))
        for count in 0...70 {
            for position in 0..<max(count, 1) {
                var distances = Array(repeating: Float(2), count: count)
                distances.append(0)  // Behind the end: not to be found.
                if position < count { distances[position] = 1 }
                for from in [0, position, position + 1] where from <= count {
                    let expected = from <= position ? min(position, count) : count
                    #expect(kernels.firstWithin(distances, from, count, 1) == expected)
                }
            }
        }
        #expect(kernels.firstWithin([.nan, .infinity], 0, 2, .infinity) == 1)
    }

    @Test("Vector kernels sum the weights of a signature's bits", arguments: lode_isa.available)
    func signatureCosts(isa: lode_isa) throws {
        let kernels = try #require(VectorKernels(.cosine, isa: isa))
        var random = SeededGenerator(seed: 9)
        for hyperplanes in [1, 3, 4, 5, 8, 9, 16, 17, 32] {
            for tables in [1, 2, 7] {
                var weights = Array(repeating: Float(0), count: tables * 32)
                for table in 0..<tables {
                    for bit in 0..<hyperplanes { weights[table * 32 + bit] = random.vector(1)[0] }
                }
                // Bits without a hyperplane weigh nothing.
                let signatures = (0..<20 * tables).map { _ in
                    UInt32(truncatingIfNeeded: random.next())
                }
                let slots = (0..<30).map { _ in UInt32(random.next() % 20) }
                var costs = Array(repeating: Float(-1), count: 31)
                kernels.signatureCosts(weights, tables, hyperplanes, signatures, slots, 30, &costs)
                #expect(costs[30] == -1)
                for (slot, cost) in zip(slots, costs) {
                    var sum = 0.0
                    for bit in 0..<tables * 32 {
                        let signature = signatures[Int(slot) * tables + bit / 32]
                        if signature >> UInt32(bit % 32) & 1 == 1 { sum += Double(weights[bit]) }
                    }
                    #expect((Double(cost) - sum).magnitude < 1e-4)
                }
            }
        }
    }

    @Test("The best vector kernels are those of an instruction set that the processor has")
    func best() {
        #expect(lode_kernels_for(lode_kernels_best().pointee.isa) == lode_kernels_best())
        #expect(lode_kernels_for(LODE_ISA_SCALAR) != nil)
        #expect(lode_kernels_for(lode_isa(99)) == nil)
    }

    /// Computes all distances by scans and by one block, and checks that nothing else is written.
    private func measure(
        _ kernels: VectorKernels,
        _ metric: Metric,
        _ queries: [[Float]],
        _ rows: RowMemory
    ) -> (one: [[Float]], block: [[Float]]) {
        let dimension = queries[0].count
        let count = rows.rows.count
        let prepared = PreparedQueries(queries, dimension: dimension, metric: metric)
        let canary: Float = -12_345

        var inverseNorms = Array(repeating: canary, count: count + 1)
        kernels.squaredNorms(rows.base, rows.stride, count, dimension, &inverseNorms)
        #expect(inverseNorms[count] == canary)
        inverseNorms = inverseNorms.map { VectorKernels.inverseNorm(squaredNorm: $0) }

        let width = count + 3
        var block = Array(repeating: canary, count: queries.count * width)
        kernels.scanBlock(
            prepared.elements,
            prepared.norms,
            rows.base,
            rows.stride,
            count,
            dimension,
            inverseNorms,
            &block,
            width
        )

        var one: [[Float]] = []
        for query in queries.indices {
            // NaNs lie behind the query, as behind the rows.
            let elements =
                Array(prepared.elements[query * dimension..<(query + 1) * dimension])
                + Array(repeating: Float.nan, count: 16)
            var distances = Array(repeating: canary, count: count + 1)
            kernels.scan(
                elements,
                prepared.norms[query],
                rows.base,
                rows.stride,
                count,
                dimension,
                &distances
            )
            #expect(distances[count] == canary)
            #expect(block[query * width + count] == canary)
            one.append(Array(distances[..<count]))
        }
        return (one, queries.indices.map { Array(block[$0 * width..<$0 * width + count]) })
    }
}
