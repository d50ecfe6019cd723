// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The record of a term in a `TermDictionary`: four 64-bit units.
///
///     0  the first eight bytes; for a long term its hash
///     1  the next eight bytes; for a long term the index of its bytes among the long terms
///     2  the number of bytes (low half); the number of its stem (30 bits); whether it is a stop
///        word (last bit)
///     3  the list of its sole form + 1, or 0 (low half); as a stem the last of its lists + 1, or 0
///
/// Threading: any thread may read. A writer must hold the dictionary's lock.
struct TermRecord {
    /// The units of a record.
    static let unitCount: UInt32 = 4
    private static let lowHalf: UInt64 = 0xFFFF_FFFF
    private static let stemMask: UInt64 = 0x3FFF_FFFF

    private let units: UnsafeMutablePointer<AtomicArena.Unit>

    @inline(__always)
    init(_ units: UnsafeMutablePointer<AtomicArena.Unit>) {
        self.units = units
    }

    // MARK: Bytes

    /// The number of bytes of the term.
    @inline(__always)
    var byteCount: Int { Int(units[2].load(ordering: .relaxed) & Self.lowHalf) }

    /// The first eight bytes, as in `NormalizedToken`; for a long term its hash.
    @inline(__always)
    var low: UInt64 { units[0].load(ordering: .relaxed) }

    /// The next eight bytes.
    @inline(__always)
    var high: UInt64 { units[1].load(ordering: .relaxed) }

    /// The index of a long term's bytes among the long terms.
    var longIndex: UInt32 { UInt32(truncatingIfNeeded: high) }

    /// Whether the term is too long for its record.
    @inline(__always)
    var isLong: Bool { byteCount > NormalizedToken.shortCount }

    /// The hash of the term.
    func hash(seed: UInt64) -> UInt64 {
        isLong ? low : NormalizedToken(low: low, high: high, count: byteCount).hash(seed: seed)
    }

    /// Stores a short term.
    func set(_ term: NormalizedToken) {
        units[0].store(term.low, ordering: .relaxed)
        units[1].store(term.high, ordering: .relaxed)
        units[2].store(UInt64(term.count), ordering: .relaxed)
    }

    /// Stores a long term, whose bytes are at `index` among the long terms.
    func set(_ term: NormalizedToken, hash: UInt64, longIndex index: UInt32) {
        units[0].store(hash, ordering: .relaxed)
        units[1].store(UInt64(index), ordering: .relaxed)
        units[2].store(UInt64(term.count), ordering: .relaxed)
    }

    // MARK: As a form in texts

    /// The number of the term's stem; 0 for a term that is not a form in texts.
    @inline(__always)
    var stem: UInt32 {
        UInt32(truncatingIfNeeded: units[2].load(ordering: .relaxed) >> 32 & Self.stemMask)
    }

    /// Whether the term is a stop word.
    @inline(__always)
    var isStopWord: Bool { units[2].load(ordering: .relaxed) >> 63 != 0 }

    func set(stem: UInt32, isStopWord: Bool) {
        let byteCount = units[2].load(ordering: .relaxed) & Self.lowHalf
        units[2].store(
            byteCount | UInt64(stem) << 32 | (isStopWord ? 1 << 63 : 0),
            ordering: .relaxed
        )
    }

    /// The list `soleForm` of the form; `nil` for a term that is not a form in texts.
    @inline(__always)
    var soleFormList: UInt32? {
        let list = UInt32(truncatingIfNeeded: units[3].load(ordering: .acquiring))
        return list == 0 ? nil : list &- 1
    }

    /// Stores the list, after the stem.
    func set(soleFormList list: UInt32) {
        let lists = units[3].load(ordering: .relaxed) & ~Self.lowHalf
        units[3].store(lists | UInt64(list + 1), ordering: .releasing)
    }

    // MARK: As a stem

    /// The stem's last added list; `nil` if it has none.
    @inline(__always)
    var lastList: UInt32? {
        let list = UInt32(truncatingIfNeeded: units[3].load(ordering: .acquiring) >> 32)
        return list == 0 ? nil : list &- 1
    }

    /// Stores the last list, after its record.
    func set(lastList list: UInt32) {
        let own = units[3].load(ordering: .relaxed) & Self.lowHalf
        units[3].store(UInt64(list + 1) << 32 | own, ordering: .releasing)
    }
}

/// The record of a postings list in a `TermDictionary`: two 64-bit units.
///
///     0  the number of the term (low half); kind (high half)
///     1  the list of the same stem that was added before + 1, or 0
///
/// A record is immutable once its number is published.
struct ListRecord {
    /// The units of a record.
    static let unitCount: UInt32 = 2

    private let units: UnsafeMutablePointer<AtomicArena.Unit>

    @inline(__always)
    init(_ units: UnsafeMutablePointer<AtomicArena.Unit>) {
        self.units = units
    }

    var kind: PostingListKey.Kind {
        let kind = UInt8(truncatingIfNeeded: units[0].load(ordering: .relaxed) >> 32)
        return PostingListKey.Kind(rawValue: kind) ?? .mixedForms
    }

    /// The number of the list's form; for `mixedForms`, of the stem.
    @inline(__always)
    var term: UInt32 { UInt32(truncatingIfNeeded: units[0].load(ordering: .relaxed)) }

    /// The list of the same stem that was added before this one; `nil` for the first.
    @inline(__always)
    var previous: UInt32? {
        let list = UInt32(truncatingIfNeeded: units[1].load(ordering: .relaxed))
        return list == 0 ? nil : list &- 1
    }

    func set(_ kind: PostingListKey.Kind, term: UInt32, previous: UInt32?) {
        units[0].store(UInt64(kind.rawValue) << 32 | UInt64(term), ordering: .relaxed)
        units[1].store(previous.map { UInt64($0) + 1 } ?? 0, ordering: .relaxed)
    }
}
