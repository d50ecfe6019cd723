// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures
import Synchronization

/// Builds the graph of the existing rows, from scratch or from the previous graph.
///
/// It drops the previous graph's nodes of dropped rows, and adds nodes of new rows. A node that
/// linked to a dropped node selects new links among its other links and the links of the dropped
/// nodes (FreshDiskANN, arXiv:2105.09613, algorithm 4). So no path ends at a dropped node.
struct HNSWCompaction {
    let metric: Metric
    let options: HNSWOptions
    let table: VectorTable
    let work: IndexWork
    /// Keeps a cancelled build, which the next build continues.
    let checkpoint: HNSWBuildCheckpoint

    /// The graph of a compaction.
    struct Result {
        let graph: HNSWGraph
        /// Nodes that no search reaches.
        let unreachable: Int
        /// The number of rows that were added or dropped.
        let changed: Int
    }

    /// The existing rows, ascending, with their vectors.
    private struct LiveRows {
        var rows: [RowID] = []
        var vectors: [UnsafePointer<Float>] = []
    }

    /// The links beyond `degree` that a list may hold during a build.
    private var slack: Int { HNSWGraph.degree(options) / 4 }

    /// Builds the next graph, from `previous` if it is given.
    ///
    /// - Returns: `nil` when there are no vectors, or when one of them is damaged.
    func run(over previous: HNSWSharedGraph?) throws(LodestoneError) -> Result? {
        guard let live = liveRows(), !live.rows.isEmpty else { return nil }
        let builder: HNSWBuilder
        let order: HNSWInsertionOrder
        var changed = live.rows.count
        if let build = checkpoint.take(live.rows, options) {
            (builder, order) = (build.builder, build.order)
        } else if let old = previous?.snapshot,
            let nodes = LiveNodes(of: old, live.rows, options),
            let repaired = try repaired(old, nodes, live)
        {
            changed = old.rowCount + live.rows.count - 2 * nodes.covered
            (builder, order) = repaired
        } else {
            let graph = HNSWGraph(
                codec(live.vectors),
                options,
                capacity: live.rows.count,
                slack: slack
            )
            builder = HNSWBuilder(graph)
            try add(live, from: 0, to: graph)
            order = HNSWInsertionOrder(graph.nodes, in: graph)
        }
        try insert(order, by: builder, live.rows)
        builder.finish(threads: work.threads)
        let graph = builder.graph
        let unreachable = HNSWLinker(builder, nodes: graph.count).connectUnreachable()
        withExtendedLifetime(table) {}
        return Result(graph: graph, unreachable: unreachable, changed: changed)
    }

    /// The existing rows; `nil` when a vector is damaged.
    private func liveRows() -> LiveRows? {
        var live = LiveRows()
        for block in table.blocks {
            // The caller detects the damage in the vectors' blocks.
            guard block.check(rows: 0..<block.count, dimension: table.dimension) else { return nil }
            for index in 0..<block.count {
                let row = block.row(at: index)
                guard work.exists(row) else { continue }
                live.rows.append(row)
                live.vectors.append(block.base + index * table.dimension)
            }
        }
        return live
    }

    /// Links nodes, and saves the build when it is cancelled.
    private func insert(_ order: HNSWInsertionOrder, by builder: HNSWBuilder, _ rows: [RowID])
        throws(LodestoneError)
    {
        let done = Atomic<Int>(order.taken)
        let total = order.nodes.count
        let onProgress = work.onProgress
        onProgress(order.taken, total)
        do throws(LodestoneError) {
            try builder.insert(order, threads: work.threads, check: work.check) { count in
                onProgress(done.add(count, ordering: .relaxed).newValue, total)
            }
        } catch {
            checkpoint.save(HNSWBuildCheckpoint.Build(builder: builder, order: order, rows: rows))
            throw error
        }
    }

    private func codec(_ vectors: [UnsafePointer<Float>]) -> VectorCodec {
        VectorCodec(
            metric,
            dimension: table.dimension,
            quantization: options.quantization,
            sample: CodecSample(of: vectors, dimension: table.dimension, metric)
        )
    }

    /// The previous graph, without dropped rows and with the new ones.
    ///
    /// - Returns: `nil` when codes with a new center distinguish rows of one node.
    private func repaired(_ old: HNSWGraph, _ nodes: LiveNodes, _ live: LiveRows)
        throws(LodestoneError) -> (HNSWBuilder, HNSWInsertionOrder)?
    {
        // A center that no longer fits is replaced. All codes are then computed again, and the
        // links stay.
        let codec = old.codec.refitted(
            to: CodecSample(of: live.vectors, dimension: table.dimension, metric)
        )
        let keepsCodes = codec == nil
        let graph = HNSWGraph(codec ?? old.codec, options, capacity: live.rows.count, slack: slack)
        let repair = HNSWRepair(
            old,
            nodes.nodes,
            nodes.firstRows.map { live.rows[$0] },
            into: graph
        )
        repair.copy(keepsCodes: keepsCodes)
        let builder = HNSWBuilder(graph)
        if !keepsCodes {
            try encode(nodes.firstRows.map { live.vectors[$0] }[...], in: graph, from: 0)
            let scratch = HNSWScratch(graph.codec, nodes: 0)
            for (index, node) in nodes.copies
            where graph.isApart(live.vectors[index], from: node, scratch) {
                return nil
            }
        }
        for (index, node) in nodes.copies { graph.copies.append(live.rows[index], of: node) }
        let count = graph.count
        if count < old.count { repair.relink(by: builder, threads: work.threads) }
        try add(live, from: nodes.covered, to: graph)
        return (builder, HNSWInsertionOrder(NodeID(count)..<NodeID(graph.count), in: graph))
    }

    /// Adds the rows from the index `first` on, with their codes, and without links.
    private func add(_ live: LiveRows, from first: Int, to graph: HNSWGraph)
        throws(LodestoneError)
    {
        let start = graph.count
        try encode(live.vectors[first...], in: graph, from: start)
        // A row with the record of an earlier node gets no node. Later records then move down, so
        // that the records of nodes have no gap.
        let table = RecordTable(graph)
        for (offset, row) in live.rows[first...].enumerated() {
            let (next, encoded) = (graph.count, start + offset)
            if next < encoded {
                graph.copyRecord(graph.record(NodeID(encoded)), to: NodeID(next))
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
                for index in start..<min(start + 1_024, vectors.endIndex) {
                    let node = NodeID(first + index - vectors.startIndex)
                    graph.encode(vectors[index], into: node, scratch)
                }
            }
        }
        try work.check()
    }
}
