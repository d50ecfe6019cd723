// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import Synchronization
import TestSupport
import Testing

@testable import LodestoneANN

/// A graph that grows while other states still have it.
@Suite("HNSW graph shared by versions")
struct HNSWSharingTests {
    private static let dimension = 16
    private static let options = HNSWOptions(m: 6, efConstruction: 40, efSearch: 40)

    private static func memory(_ count: Int, seed: UInt64) -> RowMemory {
        var random = SeededGenerator(seed: seed)
        return RowMemory(random.vectors(count, dimension))
    }

    private static var empty: HNSWInlineIndex {
        HNSWInlineIndex(options, dimension: dimension, metric: .euclidean)
    }

    @Test("An older version that doesn't link inline sees no rows that a newer version linked")
    func olderState() throws {
        let rows = Self.memory(200, seed: 1)
        var table = VectorTable(dimension: Self.dimension)
        table.append(rows.block(firstRow: 0))
        let work = IndexWork(threads: 1, check: {}, exists: { _ in true })
        let strategy = VectorIndexStrategy.hnsw(inlineIndexing: false, Self.options)
        let reader = try strategy.makeIndex(dimension: Self.dimension, metric: .euclidean)
            .compacted(table, work)
        #expect(reader is HNSWBatchIndex)
        var writer = VectorIndexStrategy.hnsw(inlineIndexing: true, Self.options)
            .makeIndex(dimension: Self.dimension, metric: .euclidean, after: reader)
        #expect(writer is HNSWInlineIndex && writer.count == 200)
        // The new rows are more copies of one row than a search compares.
        let late = RowMemory(Array(repeating: rows.rows[5], count: 40))
        var longer = table
        longer.append(late.block(firstRow: 200))
        writer.indexMany(longer, from: 200)
        #expect(writer.count == 240)
        let query = VectorQuery(
            [rows.rows[5]],
            k: 10,
            exists: { $0 < 200 },
            context: CallContext()
        )
        let result = try reader.search(query, in: table)[0]
        #expect(result.neighbors.count == 10)
        #expect(result.neighbors.first?.row == 5)
        #expect(result.neighbors.allSatisfy { $0.row < 200 })
    }

    /// The state that the tasks of a test share.
    private final class Writer: Sendable {
        let index: Mutex<HNSWInlineIndex>
        let isDone = Atomic<Bool>(false)
        /// The numbers of nodes that searches met.
        let sizes = Mutex<Set<Int>>([])

        init(_ index: HNSWInlineIndex) { self.index = Mutex(index) }
    }

    @Test("A shared graph is searched while a write links many rows into it")
    func searchMeanwhile() async throws {
        let (first, late) = (Self.memory(300, seed: 4), Self.memory(1_500, seed: 5))
        var table = VectorTable(dimension: Self.dimension)
        table.append(first.block(firstRow: 0))
        var index = Self.empty
        index.indexMany(table, from: 0)
        let reader = index
        let readerTable = table
        table.append(late.block(firstRow: 300))
        let writer = Writer(index)
        let longer = table
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                writer.index.withLock { $0.indexMany(longer, from: 300) }
                writer.isDone.store(true, ordering: .releasing)
            }
            group.addTask {
                while !writer.isDone.load(ordering: .acquiring) {
                    let query = VectorQuery(
                        [first.rows[7]],
                        k: 1,
                        exists: { $0 < 300 },
                        context: CallContext()
                    )
                    let result = try? reader.search(query, in: readerTable)[0]
                    #expect(result?.neighbors.first?.row == 7)
                    // Reader and writer share the graph, which may have grown since the last
                    // search.
                    writer.sizes.withLock { _ = $0.insert(reader.count) }
                }
            }
        }
        #expect(writer.index.withLock { $0.count } == 1_800)
        let between = writer.sizes.withLock { $0.filter { $0 > 300 && $0 < 1_800 } }
        #expect(between.count >= 5, "sizes that searches met: \(between.sorted())")
    }

    @Test("A shared graph is compacted while a write links more rows into it")
    func compactionMeanwhile() async {
        // A wrong index of a list ends the process.
        await #expect(processExitsWith: .success) {
            try Self.compactWhileLinking()
        }
    }

    private static func compactWhileLinking() throws {
        let (first, late) = (memory(400, seed: 2), memory(300, seed: 3))
        var table = VectorTable(dimension: dimension)
        table.append(first.block(firstRow: 0))
        var index = empty
        index.indexMany(table, from: 0)
        let compacted = table
        table.append(late.block(firstRow: 400))
        let longer = table
        let growing = Mutex(index)
        let checks = Atomic<Int>(0)
        let work = IndexWork(
            threads: 1,
            check: { () throws(LodestoneError) in
                // The compaction has begun.
                guard checks.add(1, ordering: .relaxed).newValue == 1 else { return }
                growing.withLock { $0.indexMany(longer, from: 400) }
            },
            exists: { $0 % 4 != 0 }
        )
        let next = try #require(try index.compacted(compacted, work) as? HNSWInlineIndex)
        #expect(next.count == 300)
        #expect(growing.withLock { $0.count } == 700)
        var found = 0
        for row in stride(from: 1, to: 400, by: 4) {
            let query = VectorQuery(
                [first.rows[row]],
                k: 1,
                exists: { $0 % 4 != 0 },
                context: CallContext()
            )
            let nearest = try next.search(query, in: compacted)[0].neighbors.first
            if nearest?.row == RowID(row) { found += 1 }
        }
        #expect(found >= 95, "of 100")
    }
}
