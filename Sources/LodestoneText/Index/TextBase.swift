// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The postings that were written to a file, searched where they lie.
///
/// Terms are numbered in the order of their bytes. A term's postings lie together, in row order;
/// an entry names those in one chunk of 65,536 rows.
///
///     THDR  see `Header`                               UInt64
///     TWRD  the terms, one after the other              UInt8
///     TWEN  where each term begins, and the end         UInt64
///     THSH  upper half of the hash, term + 1; 0 free    UInt64
///     TENT  each term's first entry, and the end        UInt64
///     TCHK  chunk (high 16 bits), first posting (48);   UInt64
///           at the end the number of postings
///     TROW  each posting's row in its chunk             UInt16
///     TCLS  each posting's class                        UInt16
///     TPOS  each posting's positions: the distance to   UInt8
///           the one before, doubled, 1 more if another
///           follows; seven bits a byte, lowest first
///     TSKP  where every 64th posting's positions begin  UInt64
///
/// Whatever the file says is checked where it is used: a damaged one gives wrong answers, which the
/// engine throws away, and never leads outside of it.
struct TextBase: Sendable {
    /// What the words of `THDR` are.
    enum Header: Int, CaseIterable {
        case format, seed, rowBound, documentCount, totalLength, maxClass
    }
    static let format: UInt64 = 1
    static let postingsPerSkip = 64
    static let startMask: UInt64 = 1 << 48 - 1

    let seed: UInt64
    let rowBound: UInt32
    let documentCount: Int
    let totalLength: Int
    let maxClass: UInt16
    let termCount: Int
    private let words: Section<UInt8>
    private let wordEnds: Section<UInt64>
    private let slots: Section<UInt64>
    private let firstEntries: Section<UInt64>
    private let entries: Section<UInt64>
    let rows: Section<UInt16>
    let classes: Section<UInt16>
    private let positions: Section<UInt8>
    private let skips: Section<UInt64>

    /// `nil` when sections are missing, don't fit each other, or are of a later format.
    init?(_ source: some SectionSource) {
        guard let header = source.section("THDR", of: UInt64.self),
            header.count == Header.allCases.count,
            let words = source.section("TWRD", of: UInt8.self),
            let wordEnds = source.section("TWEN", of: UInt64.self),
            let slots = source.section("THSH", of: UInt64.self),
            let firstEntries = source.section("TENT", of: UInt64.self),
            let entries = source.section("TCHK", of: UInt64.self),
            let rows = source.section("TROW", of: UInt16.self),
            let classes = source.section("TCLS", of: UInt16.self),
            let positions = source.section("TPOS", of: UInt8.self),
            let skips = source.section("TSKP", of: UInt64.self)
        else { return nil }
        let value = { (field: Header) in header.element(field.rawValue, or: 0) }
        guard value(.format) == Self.format,
            let rowBound = UInt32(exactly: value(.rowBound)),
            let maxClass = UInt16(exactly: value(.maxClass)),
            value(.documentCount) <= value(.rowBound), value(.totalLength) < 1 << 48,
            wordEnds.count > 0, wordEnds.count == firstEntries.count, entries.count > 0,
            slots.count.nonzeroBitCount == 1, slots.count >= wordEnds.count,
            rows.count == classes.count,
            skips.count == (rows.count + Self.postingsPerSkip - 1) / Self.postingsPerSkip
        else { return nil }
        seed = value(.seed)
        self.rowBound = rowBound
        documentCount = Int(value(.documentCount))
        totalLength = Int(value(.totalLength))
        self.maxClass = maxClass
        termCount = wordEnds.count - 1
        self.words = words
        self.wordEnds = wordEnds
        self.slots = slots
        self.firstEntries = firstEntries
        self.entries = entries
        self.rows = rows
        self.classes = classes
        self.positions = positions
        self.skips = skips
    }

    // MARK: Terms

    /// The term whose stem is `word`.
    func term(forStem word: FoldedWord) -> Int? {
        let hash = word.hash(seed: seed)
        let mask = slots.count - 1
        var index = Int(truncatingIfNeeded: hash) & mask
        for _ in 0...mask {
            let slot = slots.element(index, or: 0)
            if slot == 0 { return nil }
            let term = Int(slot & 0xFFFF_FFFF) - 1
            if slot >> 32 == hash >> 32, word.hasBytes(bytes(of: term)) { return term }
            index = (index + 1) & mask
        }
        return nil
    }

    /// The stem of a term.
    func bytes(of term: Int) -> UnsafeBufferPointer<UInt8> {
        words.elements(range(wordEnds, term))
    }

    /// The terms whose stems begin with `prefix`.
    func terms(withPrefix prefix: [UInt8]) -> Range<Int> {
        let start = firstTerm { !$0.lexicographicallyPrecedes(prefix) }
        let end = firstTerm { !$0.lexicographicallyPrecedes(prefix) && !$0.starts(with: prefix) }
        return start..<max(start, end)
    }

    /// The first term from which on `isBehind` holds.
    private func firstTerm(_ isBehind: (UnsafeBufferPointer<UInt8>) -> Bool) -> Int {
        var low = 0
        var high = termCount
        while low < high {
            let middle = (low + high) / 2
            if isBehind(bytes(of: middle)) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The entries of a term.
    func entries(of term: Int) -> Range<Int> {
        let range = range(firstEntries, term)
        return range.upperBound < entries.count ? range : 0..<0
    }

    /// How many documents have the term of these entries.
    func frequency(of entries: Range<Int>) -> Int {
        guard !entries.isEmpty else { return 0 }
        return max(0, firstPosting(of: entries.upperBound) - firstPosting(of: entries.lowerBound))
    }

    /// The chunk of an entry.
    func chunk(of entry: Int) -> Int { Int(entries.element(entry, or: 0) >> 48) }

    /// The postings of an entry.
    func postings(of entry: Int) -> Range<Int> {
        let start = firstPosting(of: entry)
        let end = firstPosting(of: entry + 1)
        guard start <= end, end - start <= 1 << 16, end <= rows.count else { return 0..<0 }
        return start..<end
    }

    private func firstPosting(of entry: Int) -> Int {
        Int(entries.element(entry, or: 0) & Self.startMask)
    }

    private func range(_ starts: Section<UInt64>, _ index: Int) -> Range<Int> {
        guard let start = Int(exactly: starts.element(index, or: 0)),
            let end = Int(exactly: starts.element(index + 1, or: 0)), start <= end
        else { return 0..<0 }
        return start..<end
    }

    // MARK: Positions

    /// Where positions are read next, to go on from.
    struct PositionReader {
        /// Which postings `bytes` is about.
        fileprivate var group = -1
        /// The next posting.
        fileprivate var posting = 0
        fileprivate var offset = 0
        fileprivate var bytes = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

        init() {}

        /// Goes past the posting at hand: past the first number that says that none follows.
        fileprivate mutating func skipOne() {
            posting += 1
            var isInside = false
            var follows = true
            while isInside || follows, offset < bytes.count {
                let byte = bytes[offset]
                offset += 1
                // The lowest bit of a number is in its first byte.
                if !isInside { follows = byte & 1 == 1 }
                isInside = byte >= 0x80
            }
        }
    }

    /// Appends the positions of a posting.
    func readPositions(
        of posting: Int,
        with reader: inout PositionReader,
        into list: inout ContiguousArray<UInt32>
    ) {
        let bytes = positionBytes(of: posting, with: &reader)
        var position: UInt32 = 0
        var step: UInt64 = 0
        var shift: UInt64 = 0
        for byte in bytes {
            step |= UInt64(byte & 0x7F) << shift
            shift += 7
            guard byte < 0x80 else { continue }
            position &+= UInt32(truncatingIfNeeded: step >> 1)
            list.append(position)
            step = 0
            shift = 0
        }
    }

    /// The bytes of a posting's positions.
    func positionBytes(of posting: Int, with reader: inout PositionReader)
        -> UnsafeBufferPointer<UInt8>
    {
        let group = posting / Self.postingsPerSkip
        if reader.group != group || reader.posting > posting {
            let start = Int(truncatingIfNeeded: skips.element(group, or: 0))
            let end =
                group + 1 < skips.count
                ? Int(truncatingIfNeeded: skips.element(group + 1, or: 0)) : positions.count
            reader.group = group
            reader.posting = group * Self.postingsPerSkip
            reader.offset = 0
            reader.bytes =
                start >= 0 && start <= end
                ? positions.elements(start..<end) : UnsafeBufferPointer(start: nil, count: 0)
        }
        var start = reader.offset
        while reader.posting <= posting {
            start = reader.offset
            reader.skipOne()
        }
        return UnsafeBufferPointer(rebasing: reader.bytes[start..<reader.offset])
    }
}

extension FoldedWord {
    /// Whether these are the bytes of the word.
    func hasBytes(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count == count else { return false }
        if let long {
            return bytes.elementsEqual(
                UnsafeRawBufferPointer(start: long, count: count)
            )
        }
        var low: UInt64 = 0
        var high: UInt64 = 0
        for index in 0..<count {
            if index < 8 {
                low |= UInt64(bytes[index]) << UInt64(index * 8)
            } else {
                high |= UInt64(bytes[index]) << UInt64(index * 8 - 64)
            }
        }
        return low == self.low && high == self.high
    }

    /// The bytes of the word.
    var bytes: [UInt8] {
        (0..<count).map { index in
            let eight = long.map { UInt64(littleEndian: $0[index / 8]) } ?? (index < 8 ? low : high)
            return UInt8(truncatingIfNeeded: eight >> UInt64(index % 8 * 8))
        }
    }
}
