// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CVectorKernels

/// The search of one level (Malkov & Yashunin, arXiv:1603.09320, algorithm 2), with a sorted buffer
/// instead of two heaps.
///
/// An element of the buffer is one integer: the key in the high half, a bit that is set after the
/// node's expansion, and the node. So elements sort like distances. The walk expands the nearest
/// unexpanded node, until there is none.
///
/// The walk prefetches all records of a frontier before it compares the first, and also the links
/// of the next two nodes. Measured (codes larger than the caches): 60 to 100 % more queries/s.
/// Prefetching also the next frontier's records cost 10 %, because often a nearer node is expanded
/// first.
struct HNSWBeam {
    let codes: lode_codes
    let keys: CodeKeys
    let query: lode_query
    /// The most nodes that are kept.
    let width: Int
    /// The number of nearest nodes that may be expanded.
    let reach: Int
    /// The sign codes, by which nodes that are too far away are left out before their records are
    /// read; `nil` for a walk without them.
    let signs: SignFilter?
    private let scratch: HNSWScratch
    // Copies of `scratch`'s fields, so that no loop reads fields of a class.
    private let elements: UnsafeMutablePointer<UInt64>
    private let frontier: UnsafeMutablePointer<NodeID>
    private let frontierKeys: UnsafeMutablePointer<UInt32>

    /// A beam in `scratch`; `begin` must have made room for it.
    init(
        codes: lode_codes,
        keys: CodeKeys,
        query: lode_query,
        width: Int,
        reach: Int = .max,
        signs: SignFilter? = nil,
        _ scratch: HNSWScratch
    ) {
        self.codes = codes
        self.keys = keys
        self.query = query
        self.width = width
        self.reach = reach
        self.signs = signs
        self.scratch = scratch
        elements = scratch.beam
        frontier = scratch.frontier
        frontierKeys = scratch.keys
    }

    static let expandedBit: UInt64 = 1 << 31
    @inline(__always) static func node(_ element: UInt64) -> NodeID {
        NodeID(rawValue: UInt32(truncatingIfNeeded: element) & 0x7FFF_FFFF)
    }
    @inline(__always) static func key(_ element: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: element >> 32)
    }
    @inline(__always) static func element(_ key: UInt32, _ node: NodeID) -> UInt64 {
        UInt64(key) << 32 | UInt64(node.rawValue)
    }

    /// The element of a node, with its distance from the query.
    func element(of node: NodeID) -> UInt64 {
        frontier[0] = node
        keys(codes, query, frontier, 1, frontierKeys)
        return Self.element(frontierKeys[0], node)
    }

    /// The element nearest to the query, by a greedy walk of one level from `start`.
    @inline(__always)
    func descend(_ links: some LinkReader, from start: UInt64) -> UInt64 {
        var (nearest, best) = (Self.node(start), Self.key(start))
        while true {
            let before = nearest
            let list = links.links(of: nearest)
            var count = 0
            while count < links.length, list[count] != HNSWGraph.none { count &+= 1 }
            keys(codes, query, list, count, frontierKeys)
            scratch.expandedCount &+= 1
            scratch.distanceCount &+= count
            for index in 0..<count where frontierKeys[index] < best {
                best = frontierKeys[index]
                nearest = list[index]
            }
            if nearest == before { return Self.element(best, nearest) }
        }
    }

    /// Fills `scratch.beam` with the nearest nodes that are reached from its first `count` nodes.
    ///
    /// The first nodes must be sorted and marked as visited. The walk pauses after `most`
    /// expansions; a call with the returned count continues it.
    ///
    /// - Returns: The number of nodes in the sorted buffer.
    @inline(__always)
    func run<Expansion: BeamExpansion>(
        _ expansion: Expansion,
        count: Int = 1,
        expanding most: Int = .max
    ) -> Int {
        let (codes, query, frontier, frontierKeys) = (codes, query, frontier, frontierKeys)
        let links = expansion.links
        let length = links.length
        var buffer = BeamBuffer(elements: elements, width: width, count: count)
        var expanded = 0
        var computed = 0
        let reach = reach
        while buffer.current < min(buffer.count, reach) && expanded < most {
            let element = buffer.elements[buffer.current]
            if element & Self.expandedBit != 0 {
                buffer.current &+= 1
                continue
            }
            buffer.elements[buffer.current] = element | Self.expandedBit
            expanded &+= 1
            var found = expansion.expand(Self.node(element))

            // Until the buffer is full, every node is kept.
            let signs = buffer.count == width ? self.signs : nil
            var index = 0
            while index < found {
                if let signs {
                    signs.prefetch(frontier[index])
                } else {
                    prefetchRecord(frontier[index])
                }
                index &+= 1
            }
            if Expansion.prefetchesNextLinks {
                // The links of the next two nodes.
                var next = buffer.current &+ 1
                var ahead = 0
                while next < buffer.count && ahead < 2 {
                    let element = buffer.elements[next]
                    if element & Self.expandedBit == 0 {
                        Self.prefetch(links.address(of: Self.node(element)), length &* 4)
                        ahead &+= 1
                    }
                    next &+= 1
                }
            }

            buffer.current &+= 1
            if let signs {
                found = signs.keep(frontier, found, nearerThan: buffer.bound)
                for index in 0..<found { prefetchRecord(frontier[index]) }
            }
            if found == 0 { continue }
            computed &+= found
            keys(codes, query, frontier, found, frontierKeys)
            keep(found, in: &buffer, links)
        }
        scratch.expandedCount &+= expanded
        scratch.distanceCount &+= computed
        return buffer.count
    }

    /// Compares the first `found` nodes of the frontier with the query, and merges the nearest into
    /// the first `count` nodes of the buffer; returns the number of nodes in the buffer.
    func start(_ found: Int, count: Int, _ links: some LinkReader) -> Int {
        keys(codes, query, frontier, found, frontierKeys)
        scratch.distanceCount &+= found
        var buffer = BeamBuffer(elements: elements, width: width, count: count)
        keep(found, in: &buffer, links)
        return buffer.count
    }

    /// Inserts the near enough nodes of a frontier into the buffer, and moves `current` back to the
    /// nearest of them.
    @inline(__always)
    private func keep(_ found: Int, in buffer: inout BeamBuffer, _ links: some LinkReader) {
        var bound = buffer.bound
        var index = 0
        while index < found {
            let key = frontierKeys[index]
            if key < bound || buffer.count < width {
                let position = buffer.insert(Self.element(key, frontier[index]))
                if position < buffer.current { buffer.current = position }
                if position < buffer.current &+ 4 {
                    Self.prefetch(links.address(of: frontier[index]), links.length &* 4)
                }
                bound = buffer.bound
            }
            index &+= 1
        }
    }

    @inline(__always)
    private func prefetchRecord(_ node: NodeID) {
        Self.prefetch(codes.codes + Int(node) &* codes.stride, codes.stride)
        lode_prefetch(codes.tails + Int(node) &* codes.tail_stride)
    }

    @inline(__always)
    static func prefetch(_ address: UnsafeRawPointer, _ byteCount: Int) {
        // The bytes may begin anywhere in a cache line.
        let end = address + byteCount
        var line = address - Int(bitPattern: address) & 63
        while line < end {
            lode_prefetch(line)
            line += 64
        }
    }
}

/// The sorted elements of a beam.
struct BeamBuffer {
    let elements: UnsafeMutablePointer<UInt64>
    /// The most elements that are kept.
    let width: Int
    /// The number of elements.
    var count: Int
    /// The first element that may not be expanded yet.
    var current = 0

    /// The key at which a full buffer accepts no more elements.
    @inline(__always) var bound: UInt32 {
        count < width ? .max : HNSWBeam.key(elements[count &- 1])
    }

    /// Inserts an element and returns its position; a full buffer loses its last element.
    @inline(__always)
    mutating func insert(_ element: UInt64) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low &+ high) >> 1
            if elements[middle] < element { low = middle &+ 1 } else { high = middle }
        }
        let last = count < width ? count : width &- 1
        if last > low {
            (elements + low + 1).update(from: elements + low, count: last &- low)
        }
        if low < width { elements[low] = element }
        if count < width { count &+= 1 }
        return low
    }
}

/// The expansion of a node: the nodes that a walk compares next.
protocol BeamExpansion {
    associatedtype Links: LinkReader
    var links: Links { get }
    /// Whether the links of the next nodes are prefetched with the records of a frontier.
    static var prefetchesNextLinks: Bool { get }
    /// Writes unvisited nodes near `node` into the frontier, and marks them as visited; returns
    /// their number.
    func expand(_ node: NodeID) -> Int
}

/// All nodes to which a node links.
struct AllNeighbors<Links: LinkReader>: BeamExpansion {
    let links: Links
    private let frontier: UnsafeMutablePointer<NodeID>
    private let visited: UnsafeMutablePointer<UInt8>
    private let epoch: UInt8

    init(_ links: Links, _ scratch: HNSWScratch) {
        self.links = links
        (frontier, visited, epoch) = (scratch.frontier, scratch.visited, scratch.epoch)
    }

    @inline(__always) static var prefetchesNextLinks: Bool { true }

    @inline(__always) func expand(_ node: NodeID) -> Int {
        let list = links.links(of: node)
        let length = links.length
        var found = 0
        var index = 0
        while index < length {
            let next = list[index]
            if next == HNSWGraph.none { break }
            frontier[found] = next
            let mark = visited + Int(next)
            found &+= mark.pointee == epoch ? 0 : 1
            mark.pointee = epoch
            index &+= 1
        }
        return found
    }
}
