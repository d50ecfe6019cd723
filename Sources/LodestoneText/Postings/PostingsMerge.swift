// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension PostingsTextIndex {
    /// Writes base and delta as one new base, without the dropped rows.
    ///
    /// `TextBase` defines the sections. Any thread may write from a copy, while the writer
    /// continues with the newest value.
    ///
    /// - Parameters:
    ///   - sink: The receiver of the sections.
    ///   - isLive: Whether a row was live when this copy was made.
    /// - Throws: The errors of `sink`.
    package func write(
        to sink: inout some SectionSink,
        isLive: (RowID) -> Bool
    ) throws(LodestoneError) {
        var merge = PostingsMerge(self, isLive)
        try merge.write(to: &sink)
    }
}

/// The merge of base and delta, list by list: first the postings, then their positions.
private struct PostingsMerge {
    /// The postings of a key: a list of the base, a list of the delta by its number, or both.
    private struct TermList {
        let base: PostingsHeader?
        let delta: UInt32?
    }

    /// Consecutive postings of a list in one row block.
    private struct PostingsSlice {
        enum Source {
            /// Postings of the base, by number; `of`: all of the list in the row block.
            case base(Range<Int>, of: Range<Int>)
            /// One posting of the delta.
            case delta(DeltaPosting)
        }

        let rowBlock: UInt32
        let source: Source

        var count: Int { if case .base(let postings, _) = source { postings.count } else { 1 } }
    }

    private let index: PostingsTextIndex
    /// One bit per row that is live.
    private let live: ContiguousArray<UInt64>
    /// Per row block, whether all its rows are live, so that no row need be tested.
    private let isWhole: [Bool]
    private var lists: [TermList] = []

    init(_ index: PostingsTextIndex, _ isLive: (RowID) -> Bool) {
        self.index = index
        var live = ContiguousArray<UInt64>(repeating: 0, count: (Int(index.rowBound) + 63) / 64)
        var isWhole = [Bool](repeating: true, count: Int(index.rowBound) >> 16 + 1)
        for row in 0..<Int(index.rowBound) {
            if isLive(RowID(row)) {
                live[row / 64] |= 1 << UInt64(row % 64)
            } else {
                isWhole[row >> 16] = false
            }
        }
        self.live = live
        self.isWhole = isWhole
        lists = Self.lists(of: index)
    }

    private func isLive(_ row: RowID) -> Bool {
        let row = Int(row)
        return row < Int(index.rowBound) && live[row / 64] & 1 << UInt64(row % 64) != 0
    }

    /// All lists, in the order of their keys.
    private static func lists(of index: PostingsTextIndex) -> [TermList] {
        let dictionary = index.delta.dictionary
        let added = (0..<dictionary.listCount)
            .filter { index.delta.firstNode(of: $0) != 0 }
            .map { list in (key: dictionary.key(of: list), list: list) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        var lists: [TermList] = []
        var next = 0
        for number in 0..<(index.base?.listCount ?? 0) {
            guard let list = index.base?.list(number) else { continue }
            let key = list.keyBytes
            while next < added.count, added[next].key.lexicographicallyPrecedes(key) {
                lists.append(TermList(base: nil, delta: added[next].list))
                next += 1
            }
            if next < added.count, added[next].key.elementsEqual(key) {
                lists.append(TermList(base: list, delta: added[next].list))
                next += 1
            } else {
                lists.append(TermList(base: list, delta: nil))
            }
        }
        lists += added[next...].map { TermList(base: nil, delta: $0.list) }
        return lists
    }

    /// Calls `body` with the live postings of a list, in row order.
    private func forEachSlice(
        of list: TermList,
        _ body: (PostingsSlice) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        if let base = index.base, let list = list.base {
            try base.forEachEntry(of: list) { (rowBlock, postings) throws(LodestoneError) in
                if rowBlock < isWhole.count, isWhole[rowBlock] {
                    try body(
                        PostingsSlice(
                            rowBlock: UInt32(rowBlock),
                            source: .base(postings, of: postings)
                        )
                    )
                } else {
                    try forEachLiveSlice(of: postings, in: base, UInt32(rowBlock), body)
                }
            }
        }
        var number = list.delta.map { index.delta.firstNode(of: $0) } ?? 0
        while number != 0 {
            let node = index.delta.node(number)
            for index in 0..<node.count {
                let posting = DeltaPosting(node.postings[index].load(ordering: .relaxed))
                let row = RowID(rowBlock: Int(node.rowBlock), offset: posting.row)
                guard isLive(row) else { continue }
                try body(PostingsSlice(rowBlock: node.rowBlock, source: .delta(posting)))
            }
            number = node.next
        }
    }

    /// Calls `body` with the live postings, in the longest possible slices.
    private func forEachLiveSlice(
        of postings: Range<Int>,
        in base: TextBase,
        _ rowBlock: UInt32,
        _ body: (PostingsSlice) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let rows = base.columns(of: postings).rows
        var start = 0
        while start < rows.count {
            var end = start
            while end < rows.count {
                let row = RowID(rowBlock: Int(rowBlock), offset: Int(rows[end]))
                guard isLive(row) else { break }
                end += 1
            }
            if end > start {
                let first = postings.lowerBound
                let slice = first + start..<first + end
                try body(PostingsSlice(rowBlock: rowBlock, source: .base(slice, of: postings)))
            }
            start = end + 1
        }
    }

    // MARK: Sections

    mutating func write(to sink: inout some SectionSink) throws(LodestoneError) {
        // Postings are written first, because they determine the remaining lists.
        let records = try writePostings(to: &sink)
        try sink.write("TSKP", try writePositions(to: &sink))
        try sink.write("TLST", records.units)
        try sink.write("TLSE", records.starts)
        try sink.write("THSH", slots(records))
        try sink.write(
            "TSLT",
            ContiguousArray(
                index.slots.flatMap { [UInt64($0.documents), UInt64($0.words)] }
            )
        )
        try writeLengths(to: &sink)
        try sink.write("TFLD", fieldNames)
        try sink.write("TCTB", self.classes)
        try vocabulary.write(to: &sink)
        try sink.write("THDR", header)
    }

    /// The forms of the remaining lists.
    private var vocabulary: VocabularyList {
        var forms = VocabularyList()
        for list in lists {
            key(of: list).withUnsafeBufferPointer { key in
                if let form = PostingListKey(key)?.form { forms.append(form) }
            }
        }
        return forms
    }

    /// Writes `TPST`, and leaves out lists without postings.
    ///
    /// - Returns: The content of `TLST` and `TLSE`.
    private mutating func writePostings(to sink: inout some SectionSink) throws(LodestoneError)
        -> PostingsRecords
    {
        var records = PostingsRecords()
        var remaining: [TermList] = []
        var count = 0
        try sink.begin("TPST")
        var postings = SectionBuffer<UInt16>()
        // The classes of the current row block.
        var classes: ContiguousArray<UInt16> = []
        for list in lists {
            try forEachSlice(of: list) { (slice) throws(LodestoneError) in
                if slice.rowBlock != records.rowBlock {
                    postings.append(taking: &classes)
                    records.begin(rowBlock: slice.rowBlock, at: count)
                }
                count += slice.count
                switch slice.source {
                case .base(let part, let all):
                    let columns = index.base?.columns(of: all)
                    let indexes =
                        part.lowerBound - all.lowerBound..<part.upperBound - all.lowerBound
                    guard let columns, indexes.upperBound <= columns.rows.count else { return }
                    postings.append(UnsafeBufferPointer(rebasing: columns.rows[indexes]))
                    classes.append(contentsOf: columns.classes[indexes])
                case .delta(let posting):
                    postings.append(UInt16(truncatingIfNeeded: posting.row))
                    classes.append(UInt16(truncatingIfNeeded: posting.postingClass))
                }
                if postings.isFull { try postings.flush(to: &sink) }
            }
            postings.append(taking: &classes)
            if records.rowBlock != nil {
                remaining.append(list)
                records.end(key(of: list), at: count)
            }
        }
        try postings.flush(to: &sink)
        lists = remaining
        return records
    }

    /// Writes `TPOS`.
    ///
    /// - Returns: The content of `TSKP`.
    private func writePositions(to sink: inout some SectionSink) throws(LodestoneError)
        -> ContiguousArray<UInt64>
    {
        var skips: ContiguousArray<UInt64> = []
        var count = 0
        var bytes = SectionBuffer<UInt8>()
        var positions: ContiguousArray<UInt32> = []
        try sink.begin("TPOS")
        for list in lists {
            var reader = TextBase.PositionReader()
            try forEachSlice(of: list) { (slice) throws(LodestoneError) in
                switch slice.source {
                case .base(let postings, _):
                    for posting in postings {
                        if count % TextBase.postingsPerSkip == 0 { skips.append(bytes.total) }
                        count += 1
                        bytes.append(index.base?.positionBytes(of: posting, with: &reader))
                        if bytes.isFull { try bytes.flush(to: &sink) }
                    }
                case .delta(let posting):
                    if count % TextBase.postingsPerSkip == 0 { skips.append(bytes.total) }
                    count += 1
                    positions.removeAll(keepingCapacity: true)
                    index.delta.readPositions(of: posting.positionReference, into: &positions)
                    bytes.append(positions: positions)
                    if bytes.isFull { try bytes.flush(to: &sink) }
                }
            }
        }
        try bytes.flush(to: &sink)
        return skips
    }

    /// Writes `TLEN`, with zeros for rows that are not live.
    private func writeLengths(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.begin("TLEN")
        var lengths = SectionBuffer<UInt32>()
        for row in 0..<Int(index.rowBound) {
            let isLive = isLive(RowID(row))
            for slot in index.slots.indices {
                lengths.append(isLive ? index.lengths.stored(RowID(row), slot) : 0)
            }
            if lengths.isFull { try lengths.flush(to: &sink) }
        }
        try lengths.flush(to: &sink)
    }

    private func key(of list: TermList) -> [UInt8] {
        if let list = list.base { return Array(list.keyBytes) }
        return list.delta.map { index.delta.dictionary.key(of: $0) } ?? []
    }

    /// The content of `THSH`.
    private func slots(_ records: PostingsRecords) -> ContiguousArray<UInt64> {
        var stems: ContiguousArray<(hash: UInt64, start: UInt32)> = []
        var buffer = WordBuffer()
        var last: ArraySlice<UInt8> = []
        for (list, start) in zip(lists, records.starts) {
            let key = key(of: list)
            let stem = key.withUnsafeBufferPointer { key in
                PostingListKey(key).map { $0.stem.count }
            }
            guard let stem, key[..<stem] != last else { continue }
            last = key[..<stem]
            buffer.removeAll()
            buffer.append(contentsOf: last)
            stems.append((buffer.word.hash(seed: index.delta.dictionary.seed), start))
        }
        var size = 2
        while size * 2 < stems.count * 3 { size *= 2 }
        var slots = ContiguousArray<UInt64>(repeating: 0, count: size)
        for (hash, start) in stems {
            var slot = Int(truncatingIfNeeded: hash) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = hash & (0xFFFF_FFFF << 32) | (UInt64(start) + 1)
        }
        return slots
    }

    /// The content of `TFLD`.
    private var fieldNames: ContiguousArray<UInt8> {
        ContiguousArray(
            index.delta.tables.fields.all.flatMap { name in
                [UInt8(clamping: name.string.utf8.count)] + name.string.utf8.prefix(255)
            }
        )
    }

    /// The content of `TCTB`.
    private var classes: ContiguousArray<UInt64> {
        ContiguousArray(
            index.delta.tables.classes.classes(index.classCount)
                .flatMap { [$0.frequencies, $0.lengths] }
        )
    }

    private var header: ContiguousArray<UInt64> {
        ContiguousArray(
            TextBase.Header.allCases.map { field in
                switch field {
                case .format: TextBase.format
                case .seed: index.delta.dictionary.seed
                case .rowBound: UInt64(index.rowBound)
                case .documentCount: UInt64(index.documentCount)
                case .analysis: AnalysisFingerprint.of(index.options.language)
                }
            }
        )
    }
}

/// A buffer of a section's elements, which are written in larger pieces.
///
/// Only `flush` has the sink as a parameter. Measured (`append` with a generic sink): lookups for
/// generic code took a quarter of a merge.
private struct SectionBuffer<Element: BitwiseCopyable> {
    private static var size: Int { 1 << 14 }
    private var elements: ContiguousArray<Element> = []
    private var flushed: UInt64 = 0

    init() {
        elements.reserveCapacity(Self.size)
    }

    /// The number of elements so far.
    var total: UInt64 { flushed + UInt64(elements.count) }

    /// Whether the caller must call `flush`.
    var isFull: Bool { elements.count >= Self.size }

    @inline(__always)
    mutating func append(_ element: Element) {
        elements.append(element)
    }

    @inline(__always)
    mutating func append(_ more: UnsafeBufferPointer<Element>?) {
        if let more { elements.append(contentsOf: more) }
    }

    mutating func append(taking more: inout ContiguousArray<Element>) {
        elements.append(contentsOf: more)
        more.removeAll(keepingCapacity: true)
    }

    mutating func flush(to sink: inout some SectionSink) throws(LodestoneError) {
        let result = elements.withUnsafeBytes { bytes in
            Result { () throws(LodestoneError) in try sink.append(bytes) }
        }
        try result.get()
        flushed += UInt64(elements.count)
        elements.removeAll(keepingCapacity: true)
    }
}

extension SectionBuffer<UInt8> {
    /// Appends positions in the encoding of `TextBase`.
    fileprivate mutating func append(positions: ContiguousArray<UInt32>) {
        var before: UInt32 = 0
        for index in positions.indices {
            let step = positions[index] >> Position.bits &- before >> Position.bits
            if step != 0 {
                append(number: UInt64(step) << 2 | 3)
                before = positions[index] & ~Position.offsetMask
            }
            let distance = UInt64(positions[index] &- before)
            before = positions[index]
            append(number: distance << 2 | (index + 1 < positions.count ? 1 : 0))
        }
    }

    private mutating func append(number: UInt64) {
        var remaining = number
        while remaining >= 0x80 {
            append(UInt8(truncatingIfNeeded: remaining) | 0x80)
            remaining >>= 7
        }
        append(UInt8(truncatingIfNeeded: remaining))
    }
}
