// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("LSH index")
struct LSHIndexTests {
    static let options = LSHOptions(tables: 6, hyperplanes: 8, probes: 12)

    @Test(
        "An LSH index finds nine of ten true neighbors in clustered data",
        arguments: Metric.allCases
    )
    func recall(metric: Metric) throws {
        let data = ClusteredRows(count: 3_000, dimension: 24, seed: 1, metric: metric)
        let index = data.index(Self.options)
        #expect(index.count == 3_000)
        let (found, distances) = try data.recall(of: index, k: 10)
        #expect(found >= 0.9)
        // Most rows were not compared.
        #expect(distances < 600)
    }

    @Test("More probes find more neighbors", arguments: Metric.allCases)
    func probes(metric: Metric) throws {
        let data = ClusteredRows(count: 2_000, dimension: 24, seed: 2, metric: metric, offset: 0)
        let recalls = try [1, 8, 64].map { probes in
            let options = LSHOptions(tables: 6, hyperplanes: 12, probes: probes)
            return try data.recall(of: data.index(options), k: 10).found
        }
        #expect(recalls[1] > recalls[0] + 0.05)
        #expect(recalls[2] >= recalls[1])
    }

    @Test(
        "An LSH index returns the distances and the order of ties of the flat index",
        arguments: Metric.allCases
    )
    func exactDistances(metric: Metric) throws {
        let data = ClusteredRows(count: 600, dimension: 16, seed: 3, metric: metric, copies: 3)
        // With one bit both buckets are probed, and with so many hits all rows are compared.
        let index = data.index(LSHOptions(tables: 1, hyperplanes: 1, probes: 2))
        for query in data.queries.prefix(5) {
            let found = try data.search(index, query, k: 60).neighbors
            #expect(found == (try data.nearest(query, k: 60)))
        }
    }

    @Test(
        "An LSH search with a filter returns k allowed rows when there are as many",
        arguments: Metric.allCases
    )
    func filters(metric: Metric) throws {
        let data = ClusteredRows(count: 1_000, dimension: 12, seed: 4, metric: metric)
        let index = data.index(LSHOptions(tables: 2, hyperplanes: 12, probes: 1))
        var random = SeededGenerator(seed: 5)
        for divisor: UInt64 in [1, 2, 10, 100, 2_000] {
            let all = 0..<1_000 as Range<RowID>
            let allowed = Set(all.filter { _ in random.next() % divisor == 0 })
            for k in [1, 10, 200, 1_500] {
                let query = data.queries[k % 7]
                let result = try data.search(index, query, k: k) { allowed.contains($0) }
                let rows = result.neighbors.map(\.row)
                #expect(rows.count == min(k, allowed.count))
                #expect(Set(rows).count == rows.count)
                #expect(allowed.isSuperset(of: rows))
                // When few are allowed, all of them are compared.
                if allowed.count <= k {
                    let all = try data.nearest(query, k: k) { allowed.contains($0) }
                    #expect(result.neighbors == all)
                }
            }
        }
        #expect(try data.search(index, data.queries[0], k: 0).neighbors.isEmpty)
        let empty = LSHIndex(Self.options, dimension: 12, metric: metric)
        #expect(try data.search(empty, data.queries[0], k: 3).neighbors.isEmpty)
    }

    @Test("An LSH index of rows appended in parts equals one of rows appended at once")
    func appending() throws {
        // Only cosine is tested: the other metrics fit their hyperplanes to the first rows.
        let data = ClusteredRows(count: 700, dimension: 12, seed: 6, metric: .cosine)
        let atOnce = data.index(Self.options)
        var random = SeededGenerator(seed: 7)
        var inParts = LSHIndex(Self.options, dimension: 12, metric: .cosine)
        var copies: [LSHIndex] = []
        while inParts.endRow < 700 {
            copies.append(inParts)
            let end = min(700, inParts.endRow + Int(random.next() % 30) + 1)
            inParts.append(data.rows(inParts.endRow..<end))
            #expect(inParts.endRow == end)
        }
        #expect(inParts.count == 700)
        #expect(inParts.runs.count <= 10)
        // Each copy still has the rows that it had.
        var before: RowID = 0
        for copy in copies {
            #expect(copy.count == Int(copy.endRow))
            #expect(copy.endRow >= before)
            before = copy.endRow
        }
        for index in [inParts, inParts.compacted { _ in true }] {
            #expect(sections(of: index) == sections(of: atOnce))
            for query in data.queries {
                let found = try data.search(index, query, k: 10)
                let expected = try data.search(atOnce, query, k: 10)
                #expect(found.neighbors == expected.neighbors)
                #expect(found.computedDistances == expected.computedDistances)
            }
        }
    }

    @Test("A compaction of an LSH index leaves out dropped rows", arguments: Metric.allCases)
    func compaction(metric: Metric) throws {
        let data = ClusteredRows(count: 500, dimension: 12, seed: 8, metric: metric)
        var index = data.index(Self.options, rows: 0..<400)
        index.append(data.rows(400..<500))
        let isLive = { (row: RowID) in row % 3 != 0 }
        let compacted = index.compacted(keeping: isLive)
        #expect(compacted.count == 333)
        #expect(compacted.endRow == 500)
        #expect(compacted.byteCount < index.byteCount)
        for query in data.queries {
            let found = try data.search(compacted, query, k: 10).neighbors
            #expect(found == (try data.search(index, query, k: 10, isAllowed: isLive).neighbors))
        }
        var emptied = index.compacted { _ in false }
        #expect(try data.search(emptied, data.queries[0], k: 3).neighbors.isEmpty)
        #expect(emptied.endRow == 500)
        emptied.append([(row: RowID(500), vector: data.pointer(7))])
        #expect(emptied.count == 1)
    }

    @Test(
        "An LSH index from a base returns its results and accepts further rows",
        arguments: Metric.allCases
    )
    func base(metric: Metric) throws {
        let data = ClusteredRows(count: 400, dimension: 12, seed: 9, metric: metric)
        for hyperplanes in [1, 5, 16, 32] {
            let options = LSHOptions(tables: 3, hyperplanes: hyperplanes, probes: 20)
            var index = data.index(options, rows: 0..<300)
            let sections = sections(of: index)
            var opened = try #require(
                LSHIndex(from: sections, options, dimension: 12, metric: metric)
            )
            for _ in 0..<2 {
                #expect(opened.count == index.count)
                #expect(opened.endRow == index.endRow)
                for query in data.queries {
                    let found = try data.search(opened, query, k: 10)
                    let expected = try data.search(index, query, k: 10)
                    #expect(found.neighbors == expected.neighbors)
                }
                guard index.endRow == 300 else { break }
                index.append(data.rows(300..<400))
                opened.append(data.rows(300..<400))
            }
            #expect(!sections.isDamaged)
            #expect(self.sections(of: opened) == self.sections(of: index))
            // With other options the index does not open.
            var other = options
            other.tables = 2
            #expect(LSHIndex(from: sections, other, dimension: 12, metric: metric) == nil)
            #expect(LSHIndex(from: sections, options, dimension: 11, metric: metric) == nil)
        }
        let empty = sections(of: LSHIndex(Self.options, dimension: 12, metric: metric))
        let opened = LSHIndex(from: empty, Self.options, dimension: 12, metric: metric)
        #expect(opened?.count == 0)
    }

    @Test("A damaged LSH base is detected unless the result is right")
    func damage() throws {
        let data = ClusteredRows(count: 300, dimension: 8, seed: 10, metric: .cosine)
        let options = LSHOptions(tables: 2, hyperplanes: 9, probes: 10)
        let whole = sections(of: data.index(options))
        let query = data.queries[0]
        let expected = try data.search(data.index(options), query, k: 10).neighbors
        var random = SeededGenerator(seed: 11)
        for (tag, bytes) in whole.sections {
            for _ in 0..<12 {
                var sections = whole.copy
                sections.damage = [tag: [Int(random.next() % UInt64(bytes.count))]]
                guard let index = LSHIndex(from: sections, options, dimension: 8, metric: .cosine)
                else { continue }
                let found = try data.search(index, query, k: 10).neighbors
                #expect(sections.isDamaged || found == expected)
            }
        }
    }

    @Test("Invalid numbers in an LSH base with right checksums don't crash a search")
    func hostile() throws {
        let data = ClusteredRows(count: 200, dimension: 8, seed: 12, metric: .euclidean)
        let options = LSHOptions(tables: 2, hyperplanes: 9, probes: 10)
        let whole = sections(of: data.index(options))
        var random = SeededGenerator(seed: 13)
        for section in whole.sections.indices {
            let count = whole.sections[section].bytes.count
            for _ in 0..<40 {
                var sections = whole.copy
                for _ in 0..<4 {
                    let index = Int(random.next() % UInt64(count))
                    sections.overwrite(section, at: index, with: random.next() % 2 == 0 ? 255 : 0)
                }
                if random.next() % 4 == 0 {
                    sections.cut(section, to: Int(random.next() % UInt64(count)) / 4 * 4)
                }
                let opened = LSHIndex(from: sections, options, dimension: 8, metric: .euclidean)
                guard var index = opened else { continue }
                // Any result is fine, as long as there is one.
                for query in data.queries.prefix(3) {
                    let found = try data.search(index, query, k: 10).neighbors
                    #expect(found.count <= 10)
                }
                _ = index.compacted { $0 % 2 == 0 }
                let next = index.endRow
                if next < .max { index.append([(row: next, vector: data.pointer(0))]) }
                #expect(index.count == 201)
            }
        }
    }

    @Test("An LSH search stops when its call is cancelled")
    func cancellation() throws {
        let data = ClusteredRows(count: 5_000, dimension: 4, seed: 14, metric: .cosine)
        let index = data.index(LSHOptions(tables: 1, hyperplanes: 1, probes: 2))
        let context = CallContext()
        var tested = 0
        let error = #expect(throws: LodestoneError.self) {
            try index.search(
                data.queries[0],
                k: 10,
                vector: { data.pointer($0) },
                isAllowed: { _ in
                    tested += 1
                    context.cancel()
                    return true
                },
                context: context
            )
        }
        #expect(error?.code == .cancelled)
        #expect(tested <= 4_096)
    }

    private func sections(of index: LSHIndex) -> MemorySections {
        var sections = MemorySections()
        #expect(throws: Never.self) { try index.write(to: &sections) }
        return sections
    }
}

@Suite("Probe sequence")
struct ProbeSequenceTests {
    @Test("A probe sequence visits every bucket once, by increasing sums of flipped distances")
    func order() {
        var random = SeededGenerator(seed: 20)
        for bits in [1, 2, 5, 9] {
            let projections = random.vector(bits)
            let own = projections.indices.reduce(0) { $0 | (projections[$1] > 0 ? 1 << $1 : 0) }
            var sequence = ProbeSequence(projections[...])
            var costs: [Float] = []
            var buckets: [UInt32] = []
            while let bucket = sequence.next() {
                let flipped = Int(bucket) ^ own
                buckets.append(bucket)
                costs.append(
                    projections.indices.reduce(0) {
                        $0 + (flipped >> $1 & 1 == 1 ? projections[$1].magnitude : 0)
                    }
                )
            }
            #expect(buckets.first == UInt32(own))
            #expect(Set(buckets) == Set(0..<(1 << UInt32(bits))))
            #expect(buckets.count == 1 << bits)
            for (before, after) in zip(costs, costs.dropFirst()) { #expect(before <= after + 1e-5) }
        }
    }

    @Test("A probe sequence of NaN and infinite distances visits every bucket once")
    func notNumbers() {
        let projections: [Float] = [.infinity, -.infinity, .nan, 0, -0.0, 1]
        var sequence = ProbeSequence(projections[...])
        var buckets: Set<UInt32> = []
        while let bucket = sequence.next() { #expect(buckets.insert(bucket).inserted) }
        #expect(buckets.count == 64)
    }
}

@Suite("Hyperplanes")
struct HyperplanesTests {
    @Test("Hyperplanes are orthogonal in groups of the dimension", arguments: [1, 2, 7, 20])
    func orthogonal(dimension: Int) {
        let count = 2 * dimension + 1
        let hyperplanes = Hyperplanes(count: count, dimension: dimension, metric: .cosine)
        // Projections of the unit vectors are the elements of the normals.
        let columns = (0..<dimension).map { axis in
            hyperplanes.projections(of: (0..<dimension).map { $0 == axis ? 1 : 0 })
        }
        for first in 0..<count {
            for second in first..<count where first / dimension == second / dimension {
                let dot = columns.reduce(0) { $0 + $1[first] * $1[second] }
                #expect((dot - (first == second ? 1 : 0)).magnitude < 1e-5)
            }
        }
        let again = Hyperplanes(count: count, dimension: dimension, metric: .cosine)
        let vector = (0..<dimension).map { Float($0 + 1) }
        #expect(again.projections(of: vector) == hyperplanes.projections(of: vector))
    }

    @Test("Hyperplanes put a query and an equal row on the same sides", arguments: [1, 3, 4, 9])
    func sides(count: Int) {
        var random = SeededGenerator(seed: 21)
        let memory = RowMemory(random.vectors(count, 10))
        let rows = (0..<count).map { memory.base + $0 * memory.stride }
        for metric in [Metric.cosine, .euclidean] {
            var hyperplanes = Hyperplanes(count: 12, dimension: 10, metric: metric)
            hyperplanes.fit(to: rows)
            let signatures = hyperplanes.signatures(of: rows, hyperplanes: 6)
            for (row, vector) in memory.rows.enumerated() {
                let projections = hyperplanes.projections(of: vector)
                for table in 0..<2 {
                    var sequence = ProbeSequence(projections[table * 6..<(table + 1) * 6])
                    #expect(sequence.next() == signatures[row * 2 + table])
                }
            }
        }
    }
}

/// Rows around a few centers, which lie away from the origin, and queries near to some of them.
private struct ClusteredRows {
    let dimension: Int
    let metric: Metric
    let memory: RowMemory
    private(set) var queries: [[Float]] = []

    init(
        count: Int,
        dimension: Int,
        seed: UInt64,
        metric: Metric,
        copies: Int = 1,
        offset: Float = 3
    ) {
        self.dimension = dimension
        self.metric = metric
        var random = SeededGenerator(seed: seed)
        let offset = random.vector(dimension, scale: offset)
        let centers = (0..<40).map { _ in
            zip(offset, random.vector(dimension)).map { $0 + $1 }
        }
        func near(_ number: Int) -> [Float] {
            zip(centers[number % centers.count], random.vector(dimension, scale: 0.3))
                .map { $0 + $1 }
        }
        let rows = (0..<count / copies).map(near)
        memory = RowMemory((0..<copies).flatMap { _ in rows })
        queries = (0..<20).map { near($0 * 7) }
    }

    func pointer(_ row: RowID) -> UnsafePointer<Float>? {
        Int(row) < memory.rows.count ? pointer(Int(row)) : nil
    }

    func pointer(_ row: Int) -> UnsafePointer<Float> {
        memory.base + row * memory.stride
    }

    func rows(_ range: Range<RowID>) -> [(row: RowID, vector: UnsafePointer<Float>)] {
        range.map { ($0, pointer(Int($0))) }
    }

    func index(_ options: LSHOptions, rows: Range<RowID>? = nil) -> LSHIndex {
        var index = LSHIndex(options, dimension: dimension, metric: metric)
        index.append(self.rows(rows ?? 0..<RowID(memory.rows.count)))
        return index
    }

    func search(
        _ index: LSHIndex,
        _ query: [Float],
        k: Int,
        isAllowed: ((RowID) -> Bool)? = nil
    ) throws -> LSHResult {
        try index.search(
            query,
            k: k,
            vector: { pointer($0) },
            isAllowed: isAllowed,
            context: CallContext()
        )
    }

    func nearest(
        _ query: [Float],
        k: Int,
        isAllowed: ((RowID) -> Bool)? = nil
    ) throws -> [Neighbor] {
        try FlatIndex(dimension: dimension, metric: metric).search(
            [query],
            k: k,
            in: [memory.block(firstRow: 0)],
            isAllowed: isAllowed,
            context: CallContext()
        )[0]
    }

    /// The share of the true neighbors of all queries that searches find, and the distances per
    /// query.
    func recall(of index: LSHIndex, k: Int) throws -> (found: Double, distances: Int) {
        var found = 0
        var distances = 0
        for query in queries {
            let truth = Set(try nearest(query, k: k).map(\.row))
            let result = try search(index, query, k: k)
            found += result.neighbors.count { truth.contains($0.row) }
            distances += result.computedDistances
        }
        return (Double(found) / Double(k * queries.count), distances / queries.count)
    }
}

extension MemorySections {
    /// The same sections, none of them opened yet.
    fileprivate var copy: MemorySections {
        var copy = MemorySections()
        for (tag, bytes) in sections {
            copy.begin(tag)
            bytes.withUnsafeBytes { copy.append($0) }
        }
        return copy
    }

    fileprivate static func == (left: MemorySections, right: MemorySections) -> Bool {
        left.sections.map(\.tag) == right.sections.map(\.tag)
            && left.sections.map(\.bytes) == right.sections.map(\.bytes)
    }
}
