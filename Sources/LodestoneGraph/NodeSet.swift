// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The nodes that a walk has seen: a hash table with open addressing, so that a walk costs what it
/// sees and not what the graph holds.
struct NodeSet {
    private var slots: ContiguousArray<UInt64>
    private var mask: Int
    private(set) var count = 0

    init() {
        slots = ContiguousArray(repeating: 0, count: 64)
        mask = 63
    }

    /// Adds `node`; false when it was there.
    @inline(__always)
    mutating func insert(_ node: NodeNumber) -> Bool {
        // A slot holds the node plus one; zero is a free slot.
        let entry = UInt64(node) + 1
        var index = Self.hash(entry) & mask
        while slots[index] != 0 {
            if slots[index] == entry { return false }
            index = (index + 1) & mask
        }
        slots[index] = entry
        count += 1
        if count * 2 > slots.count { grow() }
        return true
    }

    private mutating func grow() {
        let old = slots
        slots = ContiguousArray(repeating: 0, count: old.count * 4)
        mask = slots.count - 1
        for entry in old where entry != 0 {
            var index = Self.hash(entry) & mask
            while slots[index] != 0 {
                index = (index + 1) & mask
            }
            slots[index] = entry
        }
    }

    /// Fibonacci hashing: the upper half of a product with 2^64 over the golden ratio.
    @inline(__always)
    private static func hash(_ entry: UInt64) -> Int {
        Int(truncatingIfNeeded: (entry &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }
}
