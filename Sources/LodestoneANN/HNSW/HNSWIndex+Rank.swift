// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CVectorKernels
import LodestoneCore

/// The rows of what a walk or a scan of codes has found, as far as they were asked for.
struct FoundRows {
    private let graph: HNSWGraph
    private let scratch: HNSWScratch
    private let questions: VectorQuestions?
    private let size: Int
    /// Rows of a node at most.
    private let rowsOfNode: Int
    /// Rows that differ so little that their records are equal are still told apart, up to so many.
    private static let rowsOfNodeAtLeast = 512
    /// The next node of the beam to look at.
    private var place = 0
    /// Rows that may be found, the nearest by their codes first.
    private(set) var rows: [UInt32] = []

    /// The `size` nodes in the beam of `scratch`, of which those count that `questions` allow.
    init(
        _ size: Int,
        _ questions: VectorQuestions?,
        k: Int,
        _ graph: HNSWGraph,
        _ scratch: HNSWScratch
    ) {
        self.size = size
        rowsOfNode = max(4 * k, Self.rowsOfNodeAtLeast)
        self.questions = questions
        self.graph = graph
        self.scratch = scratch
    }

    /// The `size` nodes in the beam of `scratch`, all of whose first rows match.
    init(
        matching size: Int,
        _ questions: VectorQuestions,
        _ graph: HNSWGraph,
        _ scratch: HNSWScratch
    ) {
        let further = graph.copies.isEmpty ? nil : questions
        self.init(size, further, k: questions.k, graph, scratch)
    }

    /// What the walk has cost.
    var cost: (visited: Int, computed: Int) { (scratch.visited, scratch.computed) }

    /// Whether the beam ended while rows were as near as those asked for, as far as codes can tell.
    private(set) var isCutOff = false

    /// Takes rows until there are `wanted`, or no more.
    mutating func take(_ wanted: Int) {
        rows.reserveCapacity(wanted)
        for ahead in place..<max(place, min(size, place + wanted)) {
            lode_prefetch(graph.rows + Int(HNSWBeam.node(scratch.beam[ahead])))
        }
        while rows.count < wanted, place < size { takeNext() }
    }

    /// Takes up to `most` rows more, as long as the codes leave it open whether they are as near as
    /// `distance`.
    mutating func take(_ most: Int, within distance: Float) {
        guard let query = scratch.encoded else { return }
        let wanted = rows.count + most
        isCutOff = false
        while rows.count < wanted, place < size {
            let element = scratch.beam[place]
            let scale = graph.codec.shape.scale(of: graph.record(HNSWBeam.node(element)))
            let least = query.leastDistance(HNSWBeam.key(element), scale: scale)
            // Also where a number is none, nothing is left open.
            guard least < Double(distance) else { return }
            takeNext()
        }
        isCutOff = place == size
    }

    private mutating func takeNext() {
        let node = HNSWBeam.node(scratch.beam[place])
        place += 1
        let row = graph.rows[Int(node)]
        let most = rows.count + rowsOfNode
        if questions?.allows(row) ?? true { rows.append(row) }
        if graph.copies.isEmpty { return }
        graph.copies.forEach(of: node) { row in
            if questions?.allows(row) ?? true { rows.append(row) }
            return rows.count < most
        }
    }
}

extension HNSWIndex {
    /// Rows that are all compared exactly at most, where codes can't tell the nearest from others.
    static let comparedAtMost = 32_768

    /// Compares all rows of a graph that may be found, after walks whose best answer is `best`.
    func compareAll(
        _ query: [Float],
        _ questions: VectorQuestions,
        _ best: VectorAnswer,
        _ graph: HNSWGraph,
        _ scratch: HNSWScratch,
        _ table: VectorTable
    ) -> VectorAnswer {
        let first = UnsafeBufferPointer(start: graph.rows, count: graph.count)
        let rows = first.filter(questions.allows) + graph.copies.rows.filter(questions.allows)
        var answer = best
        answer.neighbors = flat.nearest(query, k: questions.k, among: rows, of: table)
        answer.strategy = "flat"
        answer.visited = scratch.visited
        answer.computed = scratch.computed + rows.count
        answer.scanned = best.scanned + rows.count
        return answer
    }

    /// Rows that are compared at once, while the codes leave it open whether they are among the nearest.
    private static let rowsAtOnce = 8

    /// The exactly nearest of the rows that were found.
    ///
    /// Beyond those that were taken already it goes on as long as the error of the codes can matter.
    /// Where clusters are fifty times as far apart as they are wide, the first 25 have a recall of 0.89
    /// and these, some 60, of 0.99; elsewhere they end with the first few.
    func rank(
        _ query: [Float],
        _ found: inout FoundRows,
        _ k: Int,
        _ strategy: String,
        _ table: VectorTable
    ) -> VectorAnswer {
        var nearest = flat.nearest(query, k: k, among: found.rows, of: table)
        while nearest.count == k, let last = nearest.last {
            let compared = found.rows.count
            found.take(Self.rowsAtOnce, within: last.distance)
            let more = Array(found.rows[compared...])
            if more.isEmpty { break }
            nearest += flat.nearest(query, k: k, among: more, of: table)
            nearest.sort { ($0.distance, $0.row) < ($1.distance, $1.row) }
            nearest.removeLast(nearest.count - k)
        }
        var answer = VectorAnswer(neighbors: nearest, strategy: strategy)
        answer.visited = found.cost.visited
        answer.computed = found.cost.computed + found.rows.count
        answer.scanned = found.rows.count
        return answer
    }
}
