// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("HNSW with a filter")
struct HNSWFilterTests {
    @Test(
        "A filtered HNSW search of any selectivity has a recall of at least 0.97",
        arguments: [1, 2, 10, 100, 1_000]
    )
    func filters(every: UInt32) throws {
        let scene = Scene(2_000)
        let exists = { @Sendable (row: RowID) in row % 7 != 3 }
        let index = try scene.built(exists: exists)
        var allowed = RowSet(count: 2_000)
        for row in 0..<2_000 as Range<RowID> where exists(row) && row.mixedBits % every == 0 {
            allowed.insert(row)
        }
        #expect(try scene.recall(index, allowed: allowed) >= 0.97)
    }

    @Test("A filter that excludes all near rows widens the walk without a scan")
    func widening() throws {
        var scene = Scene(4_000)
        scene.options.efSearch = 4
        let index = try scene.built()
        let query = scene.memory.rows[5]
        let near = try scene.search(index, query, k: 30, exact: true).neighbors.map(\.row)
        var allowed = RowSet(count: 4_000)
        for row in 0..<4_000 as Range<RowID> where !near.contains(row) { allowed.insert(row) }
        let result = try scene.search(index, query, k: 1, allowed: allowed)
        #expect(result.strategy == "hnsw")
        #expect(result.neighbors.count == 1 && allowed.contains(result.neighbors[0].row))
    }

    /// 4,500 rows, and a graph of the first 2,000.
    private func partlyCovered() throws -> (Scene, HNSWBatchIndex) {
        var scene = Scene(2_000)
        scene.options.efSearch = 12
        let index = try scene.built()
        let later = Scene(2_500, seed: 8)
        scene.table.append(later.memory.block(firstRow: 2_000))
        return (scene, index)
    }

    @Test("A filter that passes only rows outside of a graph excludes every row of the graph")
    func outside() throws {
        let (scene, index) = try partlyCovered()
        var allowed = RowSet(count: 4_500)
        for row in 2_000..<4_500 as Range<RowID> { allowed.insert(row) }
        for row in [0, 7, 1_999] {
            let query = scene.memory.rows[row]
            let found = try scene.search(index, query, allowed: allowed).neighbors
            let exact = try scene.search(index, query, exact: true, allowed: allowed).neighbors
            #expect(found == exact)
        }
    }

    @Test("A filter that passes many rows outside of a graph excludes the rows that fail it")
    func partlyOutside() throws {
        let (scene, index) = try partlyCovered()
        var allowed = RowSet(count: 4_500)
        for row in 0..<4_500 as Range<RowID> where row >= 2_000 || row % 4 != 0 {
            allowed.insert(row)
        }
        for row in 0..<40 {
            let found = try scene.search(index, scene.memory.rows[row], allowed: allowed).neighbors
            #expect(found.count == 10)
            #expect(found.allSatisfy { allowed.contains($0.row) })
        }
    }

    /// The rows that a filter lets through.
    enum Passing: CaseIterable {
        /// Rows from all over.
        case scattered
        /// Rows of one side, which is far from most queries.
        case side
        /// Many copies of one row, and rows far from it.
        case island
    }

    /// The rows for which the graph has no nodes.
    enum Missing: CaseIterable {
        case none
        /// Some rows from all over.
        case scattered
        case first
    }

    @Test(
        "A filtered walk returns only rows that pass",
        arguments: Passing.allCases,
        Missing.allCases
    )
    func walkAmong(passing: Passing, missing: Missing) throws {
        var random = SeededGenerator(seed: 21)
        var rows = Scene.clustered(8_000, 16, &random)
        var allowed = RowSet(count: 8_000)
        let side = rows.map { $0[0] }.sorted()[2_000]
        for row in 0..<8_000 {
            let passes =
                switch passing {
                case .scattered: row % 4 == 0
                case .side: rows[row][0] < side
                case .island: row < 100 || rows[row][0] < side
                }
            if passing == .island && row < 100 { rows[row] = rows[0] }
            if passes { allowed.insert(RowID(row)) }
        }
        var scene = Scene(rows, metric: .euclidean)
        scene.options.efSearch = 12
        let exists = { @Sendable (row: RowID) in
            switch missing {
            case .none: true
            case .scattered: row % 7 != 3
            case .first: row >= 77
            }
        }
        let index = try scene.built(exists: exists)
        for row in 0..<8_000 as Range<RowID> where !exists(row) { allowed.remove(row) }
        let among = try scene.recall(index, allowed: allowed, exists: exists)
        let amongAll = try scene.recall(index, exists: exists)
        #expect(among >= amongAll - 0.05)
        let result = try scene.search(index, rows[0], allowed: allowed, exists: exists)
        #expect(result.strategy == "hnsw")
        #expect(result.computed < allowed.count / 2, "fewer comparisons than a scan")
    }

    @Test("The nearest rows that pass are found even when all of them are far from the query")
    func fromAfar() throws {
        var random = SeededGenerator(seed: 22)
        var scene = Scene(Scene.clustered(8_000, 16, &random), metric: .euclidean)
        scene.options.efSearch = 12
        let index = try scene.built()
        let order = (0..<8_000).sorted { scene.memory.rows[$0][0] < scene.memory.rows[$1][0] }
        var allowed = RowSet(count: 8_000)
        for row in order[..<2_000] { allowed.insert(RowID(row)) }
        var found = 0
        for row in order.suffix(40) {
            let query = scene.memory.rows[row]
            let truth = try scene.search(index, query, k: 4, exact: true, allowed: allowed)
                .neighbors
            let result = try scene.search(index, query, k: 4, allowed: allowed)
            #expect(result.neighbors.allSatisfy { allowed.contains($0.row) })
            found += Set(result.neighbors.map(\.row)).intersection(truth.map(\.row)).count
        }
        #expect(found >= 158, "of 160")
    }

    @Test("A filtered walk ends soon after its call is cancelled")
    func cancelledWalkAmong() throws {
        let scene = Scene(1_200)
        let graph = try #require(try scene.built().graph)
        let scratch = graph.scratch()
        var allowed = RowSet(count: 1_200)
        for row in stride(from: 0, to: 1_200 as RowID, by: 2) { allowed.insert(row) }
        let query = scene.memory.rows[5]
        scratch.expandedCount = 0
        let width = 500
        let whole = try graph.search(
            query,
            among: allowed,
            selectivity: 0.5,
            width: width,
            scratch,
            context: CallContext()
        )
        let visited = scratch.expandedCount
        // Checks of the context on the way don't end the walk.
        #expect(whole == width && visited >= width)
        scratch.expandedCount = 0
        let over = CallContext()
        over.cancel()
        let error = #expect(throws: LodestoneError.self) {
            try graph.search(
                query,
                among: allowed,
                selectivity: 0.5,
                width: width,
                scratch,
                context: over
            )
        }
        #expect(error?.code == .cancelled)
        #expect(scratch.expandedCount < visited / 3)
    }

    @Test("An HNSW search with a filter that passes nothing finds nothing")
    func emptyFilter() throws {
        let scene = Scene(200)
        let result = try scene.search(
            scene.built(),
            scene.memory.rows[0],
            allowed: RowSet(count: 200)
        )
        #expect(result.neighbors.isEmpty)
    }
}

extension RowID {
    fileprivate var mixedBits: UInt32 {
        var random = SeededGenerator(seed: UInt64(self))
        return UInt32(truncatingIfNeeded: random.next())
    }
}
