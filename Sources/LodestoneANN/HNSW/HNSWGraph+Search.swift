// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures

extension HNSWGraph {
    /// Nodes that a walk expands between two checks of its context.
    ///
    /// They take some 150 microseconds, and are more than the usual beams expand.
    private static let nodesPerLook = 256
    /// The same for a walk with a filter.
    private static let filteredNodesPerLook = 64
    /// The number of nodes from all over the graph with which a filtered walk begins.
    private static let seedCount: UInt32 = 32

    /// Finds the `width` nodes nearest to a query by their codes, in `scratch.beam`, nearest first.
    ///
    /// - Returns: The number of nodes in `scratch.beam`.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    /// - Complexity: some 25 x `width` distances.
    func search(
        _ vector: UnsafePointer<Float>,
        width: Int,
        _ scratch: HNSWScratch,
        context: CallContext
    ) throws(LodestoneError) -> Int {
        guard entry != Self.none else { return 0 }
        let query = encode(vector, scratch)
        let beam = beam(query, width: width, scratch)
        let reader = FrozenLinks(start: links, length: listLength)
        var size = 1
        while true {
            let before = scratch.visited
            size = beam.run(reader, scratch, size: size, expanding: Self.nodesPerLook)
            if scratch.visited - before < Self.nodesPerLook { return size }
            try context.check()
        }
    }

    /// Finds the `width` nodes nearest to a query among the nodes of `allowed` rows, a `share` of
    /// all.
    ///
    /// - Returns: The number of nodes in `scratch.beam`; `nil` where hardly any node around the
    ///   query is allowed: a walk among allowed nodes would not know where to go.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    /// - Complexity: up to `HNSWBeam.filteredHop` distances and four times `degree` x `degree`
    ///   looks at `allowed` for each of some 1.3 x `width` nodes.
    func search(
        _ vector: UnsafePointer<Float>,
        among allowed: RowSet,
        share: Double,
        width: Int,
        _ scratch: HNSWScratch,
        context: CallContext
    ) throws(LodestoneError) -> Int? {
        guard entry != Self.none else { return 0 }
        let query = encode(vector, scratch)
        return try allowed.withWords { (words) throws(LodestoneError) -> Int? in
            guard let start = words.baseAddress else { return 0 }
            let others = copies.nodes(of: words, nodeCount: count)
            return try others.withUnsafeBufferPointer { (others) throws(LodestoneError) -> Int? in
                let nodes = AllowedNodes(
                    start,
                    wordCount: words.count,
                    others: copies.isEmpty ? nil : others.baseAddress,
                    self
                )
                let beam = beam(query, width: width, scratch)
                let nearest = HNSWBeam.node(scratch.beam[0])
                guard nodes.areUsual(around: nearest, share: share, in: self) else { return nil }
                let reader = FrozenLinks(start: links, length: listLength)
                var size = seed(beam, reader, nodes, allowed, scratch)
                while true {
                    let before = scratch.visited
                    size = beam.run(
                        reader,
                        among: nodes,
                        scratch,
                        size: size,
                        expanding: Self.filteredNodesPerLook
                    )
                    if scratch.visited - before < Self.filteredNodesPerLook { return size }
                    try context.check()
                }
            }
        }
    }

    /// Starts a beam with allowed nodes: those around the node in it, and some from all over the
    /// graph.
    ///
    /// Where no node near the query is allowed, the latter lead to the nearest allowed ones.
    private func seed(
        _ beam: HNSWBeam,
        _ reader: FrozenLinks,
        _ nodes: AllowedNodes,
        _ allowed: RowSet,
        _ scratch: HNSWScratch
    ) -> Int {
        let nearest = HNSWBeam.node(scratch.beam[0])
        var size = nodes.contains(nearest) ? 1 : 0
        var found = beam.gather(nearest, reader, nodes, scratch)
        let step = max(1, (endRow - rows[0]) / Self.seedCount)
        var row = rows[0]
        for _ in 0..<Self.seedCount {
            guard let next = allowed.next(from: row) else { break }
            if let node = node(of: next), scratch.seen[Int(node)] != scratch.epoch {
                scratch.seen[Int(node)] = scratch.epoch
                scratch.hop[found] = node
                found += 1
            }
            row = max(row, next) &+ step
        }
        beam.keys(beam.codes, beam.query, scratch.hop, found, scratch.keys)
        scratch.computed += found
        var current = 0
        beam.keep(found, scratch.hop, scratch.keys, in: scratch.beam, &size, &current, reader)
        return size
    }

    /// Finds the `width` nodes nearest to an encoded query, without checks of a context.
    func search(
        _ query: lode_query,
        width: Int,
        _ scratch: HNSWScratch,
        by ranking: RecordShape.Ranking = .metric
    ) -> Int {
        let reader = FrozenLinks(start: links, length: listLength)
        return beam(query, width: width, scratch, by: ranking).run(reader, scratch, size: 1)
    }

    /// Encodes a vector as a query, and keeps it in `scratch.encoded` for the exact re-ranking.
    private func encode(_ vector: UnsafePointer<Float>, _ scratch: HNSWScratch) -> lode_query {
        let encoded = codec.encodeQuery(vector, into: scratch.query, scratch.codec)
        scratch.encoded = encoded
        return encoded.kernel
    }

    /// A beam that starts with the node to which a descent through the upper levels leads.
    private func beam(
        _ query: lode_query,
        width: Int,
        _ scratch: HNSWScratch,
        by ranking: RecordShape.Ranking = .metric
    ) -> HNSWBeam {
        let keys = codec.shape.keys(scratch.kernels, by: ranking)
        let codes = codec.shape.layout(records, by: ranking)
        let (nearest, key) = descend(query, codes, keys, scratch)
        scratch.begin(beam: width, nodes: count)
        scratch.seen[Int(nearest)] = scratch.epoch
        scratch.beam[0] = UInt64(key) << 32 | UInt64(nearest)
        return HNSWBeam(
            codes: codes,
            keys: keys,
            query: query,
            width: width
        )
    }

    private func descend(
        _ query: lode_query,
        _ codes: lode_codes,
        _ keys: CodeKeys,
        _ scratch: HNSWScratch
    ) -> (node: UInt32, key: UInt32) {
        var nearest = entry
        scratch.hop[0] = nearest
        keys(codes, query, scratch.hop, 1, scratch.keys)
        var best = scratch.keys[0]
        for level in stride(from: topLevel, to: 0, by: -1) {
            while true {
                let before = nearest
                let list = upperList(nearest, level)
                var count = 0
                while count < options.m, list[count] != Self.none { count &+= 1 }
                keys(codes, query, list, count, scratch.keys)
                scratch.visited &+= 1
                scratch.computed &+= count
                for index in 0..<count where scratch.keys[index] < best {
                    best = scratch.keys[index]
                    nearest = list[index]
                }
                if nearest == before { break }
            }
        }
        return (nearest, best)
    }

    /// Compares the query with some nodes, and keeps the `width` nearest in `scratch.beam`.
    ///
    /// `next` writes nodes into `scratch.hop` and returns their number; 0 at the end.
    ///
    /// - Returns: The number of nodes in `scratch.beam`.
    /// - Throws: `.cancelled` or `.deadlineExceeded`.
    func scan(
        _ vector: UnsafePointer<Float>,
        width: Int,
        _ scratch: HNSWScratch,
        context: CallContext,
        next: (UnsafeMutablePointer<UInt32>) -> Int
    ) throws(LodestoneError) -> Int {
        let query = encode(vector, scratch)
        let keys = codec.shape.keys(scratch.kernels)
        let codes = codec.shape.layout(records)
        scratch.begin(beam: width, nodes: 0)
        var size = 0
        var chunks = 0
        while true {
            let found = next(scratch.hop)
            if found == 0 { return size }
            keys(codes, query, scratch.hop, found, scratch.keys)
            scratch.computed += found
            for index in 0..<found {
                let key = scratch.keys[index]
                if size == width, key >= HNSWBeam.key(scratch.beam[size - 1]) { continue }
                _ = HNSWBeam.insert(
                    UInt64(key) << 32 | UInt64(scratch.hop[index]),
                    into: scratch.beam,
                    &size,
                    width: width
                )
            }
            chunks += 1
            if chunks % 64 == 0 { try context.check() }
        }
    }
}
