// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Synchronization

/// The part of a posting that determines its score: the word's frequency in each field of the
/// document, and the lengths of these fields.
///
/// Each takes one byte per field, for up to eight fields. Frequencies are exact up to 15, and then
/// in steps of half a power of two. Lengths are exact up to 63, and then in steps of a sixteenth. A
/// field without the word has length 0, so that there are fewer classes.
struct FieldNormClass: Hashable {
    /// The frequencies, one byte per field, the first field lowest.
    private(set) var frequencies: UInt64 = 0
    private(set) var lengths: UInt64 = 0

    static let maxSlots = 8

    init() {}

    /// The class with the bytes that a base stores.
    init(frequencies: UInt64, lengths: UInt64) {
        self.frequencies = frequencies
        self.lengths = lengths
    }

    /// The class of a word that occurs in one field.
    @inline(__always)
    init(slot: Int, frequency: Int, length: Int) {
        let shift = UInt64(truncatingIfNeeded: slot * 8)
        frequencies = Self.bucket(ofFrequency: frequency) << shift
        lengths = Self.bucket(ofLength: length) << shift
    }

    /// The class of a word that occurs in one more field.
    func with(slot: Int, frequency: Int, length: Int) -> FieldNormClass {
        let other = FieldNormClass(slot: slot, frequency: frequency, length: length)
        return FieldNormClass(
            frequencies: frequencies | other.frequencies,
            lengths: lengths | other.lengths
        )
    }

    @inline(__always)
    private static func bucket(ofFrequency frequency: Int) -> UInt64 {
        guard frequency >= 16 else { return UInt64(truncatingIfNeeded: frequency) }
        let octave = Int.bitWidth - 1 - frequency.leadingZeroBitCount
        return UInt64(min(31, 16 + (octave - 4) * 2 + frequency >> (octave - 1) & 1))
    }

    @inline(__always)
    private static func bucket(ofLength length: Int) -> UInt64 {
        guard length >= 64 else { return UInt64(truncatingIfNeeded: length) }
        let octave = Int.bitWidth - 1 - length.leadingZeroBitCount
        return UInt64(min(255, 64 + (octave - 6) * 16 + length >> (octave - 4) & 15))
    }

    /// The least frequency of a field in this class.
    func frequency(_ slot: Int) -> Int {
        let bucket = Int(frequencies >> UInt64(slot * 8) & 0xFF)
        guard bucket >= 16 else { return bucket }
        return (2 | bucket & 1) << (min(31, bucket) / 2 - 5)
    }

    /// The least length of a field in this class.
    func length(_ slot: Int) -> Int {
        let bucket = Int(lengths >> UInt64(slot * 8) & 0xFF)
        guard bucket >= 64 else { return bucket }
        return (16 | bucket & 15) << ((bucket - 64) / 16 + 2)
    }

    /// A coarser class near this one; at level 2 there are at most about 4,000.
    func coarsened(_ level: Int) -> FieldNormClass {
        var coarse = FieldNormClass()
        // At level 2 only the field with the most occurrences is left.
        let most = (0..<Self.maxSlots).max { frequency($0) < frequency($1) } ?? 0
        for slot in 0..<Self.maxSlots where frequency(slot) > 0 {
            if level >= 2, slot != most { continue }
            coarse = coarse.with(
                slot: slot,
                frequency: Self.rounded(frequency(slot), bits: 1),
                length: Self.rounded(length(slot), bits: level >= 2 ? 1 : 3)
            )
        }
        return coarse
    }

    /// The number with all but its highest `bits` bits cleared.
    private static func rounded(_ number: Int, bits: Int) -> Int {
        let cleared = max(0, Int.bitWidth - number.leadingZeroBitCount - bits)
        return (number >> cleared) << cleared
    }
}

/// The numbers of the classes of an index's postings: those of the base first, then new ones.
///
/// Threading: any thread; a lock is held for a moment.
// Unchecked because of `base`, whose bytes never change.
final class FieldNormTable: @unchecked Sendable {
    /// The numbers of classes above which new classes are coarsened, so that 65,536 numbers always
    /// suffice.
    private static let levels = [32_768, 57_344]

    private struct State {
        var classes: ContiguousArray<FieldNormClass> = []
        var numbers: [FieldNormClass: UInt16] = [:]
        /// Whether `numbers` has the classes of the base.
        var isComplete: Bool
    }

    private let baseCount: Int
    private let base: MappedArray<UInt64>?
    private let state: Mutex<State>

    init(_ base: MappedArray<UInt64>?) {
        self.base = base
        baseCount = min((base?.count ?? 0) / 2, 1 << 16)
        state = Mutex(State(isComplete: base == nil))
    }

    /// The number of a class.
    func number(of postingClass: FieldNormClass) -> UInt16 {
        state.withLock { state in
            if !state.isComplete {
                // A class that the base has twice keeps the smaller number: the loop runs
                // backwards, and an earlier number replaces a later one.
                for number in (0..<baseCount).reversed() {
                    state.numbers[baseClass(number)] = UInt16(number)
                }
                state.isComplete = true
            }
            var wanted = postingClass
            for (level, bound) in Self.levels.enumerated() {
                if let number = state.numbers[wanted] { return number }
                if baseCount + state.classes.count < bound { break }
                wanted = postingClass.coarsened(level + 1)
            }
            if let number = state.numbers[wanted] { return number }
            let number = UInt16(clamping: baseCount + state.classes.count)
            if baseCount + state.classes.count <= Int(UInt16.max) { state.classes.append(wanted) }
            state.numbers[wanted] = number
            return number
        }
    }

    /// The first `count` classes, by their numbers.
    func classes(_ count: Int) -> ContiguousArray<FieldNormClass> {
        let added = state.withLock { $0.classes }
        return ContiguousArray(
            (0..<count).map { number in
                if number < baseCount { return baseClass(number) }
                return number - baseCount < added.count
                    ? added[number - baseCount] : FieldNormClass()
            }
        )
    }

    /// The class with a number.
    func postingClass(_ number: UInt16) -> FieldNormClass {
        let number = Int(number)
        if number < baseCount { return baseClass(number) }
        return state.withLock { state in
            number - baseCount < state.classes.count
                ? state.classes[number - baseCount] : FieldNormClass()
        }
    }

    private func baseClass(_ number: Int) -> FieldNormClass {
        FieldNormClass(
            frequencies: base?.element(number * 2, or: 0) ?? 0,
            lengths: base?.element(number * 2 + 1, or: 0) ?? 0
        )
    }
}
