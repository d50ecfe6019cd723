// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import Synchronization

/// A graph that never changes: the result of a build, or the graph of a base.
///
/// Searches take no lock. The graph of a base is opened, and checked, by its first search.
///
/// Rows are linked into a copy, `growing`. This graph keeps the copy for all states that have this
/// graph, so a cancelled linking loses nothing.
///
/// Threading: any thread.
final class HNSWFrozenGraph: Sendable {
    /// The row after the last one that has a node.
    let endRow: UInt32
    /// The number of rows that have a node.
    let count: Int
    let byteCount: Int
    private let base: HNSWBase?
    private let opened = AtomicLazyReference<HNSWGraph>()
    /// Whether the base is damaged; held while the base is opened.
    private let isDamaged = Mutex(false)
    private let copy = Mutex<HNSWGrowingGraph?>(nil)
    private let scratches: HNSWScratchPool

    /// The result of a build.
    init(_ graph: HNSWGraph) {
        (endRow, count, byteCount) = (graph.endRow, graph.rowCount, graph.byteCount)
        base = nil
        scratches = HNSWScratchPool(graph.codec)
        _ = opened.storeIfNil(graph)
    }

    /// The graph of a base.
    init(_ base: HNSWBase) {
        (endRow, count, byteCount) = (base.header.endRow, base.rowCount, base.byteCount)
        self.base = base
        scratches = HNSWScratchPool(base.codec)
    }

    /// The graph; `nil` when its base is damaged.
    var graph: HNSWGraph? {
        if let graph = opened.load() { return graph }
        return isDamaged.withLock { isDamaged -> HNSWGraph? in
            if let graph = opened.load() { return graph }
            guard !isDamaged, let graph = base?.open() else {
                isDamaged = true
                return nil
            }
            return opened.storeIfNil(graph)
        }
    }

    /// Runs `body` on the graph; `nil` when the graph is damaged.
    func reading<T, E: Error>(_ body: (HNSWGraph, HNSWScratch) throws(E) -> T) throws(E) -> T? {
        guard let graph else { return nil }
        return try scratches.with(nodes: graph.count) { (scratch) throws(E) in
            try body(graph, scratch)
        }
    }

    /// The graph that begins with the nodes of this one and into which rows are linked; `nil` when
    /// this graph is damaged.
    var growing: HNSWGrowingGraph? {
        guard let graph else { return nil }
        return copy.withLock { copy in
            let growing = copy ?? HNSWGrowingGraph(from: graph)
            copy = growing
            return growing
        }
    }

    /// Whether a graph is the one that grew from this one.
    func isOrigin(of other: HNSWGrowingGraph) -> Bool { copy.withLock { $0 === other } }
}
