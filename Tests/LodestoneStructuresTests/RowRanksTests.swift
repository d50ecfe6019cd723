// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import TestSupport
import Testing

@Suite("Positions of rows in a set")
struct RowRanksTests {
    @Test("Each row of a set has its position, and each position its row", arguments: 1...40)
    func inverse(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bound = Int.random(in: 1...3_000, using: &random)
        let share = Int.random(in: 1...40, using: &random)
        var set = RowSet(count: bound)
        var rows: [RowID] = []
        for row in 0..<bound where Int.random(in: 0..<share, using: &random) == 0 {
            set.insert(RowID(row))
            rows.append(RowID(row))
        }
        let ranks = RowRanks(set)
        #expect(ranks.count == rows.count)
        #expect(rows.indices.map { ranks.row(at: $0) } == rows)
        for row in 0..<bound + 100 {
            #expect(ranks.position(of: RowID(row)) == rows.count { $0 < RowID(row) })
        }
        var visited: [RowID] = []
        set.forEach { visited.append($0) }
        #expect(visited == rows)
    }
}
