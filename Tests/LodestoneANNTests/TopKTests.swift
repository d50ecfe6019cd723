// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Top k")
struct TopKTests {
    @Test("Top k keeps what sorting of all would keep", arguments: [1, 2, 3, 10, 64, 1_000])
    func likeSorting(k: Int) {
        var random = SeededGenerator(seed: UInt64(k))
        // Few distances, so that most of them are ties; both signs of zero and of infinity.
        let distances: [Float] = [
            -.infinity, -2, -0.5, -0.0, 0, .leastNonzeroMagnitude, 0.5, 3, .infinity,
        ]
        var all: [Neighbor] = []
        var top = TopK(k: k, expected: 500)
        for row in (0..<500).shuffled(using: &random) {
            let distance = distances[Int(random.next() % UInt64(distances.count))]
            let neighbor = Neighbor(row: RowID(row), distance: distance)
            all.append(neighbor)
            if top.wouldKeep(row: neighbor.row, distance: distance) {
                top.add(row: neighbor.row, distance: distance)
            }
        }
        all.sort { ($0.distance, $0.row) < ($1.distance, $1.row) }
        #expect(top.sorted() == Array(all.prefix(k)))
    }

    @Test("Top k has an infinite bound until it is full, then the farthest distance")
    func bound() {
        var top = TopK(k: 2, expected: 10)
        top.add(row: 1, distance: 5)
        #expect(top.bound == .infinity)
        top.add(row: 2, distance: 7)
        #expect(top.bound == 7)
        top.add(row: 3, distance: 6)
        #expect(top.bound == 6)
    }

    @Test("Top k with k = 0 keeps nothing")
    func none() {
        let top = TopK(k: 0, expected: 10)
        #expect(!top.wouldKeep(row: 0, distance: 0))
        #expect(top.sorted().isEmpty)
    }
}
