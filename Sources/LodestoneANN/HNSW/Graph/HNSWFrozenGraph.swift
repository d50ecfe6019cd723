// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures
import Synchronization

/// A graph that never changes: the result of a build, or the graph of a base.
///
/// Searches take no lock. The first search of a base's graph opens and checks it.
///
/// Rows are linked into a copy, `growing`. This graph keeps the copy for all versions that have the
/// graph, so a cancelled linking loses no links.
///
/// Threading: any thread.
final class HNSWFrozenGraph: Sendable {
    /// The row after the last row with a node.
    let endRow: RowID
    /// The number of rows with a node.
    let count: Int
    let byteCount: Int
    private let base: HNSWBase?
    private let opened = AtomicLazyReference<HNSWGraph>()
    /// Whether the base is damaged.
    ///
    /// The mutex is held while the base is opened.
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
        endRow = RowID(rawValue: base.header.endRow)
        (count, byteCount) = (base.rowCount, base.byteCount)
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

    /// A copy of this graph into which rows are linked; `nil` when this graph is damaged.
    var growing: HNSWGrowingGraph? {
        guard let graph else { return nil }
        return copy.withLock { copy in
            let growing = copy ?? HNSWGrowingGraph(from: graph)
            copy = growing
            return growing
        }
    }

    /// Whether a graph is the copy of this one.
    func isOrigin(of other: HNSWGrowingGraph) -> Bool { copy.withLock { $0 === other } }
}
