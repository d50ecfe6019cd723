// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import Synchronization

/// The build of a graph by several threads, each with its own linker (`HNSWLinker`).
///
/// Threading: threads share the graph by one lock per node, held while the node's lists are read or
/// written. The levels, and so the entry points of searches, are fixed before the threads start.
/// Unchecked because of the pointer to the locks, which only the builder has.
final class HNSWBuilder: @unchecked Sendable {
    /// The number of nodes that a thread takes at once.
    private static let chunk = 16

    let graph: HNSWGraph
    let kernels: lode_code_kernels
    /// The incoming links of nodes, and the table of their records; only if `addsRows` is set.
    let incoming: IncomingLinks?
    let table: RecordTable?
    /// One lock per node.
    let locks: UnsafeMutablePointer<UInt8>

    /// Creates a builder.
    ///
    /// With `addsRows`, one thread adds rows to a graph while searches read it, so no node may stay
    /// without an incoming link.
    init(
        _ graph: HNSWGraph,
        kernels: lode_code_kernels = lode_code_kernels_best().pointee,
        addsRows: Bool = false
    ) {
        self.graph = graph
        self.kernels = kernels
        incoming = addsRows ? IncomingLinks(graph) : nil
        table = addsRows ? RecordTable(graph) : nil
        locks = .allocate(capacity: max(1, graph.capacity))
        locks.initialize(repeating: 0, count: max(1, graph.capacity))
    }

    deinit { locks.deallocate() }

    /// Links nodes of the graph, those of the highest level first.
    ///
    /// - Parameters:
    ///   - nodes: The nodes in their order; those before `taken` are already linked. A cancelled
    ///     call keeps its links.
    ///   - threads: At least 1.
    ///   - check: Called by every thread, between chunks of nodes.
    ///   - onProgress: Called with the number of newly linked nodes, by any thread.
    /// - Throws: The error of `check`.
    /// - Complexity: 100 to 150 µs per node for 384 elements.
    func insert(
        _ nodes: HNSWInsertionOrder,
        threads: Int,
        check: @Sendable () throws(LodestoneError) -> Void,
        onProgress: @Sendable (Int) -> Void
    ) throws(LodestoneError) {
        // A node of a higher level than all others becomes the entry point, so one thread links it
        // first.
        let linker = HNSWLinker(self, nodes: graph.capacity)
        while let node = nodes.takeFirst(where: {
            graph.entry == HNSWGraph.none || Int(graph.levels[Int($0)]) > graph.topLevel
        }) {
            linker.insert(node)
            onProgress(1)
        }
        let failure = Mutex<LodestoneError?>(nil)
        ParallelWork.perform(parts: threads) { _ in
            let linker = HNSWLinker(self, nodes: graph.capacity)
            do throws(LodestoneError) {
                while true {
                    try check()
                    if failure.withLock({ $0 != nil }) { return }
                    let chunk = nodes.take(Self.chunk)
                    if chunk.isEmpty { return }
                    for node in chunk { linker.insert(node) }
                    onProgress(chunk.count)
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Runs `body` for each node of the graph, in chunks, by several threads.
    func forEachNode(threads: Int, _ body: @Sendable (NodeID, HNSWLinker) -> Void) {
        let chunk = 256
        let next = Atomic<Int>(0)
        ParallelWork.perform(parts: threads) { _ in
            let linker = HNSWLinker(self, nodes: 0)
            while true {
                let start = next.add(chunk, ordering: .relaxed).oldValue
                if start >= graph.count { return }
                for node in start..<min(start + chunk, graph.count) { body(NodeID(node), linker) }
            }
        }
    }

    /// Shortens every list of level 0 to the length of a finished graph.
    func finish(threads: Int) {
        forEachNode(threads: threads) { node, linker in
            let list = linker.graph.neighbors(node, 0)
            if list.count > linker.graph.degree {
                linker.relink(node, at: 0, among: Array(list))
            }
        }
        graph.dropSlack()
    }
}
