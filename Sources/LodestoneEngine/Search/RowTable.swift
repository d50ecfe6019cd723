// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// A set of rows, numbered from 0 in the order of their first insertion.
///
/// A query has some hundreds of rows, and looks each one up a few times. Measured (a hybrid query
/// in process): a dictionary took a tenth of the query's time.
struct RowTable {
    private(set) var rows: [RowID] = []
    /// The number of the row in each slot, plus 1; 0 in a free slot.
    ///
    /// At least half of the slots are free.
    private var slots: [UInt32]
    /// The number of low bits of the hash that are dropped.
    private var shift: UInt32

    /// An empty table, with room for `count` rows.
    init(capacity count: Int) {
        let bits = max(4, Int.bitWidth - max(1, 2 * count - 1).leadingZeroBitCount)
        slots = [UInt32](repeating: 0, count: 1 << bits)
        shift = UInt32(32 - min(32, bits))
        rows.reserveCapacity(count)
    }

    /// The rows that some lists have as hits.
    init(of lists: [RankedList]) {
        self.init(capacity: lists.reduce(0) { $0 + $1.rows.count })
        for list in lists {
            for row in list.rows { _ = insert(row) }
        }
    }

    var count: Int { rows.count }

    /// The number of a row, which is inserted if it is new.
    mutating func insert(_ row: RowID) -> Int {
        if 2 * rows.count >= slots.count { grow() }
        let slot = slot(of: row)
        if slots[slot] == 0 {
            rows.append(row)
            slots[slot] = UInt32(rows.count)
        }
        return Int(slots[slot]) - 1
    }

    /// The number of a row; `nil` if it was not inserted.
    func find(_ row: RowID) -> Int? {
        let number = slots[slot(of: row)]
        return number == 0 ? nil : Int(number) - 1
    }

    /// The slot of a row, or the free slot for it.
    private func slot(of row: RowID) -> Int {
        // Multiplicative hashing (Knuth): the upper bits of a product are the well mixed ones.
        var slot = Int((row.rawValue &* 2_654_435_769) >> shift)
        while slots[slot] != 0, rows[Int(slots[slot]) - 1] != row {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private mutating func grow() {
        var larger = RowTable(capacity: 2 * slots.count)
        for row in rows { _ = larger.insert(row) }
        self = larger
    }
}
