// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The postings in a base file, searched in place.
///
/// Postings lists are numbered in the order of their keys (`PostingListKey`), so the lists of a
/// stem are consecutive. The postings of a list are contiguous, in row order. In a row block of
/// 65,536 rows, the rows of all postings come first, then their classes.
///
///     THDR  see `Header`                                UInt64
///     TSLT  documents and words of each slot            UInt64
///     TLEN  the lengths of each row (`RowLengths`)      UInt32
///     TFLD  names of fields, a byte of length before    UInt8
///     TCTB  frequencies and lengths of each class       UInt64
///     TLST  the record of each list (`PostingsHeader`)  UInt64
///     TLSE  the start of each record                    UInt32
///     THSH  upper half of a stem's hash, where its      UInt64
///           first list's record begins + 1; 0 free
///     TPST  each posting's row in its row block, for    UInt16
///           all of a list in a row block, then their
///           classes
///     TPOS  each posting's positions, as numbers of     UInt8
///           seven bits per byte, lowest first
///     TSKP  where every 64th posting's positions begin  UInt64
///
/// A position in `TPOS` is the distance from the previous position, times four, plus 1 if another
/// number of the posting follows. The first position in a later field is preceded by the step to
/// that field, times four, plus 3.
///
/// Each read checks the bytes that it uses. A damaged file may cause wrong results, which the
/// engine discards, but never an access outside the file.
///
/// A class, because copies of such a large struct took a fifth of a ranked search.
final class TextBase: Sendable {
    /// The numbers of `THDR`, in order.
    enum Header: Int, CaseIterable {
        case format, seed, rowBound, documentCount, analysis
    }
    static let format: UInt64 = 7
    static let postingsPerSkip = 64

    let seed: UInt64
    let rowBound: RowID
    let documentCount: Int
    let slots: [SlotStatistics]
    let lengths: MappedArray<UInt32>
    let fieldNames: [ByteString]
    let classTable: MappedArray<UInt64>
    var listCount: Int { starts.count }
    private let lists: MappedArray<UInt64>
    private let starts: MappedArray<UInt32>
    private let stems: MappedArray<UInt64>
    private let postings: MappedArray<UInt16>
    private let positions: MappedArray<UInt8>
    private let skips: MappedArray<UInt64>
    /// The forms of words in texts.
    let vocabulary: BaseVocabulary

    /// Whether this process's analysis made the words of a base, and the format is the current one.
    static func isOfThisAnalysis(_ source: some SectionSource, _ language: TextLanguage) -> Bool {
        guard let header = source.section("THDR", of: UInt64.self),
            header.count == Header.allCases.count
        else { return false }
        return header.element(Header.format.rawValue, or: 0) == format
            && header.element(Header.analysis.rawValue, or: 0) == AnalysisFingerprint.of(language)
    }

    /// `nil` when sections are missing, contradict each other, or are of a later format.
    init?(_ source: some SectionSource, _ options: TextOptions) {
        guard let header = source.section("THDR", of: UInt64.self),
            header.count == Header.allCases.count,
            let lists = source.section("TLST", of: UInt64.self),
            let starts = source.section("TLSE", of: UInt32.self),
            let slots = source.section("TSLT", of: UInt64.self),
            let lengths = source.section("TLEN", of: UInt32.self),
            let fields = source.section("TFLD", of: UInt8.self),
            let classTable = source.section("TCTB", of: UInt64.self),
            let stems = source.section("THSH", of: UInt64.self),
            let postings = source.section("TPST", of: UInt16.self),
            let positions = source.section("TPOS", of: UInt8.self),
            let skips = source.section("TSKP", of: UInt64.self),
            let vocabulary = BaseVocabulary(source)
        else { return nil }
        let value = { (field: Header) in header.element(field.rawValue, or: 0) }
        guard value(.format) == Self.format,
            let rowBound = UInt32(exactly: value(.rowBound)),
            value(.documentCount) <= value(.rowBound),
            slots.count == (options.fields.count + 1) * 2,
            lengths.count == Int(rowBound) * (options.fields.count + 1),
            classTable.count % 2 == 0, classTable.count <= 2 << 16,
            stems.count.nonzeroBitCount == 1,
            postings.count % 2 == 0,
            skips.count == (postings.count / 2 + Self.postingsPerSkip - 1) / Self.postingsPerSkip
        else { return nil }
        let fieldNames = Self.names(fields)
        let declared = options.fields.map { ByteString($0.name) }
        guard fieldNames.starts(with: declared) else { return nil }
        self.slots = stride(from: 0, to: slots.count, by: 2).map { index in
            SlotStatistics(
                documents: Int(clamping: slots.element(index, or: 0)),
                words: Int(clamping: slots.element(index + 1, or: 0) & (1 << 48 - 1))
            )
        }
        self.lengths = lengths
        self.fieldNames = fieldNames
        self.classTable = classTable
        seed = value(.seed)
        self.rowBound = RowID(rawValue: rowBound)
        documentCount = Int(value(.documentCount))
        self.lists = lists
        self.starts = starts
        self.stems = stems
        self.postings = postings
        self.positions = positions
        self.skips = skips
        self.vocabulary = vocabulary
    }

    /// The names in `TFLD`.
    private static func names(_ fields: MappedArray<UInt8>) -> [ByteString] {
        var remaining = fields.elements(0..<fields.count)[...]
        var names: [ByteString] = []
        while let count = remaining.popFirst(), names.count < FieldTable.last {
            names.append(ByteString(String(decoding: remaining.prefix(Int(count)), as: UTF8.self)))
            remaining = remaining.dropFirst(Int(count))
        }
        return names
    }

    // MARK: Lists

    /// Calls `body` with the lists of a stem.
    @inline(__always)
    func forEachList(
        ofStem word: NormalizedToken,
        _ body: (_ list: PostingsHeader, _ key: PostingListKey) -> Void
    ) {
        let hash = word.hash(seed: seed)
        let mask = stems.count - 1
        var index = Int(truncatingIfNeeded: hash) & mask
        for _ in 0...mask {
            let slot = stems.element(index, or: 0)
            if slot == 0 { return }
            if slot >> 32 == hash >> 32,
                var list = PostingsHeader(lists, at: Int(slot & 0xFFFF_FFFF) - 1),
                var key = list.key(ofStem: word)
            {
                while true {
                    body(list, key)
                    guard list.end < lists.count, let next = PostingsHeader(lists, at: list.end),
                        let nextKey = next.key(ofStem: word)
                    else { return }
                    (list, key) = (next, nextKey)
                }
            }
            index = (index + 1) & mask
        }
    }

    /// A list by its number; `nil` when it is damaged.
    func list(_ number: Int) -> PostingsHeader? {
        let start = Int(starts.element(number, or: .max))
        return start < lists.count ? PostingsHeader(lists, at: start) : nil
    }

    /// The postings from `entry` up to the next entry; none when an entry is damaged.
    @inline(__always)
    func postings(of entry: UInt64, before next: UInt64) -> Range<Int> {
        let (start, end) = (PostingsHeader.posting(entry), PostingsHeader.posting(next))
        guard start <= end, end - start <= 1 << 16, end * 2 <= postings.count else { return 0..<0 }
        return start..<end
    }

    /// Calls `body` with each row block of a list, and the postings in it.
    func forEachEntry<Failure: Error>(
        of list: PostingsHeader,
        _ body: (_ rowBlock: Int, _ postings: Range<Int>) throws(Failure) -> Void
    ) throws(Failure) {
        for index in 0..<list.entries.count - 1 {
            let entry = list.entries[index]
            let postings = postings(of: entry, before: list.entries[index + 1])
            if !postings.isEmpty { try body(PostingsHeader.rowBlock(entry), postings) }
        }
    }

    /// The rows and classes of the postings of a list in a row block.
    @inline(__always)
    func columns(of range: Range<Int>) -> (
        rows: UnsafeBufferPointer<UInt16>, classes: UnsafeBufferPointer<UInt16>
    ) {
        let both = postings.elements(range.lowerBound * 2..<range.upperBound * 2)
        let count = both.count / 2
        return (
            UnsafeBufferPointer(rebasing: both[..<count]),
            UnsafeBufferPointer(rebasing: both[count...])
        )
    }

    // MARK: Positions

    /// The state of sequential reads of positions: where the next read continues.
    struct PositionReader {
        /// The group of postings of `bytes`.
        fileprivate var group = -1
        /// The next posting.
        fileprivate var posting = 0
        fileprivate var offset = 0
        fileprivate var bytes = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

        init() {}

        /// Skips a posting: all numbers up to the first one without a successor.
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
            let value = UInt32(truncatingIfNeeded: step >> 2)
            if step & 2 != 0 {
                position = (position >> Position.bits &+ value) << Position.bits
            } else {
                position &+= value
                list.append(position)
            }
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
