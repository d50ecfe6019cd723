// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

extension TextIndex {
    /// Writes base and delta as one new base, without the rows that are gone.
    ///
    /// The sections are those that `TextBase` names. Works from a copy on any thread, while the
    /// writer goes on with the newest value.
    ///
    /// - Parameters:
    ///   - sink: Where the sections go.
    ///   - isAllowed: Whether a row still counts; the same as when documents were counted, so of
    ///     the same moment as this copy.
    /// - Throws: What `sink` throws.
    package func write(
        to sink: inout some SectionSink,
        isAllowed: (UInt32) -> Bool
    ) throws(LodestoneError) {
        var merge = TextMerge(self, isAllowed)
        try merge.write(to: &sink)
    }
}

/// Merges base and delta, term by term, once for each column of the postings.
private struct TextMerge {
    /// A term by its numbers in base and delta.
    private struct Term {
        let base: Int?
        let delta: UInt32?
    }

    /// Postings of a term in one chunk, one after the other.
    private enum Piece {
        /// Some of the base, by their numbers.
        case base(chunk: UInt32, Range<Int>)
        /// One of the delta.
        case delta(chunk: UInt32, DeltaPosting)
    }

    private let index: TextIndex
    /// One bit for each row that stays.
    private let kept: ContiguousArray<UInt64>
    /// Whether all rows of a chunk stay, so that nothing has to be looked at one by one.
    private let isWhole: [Bool]
    private var terms: [Term] = []

    init(_ index: TextIndex, _ isAllowed: (UInt32) -> Bool) {
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
        terms = Self.terms(of: index)
    }

    private func isKept(_ row: UInt32) -> Bool {
        row < index.rowBound && kept[Int(row / 64)] & 1 << UInt64(row % 64) != 0
    }

    /// All terms, in the order of their bytes.
    private static func terms(of index: TextIndex) -> [Term] {
        let dictionary = index.delta.dictionary
        let added = (0..<dictionary.termCount)
            .filter { index.delta.firstBlock(of: $0) != 0 }
            .map { term in (bytes: dictionary.withStem(of: term) { $0.bytes }, term: term) }
            .sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        var terms: [Term] = []
        var next = 0
        for baseTerm in 0..<(index.base?.termCount ?? 0) {
            let bytes = index.base?.bytes(of: baseTerm) ?? .init(start: nil, count: 0)
            while next < added.count, added[next].bytes.lexicographicallyPrecedes(bytes) {
                terms.append(Term(base: nil, delta: added[next].term))
                next += 1
            }
            if next < added.count, added[next].bytes.elementsEqual(bytes) {
                terms.append(Term(base: baseTerm, delta: added[next].term))
                next += 1
            } else {
                terms.append(Term(base: baseTerm, delta: nil))
            }
        }
        terms += added[next...].map { Term(base: nil, delta: $0.term) }
        return terms
    }

    /// Calls `body` with the postings of a term that stay, in row order.
    private func forEachPiece(
        of term: Term,
        _ body: (Piece) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        if let base = index.base, let number = term.base {
            for entry in base.entries(of: number) {
                let chunk = UInt32(base.chunk(of: entry))
                let postings = base.postings(of: entry)
                if postings.isEmpty { continue }
                if chunk < isWhole.count, isWhole[Int(chunk)] {
                    try body(.base(chunk: chunk, postings))
                } else {
                    try forEachRun(of: postings, in: base, chunk, body)
                }
            }
        }
        var number = term.delta.map { index.delta.firstBlock(of: $0) } ?? 0
        while number != 0 {
            let block = index.delta.block(number)
            for place in 0..<block.count {
                let posting = DeltaPosting(block.postings[place].load(ordering: .relaxed))
                guard isKept(block.chunk << 16 | UInt32(posting.row)) else { continue }
                try body(.delta(chunk: block.chunk, posting))
            }
            number = block.next
        }
    }

    /// Those of some postings that stay, as many at once as follow each other.
    private func forEachRun(
        of postings: Range<Int>,
        in base: TextBase,
        _ chunk: UInt32,
        _ body: (Piece) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let rows = base.rows.elements(postings)
        var place = 0
        while place < rows.count {
            var end = place
            while end < rows.count, isKept(chunk << 16 | UInt32(rows[end])) { end += 1 }
            if end > place {
                let first = postings.lowerBound
                try body(.base(chunk: chunk, first + place..<first + end))
            }
            place = end + 1
        }
    }

    // MARK: Sections

    mutating func write(to sink: inout some SectionSink) throws(LodestoneError) {
        // Rows first: what they show of terms and chunks fills the sections about those.
        let (firstEntries, entries) = try writeRows(to: &sink)
        try sink.begin("TCLS")
        var classes = SectionBuffer<UInt16>()
        for term in terms {
            try forEachPiece(of: term) { (piece) throws(LodestoneError) in
                switch piece {
                case .base(_, let postings):
                    classes.append(index.base?.classes.elements(postings))
                case .delta(_, let posting):
                    classes.append(UInt16(truncatingIfNeeded: posting.postingClass))
                }
                if classes.isFull { try classes.flush(to: &sink) }
            }
        }
        try classes.flush(to: &sink)
        try sink.write("TSKP", try writePositions(to: &sink))
        try sink.write("TENT", firstEntries)
        try sink.write("TCHK", entries)
        try sink.write("TWEN", try writeWords(to: &sink))
        try sink.write("THSH", slots())
        try sink.write("THDR", header)
    }

    /// Writes `TROW`, and leaves out terms without postings.
    ///
    /// - Returns: What `TENT` and `TCHK` hold.
    private mutating func writeRows(to sink: inout some SectionSink) throws(LodestoneError) -> (
        firstEntries: ContiguousArray<UInt64>, entries: ContiguousArray<UInt64>
    ) {
        var entries: ContiguousArray<UInt64> = []
        var firstEntries: ContiguousArray<UInt64> = [0]
        var staying: [Term] = []
        var postingCount: UInt64 = 0
        try sink.begin("TROW")
        var rows = SectionBuffer<UInt16>()
        for term in terms {
            var lastChunk = UInt32.max
            try forEachPiece(of: term) { (piece) throws(LodestoneError) in
                let (chunk, count) =
                    switch piece {
                    case .base(let chunk, let postings): (chunk, postings.count)
                    case .delta(let chunk, _): (chunk, 1)
                    }
                if chunk != lastChunk {
                    lastChunk = chunk
                    entries.append(UInt64(chunk) << 48 | postingCount)
                }
                postingCount += UInt64(count)
                switch piece {
                case .base(_, let postings): rows.append(index.base?.rows.elements(postings))
                case .delta(_, let posting): rows.append(UInt16(truncatingIfNeeded: posting.row))
                }
                if rows.isFull { try rows.flush(to: &sink) }
            }
            if lastChunk != .max {
                staying.append(term)
                firstEntries.append(UInt64(entries.count))
            }
        }
        try rows.flush(to: &sink)
        entries.append(postingCount)
        terms = staying
        return (firstEntries, entries)
    }

    /// Writes `TPOS`.
    ///
    /// - Returns: What `TSKP` holds.
    private func writePositions(to sink: inout some SectionSink) throws(LodestoneError)
        -> ContiguousArray<UInt64>
    {
        var skips: ContiguousArray<UInt64> = []
        var count = 0
        var bytes = SectionBuffer<UInt8>()
        var positions: ContiguousArray<UInt32> = []
        try sink.begin("TPOS")
        for term in terms {
            var reader = TextBase.PositionReader()
            try forEachPiece(of: term) { (piece) throws(LodestoneError) in
                switch piece {
                case .base(_, let postings):
                    for posting in postings {
                        if count % TextBase.postingsPerSkip == 0 { skips.append(bytes.total) }
                        count += 1
                        bytes.append(index.base?.positionBytes(of: posting, with: &reader))
                        if bytes.isFull { try bytes.flush(to: &sink) }
                    }
                case .delta(_, let posting):
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

    /// Writes `TWRD`.
    ///
    /// - Returns: What `TWEN` holds.
    private func writeWords(to sink: inout some SectionSink) throws(LodestoneError)
        -> ContiguousArray<UInt64>
    {
        var ends: ContiguousArray<UInt64> = [0]
        var bytes = SectionBuffer<UInt8>()
        try sink.begin("TWRD")
        for term in terms {
            for byte in word(of: term) { bytes.append(byte) }
            ends.append(bytes.total)
            if bytes.isFull { try bytes.flush(to: &sink) }
        }
        try bytes.flush(to: &sink)
        return ends
    }

    private func word(of term: Term) -> [UInt8] {
        if let number = term.base, let base = index.base { return Array(base.bytes(of: number)) }
        return term.delta.map { index.delta.dictionary.withStem(of: $0) { $0.bytes } } ?? []
    }

    /// What `THSH` holds.
    private func slots() -> ContiguousArray<UInt64> {
        var size = 2
        while size < terms.count * 2 { size *= 2 }
        var slots = ContiguousArray<UInt64>(repeating: 0, count: size)
        var buffer = WordBuffer()
        for (number, term) in terms.enumerated() {
            buffer.removeAll()
            buffer.append(contentsOf: word(of: term))
            let hash = buffer.word.hash(seed: index.delta.dictionary.seed)
            var place = Int(truncatingIfNeeded: hash) & (size - 1)
            while slots[place] != 0 { place = (place + 1) & (size - 1) }
            slots[place] = hash & (0xFFFF_FFFF << 32) | UInt64(number + 1)
        }
        return slots
    }

    private var header: ContiguousArray<UInt64> {
        ContiguousArray(
            TextBase.Header.allCases.map { field in
                switch field {
                case .format: TextBase.format
                case .seed: index.delta.dictionary.seed
                case .rowBound: UInt64(index.rowBound)
                case .documentCount: UInt64(index.documentCount)
                case .totalLength: UInt64(index.totalLength)
                case .maxClass: UInt64(index.maxClass)
                }
            }
        )
    }
}

/// Collects elements of a section, to hand them on in larger pieces.
///
/// Knows the sink only in `flush`: `append` with a sink of any type cost a quarter of a merge in
/// looking up what is generic.
private struct SectionBuffer<Element: BitwiseCopyable> {
    private static var size: Int { 1 << 14 }
    private var elements: ContiguousArray<Element> = []
    private var flushed: UInt64 = 0

    init() {
        elements.reserveCapacity(Self.size)
    }

    /// Elements so far.
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
            let step = UInt64(positions[place] &- before) << 1
            before = positions[place]
            var rest = step | (place + 1 < positions.count ? 1 : 0)
            while rest >= 0x80 {
                append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            append(UInt8(truncatingIfNeeded: rest))
        }
    }
}
