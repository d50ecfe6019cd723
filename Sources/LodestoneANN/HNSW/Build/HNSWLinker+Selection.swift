// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore

/// The selection of links among candidates (Malkov & Yashunin, algorithm 4, relaxed as in DiskANN's
/// RobustPrune by `alpha`).
///
/// The metric ranks candidates. Angles decide whether a selected link occludes a candidate: about
/// the origin for dot products, else about the center of the codes. Inner products fail (ip-NSW:
/// Morozov & Babenko 2018): a long row has large products with all others, so all would link to
/// long rows only. Measured (unreachable rows): by inner products 22 to 42 %, by angles 0.7 % at
/// most. Distances fail, too: a long row is far from all others, so a search misses the rows with
/// the largest products.
extension HNSWLinker {
    /// The factor by which the second pass of a selection relaxes the first.
    ///
    /// The second pass drops a candidate that is nearer by this factor to a selected link than to
    /// the node. Measured (WordNet's vectors, at equal recall): 10 to 20 % more queries/s than with
    /// 1, which leaves lists short.
    private static let alpha: Float = 1.3

    /// Selects links among the first `count` candidates, which come nearest first.
    ///
    /// Writes the links into `scratch.selected`, and returns their number.
    ///
    /// The first pass selects a candidate unless it is nearer to a selected link than to the node,
    /// so the links lead in all directions. The second pass fills up to `limit`: it selects a
    /// candidate unless it is nearer by the factor `alpha` to a selected link.
    ///
    /// A single pass with `alpha` fails for nodes at about equal distances from each other: they
    /// fill each other's lists, and no link leads elsewhere. Measured (clusters of 1,000 vectors of
    /// 384 normally distributed elements, share of the nearest that a search found): single pass
    /// 0.82, two passes 0.996.
    func selectNeighbors(
        of node: NodeID,
        among candidates: UnsafePointer<UInt64>,
        _ count: Int,
        limit: Int
    ) -> Int {
        let pruned = scratch.pruned
        let origin = shape.direction(of: graph.record(node))
        var selected = 0
        var prunedCount = 0
        var index = 0
        while index < count && selected < limit {
            let candidate = Candidate(candidates[index], self)
            index &+= 1
            if isOccluded(candidate, from: origin, by: selected, alpha: 1) {
                pruned[prunedCount] = candidate.element
                prunedCount &+= 1
            } else {
                scratch.select(candidate.element, candidate.direction, at: selected)
                selected &+= 1
            }
        }
        index = 0
        while index < prunedCount && selected < limit {
            let candidate = Candidate(pruned[index], self)
            index &+= 1
            if isOccluded(candidate, from: origin, by: selected, alpha: Self.alpha) { continue }
            scratch.select(candidate.element, candidate.direction, at: selected)
            selected &+= 1
        }
        return selected
    }

    /// A node that may become a link.
    private struct Candidate {
        /// The node, with its distance from the node that selects.
        let element: UInt64
        let record: CodeRecord
        let direction: CodeDirection

        @inline(__always) init(_ element: UInt64, _ linker: HNSWLinker) {
            self.element = element
            record = linker.graph.record(HNSWBeam.node(element))
            direction = linker.shape.direction(of: record)
        }
    }

    /// Whether a candidate is nearer, in angle and by the factor `alpha`, to one of the first
    /// `count` selected links than to the selecting node at `origin`.
    @inline(__always)
    private func isOccluded(
        _ candidate: Candidate,
        from origin: CodeDirection,
        by count: Int,
        alpha: Float
    ) -> Bool {
        if count == 0 { return false }
        let query = shape.makeQuery(of: candidate.record, into: scratch.recordQuery, kernels)
        let key = HNSWBeam.key(candidate.element)
        let limit = shape.separation(key, origin, candidate.direction) / alpha
        let (lengths, factors) = (scratch.selectedLengths, scratch.selectedFactors)
        var start = 0
        while start < count {
            let width = min(8, count &- start)
            keys(codes, query, scratch.selected + start, width, scratch.keys)
            let angles = shape.angles(candidate.direction, lengths + start, factors + start)
            if kernels.any_nearer(scratch.keys, width, angles, limit) != 0 { return true }
            start &+= width
        }
        return false
    }

    /// Replaces the links of a node by a selection among some nodes.
    func relink(_ node: NodeID, at level: Int, among nodes: [NodeID]) {
        let query = shape.makeQuery(of: graph.record(node), into: scratch.recordQuery, kernels)
        var candidates: [UInt64] = []
        candidates.reserveCapacity(nodes.count)
        for start in stride(from: 0, to: nodes.count, by: HNSWScratch.frontierCapacity) {
            let width = min(HNSWScratch.frontierCapacity, nodes.count - start)
            for index in 0..<width { scratch.frontier[index] = nodes[start + index] }
            keys(codes, query, scratch.frontier, width, scratch.keys)
            for index in 0..<width {
                candidates.append(HNSWBeam.element(scratch.keys[index], scratch.frontier[index]))
            }
        }
        candidates.sort()
        let count = min(candidates.count, HNSWScratch.frontierCapacity)
        for index in 0..<count { scratch.candidates[index] = candidates[index] }
        select(count, for: node, at: level)
    }

    /// Replaces the links of a node by a selection among its full list and one more node.
    func reselect(
        among list: UnsafeBufferPointer<NodeID>,
        and target: UInt64,
        for node: NodeID,
        at level: Int
    ) {
        guard let start = list.baseAddress else { return }
        let query = shape.makeQuery(of: graph.record(node), into: scratch.recordQuery, kernels)
        keys(codes, query, start, list.count, scratch.keys)
        for index in 0..<list.count {
            scratch.candidates[index] = HNSWBeam.element(scratch.keys[index], list[index])
        }
        scratch.candidates[list.count] = target
        var candidates = UnsafeMutableBufferPointer(
            start: scratch.candidates,
            count: list.count + 1
        )
        candidates.sort()
        select(list.count + 1, for: node, at: level)
    }

    /// Replaces the links of a node by a selection among the first `count` of `scratch.candidates`,
    /// which are sorted.
    private func select(_ count: Int, for node: NodeID, at level: Int) {
        let selected = selectNeighbors(
            of: node,
            among: scratch.candidates,
            count,
            limit: limit(at: level)
        )
        let links = UnsafeBufferPointer(start: UnsafePointer(scratch.selected), count: selected)
        graph.setLinks(links, of: node, at: level)
    }

    /// The most links of a list after a new selection.
    ///
    /// In a build, a list has room for more than `degree` links: the slack
    /// (`HNSWGraph.listLength`), which is free for later links after a selection. A list without
    /// slack keeps an eighth of `degree` free. Otherwise each later link would need another
    /// selection.
    private func limit(at level: Int) -> Int {
        if level > 0 { return graph.options.m }
        return graph.listLength > graph.degree ? graph.degree : graph.degree - graph.degree / 8
    }
}
