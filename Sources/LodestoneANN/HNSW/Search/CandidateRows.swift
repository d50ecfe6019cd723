// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CVectorKernels
import LodestoneCore
import LodestoneStructures

/// The rows of the nodes that a walk or a scan of codes found, computed on demand.
struct CandidateRows {
    private let graph: HNSWGraph
    private let scratch: HNSWScratch
    /// The filter of the rows; `nil` when every row may be found.
    private let filter: VectorQuery?
    /// The number of nodes in the beam.
    private let count: Int
    /// The most rows that are taken of one node.
    private let rowsOfNode: Int
    /// The least `rowsOfNode`: exact distances distinguish at least this many rows with equal
    /// records.
    private static let rowsOfNodeAtLeast = 512
    /// The next node of the beam.
    private var next = 0
    /// Rows that may be found, nearest first by their codes.
    private(set) var rows: [RowID] = []
    /// Whether, by the codes, rows beyond the end of the beam may be among the nearest.
    private(set) var isCutOff = false

    /// The rows of the first `count` nodes in the beam of a search that pass `filter`.
    init(_ count: Int, of search: HNSWSearch, filter: VectorQuery?) {
        self.count = count
        self.filter = filter
        rowsOfNode = max(4 * search.query.k, Self.rowsOfNodeAtLeast)
        graph = search.graph
        scratch = search.scratch
    }

    /// Takes rows until there are `targetCount`, or none is left.
    mutating func take(_ targetCount: Int) {
        rows.reserveCapacity(targetCount)
        for ahead in next..<max(next, min(count, next + targetCount)) {
            lode_prefetch(graph.rows + Int(HNSWBeam.node(scratch.beam[ahead])))
        }
        while rows.count < targetCount, next < count { takeNext() }
    }

    /// Takes up to `most` further rows, as long as by their codes they may be nearer than
    /// `distance`.
    mutating func take(_ most: Int, within distance: Float) {
        guard let query = scratch.encoded else { return }
        let targetCount = rows.count + most
        isCutOff = false
        while rows.count < targetCount, next < count {
            let element = scratch.beam[next]
            let scale = graph.codec.shape.scale(of: graph.record(HNSWBeam.node(element)))
            let least = query.leastDistance(HNSWBeam.key(element), scale: scale)
            // The condition is false for NaN, too.
            guard least < Double(distance) else { return }
            takeNext()
        }
        isCutOff = next == count
    }

    /// The next rows, `most` at most, with their distances by codes.
    mutating func estimates(_ most: Int) -> [EstimatedNeighbor] {
        guard most > 0, let query = scratch.encoded else { return [] }
        var estimates: [EstimatedNeighbor] = []
        estimates.reserveCapacity(most)
        while estimates.count < most, next < count {
            let element = scratch.beam[next]
            let scale = graph.codec.shape.scale(of: graph.record(HNSWBeam.node(element)))
            let estimate = query.estimate(HNSWBeam.key(element), scale: scale)
            let before = rows.count
            takeNext()
            for row in rows[before...].prefix(most - estimates.count) {
                estimates.append(
                    EstimatedNeighbor(row: row, distance: estimate.distance, error: estimate.error)
                )
            }
        }
        return estimates
    }

    private mutating func takeNext() {
        let node = HNSWBeam.node(scratch.beam[next])
        next += 1
        let row = graph.rows[Int(node)]
        let most = rows.count + rowsOfNode
        if filter?.allows(row) ?? true { rows.append(row) }
        if graph.copies.isEmpty { return }
        graph.copies.forEach(of: node) { row in
            if filter?.allows(row) ?? true { rows.append(row) }
            return rows.count < most
        }
    }
}
