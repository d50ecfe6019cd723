// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The graph of an index where it is: in a base that nobody has looked into yet, or in memory.
///
/// Threading: searches share a lock; the one writer of an inline strategy takes it alone, for a few
/// rows at a time, and goes before searches that come while it waits. Unchecked because the lock
/// guards the rest.
final class HNSWStore: @unchecked Sendable {
    private enum Content {
        /// Not checked yet.
        case base(HNSWBase)
        case graph(HNSWGraph)
        /// Its base is damaged.
        case damaged
    }

    private var content: Content
    /// The writer's.
    private var builder: HNSWBuilder?
    private let lock: UnsafeMutablePointer<pthread_rwlock_t>
    private let scratches: HNSWScratchPool
    /// What is known without looking into the base.
    private let codec: VectorCodec
    private var shape: (endRow: UInt32, count: Int, byteCount: Int)

    private init(_ content: Content, _ codec: VectorCodec, _ shape: (UInt32, Int, Int)) {
        self.content = content
        self.codec = codec
        self.shape = shape
        lock = .allocate(capacity: 1)
        #if canImport(Glibc)
        // Else searches that overlap keep the writer out for as long as they come.
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

    /// The graph of a base, which is checked when it is searched first.
    convenience init(_ base: HNSWBase) {
        self.init(.base(base), base.codec, (base.header.endRow, base.rowCount, base.byteCount))
    }

    /// A graph of the first rows of an inline strategy.
    convenience init(first table: VectorTable, metric: Metric, options: HNSWOptions) {
        let codec = VectorCodec(
            metric,
            dimension: table.dimension,
            quantization: options.quantization,
            sample: CodecSample(of: table, metric)
        )
        self.init(HNSWGraph(codec, options, capacity: 0))
        append(table)
    }

    private static func shape(_ graph: HNSWGraph) -> (UInt32, Int, Int) {
        (graph.endRow, graph.rowCount, graph.byteCount)
    }

    /// The row after the last that has a node.
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

    /// The graph; `nil` when it is damaged.
    var graph: HNSWGraph? { reading { graph, _ in graph } }

    /// The graph as it is now, which nobody changes; `nil` when it is damaged.
    ///
    /// - Complexity: O(bytes) for one that grows.
    var frozen: HNSWGraph? {
        reading { graph, _ in
            guard graph.grows else { return graph }
            return HNSWGraph(copying: graph, capacity: graph.count)
        }
    }

    private var isUnopened: Bool { if case .base = content { true } else { false } }

    private func open() {
        guard case .base(let base) = content else { return }
        content = base.open().map { .graph($0) } ?? .damaged
    }

    /// Rows that are linked before searches have their turn: half a millisecond's.
    private static let rowsAtOnce = 4

    /// Links the rows of a table that lie above all before.
    ///
    /// By one thread at a time. Searches go on between a few rows and the next.
    func append(_ table: VectorTable) {
        guard let old = graph else { return }
        let blocks = table.suffix(from: old.endRow)
        let added = blocks.reduce(0) { $0 + $1.count }
        let (graph, builder) = room(for: added, in: old, of: table)
        let scratch = HNSWScratch(codec, nodes: graph.capacity, kernels: builder.kernels)
        for block in blocks {
            // The rows from a damaged one on wait for a compaction.
            guard block.check(rows: 0..<block.count, dimension: codec.dimension) else { break }
            for start in stride(from: 0, to: block.count, by: Self.rowsAtOnce) {
                alone {
                    for place in start..<min(start + Self.rowsAtOnce, block.count) {
                        let vector = block.base + place * codec.dimension
                        builder.add(block.row(at: place), vector, scratch)
                    }
                    shape = Self.shape(graph)
                }
            }
            withExtendedLifetime(block.owner) {}
        }
    }

    /// Nodes that a small graph has room for; a larger one has for twice as many as it has.
    private static let steps = [64, 256, 1_024]

    /// A graph with room for more nodes, and what links them.
    ///
    /// Where the first rows say little of those that came after them, the codes of all are made again,
    /// as often as the graph grows: the links stay.
    private func room(for added: Int, in old: HNSWGraph, of table: VectorTable) -> (
        HNSWGraph, HNSWBuilder
    ) {
        let count = old.count + added
        if let builder, count <= old.capacity { return (old, builder) }
        let capacity = Self.steps.first { $0 >= count } ?? 2 * count
        // Nobody else changes the old one, so searches may go on in it meanwhile.
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

    /// A graph of the same rows with codes by another codec, and with the same links where those tell no
    /// row from the others of its node; `nil` when the vector of a row is damaged.
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

    /// A graph of the same rows that has nothing from the old one.
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
