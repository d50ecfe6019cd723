// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The lengths of each row's fields, for the statistics of any set of rows.
///
/// Postings have rounded lengths, and average lengths need exact ones. One number per slot: the
/// counted words in the slot. The first number of a row also has a mark if the row has words, which
/// may all be stop words. All numbers of a row without words are 0.
///
/// Threading: a value.
struct RowLengths: Sendable {
    private static let mark: UInt32 = 1 << 31

    private let slotCount: Int
    private var numbers: OverlayArray<UInt32>

    /// - Parameters:
    ///   - base: The numbers of a base's rows; `nil` without a base.
    ///   - slotCount: The number of slots.
    init(_ base: MappedArray<UInt32>?, slotCount: Int) {
        self.slotCount = slotCount
        numbers = OverlayArray(base, fallback: 0)
    }

    /// The bytes of memory.
    var byteCount: Int { numbers.byteCount }

    /// Adds the lengths of a row with words; rows ascend from call to call, possibly with gaps.
    mutating func add(_ row: RowID, length: (_ slot: Int) -> Int) {
        let start = Int(row) * slotCount
        numbers.grow(to: start + slotCount)
        for slot in 0..<slotCount {
            numbers[start + slot] = UInt32(clamping: min(length(slot), Int(Self.mark) - 1))
        }
        numbers[start] |= Self.mark
    }

    /// A number of a row.
    func stored(_ row: RowID, _ slot: Int) -> UInt32 {
        let index = Int(row) * slotCount + slot
        return index < numbers.count ? numbers[index] : 0
    }

    /// Whether a row has these lengths.
    func has(_ row: RowID, hasWords: Bool, length: (_ slot: Int) -> Int) -> Bool {
        (0..<slotCount).allSatisfy { slot in
            let mark = slot == 0 && hasWords ? Self.mark : 0
            return stored(row, slot) == UInt32(clamping: hasWords ? length(slot) : 0) | mark
        }
    }

    /// The number of documents with words among some rows, and the statistics of each slot.
    ///
    /// - Complexity: O(rows × slots).
    func statistics(of rows: RowSet) -> (documentCount: Int, slots: [SlotStatistics]) {
        var documentCount = 0
        var slots = [SlotStatistics](repeating: SlotStatistics(), count: slotCount)
        rows.forEach { row in
            let first = stored(row, 0)
            if first & Self.mark == 0 { return }
            documentCount += 1
            slots[0].add(Int(first & ~Self.mark))
            for slot in 1..<max(1, slotCount) { slots[slot].add(Int(stored(row, slot))) }
        }
        return (documentCount, slots)
    }
}
