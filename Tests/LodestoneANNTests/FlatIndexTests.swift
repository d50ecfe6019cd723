// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Flat index")
struct FlatIndexTests {
    @Test(
        "A flat index finds what float64 arithmetic finds, in batches and one by one",
        arguments: lode_isa.available,
        Metric.allCases
    )
    func likeBruteForce(isa: lode_isa, metric: Metric) throws {
        var random = SeededGenerator(seed: 3)
        for (dimension, count) in [(1, 300), (7, 500), (33, 400), (128, 300), (385, 200)] {
            let rows = random.vectors(count, dimension)
            let kernels = try #require(VectorKernels(metric, isa: isa))
            let index = FlatIndex(dimension: dimension, metric: metric, kernels: kernels)
            let blocks = split(rows, at: [1, 2, 5, 120])
            // With AVX-512 the queries fill two panels, and a block and three queries remain
            // over.
            let queries = random.vectors(2 * 48 + 7, dimension)
            // All queries are compared with searches for one query. A few of these are compared
            // with the exact distances.
            let checked = stride(from: 0, to: queries.count, by: 17)
            let nearest = checked.map { Exact.nearest(metric, queries[$0], rows) }
            for k in TestLength.isLong ? [1, 10, count, count + 5] : [10, count + 5] {
                let batch = try search(index, queries, k: k, in: blocks)
                try #require(batch.count == queries.count)
                for (query, found) in zip(queries, batch) {
                    #expect(try search(index, [query], k: k, in: blocks) == [found])
                }
                for (number, nearest) in zip(checked, nearest) {
                    expect(batch[number], nearest.prefix(k), metric, queries[number], rows)
                }
            }
        }
    }

    @Test("A flat index returns the rows of a block with gaps between its rows")
    func missingRows() throws {
        var random = SeededGenerator(seed: 5)
        let vectors = random.vectors(300, 9)
        let numbers = (0..<300).map { RowID($0 * $0 / 7 + $0) }
        // The last holder of `checked` frees the bytes, once.
        nonisolated(unsafe) let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 300 * 40,
            alignment: 4
        )
        Array(vectors.joined()).withUnsafeBytes { bytes.copyMemory(from: $0) }
        numbers.withUnsafeBytes { rows in
            UnsafeMutableRawBufferPointer(rebasing: bytes[(300 * 36)...]).copyMemory(from: rows)
        }
        let checked = VerifiedBytes(
            UnsafeRawBufferPointer(bytes),
            sums: [0],
            checksum: { _ in 0 },
            release: { bytes.deallocate() }
        )
        let rows: MappedArray<RowID>? = MappedArray(checked, 300 * 36..<300 * 40)
        let base = try #require(bytes.baseAddress).assumingMemoryBound(to: Float.self)
        let sparse = VectorBlock(
            base: base,
            firstRow: 0,
            rows: rows,
            count: 300,
            owner: checked,
            checked: checked
        )
        for row in 0..<(numbers[299] + 3) {
            #expect(sparse.index(of: row) == numbers.firstIndex(of: row))
        }
        let index = FlatIndex(dimension: 9, metric: .euclidean)
        let queries = random.vectors(5, 9)
        let dense = try search(index, queries, k: 20, in: split(vectors, at: []))
        let found = try search(index, queries, k: 20, in: [sparse])
        for (here, there) in zip(found, dense) {
            #expect(here.map(\.row) == there.map { numbers[Int($0.row)] })
            #expect(here.map(\.distance) == there.map(\.distance))
        }
    }

    private func expect(
        _ found: [Neighbor],
        _ nearest: ArraySlice<Double>,
        _ metric: Metric,
        _ query: [Float],
        _ rows: [[Float]]
    ) {
        #expect(found.count == nearest.count)
        #expect(Set(found.map(\.row)).count == found.count)
        for (neighbor, expected) in zip(found, nearest) {
            let exact = Exact.distance(metric, query, rows[Int(neighbor.row)])
            let slack = 2 * tolerance * max(exact.magnitude, 1)
            #expect((exact.distance - expected).magnitude <= slack)
            #expect((Double(neighbor.distance) - exact.distance).magnitude <= slack)
        }
    }

    @Test("A flat index orders equal distances by row, in any order of the blocks")
    func ties() throws {
        let index = FlatIndex(dimension: 3, metric: .euclidean)
        let far: [Float] = [9, 9, 9], near: [Float] = [1, 0, 0]
        let rows = Array(repeating: near, count: 30) + [far] + Array(repeating: near, count: 30)
        let blocks = split(rows, at: [10, 20, 40])
        for order in [blocks, blocks.reversed(), [blocks[2], blocks[0], blocks[3], blocks[1]]] {
            let found = try search(index, [[0, 0, 0]], k: 35, in: order)[0]
            #expect(found.map { Int($0.row) } == Array(0..<30) + Array(31..<36))
            #expect(found.allSatisfy { $0.distance == 1 })
        }
    }

    @Test("A flat index finds nothing without rows, without queries or for k = 0")
    func nothing() throws {
        let index = FlatIndex(dimension: 2, metric: .cosine)
        let empty = RowMemory([]).block(firstRow: 0)
        let one = RowMemory([[1, 0]]).block(firstRow: 5)
        #expect(try search(index, [[1, 0], [0, 1]], k: 3, in: []) == [[], []])
        #expect(try search(index, [[1, 0]], k: 3, in: [empty]) == [[]])
        #expect(try search(index, [[1, 0]], k: 0, in: [one]) == [[]])
        #expect(try search(index, [], k: 3, in: [one]) == [])
        let found = try search(index, [[1, 0]], k: 3, in: [empty, one, empty])
        #expect(found == [[Neighbor(row: 5, distance: 0)]])
    }

    @Test("A flat index returns only allowed rows", arguments: Metric.allCases)
    func filter(metric: Metric) throws {
        var random = SeededGenerator(seed: 8)
        let rows = random.vectors(400, 20)
        let queries = random.vectors(6, 20)
        let index = FlatIndex(dimension: 20, metric: metric)
        let blocks = split(rows, at: [150])
        let everything = try search(index, queries, k: 400, in: blocks)
        let found = try search(index, queries, k: 12, in: blocks) { $0 % 3 == 1 }
        for (some, all) in zip(found, everything) {
            #expect(some == Array(all.filter { $0.row % 3 == 1 }.prefix(12)))
        }
        #expect(try search(index, [queries[0]], k: 12, in: blocks) { _ in false } == [[]])
    }

    @Test("A flat index checks the filter only for rows that would be among the nearest")
    func filterIsAskedRarely() throws {
        let index = FlatIndex(dimension: 1, metric: .euclidean)
        let blocks = split((0..<1_000).map { [Float($0)] }, at: [])
        var tested: [RowID] = []
        _ = try search(index, [[0]], k: 3, in: blocks) { row in
            tested.append(row)
            return row > 1
        }
        #expect(tested == [0, 1, 2, 3, 4])
    }

    @Test("A flat index keeps infinite distances behind the finite ones")
    func infinite() throws {
        let index = FlatIndex(dimension: 2, metric: .euclidean)
        let blocks = split([[3e38, 0], [-3e38, 1], [1e18, 1e18], [1, 1]], at: [])
        let found = try search(index, [[0, 0]], k: 4, in: blocks)[0]
        #expect(found.map(\.row) == [3, 2, 0, 1])
        #expect(found.map(\.distance.isInfinite) == [false, false, true, true])
    }

    @Test(
        "A flat index ignores vector lengths under cosine",
        arguments: [Float(1e-38), 1e-30, 1e-20, 1e18, 1e38]
    )
    func lengths(scale: Float) throws {
        let index = FlatIndex(dimension: 3, metric: .cosine)
        let directions: [[Float]] = [[0, 1, 0], [1, 1, 0], [1, 0, 0], [-1, 0, 0]]
        let blocks = split(directions.map { $0.map { $0 * scale } }, at: [])
        for query in [Float(1e-38), 1, 3e38] {
            let found = try search(index, [[query, 0, 0]], k: 4, in: blocks)[0]
            #expect(found.map(\.row) == [2, 1, 0, 3])
            #expect(found[0].distance <= 1e-6)
            #expect((found[1].distance - (1 - Float(0.5).squareRoot())).magnitude < 1e-6)
        }
    }

    @Test("A flat index measures a pair as its search does", arguments: Metric.allCases)
    func pair(metric: Metric) throws {
        var random = SeededGenerator(seed: 4)
        let rows = random.vectors(9, 77)
        let query = random.vector(77)
        let index = FlatIndex(dimension: 77, metric: metric)
        for neighbor in try search(index, [query], k: 9, in: split(rows, at: []))[0] {
            #expect(index.distance(query, rows[Int(neighbor.row)]) == neighbor.distance)
        }
    }

    @Test("A flat search stops when its call is cancelled", arguments: [1, 9, 40])
    func cancellation(queries: Int) throws {
        let context = CallContext()
        try expectStop(.cancelled, queries: queries, context: context) { context.cancel() }
    }

    @Test("A flat search stops when its deadline passes", arguments: [1, 9, 40])
    func deadline(queries: Int) throws {
        let context = CallContext(timeout: .milliseconds(100))
        try expectStop(.deadlineExceeded, queries: queries, context: context) {
            while !context.isOver {}
        }
        #expect(throws: LodestoneError.self) {
            try FlatIndex(dimension: 1, metric: .cosine).search(
                [[1]],
                k: 1,
                in: [],
                isAllowed: nil,
                context: context
            )
        }
    }

    /// Runs a long search that ends its own context at the first row, and checks how far it gets.
    private func expectStop(
        _ code: LodestoneError.Code,
        queries: Int,
        context: CallContext,
        end: @escaping () -> Void
    ) throws {
        let dimension = 512
        let vector = Array(repeating: Float(1), count: dimension)
        let memory = RowMemory([vector])
        // The same row again and again: a search as long as needed in little memory.
        let blocks = (0..<20_000).map { memory.block(firstRow: RowID($0)) }
        let index = FlatIndex(dimension: dimension, metric: .euclidean)
        var tested = 0
        let error = #expect(throws: LodestoneError.self) {
            try index.search(
                Array(repeating: vector, count: queries),
                k: 20_000,
                in: blocks,
                isAllowed: { _ in
                    tested += 1
                    if tested == 1 { end() }
                    return true
                },
                context: context
            )
        }
        #expect(error?.code == code)
        // Two million multiplications are 4,096 rows.
        #expect(tested <= 5_000)
    }

    /// The rows as blocks that begin at `starts` and at 0.
    private func split(_ rows: [[Float]], at starts: [Int]) -> [VectorBlock] {
        zip([0] + starts, starts + [rows.count]).enumerated().map { index, range in
            RowMemory(Array(rows[range.0..<range.1]), misalignment: index % 4)
                .block(firstRow: RowID(range.0))
        }
    }

    private func search(
        _ index: FlatIndex,
        _ queries: [[Float]],
        k: Int,
        in blocks: [VectorBlock],
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
