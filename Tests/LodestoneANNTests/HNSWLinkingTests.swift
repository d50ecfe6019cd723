// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import Synchronization
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Linking apart from writes")
struct HNSWLinkingTests {
    private static let dimension = 16
    private static let options = HNSWOptions(m: 6, efConstruction: 40, efSearch: 40)

    private let rows: RowMemory
    private let table: VectorTable
    /// An index that covers the first 400 of 600 rows.
    private let index: any VectorIndex

    init() throws {
        var random = SeededGenerator(seed: 9)
        rows = RowMemory(random.vectors(600, Self.dimension))
        let block = rows.block(firstRow: 0)
        var first = VectorTable(dimension: Self.dimension)
        first.append(
            VectorBlock(base: block.base, firstRow: 0, count: 400, owner: block.owner)
        )
        index = try HNSWBatchIndex(
            Self.options,
            dimension: Self.dimension,
            metric: .euclidean
        ).compacted(first, Self.work { _ in true })
        var table = VectorTable(dimension: Self.dimension)
        table.append(block)
        self.table = table
    }

    private static func work(
        check: @escaping @Sendable () throws(LodestoneError) -> Void = {},
        _ exists: @escaping @Sendable (RowID) -> Bool
    ) -> IndexWork {
        IndexWork(threads: 1, check: check, exists: exists)
    }

    /// The row nearest to the vector of another row.
    private func nearest(_ row: Int, _ index: any VectorIndex, exists: @escaping (RowID) -> Bool)
        throws -> [RowID]
    {
        let query = VectorQuery(
            [rows.rows[row]],
            k: 5,
            exists: exists,
            context: CallContext()
        )
        return try index.search(query, in: table)[0].neighbors.map(\.row)
    }

    @Test(
        "Rows linked in parts are in the index that linked them, and earlier copies still find them"
    )
    func parts() throws {
        let first = try #require(try index.extended(over: table, by: 150, Self.work { _ in true }))
        #expect(first.endRow == 550)
        #expect(index.endRow == 400)
        let second = try #require(try first.extended(over: table, by: 150, Self.work { _ in true }))
        #expect(second.endRow == 600)
        #expect(second.count == 600)
        for index in [index, first, second] {
            for row in stride(from: 0, to: 600, by: 11) {
                let found = try nearest(row, index) { _ in true }
                #expect(found.first == RowID(row))
                #expect(Set(found).count == 5)
            }
        }
    }

    @Test("An earlier copy still finds its rows that were dropped before they were linked")
    func dropped() throws {
        let exists = { @Sendable (row: RowID) in row % 10 != 3 }
        let extended = try #require(try index.extended(over: table, by: 600, Self.work(exists)))
        #expect(extended.count == 580)
        for row in [403, 433, 593] {
            #expect(try nearest(row, index) { _ in true }.first == RowID(row))
            #expect(try !nearest(row, extended, exists: exists).contains(RowID(row)))
        }
        // Row 404 is dropped after it was linked, and before the extended index is adopted.
        var present = index
        let exist = { (row: RowID) in exists(row) && row != 404 }
        let isTaken = present.adopt(extended, exists: exist)
        #expect(isTaken)
        #expect(present.endRow == 600)
        #expect(try !nearest(404, present, exists: exist).contains(404))
        let isMore = present.adopt(extended, exists: exist)
        #expect(!isMore)
    }

    @Test("A cancelled linking keeps its linked rows, and the next call continues from them")
    func cancelled() throws {
        let checks = Counter()
        let work = Self.work(
            check: { () throws(LodestoneError) in
                if checks.next() == 80 { throw .cancelledHere }
            },
            { _ in true }
        )
        #expect(throws: LodestoneError.cancelledHere) {
            try index.extended(over: table, by: 600, work)
        }
        #expect(index.endRow == 400)
        #expect(index.count == 400)
        for row in [410, 478, 479, 599] {
            #expect(try nearest(row, index) { _ in true }.first == RowID(row))
        }
        let linked = Counter()
        let remaining = Self.work(
            check: { () throws(LodestoneError) in _ = linked.next() },
            { _ in true }
        )
        let extended = try #require(try index.extended(over: table, by: 600, remaining))
        #expect(extended.count == 600)
        // Another call would be counted, too.
        #expect(linked.next() == 122)
        #expect(try nearest(450, extended) { _ in true }.first == 450)
    }

    @Test("Rows linked into one index are not adopted by another index")
    func other() throws {
        let extended = try #require(
            try index.extended(over: table, by: 600, Self.work { _ in true })
        )
        var other = try index.compacted(table, Self.work { $0 < 500 })
        let end = other.endRow
        let isTaken = other.adopt(extended) { _ in true }
        #expect(!isTaken)
        #expect(other.endRow == end)
    }
}

/// Counts calls.
private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

extension LodestoneError {
    fileprivate static let cancelledHere = LodestoneError(
        .cancelled,
        reason: .cancelled,
        "The test ends the work.",
        recovery: "None."
    )
}
