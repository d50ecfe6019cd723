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

    private struct Posting {
        let row: UInt32
        let postingClass: UInt16
        /// In the base, the number of the posting.
        let number: Int
        /// In the delta, the place of the positions.
        let place: UInt32?
    }

    private let index: TextIndex
    /// One bit for each row that stays.
    private let kept: ContiguousArray<UInt64>
    private var terms: [Term] = []

    init(_ index: TextIndex, _ isAllowed: (UInt32) -> Bool) {
        self.index = index
        var kept = ContiguousArray<UInt64>(repeating: 0, count: (Int(index.rowBound) + 63) / 64)
        for row in 0..<index.rowBound where isAllowed(row) {
            kept[Int(row / 64)] |= 1 << UInt64(row % 64)
        }
        self.kept = kept
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

    /// Calls `body` with each posting of a term that stays, in row order.
    private func forEachPosting(
        of term: Term,
        _ body: (Posting) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        if let base = index.base, let number = term.base {
            for entry in base.entries(of: number) {
                let chunk = UInt32(base.chunk(of: entry)) << 16
                let postings = base.postings(of: entry)
                let rows = base.rows.elements(postings)
                let classes = base.classes.elements(postings)
                for place in 0..<min(rows.count, classes.count)
                where isKept(chunk | UInt32(rows[place])) {
                    try body(
                        Posting(
                            row: chunk | UInt32(rows[place]),
                            postingClass: classes[place],
                            number: postings.lowerBound + place,
                            place: nil
                        )
                    )
                }
            }
        }
        var number = term.delta.map { index.delta.firstBlock(of: $0) } ?? 0
        while number != 0 {
            let block = index.delta.block(number)
            for place in 0..<block.count {
                let posting = DeltaPosting(block.postings[place].load(ordering: .relaxed))
                let row = block.chunk << 16 | UInt32(posting.row)
                guard isKept(row) else { continue }
                try body(
                    Posting(
                        row: row,
                        postingClass: UInt16(posting.postingClass),
                        number: 0,
                        place: posting.place
                    )
                )
            }
            number = block.next
        }
    }

    // MARK: Sections

    mutating func write(to sink: inout some SectionSink) throws(LodestoneError) {
        // Rows first: what they show of terms and chunks fills the sections about those.
        var entries: ContiguousArray<UInt64> = []
        var firstEntries: ContiguousArray<UInt64> = [0]
        var staying: [Term] = []
        var postingCount: UInt64 = 0
        try sink.begin("TROW")
        var rows = SectionBuffer<UInt16>()
        for term in terms {
            var lastChunk = UInt32.max
            try forEachPosting(of: term) { (posting) throws(LodestoneError) in
                if posting.row >> 16 != lastChunk {
                    lastChunk = posting.row >> 16
                    entries.append(UInt64(lastChunk) << 48 | postingCount)
                }
                postingCount += 1
                try rows.append(UInt16(truncatingIfNeeded: posting.row), to: &sink)
            }
            if lastChunk != .max {
                staying.append(term)
                firstEntries.append(UInt64(entries.count))
            }
        }
        try rows.flush(to: &sink)
        entries.append(postingCount)
        terms = staying
        try sink.begin("TCLS")
        var classes = SectionBuffer<UInt16>()
        for term in terms {
            try forEachPosting(of: term) { (posting) throws(LodestoneError) in
                try classes.append(posting.postingClass, to: &sink)
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

    /// Writes `TPOS`.
    ///
    /// - Returns: What `TSKP` holds.
    private func writePositions(to sink: inout some SectionSink) throws(LodestoneError)
        -> ContiguousArray<UInt64>
    {
        var skips: ContiguousArray<UInt64> = []
        var count = 0
        var offset: UInt64 = 0
        var bytes = SectionBuffer<UInt8>()
        var positions: ContiguousArray<UInt32> = []
        try sink.begin("TPOS")
        for term in terms {
            var reader = TextBase.PositionReader()
            try forEachPosting(of: term) { (posting) throws(LodestoneError) in
                if count % TextBase.postingsPerSkip == 0 { skips.append(offset) }
                count += 1
                positions.removeAll(keepingCapacity: true)
                if let place = posting.place {
                    index.delta.positions(at: place, into: &positions)
                } else {
                    index.base?
                        .readPositions(of: posting.number, with: &reader, into: &positions)
                }
                // A damaged base may have none; the file that comes of it is thrown away.
                if positions.isEmpty { positions.append(0) }
                var before: UInt32 = 0
                for place in positions.indices {
                    let step = UInt64(positions[place] &- before) << 1
                    before = positions[place]
                    var rest = step | (place + 1 < positions.count ? 1 : 0)
                    while rest >= 0x80 {
                        try bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80, to: &sink)
                        rest >>= 7
                        offset += 1
                    }
                    try bytes.append(UInt8(truncatingIfNeeded: rest), to: &sink)
                    offset += 1
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
        var offset: UInt64 = 0
        var bytes = SectionBuffer<UInt8>()
        try sink.begin("TWRD")
        for term in terms {
            for byte in word(of: term) {
                try bytes.append(byte, to: &sink)
                offset += 1
            }
            ends.append(offset)
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
private struct SectionBuffer<Element: BitwiseCopyable> {
    private var elements: ContiguousArray<Element> = []

    init() {
        elements.reserveCapacity(1 << 14)
    }

    mutating func append(_ element: Element, to sink: inout some SectionSink)
        throws(LodestoneError)
    {
        elements.append(element)
        if elements.count == 1 << 14 { try flush(to: &sink) }
    }

    mutating func flush(to sink: inout some SectionSink) throws(LodestoneError) {
        let result = elements.withUnsafeBytes { bytes in
            Result { () throws(LodestoneError) in try sink.append(bytes) }
        }
        try result.get()
        elements.removeAll(keepingCapacity: true)
    }
}
