// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension PostingsTextIndex {
    /// Writes base and delta as one new base, without the dropped rows.
    ///
    /// The sections are those that `TextBase` names. The write works from a copy on any thread,
    /// while the writer goes on with the newest value.
    ///
    /// - Parameters:
    ///   - sink: The receiver of the sections.
    ///   - isLive: Whether a row still counts. It must answer as when documents were counted, at
    ///     the moment of this copy.
    /// - Throws: The errors of `sink`.
    package func write(
        to sink: inout some SectionSink,
        isLive: (UInt32) -> Bool
    ) throws(LodestoneError) {
        var merge = TextMerge(self, isLive)
        try merge.write(to: &sink)
    }
}

/// Merges base and delta, list by list: first the postings, then their positions.
private struct TextMerge {
    /// A posting list in the base, by its number in the delta, or both.
    private struct List {
        let base: PostingsHeader?
        let delta: UInt32?
    }

    /// Consecutive postings of a list in one chunk.
    private struct Piece {
        enum Source {
            /// Some postings of the base, by their numbers, within those of the list in the chunk.
            case base(Range<Int>, of: Range<Int>)
            /// One posting of the delta.
            case delta(DeltaPosting)
        }

        let chunk: UInt32
        let source: Source

        var count: Int { if case .base(let postings, _) = source { postings.count } else { 1 } }
    }

    private let index: PostingsTextIndex
    /// One bit for each row that stays.
    private let kept: ContiguousArray<UInt64>
    /// Whether all rows of a chunk stay, so that no row needs a look.
    private let isWhole: [Bool]
    private var lists: [List] = []

    init(_ index: PostingsTextIndex, _ isAllowed: (UInt32) -> Bool) {
        self.index = index
        var kept = ContiguousArray<UInt64>(repeating: 0, count: (Int(index.rowBound) + 63) / 64)
        var isWhole = [Bool](repeating: true, count: Int(index.rowBound) >> 16 + 1)
        for row in 0..<index.rowBound {
            if isAllowed(row) {
                kept[Int(row / 64)] |= 1 << UInt64(row % 64)
            } else {
                isWhole[Int(row >> 16)] = false
            }
        }
        self.kept = kept
        self.isWhole = isWhole
        lists = Self.lists(of: index)
    }

    private func isKept(_ row: UInt32) -> Bool {
        row < index.rowBound && kept[Int(row / 64)] & 1 << UInt64(row % 64) != 0
    }

    /// All lists, in the order of their keys.
    private static func lists(of index: PostingsTextIndex) -> [List] {
        let dictionary = index.delta.dictionary
        let added = (0..<dictionary.listCount)
            .filter { index.delta.firstBlock(of: $0) != 0 }
            .map { list in (key: dictionary.key(of: list), list: list) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        var lists: [List] = []
        var next = 0
        for number in 0..<(index.base?.listCount ?? 0) {
            guard let list = index.base?.list(number) else { continue }
            let key = list.keyBytes
            while next < added.count, added[next].key.lexicographicallyPrecedes(key) {
                lists.append(List(base: nil, delta: added[next].list))
                next += 1
            }
            if next < added.count, added[next].key.elementsEqual(key) {
                lists.append(List(base: list, delta: added[next].list))
                next += 1
            } else {
                lists.append(List(base: list, delta: nil))
            }
        }
        lists += added[next...].map { List(base: nil, delta: $0.list) }
        return lists
    }

    /// Calls `body` with the postings of a list that stay, in row order.
    private func forEachPiece(
        of list: List,
        _ body: (Piece) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        if let base = index.base, let list = list.base {
            try base.forEachEntry(of: list) { (chunk, postings) throws(LodestoneError) in
                if chunk < isWhole.count, isWhole[chunk] {
                    try body(Piece(chunk: UInt32(chunk), source: .base(postings, of: postings)))
                } else {
                    try forEachRun(of: postings, in: base, UInt32(chunk), body)
                }
            }
        }
        var number = list.delta.map { index.delta.firstBlock(of: $0) } ?? 0
        while number != 0 {
            let block = index.delta.block(number)
            for place in 0..<block.count {
                let posting = DeltaPosting(block.postings[place].load(ordering: .relaxed))
                guard isKept(block.chunk << 16 | UInt32(posting.row)) else { continue }
                try body(Piece(chunk: block.chunk, source: .delta(posting)))
            }
            number = block.next
        }
    }

    /// Calls `body` with the postings that stay, in the longest possible runs.
    private func forEachRun(
        of postings: Range<Int>,
        in base: TextBase,
        _ chunk: UInt32,
        _ body: (Piece) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let rows = base.columns(of: postings).rows
        var place = 0
        while place < rows.count {
            var end = place
            while end < rows.count, isKept(chunk << 16 | UInt32(rows[end])) { end += 1 }
            if end > place {
                let first = postings.lowerBound
                let run = first + place..<first + end
                try body(Piece(chunk: chunk, source: .base(run, of: postings)))
            }
            place = end + 1
        }
    }

    // MARK: Sections

    mutating func write(to sink: inout some SectionSink) throws(LodestoneError) {
        // Postings first: they show which lists stay.
        let records = try writePostings(to: &sink)
        try sink.write("TSKP", try writePositions(to: &sink))
        try sink.write("TLST", records.words)
        try sink.write("TLSE", records.places)
        try sink.write("THSH", slots(records))
        try sink.write(
            "TSLT",
            ContiguousArray(
                index.slots.flatMap { [UInt64($0.documents), UInt64($0.words)] }
            )
        )
        try sink.write("TFLD", fieldNames)
        try sink.write("TCTB", self.classes)
        try vocabulary.write(to: &sink)
        try sink.write("THDR", header)
    }

    /// The words of the lists that stay.
    private var vocabulary: VocabularyList {
        var words = VocabularyList()
        for list in lists {
            key(of: list).withUnsafeBufferPointer { key in
                if let word = PostingList.Key(key)?.word { words.append(word) }
            }
        }
        return words
    }

    /// Writes `TPST`, and leaves out lists without postings.
    ///
    /// - Returns: The content of `TLST` and `TLSE`.
    private mutating func writePostings(to sink: inout some SectionSink) throws(LodestoneError)
        -> PostingsRecords
    {
        var records = PostingsRecords()
        var staying: [List] = []
        var count = 0
        try sink.begin("TPST")
        var postings = SectionBuffer<UInt16>()
        // The classes of the chunk under way.
        var classes: ContiguousArray<UInt16> = []
        for list in lists {
            try forEachPiece(of: list) { (piece) throws(LodestoneError) in
                if piece.chunk != records.chunk {
                    postings.append(taking: &classes)
                    records.begin(chunk: piece.chunk, at: count)
                }
                count += piece.count
                switch piece.source {
                case .base(let part, let all):
                    let columns = index.base?.columns(of: all)
                    let places = part.lowerBound - all.lowerBound..<part.upperBound - all.lowerBound
                    guard let columns, places.upperBound <= columns.rows.count else { return }
                    postings.append(UnsafeBufferPointer(rebasing: columns.rows[places]))
                    classes.append(contentsOf: columns.classes[places])
                case .delta(let posting):
                    postings.append(UInt16(truncatingIfNeeded: posting.row))
                    classes.append(UInt16(truncatingIfNeeded: posting.postingClass))
                }
                if postings.isFull { try postings.flush(to: &sink) }
            }
            postings.append(taking: &classes)
            if records.chunk != nil {
                staying.append(list)
                records.end(key(of: list), at: count)
            }
        }
        try postings.flush(to: &sink)
        lists = staying
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
            try forEachPiece(of: list) { (piece) throws(LodestoneError) in
                switch piece.source {
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
                    index.delta.positions(at: posting.place, into: &positions)
                    bytes.append(positions: positions)
                    if bytes.isFull { try bytes.flush(to: &sink) }
                }
            }
        }
        try bytes.flush(to: &sink)
        return skips
    }

    private func key(of list: List) -> [UInt8] {
        if let list = list.base { return Array(list.keyBytes) }
        return list.delta.map { index.delta.dictionary.key(of: $0) } ?? []
    }

    /// The content of `THSH`.
    private func slots(_ records: PostingsRecords) -> ContiguousArray<UInt64> {
        var stems: ContiguousArray<(hash: UInt64, place: UInt32)> = []
        var buffer = WordBuffer()
        var last: ArraySlice<UInt8> = []
        for (list, place) in zip(lists, records.places) {
            let key = key(of: list)
            let stem = key.withUnsafeBufferPointer { key in
                PostingList.Key(key).map { $0.stem.count }
            }
            guard let stem, key[..<stem] != last else { continue }
            last = key[..<stem]
            buffer.removeAll()
            buffer.append(contentsOf: last)
            stems.append((buffer.word.hash(seed: index.delta.dictionary.seed), place))
        }
        var size = 2
        while size * 2 < stems.count * 3 { size *= 2 }
        var slots = ContiguousArray<UInt64>(repeating: 0, count: size)
        for (hash, place) in stems {
            var slot = Int(truncatingIfNeeded: hash) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = hash & (0xFFFF_FFFF << 32) | (UInt64(place) + 1)
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

/// Collects elements of a section, to write them in larger pieces.
///
/// Only `flush` knows the sink. With a sink of any type in `append`, a quarter of a merge went into
/// lookups for generic code.
private struct SectionBuffer<Element: BitwiseCopyable> {
    private static var size: Int { 1 << 14 }
    private var elements: ContiguousArray<Element> = []
    private var flushed: UInt64 = 0

    init() {
        elements.reserveCapacity(Self.size)
    }

    /// The number of elements so far.
    var total: UInt64 { flushed + UInt64(elements.count) }

    /// Whether it is time for `flush`.
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
    /// Appends positions as `TextBase` reads them.
    fileprivate mutating func append(positions: ContiguousArray<UInt32>) {
        var before: UInt32 = 0
        for place in positions.indices {
            let step = positions[place] >> Position.bits &- before >> Position.bits
            if step != 0 {
                append(number: UInt64(step) << 2 | 3)
                before = positions[place] & ~Position.placeMask
            }
            let distance = UInt64(positions[place] &- before)
            before = positions[place]
            append(number: distance << 2 | (place + 1 < positions.count ? 1 : 0))
        }
    }

    private mutating func append(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
