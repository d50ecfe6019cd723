// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import Synchronization

/// Builds the graph of the rows that exist, from nothing or from the previous graph.
///
/// From the previous graph it leaves out the nodes of dropped rows, and adds those of new rows. A
/// node that linked to a dropped node chooses again, among its other links and the links of the
/// dropped nodes (FreshDiskANN, arXiv:2105.09613, algorithm 4). So no path ends.
struct HNSWCompaction {
    let metric: Metric
    let options: HNSWOptions
    let table: VectorTable
    let work: IndexWork
    /// Keeps a build that is cancelled, for the next one to continue.
    let unfinished: HNSWBuildCheckpoint

    /// Links beyond the degree that a list holds while nodes are linked.
    private var slack: Int { HNSWGraph.degree(options) / 4 }

    /// Returns the graph, the number of nodes that no search reaches, and the number of rows that
    /// were added or dropped.
    ///
    /// - Returns: `nil` when there are no vectors, or when one of them is damaged.
    func run(over store: HNSWStore?) throws(LodestoneError) -> (
        graph: HNSWGraph, unreachable: Int, changed: Int
    )? {
        var rows: [UInt32] = []
        var vectors: [UnsafePointer<Float>] = []
        for block in table.blocks {
            guard block.check(rows: 0..<block.count, dimension: table.dimension) else {
                // The caller finds the damage in the vectors' blocks.
                return nil
            }
            for place in 0..<block.count {
                let row = block.row(at: place)
                guard work.exists(row) else { continue }
                rows.append(row)
                vectors.append(block.base + place * table.dimension)
            }
        }
        guard !rows.isEmpty else { return nil }
        let builder: HNSWBuilder
        let added: HNSWInsertionOrder
        var changed = rows.count
        if let begun = unfinished.take(rows, options) {
            (builder, added) = (begun.builder, begun.order)
        } else if let old = store?.frozen, let kept = LiveNodes(of: old, rows, options),
            let begun = try mended(old, kept, rows, vectors)
        {
            changed = old.rowCount + rows.count - 2 * kept.covered
            (builder, added) = begun
        } else {
            let graph = HNSWGraph(codec(vectors), options, capacity: rows.count, slack: slack)
            builder = HNSWBuilder(graph)
            try add(rows[...], vectors[...], to: graph)
            added = HNSWInsertionOrder(0..<UInt32(graph.count), in: graph)
        }
        let done = Atomic<Int>(added.taken)
        let total = added.nodes.count
        let onProgress = work.onProgress
        onProgress(added.taken, total)
        do throws(LodestoneError) {
            try builder.link(added, threads: work.threads, check: work.check) { count in
                onProgress(done.add(count, ordering: .relaxed).newValue, total)
            }
        } catch {
            unfinished.keep(HNSWBuildCheckpoint.Build(builder: builder, order: added, rows: rows))
            throw error
        }
        builder.finish(threads: work.threads)
        let unreachable = builder.connectUnreachable()
        withExtendedLifetime(table) {}
        return (builder.graph, unreachable, changed)
    }

    private func codec(_ vectors: [UnsafePointer<Float>]) -> VectorCodec {
        VectorCodec(
            metric,
            dimension: table.dimension,
            quantization: options.quantization,
            sample: CodecSample(of: vectors, dimension: table.dimension, metric)
        )
    }

    /// The previous graph, without its dropped rows and with the new ones.
    ///
    /// - Returns: `nil` when codes by a new center tell rows of one node apart.
    private func mended(
        _ old: HNSWGraph,
        _ kept: LiveNodes,
        _ rows: [UInt32],
        _ vectors: [UnsafePointer<Float>]
    ) throws(LodestoneError) -> (HNSWBuilder, HNSWInsertionOrder)? {
        // A center that no longer suits is replaced, and all codes are made again: the links stay.
        let codec = old.codec.refitted(
            to: CodecSample(of: vectors, dimension: table.dimension, metric)
        )
        let keepsCodes = codec == nil
        let graph = HNSWGraph(codec ?? old.codec, options, capacity: rows.count, slack: slack)
        let mending = HNSWRepair(
            old,
            kept.nodes,
            kept.places.map { rows[$0] },
            into: graph,
            threads: work.threads
        )
        mending.copy(keepsCodes: keepsCodes)
        let builder = HNSWBuilder(graph)
        if !keepsCodes {
            try encode(kept.places.map { vectors[$0] }[...], in: graph, from: 0)
            let scratch = HNSWScratch(graph.codec, nodes: 0, kernels: builder.kernels)
            for (place, node) in kept.copies
            where graph.isApart(vectors[place], from: node, scratch) {
                return nil
            }
        }
        for (place, node) in kept.copies { graph.copies.append(rows[place], of: node) }
        let count = graph.count
        if count < old.count { mending.mend(builder) }
        try add(rows[kept.covered...], vectors[kept.covered...], to: graph)
        return (builder, HNSWInsertionOrder(UInt32(count)..<UInt32(graph.count), in: graph))
    }

    private func add(
        _ rows: ArraySlice<UInt32>,
        _ vectors: ArraySlice<UnsafePointer<Float>>,
        to graph: HNSWGraph
    ) throws(LodestoneError) {
        let start = graph.count
        try encode(vectors, in: graph, from: start)
        // Each further record moves up into the place of a row that got no node of its own.
        let table = RecordTable(graph)
        for (offset, row) in rows.enumerated() {
            let (place, encoded) = (graph.count, start + offset)
            if place < encoded {
                graph.copyRecord(graph.record(UInt32(encoded)), to: UInt32(place))
            }
            _ = graph.addEncoded(row: row, table)
        }
    }

    /// Writes the records of vectors into a graph, for the nodes from `first` on.
    private func encode(
        _ vectors: ArraySlice<UnsafePointer<Float>>,
        in graph: HNSWGraph,
        from first: Int
    ) throws(LodestoneError) {
        // Unchecked: threads read the vectors, and each writes the records of its own nodes.
        nonisolated(unsafe) let vectors = vectors
        let next = Atomic<Int>(vectors.startIndex)
        ParallelWork.perform(parts: work.threads) { _ in
            let scratch = CodecScratch(graph.codec)
            while true {
                let start = next.add(1_024, ordering: .relaxed).oldValue
                if start >= vectors.endIndex { return }
                for node in start..<min(start + 1_024, vectors.endIndex) {
                    let record = graph.record(UInt32(first + node - vectors.startIndex))
                    graph.codec.encode(vectors[node], into: record, scratch)
                }
            }
        }
        try work.check()
    }
}

/// The nodes of a graph that the next one keeps, because one of their rows exists.
struct LiveNodes {
    /// The old number of each new node; nodes ascend with the first row that they still have.
    private(set) var nodes: [UInt32] = []
    /// The place of each node's first row among the rows that exist.
    private(set) var places: [Int] = []
    /// The places of further rows among the rows that exist, with the new numbers of their nodes.
    private(set) var copies: [(place: Int, node: UInt32)] = []
    /// The number of existing rows that the old graph has.
    private(set) var covered = 0

    /// The share of dropped nodes beyond which a new graph is cheaper and better than a repaired
    /// one.
    private static let mendableShare = 0.5

    /// Finds the nodes to keep; `nil` when the next graph is to be built from nothing.
    init?(of old: HNSWGraph, _ rows: [UInt32], _ options: HNSWOptions) {
        guard old.options.m == options.m, old.options.efConstruction == options.efConstruction,
            old.codec.quantization == options.quantization
        else { return nil }
        var numbers = [UInt32](repeating: HNSWGraph.none, count: old.count)
        let end = old.endRow
        while covered < rows.count, rows[covered] < end {
            // A row below the end without a node can't get one: its node would have to come in
            // between.
            guard let node = old.node(of: rows[covered]) else { return nil }
            if numbers[Int(node)] == HNSWGraph.none {
                numbers[Int(node)] = UInt32(nodes.count)
                nodes.append(node)
                places.append(covered)
            } else {
                copies.append((covered, numbers[Int(node)]))
            }
            covered += 1
        }
        guard Double(nodes.count) >= Double(old.count) * (1 - Self.mendableShare) else {
            return nil
        }
    }
}

/// A cancelled build, which the next build of the same rows continues.
///
/// Threading: any thread.
final class HNSWBuildCheckpoint: Sendable {
    struct Build: Sendable {
        let builder: HNSWBuilder
        let order: HNSWInsertionOrder
        let rows: [UInt32]
    }

    private let build = Mutex<Build?>(nil)

    func keep(_ build: Build) {
        self.build.withLock { $0 = build }
    }

    /// Takes the build of these rows and options, if there is one; any other build is discarded.
    func take(_ rows: [UInt32], _ options: HNSWOptions) -> Build? {
        build.withLock { build in
            defer { build = nil }
            return build?.rows == rows && build?.builder.graph.options == options ? build : nil
        }
    }
}
