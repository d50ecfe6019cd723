// SPDX-License-Identifier: Apache-2.0

/// The buckets of a table, the likeliest to have the query's neighbors first.
///
/// Query-directed probing of Lv et al., VLDB 2007: first the bucket of the query, then the buckets
/// with some of its bits flipped, by the increasing sum of the distances of the flipped bits'
/// hyperplanes. A heap yields the sets of bits to flip. Each set that leaves the heap adds two
/// others that cost no less, so that every set comes once.
struct ProbeSequence {
    private let signature: UInt32
    /// The bits of the signature, by increasing distance.
    private var bits: [UInt32] = []
    private var costs: [Float] = []
    private var heap = SetHeap()
    private var hasBegun = false

    /// Creates the sequence of a table from the query's projections onto its normals.
    init(_ projections: ArraySlice<Float>) {
        var signature: UInt32 = 0
        var order: [(cost: Float, bit: UInt32)] = []
        order.reserveCapacity(projections.count)
        for (bit, projection) in projections.enumerated() {
            if projection > 0 { signature |= 1 << UInt32(bit) }
            // A difference of infinities is meaningless, so the other side is probed early.
            let cost = projection.isNaN ? 0 : projection.magnitude
            order.append((cost, 1 << UInt32(bit)))
        }
        order.sort { ($0.cost, $0.bit) < ($1.cost, $1.bit) }
        self.signature = signature
        bits = order.map(\.bit)
        costs = order.map(\.cost)
    }

    /// The next bucket; `nil` after the last.
    mutating func next() -> UInt32? {
        guard hasBegun else {
            hasBegun = true
            if let first = costs.first { heap.push(SetHeap.Item(cost: first, members: 1)) }
            return signature
        }
        guard let set = heap.pop() else { return nil }
        let last = 31 - set.members.leadingZeroBitCount
        if last + 1 < costs.count {
            let next: UInt32 = 1 << UInt32(last + 1)
            let grown = set.cost + costs[last + 1]
            heap.push(SetHeap.Item(cost: grown, members: set.members | next))
            heap.push(
                SetHeap.Item(
                    cost: max(set.cost, grown - costs[last]),
                    members: set.members & ~(1 << UInt32(last)) | next
                )
            )
        }
        var flipped = signature
        var members = set.members
        while members != 0 {
            flipped ^= bits[members.trailingZeroBitCount]
            members &= members - 1
        }
        return flipped
    }
}

/// A binary heap of sets of bits, the cheapest on top; among equal costs the smaller number.
private struct SetHeap {
    struct Item {
        /// Never NaN.
        var cost: Float
        /// Bit i is the bit of the signature with the i-th smallest distance.
        var members: UInt32

        // Infinite minus infinite would be NaN, which `max` above passes on.
        var key: UInt64 {
            UInt64((cost.isNaN ? .infinity : cost).bitPattern) << 32 | UInt64(members)
        }
    }

    private var items: [Item] = []

    mutating func push(_ item: Item) {
        items.append(item)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child].key < items[parent].key else { return }
            items.swapAt(parent, child)
            child = parent
        }
    }

    mutating func pop() -> Item? {
        guard let first = items.first, let last = items.popLast() else { return nil }
        guard !items.isEmpty else { return first }
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < items.count else { break }
            if child + 1 < items.count, items[child + 1].key < items[child].key { child += 1 }
            guard items[child].key < last.key else { break }
            items[hole] = items[child]
            hole = child
        }
        items[hole] = last
        return first
    }
}
