// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures

extension HNSWGraph {
    /// The nodes that a walk expands between two checks of its context.
    ///
    /// They take some 150 microseconds, and usual beams expand fewer.
    private static let nodesPerCheck = 256
    /// The same for a walk with a filter.
    private static let filteredNodesPerCheck = 64
    /// The number of nodes, spread over the graph, with which a filtered walk begins.
    private static let seedCount = 32

    /// Finds the `width` nodes nearest to a query by their codes, in `scratch.beam`, nearest first.
    ///
    /// - Returns: The number of nodes in `scratch.beam`.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    /// - Complexity: some 25 distances for each of the nearest `reach` nodes, which are expanded.
    func search(
        _ vector: UnsafePointer<Float>,
        width: Int,
        reach: Int = .max,
        _ scratch: HNSWScratch,
        context: CallContext
    ) throws(LodestoneError) -> Int {
        guard entry != Self.none else { return 0 }
        let query = encode(vector, scratch)
        let signs = signFilter(query.kernel, length: query.length, scratch.kernels)
        let beam = beam(query.kernel, width: width, reach: reach, signs: signs, scratch)
        let neighbors = AllNeighbors(FrozenLinks(self), scratch)
        var count = 1
        while true {
            let before = scratch.expandedCount
            count = beam.run(neighbors, count: count, expanding: Self.nodesPerCheck)
            if scratch.expandedCount - before < Self.nodesPerCheck { return count }
            try context.check()
        }
    }

    /// Finds the `width` nodes nearest to a query among the nodes of `allowed` rows, the share
    /// `selectivity` of all rows.
    ///
    /// - Returns: The number of nodes in `scratch.beam`; `nil` if hardly any node around the query
    ///   is allowed, because a walk among allowed nodes would then fail.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    /// - Complexity: up to `AllowedNeighbors.frontierCount` distances and four times `degree` x
    ///   `degree` tests of `allowed` for each of some 1.3 x `width` nodes; fewer with a `reach`.
    func search(
        _ vector: UnsafePointer<Float>,
        among allowed: RowSet,
        selectivity: Double,
        width: Int,
        reach: Int = .max,
        _ scratch: HNSWScratch,
        context: CallContext
    ) throws(LodestoneError) -> Int? {
        guard entry != Self.none else { return 0 }
        let query = encode(vector, scratch)
        return try allowed.withWords { (words) throws(LodestoneError) -> Int? in
            guard let start = words.baseAddress else { return 0 }
            let further = copies.nodes(of: words, nodeCount: count)
            return try further.withUnsafeBufferPointer { (further) throws(LodestoneError) -> Int? in
                let nodes = AllowedNodes(
                    start,
                    wordCount: words.count,
                    furtherNodes: copies.isEmpty ? nil : further.baseAddress,
                    self
                )
                let signs = signFilter(query.kernel, length: query.length, scratch.kernels)
                let beam = beam(query.kernel, width: width, reach: reach, signs: signs, scratch)
                let nearest = HNSWBeam.node(scratch.beam[0])
                guard nodes.areUsual(around: nearest, selectivity: selectivity, in: self) else {
                    return nil
                }
                let links = FrozenLinks(self)
                let neighbors = AllowedNeighbors(links, nodes, scratch)
                let found = neighbors.expand(nearest)
                var count = beam.start(
                    addSeeds(of: allowed, to: found, scratch),
                    count: nodes.contains(nearest) ? 1 : 0,
                    links
                )
                while true {
                    let before = scratch.expandedCount
                    count = beam.run(
                        neighbors,
                        count: count,
                        expanding: Self.filteredNodesPerCheck
                    )
                    if scratch.expandedCount - before < Self.filteredNodesPerCheck { return count }
                    try context.check()
                }
            }
        }
    }

    /// Adds allowed nodes, spread over the graph, to the `found` nodes of the frontier; returns the
    /// number of nodes in the frontier.
    ///
    /// If no node near the query is allowed, they lead to the nearest allowed ones.
    private func addSeeds(of allowed: RowSet, to found: Int, _ scratch: HNSWScratch) -> Int {
        var found = found
        let step = UInt32(max(1, rows[0].distance(to: endRow) / Self.seedCount))
        var row = rows[0]
        for _ in 0..<Self.seedCount {
            guard let next = allowed.next(from: row) else { break }
            if let node = node(of: next), scratch.visited[Int(node)] != scratch.epoch {
                scratch.visited[Int(node)] = scratch.epoch
                scratch.frontier[found] = node
                found += 1
            }
            row = RowID(rawValue: max(row, next).rawValue &+ step)
        }
        return found
    }

    /// Finds the `width` nodes nearest to an encoded query, without checks of a context.
    func search(
        _ query: lode_query,
        width: Int,
        _ scratch: HNSWScratch,
        by ranking: RecordShape.Ranking = .metric
    ) -> Int {
        let beam = beam(query, width: width, scratch, by: ranking)
        return beam.run(AllNeighbors(FrozenLinks(self), scratch))
    }

    /// Encodes a vector as a query, and keeps it in `scratch.encoded` for the exact re-ranking.
    private func encode(_ vector: UnsafePointer<Float>, _ scratch: HNSWScratch) -> EncodedQuery {
        let encoded = codec.encodeQuery(vector, into: scratch.query, scratch.codec)
        scratch.encoded = encoded
        return encoded
    }

    /// Estimates the distances of some rows by their codes; rows without a node are left out.
    func estimates(
        _ vector: UnsafePointer<Float>,
        of rows: [RowID],
        _ scratch: HNSWScratch
    ) -> [EstimatedNeighbor] {
        let encoded = codec.encodeQuery(vector, into: scratch.query, scratch.codec)
        let keys = codec.shape.keys(scratch.kernels)
        let codes = codec.shape.layout(records)
        let stride = codec.shape.stride
        var estimates: [EstimatedNeighbor] = []
        estimates.reserveCapacity(rows.count)
        var next = 0
        while next < rows.count {
            let first = estimates.count
            var count = 0
            while next < rows.count, count < HNSWScratch.frontierCapacity {
                if let node = node(of: rows[next]) {
                    HNSWBeam.prefetch(codes.codes + Int(node) * stride, stride)
                    scratch.frontier[count] = node
                    estimates.append(EstimatedNeighbor(row: rows[next], distance: 0, error: 0))
                    count += 1
                }
                next += 1
            }
            keys(codes, encoded.kernel, scratch.frontier, count, scratch.keys)
            for index in 0..<count {
                let scale = codec.shape.scale(of: record(scratch.frontier[index]))
                let estimate = encoded.estimate(scratch.keys[index], scale: scale)
                estimates[first + index].distance = estimate.distance
                estimates[first + index].error = estimate.error
            }
        }
        return estimates
    }

    /// A beam that starts at the node found by the descent through the upper levels.
    private func beam(
        _ query: lode_query,
        width: Int,
        reach: Int = .max,
        signs: SignFilter? = nil,
        _ scratch: HNSWScratch,
        by ranking: RecordShape.Ranking = .metric
    ) -> HNSWBeam {
        scratch.begin(beam: width, nodes: count)
        let beam = HNSWBeam(
            codes: codec.shape.layout(records, by: ranking),
            keys: codec.shape.keys(scratch.kernels, by: ranking),
            query: query,
            width: width,
            reach: reach,
            signs: signs,
            scratch
        )
        var nearest = beam.element(of: entry)
        for level in stride(from: topLevel, to: 0, by: -1) {
            nearest = beam.descend(FrozenUpperLinks(graph: self, level: level), from: nearest)
        }
        scratch.visited[Int(HNSWBeam.node(nearest))] = scratch.epoch
        scratch.beam[0] = nearest
        return beam
    }

    /// Compares the query with some nodes, and keeps the `width` nearest in `scratch.beam`.
    ///
    /// `next` writes nodes into the frontier and returns their number; 0 at the end.
    ///
    /// - Returns: The number of nodes in `scratch.beam`.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    func scan(
        _ vector: UnsafePointer<Float>,
        width: Int,
        _ scratch: HNSWScratch,
        context: CallContext,
        next: (UnsafeMutablePointer<NodeID>) -> Int
    ) throws(LodestoneError) -> Int {
        let query = encode(vector, scratch)
        let signs = signFilter(query.kernel, length: query.length, scratch.kernels)
        let keys = codec.shape.keys(scratch.kernels)
        let codes = codec.shape.layout(records)
        scratch.begin(beam: width, nodes: 0)
        var buffer = BeamBuffer(elements: scratch.beam, width: width, count: 0)
        var chunks = 0
        while true {
            var found = next(scratch.frontier)
            if found == 0 { return buffer.count }
            if let signs, buffer.count == width {
                found = signs.keep(scratch.frontier, found, nearerThan: buffer.bound)
            }
            keys(codes, query.kernel, scratch.frontier, found, scratch.keys)
            scratch.distanceCount += found
            for index in 0..<found {
                let key = scratch.keys[index]
                if buffer.count == width, key >= buffer.bound { continue }
                _ = buffer.insert(HNSWBeam.element(key, scratch.frontier[index]))
            }
            chunks += 1
            if chunks % 64 == 0 { try context.check() }
        }
    }
}
