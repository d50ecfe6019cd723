// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import Dispatch
import LodestoneCore
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Makes the graph of the rows that exist: from nothing, or from the graph before, without the
/// nodes of dropped rows and with those of new ones.
///
/// Where a link of a node led to a dropped one, the node chooses again among its other links and
/// those of the dropped ones (FreshDiskANN, arXiv:2105.09613, algorithm 4), so that no path ends.
struct HNSWFold {
    let metric: Metric
    let options: HNSWOptions
    let table: VectorTable
    let work: IndexWork
    /// Where a build that is cancelled is kept, to go on with.
    let unfinished: HNSWUnfinished

    /// Beyond this share of dropped nodes a new graph is cheaper and better than a mended one.
    private static let mendableShare = 0.5
    /// Links beyond the degree that a list holds while nodes are linked.
    private var slack: Int { HNSWGraph.degree(options) / 4 }

    /// The graph, how many of its nodes no search reaches, and how many were added or dropped;
    /// `nil` when there are no vectors.
    func run(over store: HNSWStore?) throws(LodestoneError) -> (
        graph: HNSWGraph, unreachable: Int, changed: Int
    )? {
        var rows: [UInt32] = []
        var vectors: [UnsafePointer<Float>] = []
        for block in table.blocks {
            guard block.check(rows: 0..<block.count, dimension: table.dimension) else {
                // Who asked finds the damage where the vectors are.
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
        let added: HNSWOrder
        var changed = rows.count
        if let begun = unfinished.take(rows, options) {
            (builder, added) = (begun.builder, begun.order)
        } else if let old = store?.frozen, let kept = keptNodes(of: old, rows) {
            changed = old.count + rows.count - 2 * kept.count
            (builder, added) = try mended(old, kept, rows, vectors)
        } else {
            let graph = HNSWGraph(codec(vectors), options, capacity: rows.count, slack: slack)
            builder = HNSWBuilder(graph)
            try add(rows[...], vectors[...], to: graph)
            added = HNSWOrder(0..<UInt32(rows.count), in: graph)
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
            unfinished.keep(HNSWUnfinished.Build(builder: builder, order: added, rows: rows))
            throw error
        }
        builder.finish(threads: work.threads)
        let unreachable = builder.connectUnreachable()
        withExtendedLifetime(table) {}
        return (builder.graph, unreachable, changed)
    }

    private func codec(_ vectors: [UnsafePointer<Float>]) -> VectorCodec {
        let step = max(1, vectors.count / VectorCodec.sampleCount)
        return VectorCodec(
            metric,
            dimension: table.dimension,
            quantization: options.quantization,
            sample: stride(from: 0, to: vectors.count, by: step).map { vectors[$0] }
        )
    }

    /// The nodes of the graph before that go on; `nil` when it is not worth it.
    private func keptNodes(of old: HNSWGraph, _ rows: [UInt32]) -> [UInt32]? {
        guard old.options.m == options.m, old.options.efConstruction == options.efConstruction,
            old.codec.quantization == options.quantization
        else { return nil }
        var kept: [UInt32] = []
        kept.reserveCapacity(old.count)
        var place = 0
        for node in 0..<old.count {
            let row = old.rows[node]
            while place < rows.count, rows[place] < row { place += 1 }
            if place < rows.count, rows[place] == row { kept.append(UInt32(node)) }
        }
        // Rows below the end that have no node can't be: they would have to come in between.
        let end = old.count > 0 ? old.rows[old.count - 1] : 0
        let covered = rows.prefix { $0 <= end }.count
        return covered == kept.count
            && Double(kept.count) >= Double(old.count) * (1 - Self.mendableShare) ? kept : nil
    }

    private func mended(
        _ old: HNSWGraph,
        _ kept: [UInt32],
        _ rows: [UInt32],
        _ vectors: [UnsafePointer<Float>]
    ) throws(LodestoneError) -> (HNSWBuilder, HNSWOrder) {
        var codec = old.codec
        let fresh = self.codec(vectors)
        // A scale that no longer suits is replaced, and all codes made anew: the links stay.
        let keepsCodes = fresh.isClose(to: codec)
        if !keepsCodes { codec = fresh }
        let graph = HNSWGraph(codec, options, capacity: rows.count, slack: slack)
        let mending = HNSWMending(old, kept, into: graph, threads: work.threads)
        mending.copy(keepsCodes: keepsCodes)
        if !keepsCodes { try encode(vectors[..<kept.count], in: graph) }
        let builder = HNSWBuilder(graph)
        if kept.count < old.count { mending.mend(builder) }
        try add(rows[kept.count...], vectors[kept.count...], to: graph)
        return (builder, HNSWOrder(UInt32(kept.count)..<UInt32(rows.count), in: graph))
    }

    private func add(
        _ rows: ArraySlice<UInt32>,
        _ vectors: ArraySlice<UnsafePointer<Float>>,
        to graph: HNSWGraph
    ) throws(LodestoneError) {
        for row in rows { _ = graph.reserve(row: row) }
        try encode(vectors, in: graph)
    }

    /// Writes the records of vectors into the nodes of their places.
    private func encode(_ vectors: ArraySlice<UnsafePointer<Float>>, in graph: HNSWGraph)
        throws(LodestoneError)
    {
        // Unchecked: threads read the vectors, and each writes the records of its own nodes.
        nonisolated(unsafe) let vectors = vectors
        let next = Atomic<Int>(vectors.startIndex)
        DispatchQueue.concurrentPerform(iterations: work.threads) { _ in
            let scratch = CodecScratch(graph.codec)
            while true {
                let start = next.add(1_024, ordering: .relaxed).oldValue
                if start >= vectors.endIndex { return }
                for node in start..<min(start + 1_024, vectors.endIndex) {
                    graph.codec.encode(vectors[node], into: graph.record(UInt32(node)), scratch)
                }
            }
        }
        try work.check()
    }
}

/// A build that was cancelled, for the next one of the same rows to go on with.
///
/// Threading: any thread.
final class HNSWUnfinished: Sendable {
    struct Build: Sendable {
        let builder: HNSWBuilder
        let order: HNSWOrder
        let rows: [UInt32]
    }

    private let build = Mutex<Build?>(nil)

    func keep(_ build: Build) {
        self.build.withLock { $0 = build }
    }

    /// The build of these rows and options, if there is one; one of others is forgotten.
    func take(_ rows: [UInt32], _ options: HNSWOptions) -> Build? {
        build.withLock { build in
            defer { build = nil }
            return build?.rows == rows && build?.builder.graph.options == options ? build : nil
        }
    }
}
