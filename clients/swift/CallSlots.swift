// SPDX-License-Identifier: Apache-2.0

/// Values by the id of their call.
///
/// An open-addressed table: an id lies in the slot that its hash names, or in the next free one.
/// Ids count up, so a product with the golden ratio spreads them evenly. A dictionary of the
/// standard library also guards against chosen keys, at a price; no server chooses these ids.
///
/// Every operation takes O(1), on average.
struct CallSlots<Value> {
    private static var minCapacity: Int { 64 }

    /// The id of each slot; 0 for a free one.
    private var ids: ContiguousArray<UInt64>
    private var values: ContiguousArray<Value?>
    /// The number of bits of a hash that are no part of a slot's number.
    private var shift: UInt64
    /// The number of values.
    private(set) var count = 0

    init() {
        self.init(capacity: Self.minCapacity)
    }

    /// - Parameter capacity: A power of two.
    private init(capacity: Int) {
        ids = ContiguousArray(repeating: 0, count: capacity)
        values = ContiguousArray(repeating: nil, count: capacity)
        shift = UInt64(64 - capacity.trailingZeroBitCount)
    }

    var isEmpty: Bool { count == 0 }

    /// All values with their ids, in the order of the ids.
    ///
    /// O(n log n).
    var sorted: [(id: UInt64, value: Value)] {
        zip(ids, values)
            .compactMap { id, value in value.map { (id, $0) } }
            .sorted { $0.id < $1.id }
    }

    func contains(_ id: UInt64) -> Bool { slot(of: id) != nil }

    /// The slot of `id`; `nil` when there is no such id.
    func slot(of id: UInt64) -> Int? {
        var slot = home(of: id)
        while ids[slot] != 0 {
            if ids[slot] == id { return slot }
            slot = next(slot)
        }
        return nil
    }

    /// The value in a slot that `slot(of:)` has returned since the last change.
    subscript(slot: Int) -> Value? {
        _read { yield values[slot] }
        _modify { yield &values[slot] }
    }

    /// Adds a value.
    ///
    /// - Parameters:
    ///   - value: The value.
    ///   - id: An id that is not in the table, and not 0.
    mutating func insert(_ value: Value, id: UInt64) {
        if 2 * (count + 1) > ids.count { resize(to: 2 * ids.count) }
        place(value, id: id)
        count += 1
    }

    /// Removes and returns the value of `id`, if there is one.
    mutating func remove(_ id: UInt64) -> Value? {
        slot(of: id).flatMap { remove(at: $0) }
    }

    /// Removes and returns the value in a slot.
    mutating func remove(at slot: Int) -> Value? {
        var removed: Value?
        swap(&removed, &values[slot])
        ids[slot] = 0
        count -= 1
        fill(slot)
        if ids.count > Self.minCapacity, count * 16 < ids.count { resize(to: ids.count / 4) }
        return removed
    }

    /// Moves values back into a slot that became free, where a search for them would end there.
    private mutating func fill(_ free: Int) {
        var free = free
        var slot = next(free)
        while ids[slot] != 0 {
            // The distances are counted around the end of the table.
            let fromHome = (slot - home(of: ids[slot])) & (ids.count - 1)
            let fromFree = (slot - free) & (ids.count - 1)
            if fromHome >= fromFree {
                ids.swapAt(slot, free)
                values.swapAt(slot, free)
                free = slot
            }
            slot = next(slot)
        }
    }

    private mutating func place(_ value: Value, id: UInt64) {
        var slot = home(of: id)
        while ids[slot] != 0 { slot = next(slot) }
        ids[slot] = id
        values[slot] = value
    }

    private mutating func resize(to capacity: Int) {
        var resized = CallSlots(capacity: max(capacity, Self.minCapacity))
        for slot in ids.indices where ids[slot] != 0 {
            if let value = values[slot] { resized.place(value, id: ids[slot]) }
        }
        resized.count = count
        self = resized
    }

    private func home(of id: UInt64) -> Int {
        Int(truncatingIfNeeded: (id &* 0x9E37_79B9_7F4A_7C15) >> shift)
    }

    private func next(_ slot: Int) -> Int { (slot + 1) & (ids.count - 1) }
}
