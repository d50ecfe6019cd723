// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import TestSupport
import Testing

@Suite("A set of rows")
struct RowSetTests {
    /// A set and its model with the same random rows below `bound`.
    private func random(_ bound: Int, _ count: Int, _ random: inout SeededGenerator) -> (
        RowSet, Set<RowID>
    ) {
        var set = RowSet(count: bound)
        var model: Set<RowID> = []
        for _ in 0..<count {
            let row = RowID.random(in: 0..<RowID(bound), using: &random)
            set.insert(row)
            model.insert(row)
        }
        return (set, model)
    }

    private func expectEqual(_ set: RowSet, _ model: Set<RowID>, _ what: Comment) {
        #expect(set.count == model.count, what)
        var rows: [RowID] = []
        var next = set.next(from: 0)
        while let row = next {
            rows.append(row)
            next = set.next(from: row + 1)
        }
        #expect(rows == model.sorted(), what)
        #expect(model.allSatisfy { set.contains($0) }, what)
    }

    @Test("A set of rows equals a plain set after unions, intersections and differences")
    func operations() {
        var generator = SeededGenerator(seed: 3)
        for bound in [1, 63, 64, 65, 1_000] {
            let (left, leftModel) = random(bound, bound / 2 + 1, &generator)
            let (right, rightModel) = random(bound + 70, bound / 2 + 1, &generator)
            var set = left
            set.formUnion(right)
            expectEqual(set, leftModel.union(rightModel), "union below \(bound)")
            set = left
            set.formIntersection(right)
            expectEqual(set, leftModel.intersection(rightModel), "intersection below \(bound)")
            set = left
            set.subtract(right)
            expectEqual(set, leftModel.subtracting(rightModel), "difference below \(bound)")
            let middle = RowID(bound / 2)
            set = left
            set.removeRows(below: middle)
            expectEqual(set, leftModel.filter { $0 >= middle }, "rows from \(middle) on")
        }
    }

    @Test("A set of rows counts each row once, and leaves out rows at its bound or beyond")
    func changes() {
        var set = RowSet(count: 100)
        set.insert(5)
        set.insert(5)
        set.insert(99)
        set.insert(1_000)
        expectEqual(set, [5, 99], "inserted")
        set.remove(5)
        set.remove(6)
        set.remove(1_000)
        expectEqual(set, [99], "removed")
        set.grow(to: 1_001)
        set.insert(1_000)
        expectEqual(set, [99, 1_000], "grown")
    }

    @Test("A list of rows is inserted and counted in any order, with repeated rows")
    func lists() {
        var generator = SeededGenerator(seed: 4)
        let rows = (0..<3_000).map { _ in RowID.random(in: 0..<2_000, using: &generator) }
        for rows in [rows, rows.sorted(), []] {
            var set = RowSet(count: 1_500)
            rows.withUnsafeBufferPointer { set.insert($0) }
            let model = Set(rows.filter { $0 < 1_536 })
            expectEqual(set, model, "\(rows.count) rows")
            let counted = rows.withUnsafeBufferPointer { set.count(of: $0) }
            #expect(counted == rows.count { model.contains($0) })
        }
    }

    @Test("A set of rows that is made of words has no row at its bound or beyond")
    func words() {
        let set = RowSet([.max, .max, .max], count: 70)
        expectEqual(set, Set(0..<70), "70 rows of three words")
        let words = set.withWords { Array($0) }
        #expect(words == [.max, 63])
        expectEqual(RowSet([1], count: 200), [0], "fewer words than rows")
    }
}
