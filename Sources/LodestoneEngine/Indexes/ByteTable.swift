// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// A table that gives each distinct byte string a dense number, from 0.
///
/// All strings are in one array, so a million ids are not a million objects.
struct ByteTable {
    /// The seed of the hash: random per table, so that no client can prepare colliding strings.
    private let seed = UInt64.random(in: .min ... .max)
    /// An open-addressing table, at most half full: the hash in the upper half, number plus one in
    /// the lower.
    private var slots: ContiguousArray<UInt64>
    private var bytes: ContiguousArray<UInt8> = []
    /// The end of each string in `bytes`.
    private var ends: ContiguousArray<Int> = []

    /// Creates an empty table.
    ///
    /// - Parameter minimumCapacity: The number of strings that fit before the table grows.
    init(minimumCapacity: Int = 0) {
        var capacity = 16
        while capacity < minimumCapacity * 2 { capacity *= 2 }
        slots = ContiguousArray(repeating: 0, count: capacity)
    }

    /// The number of strings.
    var count: Int { ends.count }

    /// The bytes of memory.
    var byteCount: Int { slots.count * 8 + bytes.capacity + ends.capacity * 8 }

    /// The number of a string; `nil` when it has none.
    func number(of string: UnsafeBufferPointer<UInt8>) -> UInt32? {
        slots.withUnsafeBufferPointer { find(string, hash(string), in: $0).number }
    }

    /// The number of a string; a new string is added.
    mutating func intern(_ string: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let hash = hash(string)
        let (found, position) = slots.withUnsafeBufferPointer { find(string, hash, in: $0) }
        if let found { return found }
        let number = UInt32(ends.count)
        bytes.append(contentsOf: string)
        ends.append(bytes.count)
        slots[position] = hash << 32 | UInt64(number + 1)
        if ends.count * 2 > slots.count { grow() }
        return number
    }

    /// Calls `body` with the string of an existing number.
    func withBytes<T>(of number: Int, _ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
        bytes.withUnsafeBufferPointer { body(.init(rebasing: $0[range(of: number)])) }
    }

    private func range(of number: Int) -> Range<Int> {
        (number == 0 ? 0 : ends[number - 1])..<ends[number]
    }

    /// The upper half of a string's hash.
    private func hash(_ string: UnsafeBufferPointer<UInt8>) -> UInt64 {
        UInt64(hashing: UnsafeRawBufferPointer(string), seed: seed) >> 32
    }

    /// The number of a string, or the free slot for it.
    @inline(__always)
    private func find(
        _ string: UnsafeBufferPointer<UInt8>,
        _ hash: UInt64,
        in slots: UnsafeBufferPointer<UInt64>
    ) -> (number: UInt32?, position: Int) {
        let mask = slots.count - 1
        var position = Int(hash) & mask
        while slots[position] != 0 {
            let number = UInt32(truncatingIfNeeded: slots[position]) - 1
            if slots[position] >> 32 == hash,
                withBytes(of: Int(number), { $0.elementsEqual(string) })
            {
                return (number, position)
            }
            position = (position + 1) & mask
        }
        return (nil, position)
    }

    private mutating func grow() {
        var larger = ContiguousArray<UInt64>(repeating: 0, count: slots.count * 2)
        let mask = larger.count - 1
        for slot in slots where slot != 0 {
            var position = Int(slot >> 32) & mask
            while larger[position] != 0 { position = (position + 1) & mask }
            larger[position] = slot
        }
        slots = larger
    }
}
