// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import Synchronization

/// The working memory of one search.
///
/// Threading: one thread at a time. Unchecked because of the pointers, which only this object has.
final class HNSWScratch: @unchecked Sendable {
    /// The epoch of each node's last visit, one byte per node, cleared every 255 searches.
    private(set) var visited: UnsafeMutablePointer<UInt8>
    private var visitedCapacity: Int
    private(set) var epoch: UInt8 = 0
    /// The beam: keys of nodes, nearest first.
    private(set) var beam: UnsafeMutablePointer<UInt64>
    private var beamCapacity = 0
    /// The nodes to compare next, and their keys.
    let frontier: UnsafeMutablePointer<NodeID>
    let keys: UnsafeMutablePointer<UInt32>
    /// A copy of links, and one of their keys.
    let linkCopy: UnsafeMutablePointer<NodeID>
    let keyCopy: UnsafeMutablePointer<UInt32>
    /// The query of a search, and the query made from a record.
    let query: UnsafeMutableRawPointer
    let recordQuery: UnsafeMutableRawPointer
    let codec: CodecScratch
    /// The encoded query of the current search, if it comes from a vector.
    var encoded: EncodedQuery?
    /// Nodes selected as links, with their keys and directions; eight directions can be read from
    /// any index.
    let selected: UnsafeMutablePointer<NodeID>
    let selectedKeys: UnsafeMutablePointer<UInt32>
    let selectedLengths: UnsafeMutablePointer<Float>
    let selectedFactors: UnsafeMutablePointer<Float>
    /// Links of a full list, to select from.
    let candidates: UnsafeMutablePointer<UInt64>
    /// The candidates that become links if the first pass of a selection leaves room.
    private(set) var pruned: UnsafeMutablePointer<UInt64>
    private var prunedCapacity = HNSWScratch.frontierCapacity + 1
    let kernels: lode_code_kernels
    /// The nodes expanded and the distances computed by the current search.
    var expandedCount = 0
    var distanceCount = 0

    /// The most nodes of a frontier, and of a chunk of a scan.
    static let frontierCapacity = 1_024

    init(
        _ codec: VectorCodec,
        nodes: Int,
        kernels: lode_code_kernels = lode_code_kernels_best().pointee
    ) {
        visitedCapacity = nodes
        visited = .allocate(capacity: max(1, nodes))
        visited.initialize(repeating: 0, count: max(1, nodes))
        beam = .allocate(capacity: 1)
        frontier = .allocate(capacity: Self.frontierCapacity)
        keys = .allocate(capacity: Self.frontierCapacity)
        keys.initialize(repeating: 0, count: Self.frontierCapacity)
        linkCopy = .allocate(capacity: Self.frontierCapacity)
        keyCopy = .allocate(capacity: Self.frontierCapacity)
        selected = .allocate(capacity: Self.frontierCapacity)
        selectedKeys = .allocate(capacity: Self.frontierCapacity)
        selectedLengths = .allocate(capacity: Self.frontierCapacity + 8)
        selectedLengths.initialize(repeating: 0, count: Self.frontierCapacity + 8)
        selectedFactors = .allocate(capacity: Self.frontierCapacity + 8)
        selectedFactors.initialize(repeating: 0, count: Self.frontierCapacity + 8)
        candidates = .allocate(capacity: Self.frontierCapacity + 1)
        pruned = .allocate(capacity: prunedCapacity)
        self.kernels = kernels
        query = .allocate(byteCount: codec.shape.queryBytes, alignment: 64)
        query.initializeMemory(as: UInt8.self, repeating: 0, count: codec.shape.queryBytes)
        recordQuery = .allocate(byteCount: codec.shape.queryBytes, alignment: 64)
        recordQuery.initializeMemory(as: UInt8.self, repeating: 0, count: codec.shape.queryBytes)
        self.codec = CodecScratch(codec, kernels: kernels)
    }

    deinit {
        visited.deallocate()
        beam.deallocate()
        frontier.deallocate()
        keys.deallocate()
        linkCopy.deallocate()
        keyCopy.deallocate()
        selected.deallocate()
        selectedKeys.deallocate()
        selectedLengths.deallocate()
        selectedFactors.deallocate()
        candidates.deallocate()
        pruned.deallocate()
        query.deallocate()
        recordQuery.deallocate()
    }

    /// Sets the selected link at an index to an element of a beam.
    @inline(__always)
    func select(_ element: UInt64, _ direction: CodeDirection, at index: Int) {
        selected[index] = HNSWBeam.node(element)
        selectedKeys[index] = HNSWBeam.key(element)
        selectedLengths[index] = direction.length
        selectedFactors[index] = direction.factor
    }

    /// Makes room for a beam, and marks every node as not visited.
    func begin(beam width: Int, nodes: Int) {
        if width + 1 > beamCapacity {
            beam.deallocate()
            beamCapacity = width + 1
            beam = .allocate(capacity: beamCapacity)
        }
        if beamCapacity > prunedCapacity {
            pruned.deallocate()
            prunedCapacity = beamCapacity
            pruned = .allocate(capacity: prunedCapacity)
        }
        if nodes > visitedCapacity {
            visited.deallocate()
            visitedCapacity = max(nodes, 2 * visitedCapacity)
            visited = .allocate(capacity: visitedCapacity)
            visited.initialize(repeating: 0, count: visitedCapacity)
            epoch = 0
        }
        epoch &+= 1
        if epoch == 0 {
            visited.update(repeating: 0, count: visitedCapacity)
            epoch = 1
        }
    }
}

/// A pool of working memories for searches.
final class HNSWScratchPool: Sendable {
    private let codec: VectorCodec
    private let free = Mutex<[HNSWScratch]>([])
    /// The most memories that the pool retains; a burst of searches creates more and frees them.
    private static let retainedCount = 16

    init(_ codec: VectorCodec) { self.codec = codec }

    func with<T, E: Error>(nodes: Int, _ body: (HNSWScratch) throws(E) -> T) throws(E) -> T {
        let scratch =
            free.withLock { $0.popLast() } ?? HNSWScratch(codec, nodes: nodes)
        defer {
            free.withLock { if $0.count < Self.retainedCount { $0.append(scratch) } }
        }
        scratch.expandedCount = 0
        scratch.distanceCount = 0
        return try body(scratch)
    }
}

extension lode_code_kernels: @retroactive @unchecked Sendable {}
