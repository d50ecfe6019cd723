// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneSystem
import Synchronization

/// The graph of an index where it is: in a base that nobody has looked into yet, or in memory.
///
/// Threading: searches share a lock. A thread that links rows takes the lock alone, for a few rows
/// at a time, and goes before searches that come while it waits. A second lock lets one thread at a
/// time link rows or copy the graph. Unchecked because the locks guard the rest.
final class HNSWStore: @unchecked Sendable {
    private enum Content {
        /// Not checked yet.
        case base(HNSWBase)
        case graph(HNSWGraph)
        /// Its base is damaged.
        case damaged
    }

    private var content: Content
    /// The builder of the thread that holds `linking`.
    private var builder: HNSWBuilder?
    /// Held while rows are linked: nobody else changes the graph then, so the holder reads it
    /// freely.
    private let linking = Mutex(())
    private let lock: UnsafeMutablePointer<pthread_rwlock_t>
    private let scratches: HNSWScratchPool
    /// The codec and the sizes, known without opening the base.
    private let codec: VectorCodec
    private var shape: (endRow: UInt32, count: Int, byteCount: Int)

    private init(_ content: Content, _ codec: VectorCodec, _ shape: (UInt32, Int, Int)) {
        self.content = content
        self.codec = codec
        self.shape = shape
        lock = .allocate(capacity: 1)
        #if canImport(Glibc)
        // Otherwise searches that overlap would keep the writer out for as long as they come.
        var attributes = pthread_rwlockattr_t()
        pthread_rwlockattr_init(&attributes)
        pthread_rwlockattr_setkind_np(
            &attributes,
            Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)
        )
        pthread_rwlock_init(lock, &attributes)
        pthread_rwlockattr_destroy(&attributes)
        #else
        pthread_rwlock_init(lock, nil)
        #endif
        scratches = HNSWScratchPool(codec, kernels: lode_code_kernels_best().pointee)
    }

    deinit {
        pthread_rwlock_destroy(lock)
        lock.deallocate()
    }

    convenience init(_ graph: HNSWGraph) {
        self.init(.graph(graph), graph.codec, Self.shape(graph))
    }

    /// The graph of a base, which is checked at its first search.
    convenience init(_ base: HNSWBase) {
        self.init(.base(base), base.codec, (base.header.endRow, base.rowCount, base.byteCount))
    }

    /// An empty graph, into which the rows of a table are still to be linked.
    convenience init(for table: VectorTable, metric: Metric, options: HNSWOptions) {
        let codec = VectorCodec(
            metric,
            dimension: table.dimension,
            quantization: options.quantization,
            sample: CodecSample(of: table, metric)
        )
        self.init(HNSWGraph(codec, options, capacity: 0))
    }

    private static func shape(_ graph: HNSWGraph) -> (UInt32, Int, Int) {
        (graph.endRow, graph.rowCount, graph.byteCount)
    }

    /// The row after the last one that has a node.
    var endRow: UInt32 { sharing { shape.endRow } }
    var count: Int { sharing { shape.count } }
    var byteCount: Int { sharing { shape.byteCount } }

    private func sharing<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
        pthread_rwlock_rdlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return try body()
    }

    private func alone<T>(_ body: () -> T) -> T {
        pthread_rwlock_wrlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return body()
    }

    /// Runs `body` on the graph; `nil` when it is damaged.
    func reading<T, E: Error>(_ body: (HNSWGraph, HNSWScratch) throws(E) -> T) throws(E) -> T? {
        if sharing({ isUnopened }) { alone { open() } }
        return try sharing { () throws(E) -> T? in
            guard case .graph(let graph) = content else { return nil }
            return try scratches.with(nodes: graph.count) { (scratch) throws(E) in
                try body(graph, scratch)
            }
        }
    }

    /// The rows in a range that have a node, in any order.
    ///
    /// - Complexity: O(log of the count) and O(rows in the range).
    func rows(from start: UInt32, to end: UInt32) -> [UInt32] {
        let all = reading { graph, _ in
            let first = UnsafeBufferPointer(start: graph.rows, count: graph.count)
            return [
                Self.ascending(first, start..<end), Self.ascending(graph.copies.rows, start..<end),
            ]
        }
        return Array((all ?? []).joined())
    }

    private static func ascending<List: RandomAccessCollection<UInt32>>(
        _ rows: List,
        _ range: Range<UInt32>
    ) -> [UInt32] where List.Index == Int {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        return Array(rows[low...].prefix { $0 < range.upperBound })
    }

    /// The graph; `nil` when it is damaged.
    var graph: HNSWGraph? { reading { graph, _ in graph } }

    /// A state of the graph that nobody changes; `nil` when the graph is damaged.
    ///
    /// Searches go on meanwhile; rows are linked afterwards.
    ///
    /// - Complexity: O(bytes) for a graph that grows.
    var frozen: HNSWGraph? {
        linking.withLock { _ in
            guard let graph, graph.grows else { return graph }
            return HNSWGraph(copying: graph, capacity: graph.count)
        }
    }

    private var isUnopened: Bool { if case .base = content { true } else { false } }

    private func open() {
        guard case .base(let base) = content else { return }
        content = base.open().map { .graph($0) } ?? .damaged
    }

    /// Rows of a write that are linked, in half a millisecond, before searches get their turn.
    static let rowsAtOnce = 4

    /// Links the rows of a table that lie above all linked ones.
    ///
    /// Searches go on between a few rows and the next.
    ///
    /// - Parameters:
    ///   - table: The table of all rows; rows that are linked already may need new codes from it.
    ///   - row: The first row to link. Earlier rows are linked, or dropped in the caller's state.
    ///   - most: The most rows to look at.
    ///   - rowsAtOnce: Rows that are linked before searches get their turn.
    ///   - exists: Whether a row exists and needs a node.
    ///   - check: Called before each `rowsAtOnce` rows.
    /// - Returns: The row up to which all that exist are linked.
    /// - Throws: The error of `check`. Rows that were linked stay linked.
    func append<E: Error>(
        _ table: VectorTable,
        from row: UInt32,
        most: Int = .max,
        rowsAtOnce: Int = HNSWStore.rowsAtOnce,
        exists: (UInt32) -> Bool = { _ in true },
        check: () throws(E) -> Void
    ) throws(E) -> UInt32 {
        try linking.withLock { (_) throws(E) -> UInt32 in
            guard let old = graph else { return row }
            let blocks = table.suffix(from: max(row, old.endRow))
            let added = blocks.reduce(0) { $0 + $1.count }
            guard added > 0 else { return max(row, table.endRow) }
            let (graph, builder) = room(for: added, in: old, of: table)
            let scratch = HNSWScratch(codec, nodes: graph.capacity, kernels: builder.kernels)
            var left = most
            for block in blocks {
                // The rows from a damaged one on wait for a compaction.
                guard block.check(rows: 0..<block.count, dimension: codec.dimension) else {
                    return block.firstRow
                }
                defer { withExtendedLifetime(block.owner) {} }
                for start in stride(from: 0, to: block.count, by: rowsAtOnce) {
                    if left <= 0 { return block.row(at: start) }
                    try check()
                    let places = start..<min(start + rowsAtOnce, block.count)
                    left -= places.count
                    alone {
                        for place in places where exists(block.row(at: place)) {
                            let vector = block.base + place * codec.dimension
                            builder.add(block.row(at: place), vector, scratch)
                        }
                        shape = Self.shape(graph)
                    }
                }
            }
            return table.endRow
        }
    }

    /// The capacities of small graphs; a larger one has room for up to twice its nodes.
    private static let steps = [64, 256, 1_024]
    /// The most free nodes of a large graph, unless a quarter of its nodes is more.
    private static let freeNodes = 1 << 16

    /// A graph with room for more nodes, and its builder.
    ///
    /// Where the first rows say little of the later ones, all codes are made again with a new codec
    /// each time the graph grows. The links stay.
    private func room(for added: Int, in old: HNSWGraph, of table: VectorTable) -> (
        HNSWGraph, HNSWBuilder
    ) {
        let count = old.count + added
        if let builder, count <= old.capacity { return (old, builder) }
        let capacity =
            Self.steps.first { $0 >= count } ?? count + min(count, max(Self.freeNodes, count / 4))
        // Nobody else changes the old graph, so searches may use it meanwhile.
        let codec = old.codec.refitted(to: CodecSample(of: table, old.codec.metric))
        let graph =
            codec.flatMap { encoded(old, $0, capacity: capacity, table) }
            ?? HNSWGraph(copying: old, capacity: capacity)
        graph.grows = true
        let builder = HNSWBuilder(graph, linksInline: true)
        self.builder = builder
        alone { content = .graph(graph) }
        return (graph, builder)
    }

    /// A graph of the same rows with codes by another codec.
    ///
    /// Its links are the same, unless the new codes tell a row from the other rows of its node:
    /// then all rows are linked again.
    ///
    /// - Returns: `nil` when the vector of a row is damaged.
    private func encoded(
        _ old: HNSWGraph,
        _ codec: VectorCodec,
        capacity: Int,
        _ table: VectorTable
    ) -> HNSWGraph? {
        let graph = HNSWGraph(copying: old, codec, capacity: capacity)
        let scratch = HNSWScratch(
            codec,
            nodes: capacity,
            kernels: lode_code_kernels_best().pointee
        )
        for node in 0..<UInt32(old.count) {
            guard let vector = table.vector(of: old.rows[Int(node)]) else { return nil }
            codec.encode(vector, into: graph.record(node), scratch.codec)
        }
        for (row, node) in zip(old.copies.rows, old.copies.nodes) {
            guard let vector = table.vector(of: row) else { return nil }
            if graph.isApart(vector, from: node, scratch) {
                return linked(old, codec, capacity: capacity, table, scratch)
            }
        }
        return graph
    }

    /// A graph of the same rows, linked from nothing.
    private func linked(
        _ old: HNSWGraph,
        _ codec: VectorCodec,
        capacity: Int,
        _ table: VectorTable,
        _ scratch: HNSWScratch
    ) -> HNSWGraph? {
        let graph = HNSWGraph(codec, old.options, capacity: capacity)
        let builder = HNSWBuilder(graph, linksInline: true)
        let first = UnsafeBufferPointer(start: old.rows, count: old.count)
        for row in (Array(first) + old.copies.rows).sorted() {
            guard let vector = table.vector(of: row) else { return nil }
            builder.add(row, vector, scratch)
        }
        return graph
    }
}
