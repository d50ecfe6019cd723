// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import Synchronization

/// The working memory of one search.
///
/// Threading: one thread at a time. Unchecked for the pointers, which are its own.
final class HNSWScratch: @unchecked Sendable {
    /// For each node the epoch in which it was last seen: a byte each, cleared every 255 searches.
    private(set) var seen: UnsafeMutablePointer<UInt8>
    private var seenCapacity: Int
    private(set) var epoch: UInt8 = 0
    /// The beam: keys of nodes, nearest first.
    private(set) var beam: UnsafeMutablePointer<UInt64>
    private var beamCapacity = 0
    /// Nodes of one hop, and their keys.
    let hop: UnsafeMutablePointer<UInt32>
    let keys: UnsafeMutablePointer<UInt32>
    /// A copy of a list that others may be changing.
    let copy: UnsafeMutablePointer<UInt32>
    /// The query of a search, and the query made of a record.
    let query: UnsafeMutableRawPointer
    let other: UnsafeMutableRawPointer
    let codec: CodecScratch
    /// The encoded query of the search under way, if it comes from a vector.
    var encoded: EncodedQuery?
    /// Nodes chosen as links, with their keys and directions; eight directions can be read from any
    /// place.
    let chosen: UnsafeMutablePointer<UInt32>
    let chosenKeys: UnsafeMutablePointer<UInt32>
    let chosenLengths: UnsafeMutablePointer<Float>
    let chosenFactors: UnsafeMutablePointer<Float>
    /// Links of a full list, to choose from.
    let candidates: UnsafeMutablePointer<UInt64>
    /// The candidates that become links if the first pass of a choice leaves room.
    private(set) var left: UnsafeMutablePointer<UInt64>
    private var leftCapacity = HNSWScratch.hopLength + 1
    let kernels: lode_code_kernels
    /// The nodes visited and the distances computed by the search under way.
    var visited = 0
    var computed = 0

    /// Nodes of a hop at most; also rows of a chunk of a scan.
    static let hopLength = 1_024

    init(_ codec: VectorCodec, nodes: Int, kernels: lode_code_kernels) {
        seenCapacity = nodes
        seen = .allocate(capacity: max(1, nodes))
        seen.initialize(repeating: 0, count: max(1, nodes))
        beam = .allocate(capacity: 1)
        hop = .allocate(capacity: Self.hopLength)
        keys = .allocate(capacity: Self.hopLength)
        keys.initialize(repeating: 0, count: Self.hopLength)
        copy = .allocate(capacity: Self.hopLength)
        chosen = .allocate(capacity: Self.hopLength)
        chosenKeys = .allocate(capacity: Self.hopLength)
        chosenLengths = .allocate(capacity: Self.hopLength + 8)
        chosenLengths.initialize(repeating: 0, count: Self.hopLength + 8)
        chosenFactors = .allocate(capacity: Self.hopLength + 8)
        chosenFactors.initialize(repeating: 0, count: Self.hopLength + 8)
        candidates = .allocate(capacity: Self.hopLength + 1)
        left = .allocate(capacity: leftCapacity)
        self.kernels = kernels
        query = .allocate(byteCount: codec.shape.queryBytes, alignment: 64)
        query.initializeMemory(as: UInt8.self, repeating: 0, count: codec.shape.queryBytes)
        other = .allocate(byteCount: codec.shape.queryBytes, alignment: 64)
        other.initializeMemory(as: UInt8.self, repeating: 0, count: codec.shape.queryBytes)
        self.codec = CodecScratch(codec, kernels: kernels)
    }

    deinit {
        seen.deallocate()
        beam.deallocate()
        hop.deallocate()
        keys.deallocate()
        copy.deallocate()
        chosen.deallocate()
        chosenKeys.deallocate()
        chosenLengths.deallocate()
        chosenFactors.deallocate()
        candidates.deallocate()
        left.deallocate()
        query.deallocate()
        other.deallocate()
    }

    /// Makes an element of a beam a chosen link.
    @inline(__always)
    func choose(_ element: UInt64, _ direction: CodeDirection, at place: Int) {
        chosen[place] = HNSWBeam.node(element)
        chosenKeys[place] = HNSWBeam.key(element)
        chosenLengths[place] = direction.length
        chosenFactors[place] = direction.factor
    }

    /// Makes room for a beam, and marks every node as not seen.
    func begin(beam width: Int, nodes: Int) {
        if width + 1 > beamCapacity {
            beam.deallocate()
            beamCapacity = width + 1
            beam = .allocate(capacity: beamCapacity)
        }
        if beamCapacity > leftCapacity {
            left.deallocate()
            leftCapacity = beamCapacity
            left = .allocate(capacity: leftCapacity)
        }
        if nodes > seenCapacity {
            seen.deallocate()
            seenCapacity = max(nodes, 2 * seenCapacity)
            seen = .allocate(capacity: seenCapacity)
            seen.initialize(repeating: 0, count: seenCapacity)
            epoch = 0
        }
        epoch &+= 1
        if epoch == 0 {
            seen.update(repeating: 0, count: seenCapacity)
            epoch = 1
        }
    }
}

/// Working memories that wait for the next search.
final class HNSWScratchPool: Sendable {
    private let codec: VectorCodec
    private let kernels: lode_code_kernels
    private let free = Mutex<[HNSWScratch]>([])
    /// The most memories kept for later; a burst makes more and releases them.
    private static let keptCount = 16

    init(_ codec: VectorCodec, kernels: lode_code_kernels) {
        self.codec = codec
        self.kernels = kernels
    }

    func with<T, E: Error>(nodes: Int, _ body: (HNSWScratch) throws(E) -> T) throws(E) -> T {
        let scratch =
            free.withLock { $0.popLast() }
            ?? HNSWScratch(codec, nodes: nodes, kernels: kernels)
        defer {
            free.withLock { if $0.count < Self.keptCount { $0.append(scratch) } }
        }
        scratch.visited = 0
        scratch.computed = 0
        return try body(scratch)
    }
}

extension lode_code_kernels: @retroactive @unchecked Sendable {}
