// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CVectorKernels

/// Gives a search of one level the links of each node.
protocol LinkReader {
    /// The links, which end at the first `none` or after `length`.
    func links(of node: UInt32) -> UnsafePointer<UInt32>
    /// The length of a list, in node numbers.
    var length: Int { get }
    /// The place of a node's links in memory, to prefetch them.
    func place(of node: UInt32) -> UnsafePointer<UInt32>
}

/// Lists that nobody changes.
struct FrozenLinks: LinkReader {
    let start: UnsafePointer<UInt32>
    let length: Int

    @inline(__always) func links(of node: UInt32) -> UnsafePointer<UInt32> {
        start + Int(node) &* length
    }
    @inline(__always) func place(of node: UInt32) -> UnsafePointer<UInt32> { links(of: node) }
}

/// The search of one level (Malkov & Yashunin, arXiv:1603.09320, algorithm 2), with a sorted buffer
/// instead of two heaps.
///
/// An element of the buffer is one integer: a key in the high half, then a bit that is set once the
/// node was expanded, then the node. So elements sort like distances. The walk expands the nearest
/// node that was not expanded, until there is none.
///
/// The walk prefetches all records of a hop before it compares the first, and with them the links
/// of the next two nodes. Measured (codes larger than the caches): 60 to 100 % more queries/s.
/// Prefetching the records of the next hop, too, cost 10 %, because a nearer node often comes in
/// between.
struct HNSWBeam {
    let codes: lode_codes
    let keys: CodeKeys
    let query: lode_query
    /// The most nodes that are kept.
    let width: Int

    static let expandedBit: UInt64 = 1 << 31
    @inline(__always) static func node(_ element: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: element) & 0x7FFF_FFFF
    }
    @inline(__always) static func key(_ element: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: element >> 32)
    }

    /// Fills `scratch.beam` with the nearest nodes that are reached from the `size` nodes in it.
    ///
    /// These first nodes are sorted and marked as seen. The walk pauses after it expanded `most`
    /// nodes. A call with the returned size continues it.
    ///
    /// - Returns: The number of nodes in the buffer at the end, which is sorted.
    @inline(__always)
    func run(
        _ reader: some LinkReader,
        _ scratch: HNSWScratch,
        size: Int,
        expanding most: Int = .max
    ) -> Int {
        // Fields of classes are copied once, not read in the loop.
        let (buffer, seen, epoch) = (scratch.beam, scratch.seen, scratch.epoch)
        let (hop, hopKeys) = (scratch.hop, scratch.keys)
        let (codes, query, length) = (self.codes, self.query, reader.length)
        var size = size
        var current = 0
        var visited = 0
        var computed = 0
        while current < size && visited < most {
            let element = buffer[current]
            if element & Self.expandedBit != 0 {
                current &+= 1
                continue
            }
            buffer[current] = element | Self.expandedBit
            visited &+= 1
            let list = reader.links(of: Self.node(element))
            var found = 0
            var index = 0
            while index < length {
                let node = list[index]
                if node == HNSWGraph.none { break }
                hop[found] = node
                let mark = seen + Int(node)
                found &+= mark.pointee == epoch ? 0 : 1
                mark.pointee = epoch
                index &+= 1
            }

            index = 0
            while index < found {
                prefetchRecord(hop[index])
                index &+= 1
            }
            // The links of the next two nodes.
            var next = current &+ 1
            var ahead = 0
            while next < size && ahead < 2 {
                if buffer[next] & Self.expandedBit == 0 {
                    prefetch(reader.place(of: Self.node(buffer[next])), length &* 4)
                    ahead &+= 1
                }
                next &+= 1
            }

            current &+= 1
            if found == 0 { continue }
            computed &+= found
            keys(codes, query, hop, found, hopKeys)
            keep(found, hop, hopKeys, in: buffer, &size, &current, reader)
        }
        scratch.visited &+= visited
        scratch.computed &+= computed
        return size
    }

    /// Inserts the nodes of a hop that are near enough into the buffer, and moves `current` back to
    /// the nearest of them.
    @inline(__always)
    func keep(
        _ found: Int,
        _ hop: UnsafePointer<UInt32>,
        _ hopKeys: UnsafePointer<UInt32>,
        in buffer: UnsafeMutablePointer<UInt64>,
        _ size: inout Int,
        _ current: inout Int,
        _ reader: some LinkReader
    ) {
        var bound = size < width ? UInt32.max : Self.key(buffer[size &- 1])
        var index = 0
        while index < found {
            let key = hopKeys[index]
            if key < bound || size < width {
                let place = Self.insert(
                    UInt64(key) << 32 | UInt64(hop[index]),
                    into: buffer,
                    &size,
                    width: width
                )
                if place < current { current = place }
                if place < current &+ 4 {
                    prefetch(reader.place(of: hop[index]), reader.length &* 4)
                }
                if size == width { bound = Self.key(buffer[size &- 1]) }
            }
            index &+= 1
        }
    }

    @inline(__always)
    func prefetchRecord(_ node: UInt32) {
        prefetch(codes.codes + Int(node) &* codes.stride, codes.stride)
        lode_prefetch(codes.tails + Int(node) &* codes.tail_stride)
    }

    @inline(__always)
    func prefetch(_ place: UnsafeRawPointer, _ byteCount: Int) {
        // The bytes may begin anywhere in a cache line.
        let end = place + byteCount
        var line = place - Int(bitPattern: place) & 63
        while line < end {
            lode_prefetch(line)
            line += 64
        }
    }

    /// Inserts an element into a sorted buffer and returns its place; a full buffer loses its last
    /// one.
    @inline(__always)
    static func insert(
        _ element: UInt64,
        into buffer: UnsafeMutablePointer<UInt64>,
        _ size: inout Int,
        width: Int
    ) -> Int {
        var (low, high) = (0, size)
        while low < high {
            let middle = (low &+ high) >> 1
            if buffer[middle] < element { low = middle &+ 1 } else { high = middle }
        }
        let last = size < width ? size : width &- 1
        if last > low {
            (buffer + low + 1).update(from: buffer + low, count: last &- low)
        }
        if low < width { buffer[low] = element }
        if size < width { size &+= 1 }
        return low
    }
}
