// SPDX-License-Identifier: Apache-2.0
// The field index of a collection: the values of indexed fields, with their rows. It is a derived
// index, like those of vectors, words and edges, and decides filters without reading rows.
package import LodestoneCore
package import LodestoneStructures

/// The rows of each value of a collection's indexed fields, and the rows that exist.
///
/// The index has a mapped base, and runs of the values written since. Each batch adds a run, and
/// eight runs of about the same size are merged. Dropped rows stay in the base and in the runs
/// until a compaction, and `live` excludes them. The keys of fields that are no longer indexed also
/// stay until a compaction. Until then no other field gets their numbers.
///
/// A new field has only the values of later rows. It decides filters when the values of earlier
/// rows are backfilled (`Backfill`).
///
/// Threading: a value. A copy costs nothing, and does not see later changes by the writer.
package struct FieldIndex: Sendable {
    /// The fields that are indexed, as they were declared.
    package private(set) var fields: [ValueField]
    /// The field numbers that the keys of `base`, `filled` and `added` may have.
    private var numbers: Set<UInt8>
    private var base: SortedRun?
    /// Runs of values that were backfilled since the base.
    ///
    /// In these runs, the row ids of a field are smaller than in `base` and `added`.
    private var filled: [SortedRun] = []
    /// Runs of values that were written since the base, oldest first.
    private var added: [SortedRun] = []
    /// A bit for each row, set while it exists.
    private var live: OverlayArray<UInt64>

    /// The number of runs of about the same size that are merged.
    private static let fanout = 8
    /// The most entries of a merged run.
    ///
    /// Readers wait during a merge. Measured: merging a run of this size 3 ms, searching 30 such
    /// runs some 30 microseconds.
    private static let largestMerge = 1 << 16

    /// Creates an index without rows.
    package init(_ indexes: [MetadataIndex]) {
        fields = []
        numbers = []
        base = nil
        live = OverlayArray(fallback: 0)
        setFields(indexes, from: .first)
    }

    /// Opens the sections that `write` wrote; `nil` when some are missing.
    package init?(from source: some SectionSource) {
        guard let live = source.section("MLIV", of: UInt64.self),
            let base = SortedRun(from: source),
            let fields = ValueField.read(from: source)
        else { return nil }
        self.fields = fields
        numbers = Set(fields.map(\.number))
        self.base = base
        self.live = OverlayArray(live, fallback: 0)
    }

    /// Writes the values of the existing rows.
    ///
    /// - Complexity: O(keys × runs + rows).
    package func write(to sink: inout some SectionSink) throws(LodestoneError) {
        var words: ContiguousArray<UInt64> = []
        words.reserveCapacity(live.count)
        for position in 0..<live.count { words.append(live[position]) }
        try sink.write("MLIV", words)
        try ValueField.write(fields, to: &sink)
        let isLive = { (row: RowID) -> Bool in
            let word = Int(row.rawValue / 64)
            return word < words.count && words[word] >> UInt64(row.rawValue % 64) & 1 == 1
        }
        try SortedRun.write(
            SortedRun.merge(runs, of: Set(fields.map(\.number)), keeping: isLive),
            to: &sink
        )
    }

    /// All runs; per field in row order.
    var runs: [SortedRun] { filled + (base.map { [$0] } ?? []) + added }

    /// Bytes of memory, without the base's.
    package var deltaByteCount: Int {
        [filled, added].joined().reduce(live.byteCount) { $0 + $1.byteCount }
    }

    /// The number of a field; `nil` when the field isn't indexed, or not for all rows.
    func number(of path: [String]) -> UInt8? {
        fields.first { $0.isComplete && $0.path.haveSameBytes(as: path) }?.number
    }

    /// Whether filters on a field need not read rows.
    package func indexes(_ path: [String]) -> Bool { number(of: path) != nil }

    /// The rows below `bound` that exist.
    package func liveRows(count bound: Int) -> RowSet {
        var words: [UInt64] = []
        words.reserveCapacity(live.count)
        for position in 0..<live.count { words.append(live[position]) }
        return RowSet(words, count: bound)
    }

    // MARK: Verification

    /// The fingerprint of each row in the runs, dropped rows included, to compare with
    /// `fingerprint(of:row:)`.
    package func fingerprints(count bound: Int) -> ContiguousArray<UInt64> {
        var sums = ContiguousArray<UInt64>(repeating: 0, count: bound)
        let numbers = fields.map(\.number)
        for run in runs {
            for position in 0..<run.count {
                let key = run.key(position)
                guard let number = key.first, numbers.contains(number) else { continue }
                let hash = Self.hash(key)
                for row in run.rows(position..<position + 1) where Int(row) < bound {
                    sums[Int(row)] &+= hash
                }
            }
        }
        return sums
    }

    /// The fingerprint of a row's values, for the fields whose index has the row.
    package func fingerprint(of metadata: Metadata, row: RowID) -> UInt64 {
        var collector = ValueCollector()
        collector.add(metadata, row: row, fields: fields.filter { $0.firstRow <= row })
        guard let run = SortedRun(collector.sorted(of: fields)) else { return 0 }
        return (0..<run.count).reduce(0) { $0 &+ Self.hash(run.key($1)) }
    }

    /// FNV-1a, mixed so that sums of hashes distinguish sets of keys.
    private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in key { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        return hash ^ (hash >> 27)
    }

    // MARK: Changes, by the one writer

    /// The values of the documents of a batch, ready for `append`; `nil` when nothing is indexed.
    package func entries(of metadata: [Metadata]) -> FieldEntries? {
        if fields.isEmpty { return nil }
        var collector = ValueCollector()
        for (index, metadata) in metadata.enumerated() {
            collector.add(metadata, row: RowID(index), fields: fields)
        }
        return collector.sorted(of: fields)
    }

    /// Whether entries were made for the current fields, so that `append` accepts them.
    package func fits(_ entries: FieldEntries?) -> Bool {
        guard let entries else { return fields.isEmpty }
        return entries.fields.elementsEqual(fields) {
            $0.index == $1.index && $0.number == $1.number
        }
    }

    /// Adds the values of a batch; its rows ascend, and are above all earlier ones.
    package mutating func append(_ entries: FieldEntries?, of rows: [RowID]) {
        guard var entries, !entries.rows.isEmpty else { return }
        entries.assign(rows)
        guard let run = SortedRun(entries) else { return }
        added.append(run)
        mergeSmallRuns()
    }

    /// Replaces the fields; new fields are indexed from a row on.
    ///
    /// - Parameters:
    ///   - indexes: The new fields, at most `MetadataIndex.maxCount`.
    ///   - row: A row above every row that exists.
    package mutating func setFields(_ indexes: [MetadataIndex], from row: RowID) {
        let old = fields
        fields.removeAll { !indexes.contains($0.index) }
        for index in indexes where !old.contains(where: { $0.index == index }) {
            let number = unusedNumber()
            numbers.insert(number)
            fields.append(ValueField(index: index, number: number, firstRow: row))
        }
    }

    /// A number that no key has.
    private mutating func unusedNumber() -> UInt8 {
        let isUnused = { [numbers] (number: UInt8) in !numbers.contains(number) }
        if let number = (0...UInt8.max).first(where: isUnused) { return number }
        // Hundreds of fields were indexed and dropped since the base. This merge frees the numbers
        // of dropped fields, and takes as long as writing a base.
        numbers = Set(fields.map(\.number))
        added = SortedRun(SortedRun.merge(runs, of: numbers)).map { [$0] } ?? []
        base = nil
        filled = []
        return (0...UInt8.max).first { !numbers.contains($0) } ?? 0
    }

    /// Whether every field decides filters.
    package var isComplete: Bool { fields.allSatisfy(\.isComplete) }

    /// The fields that don't decide filters yet.
    package var incompleteFields: [ValueField] { fields.filter { !$0.isComplete } }

    /// Adds the backfilled values of the rows before a field's `firstRow`.
    ///
    /// Does nothing when the field is no longer indexed, or is indexed from another row on.
    package mutating func fill(_ part: Backfill.Part) {
        guard let position = fields.firstIndex(of: part.field), !part.field.isComplete else {
            return
        }
        if let run = part.run { filled.append(run) }
        fields[position].firstRow = .first
    }

    /// Records that a row exists.
    package mutating func insert(_ row: RowID) {
        let word = Int(row.rawValue / 64)
        live.grow(to: word + 1)
        live[word] |= 1 << UInt64(row.rawValue % 64)
    }

    /// Records that a row was dropped.
    package mutating func remove(_ row: RowID) {
        let word = Int(row.rawValue / 64)
        guard word < live.count else { return }
        live[word] &= ~(1 << UInt64(row.rawValue % 64))
    }

    /// Merges the last eight runs into one, as long as they are of about the same size.
    private mutating func mergeSmallRuns() {
        while added.count >= Self.fanout {
            let last = added.suffix(Self.fanout)
            let total = last.reduce(0) { $0 + $1.entryCount }
            let largest = last.reduce(0) { max($0, $1.entryCount) }
            // A run that is far larger than the others waits for runs of its size.
            guard total <= Self.largestMerge, largest * 2 <= total || largest < Self.fanout else {
                return
            }
            guard let merged = SortedRun(SortedRun.merge(Array(last))) else { return }
            added.removeLast(Self.fanout)
            added.append(merged)
        }
    }
}
