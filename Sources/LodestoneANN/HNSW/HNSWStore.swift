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
/// Threading: searches share a lock; the one writer of an inline strategy takes it alone, for each
/// batch. Unchecked because the lock guards the rest.
final class HNSWStore: @unchecked Sendable {
    private enum Content {
        /// Not checked yet.
        case base(HNSWBase)
        case graph(HNSWGraph)
        /// Its base is damaged.
        case damaged
    }

    private var content: Content
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
        pthread_rwlock_init(lock, nil)
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
        self.init(.base(base), base.codec, (base.header.endRow, base.count, base.byteCount))
    }

    /// A graph of the first rows of an inline strategy.
    convenience init(first table: VectorTable, metric: Metric, options: HNSWOptions) {
        var sample: [UnsafePointer<Float>] = []
        for block in table.blocks {
            for place in 0..<block.count where sample.count < VectorCodec.sampleCount {
                sample.append(block.base + place * table.dimension)
            }
        }
        // The vectors to come may be larger than the first ones.
        let codec = VectorCodec(
            metric,
            dimension: table.dimension,
            quantization: options.quantization,
            sample: sample,
            headroom: 1.5
        )
        self.init(HNSWGraph(codec, options, capacity: 1_024))
        append(table.blocks)
    }

    private static func shape(_ graph: HNSWGraph) -> (UInt32, Int, Int) {
        (graph.endRow, graph.count, graph.byteCount)
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

    /// Links the rows of some blocks, which lie above all before.
    func append(_ blocks: [VectorBlock]) {
        guard let old = graph else { return }
        alone {
            let added = blocks.reduce(0) { $0 + $1.count }
            var graph = old
            if old.count + added > old.capacity || builder == nil {
                graph = HNSWGraph(copying: old, capacity: max(1_024, 2 * (old.count + added)))
                graph.grows = true
                builder = HNSWBuilder(graph)
                content = .graph(graph)
            }
            guard let builder else { return }
            let scratch = HNSWScratch(
                codec,
                nodes: graph.capacity,
                kernels: builder.kernels
            )
            for block in blocks {
                // The rows from a damaged one on wait for a compaction.
                guard block.check(rows: 0..<block.count, dimension: codec.dimension) else { break }
                for place in 0..<block.count {
                    let node = UInt32(graph.count)
                    let vector = block.base + place * codec.dimension
                    graph.add(row: block.row(at: place), vector, scratch.codec)
                    builder.insert(node, scratch)
                }
                withExtendedLifetime(block.owner) {}
            }
            shape = Self.shape(graph)
        }
    }
}
