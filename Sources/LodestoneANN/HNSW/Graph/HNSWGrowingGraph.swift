// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures
import Synchronization

/// A graph in memory into which rows are linked while searches run, with the locks for that.
///
/// All versions of a collection share the graph. Each version knows the row up to which the graph
/// is valid for it.
///
/// Threading: searches share a lock. A thread that links rows takes the lock alone, for a few rows
/// at a time. A second lock lets one thread at a time link rows or copy the graph. Unchecked
/// because the locks guard the rest.
final class HNSWGrowingGraph: @unchecked Sendable {
    private struct Size {
        var endRow: RowID
        var count: Int
        var byteCount: Int

        init(_ graph: HNSWGraph) {
            (endRow, count, byteCount) = (graph.endRow, graph.rowCount, graph.byteCount)
        }
    }

    /// The graph: the original until the first linking, then its copy.
    private var graph: HNSWGraph
    /// The builder of `graph`; `nil` before the first linking.
    private var builder: HNSWBuilder?
    /// Held while rows are linked.
    ///
    /// No other thread then changes the graph, so the holder reads it without `lock`.
    private let linking = Mutex(())
    private let lock = ReadWriteLock()
    private let scratches: HNSWScratchPool
    private var size: Size

    /// A graph that begins as another one, which does not change.
    init(from graph: HNSWGraph) {
        self.graph = graph
        size = Size(graph)
        scratches = HNSWScratchPool(graph.codec)
    }

    /// An empty graph for the rows of a table.
    convenience init(for table: VectorTable, metric: Metric, options: HNSWOptions) {
        let codec = VectorCodec(
            metric,
            dimension: table.dimension,
            quantization: options.quantization,
            sample: CodecSample(of: table, metric)
        )
        self.init(from: HNSWGraph(codec, options, capacity: 0))
    }

    /// The row after the last row with a node.
    var endRow: RowID { lock.withReadLock { size.endRow } }
    /// The number of rows with a node.
    var count: Int { lock.withReadLock { size.count } }
    var byteCount: Int { lock.withReadLock { size.byteCount } }

    /// Runs `body` on the graph, while no row is linked.
    func reading<T, E: Error>(_ body: (HNSWGraph, HNSWScratch) throws(E) -> T) throws(E) -> T {
        try lock.withReadLock { () throws(E) -> T in
            try scratches.with(nodes: graph.count) { (scratch) throws(E) in
                try body(graph, scratch)
            }
        }
    }

    /// The rows in a range that have a node, in any order.
    ///
    /// - Complexity: O(log of the count) and O(rows in the range).
    func rows(in range: Range<RowID>) -> [RowID] {
        lock.withReadLock {
            let first = UnsafeBufferPointer(start: graph.rows, count: graph.count)
            return Self.part(of: first, in: range) + Self.part(of: graph.copies.rows, in: range)
        }
    }

    /// The elements of ascending rows within a range.
    private static func part<List: RandomAccessCollection<RowID>>(
        of rows: List,
        in range: Range<RowID>
    ) -> [RowID] where List.Index == Int {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        return Array(rows[low...].prefix { $0 < range.upperBound })
    }

    /// An immutable copy of the graph.
    ///
    /// Searches continue meanwhile; the linking of rows waits.
    ///
    /// - Complexity: O(bytes) if rows were linked.
    var snapshot: HNSWGraph {
        linking.withLock { _ in
            builder == nil ? graph : HNSWGraph(copying: graph, capacity: graph.count)
        }
    }

    /// The rows that a write links per turn of the lock: half a millisecond.
    static let rowsAtOnce = 4

    /// Links the rows of a table above all linked ones.
    ///
    /// Searches run between the turns of the lock.
    ///
    /// - Parameters:
    ///   - table: The table of all rows. Already linked rows may get new codes from it.
    ///   - row: The first row to link. Earlier rows are linked, or dropped in the caller's version.
    ///   - most: The most rows to read.
    ///   - rowsAtOnce: The rows that are linked per turn of the lock.
    ///   - exists: Whether a row exists and needs a node.
    ///   - check: Called before each `rowsAtOnce` rows.
    /// - Returns: The row up to which all existing rows are linked.
    /// - Throws: The error of `check`. Rows that were linked stay linked.
    func link<E: Error>(
        _ table: VectorTable,
        from row: RowID,
        most: Int = .max,
        rowsAtOnce: Int = HNSWGrowingGraph.rowsAtOnce,
        exists: (RowID) -> Bool = { _ in true },
        check: () throws(E) -> Void
    ) throws(E) -> RowID {
        try linking.withLock { (_) throws(E) -> RowID in
            let blocks = table.suffix(from: max(row, graph.endRow))
            let added = blocks.reduce(0) { $0 + $1.count }
            guard added > 0 else { return max(row, table.endRow) }
            let builder = makeRoom(for: added, of: table)
            let (graph, dimension) = (builder.graph, table.dimension)
            let linker = HNSWLinker(builder, nodes: graph.capacity)
            var remaining = most
            for block in blocks {
                // Damaged rows, and all rows after them, wait for a compaction.
                guard block.check(rows: 0..<block.count, dimension: dimension) else {
                    return block.firstRow
                }
                defer { withExtendedLifetime(block.owner) {} }
                for start in stride(from: 0, to: block.count, by: rowsAtOnce) {
                    if remaining <= 0 { return block.row(at: start) }
                    try check()
                    let indices = start..<min(start + rowsAtOnce, block.count)
                    remaining -= indices.count
                    lock.withWriteLock {
                        for index in indices where exists(block.row(at: index)) {
                            linker.add(block.row(at: index), block.base + index * dimension)
                        }
                        size = Size(graph)
                    }
                }
            }
            return table.endRow
        }
    }

    /// The capacities of small graphs; a larger one has room for up to twice its nodes.
    private static let capacities = [64, 256, 1_024]
    /// The most free nodes of a large graph, unless a quarter of its nodes is more.
    private static let freeNodes = 1 << 16

    /// Makes room for more nodes, by a copy if this graph has none; returns the graph's builder.
    ///
    /// If the codec of the first rows fits later rows badly, a new codec encodes all rows when the
    /// graph grows. The links stay.
    private func makeRoom(for added: Int, of table: VectorTable) -> HNSWBuilder {
        let old = graph
        let count = old.count + added
        if let builder, count <= old.capacity { return builder }
        let capacity =
            Self.capacities.first { $0 >= count }
            ?? count + min(count, max(Self.freeNodes, count / 4))
        // No thread changes the old graph now, so searches may use it meanwhile.
        let codec = old.codec.refitted(to: CodecSample(of: table, old.codec.metric))
        let graph =
            codec.flatMap { Self.graph(of: old, by: $0, capacity: capacity, table) }
            ?? HNSWGraph(copying: old, capacity: capacity)
        let builder = HNSWBuilder(graph, addsRows: true)
        self.builder = builder
        lock.withWriteLock { self.graph = graph }
        return builder
    }

    /// A graph of the same rows, encoded by another codec.
    ///
    /// Its links are the same. If the new codes distinguish rows of one node, however, all rows are
    /// linked again.
    ///
    /// - Returns: `nil` when the vector of a row is damaged.
    private static func graph(
        of old: HNSWGraph,
        by codec: VectorCodec,
        capacity: Int,
        _ table: VectorTable
    ) -> HNSWGraph? {
        let graph = HNSWGraph(copying: old, codec, capacity: capacity)
        let scratch = HNSWScratch(codec, nodes: 0)
        for node in old.nodes {
            guard let vector = table.vector(of: old.rows[Int(node)]) else { return nil }
            graph.encode(vector, into: node, scratch.codec)
        }
        for (row, node) in zip(old.copies.rows, old.copies.nodes) {
            guard let vector = table.vector(of: row) else { return nil }
            if graph.isApart(vector, from: node, scratch) {
                return relinkedGraph(of: old, by: codec, capacity: capacity, table)
            }
        }
        return graph
    }

    /// A graph of the same rows, linked from scratch.
    private static func relinkedGraph(
        of old: HNSWGraph,
        by codec: VectorCodec,
        capacity: Int,
        _ table: VectorTable
    ) -> HNSWGraph? {
        let graph = HNSWGraph(codec, old.options, capacity: capacity)
        let linker = HNSWLinker(HNSWBuilder(graph, addsRows: true), nodes: capacity)
        let first = UnsafeBufferPointer(start: old.rows, count: old.count)
        for row in (Array(first) + old.copies.rows).sorted() {
            guard let vector = table.vector(of: row) else { return nil }
            linker.add(row, vector)
        }
        return graph
    }
}
