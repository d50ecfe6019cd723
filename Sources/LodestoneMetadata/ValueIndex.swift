// SPDX-License-Identifier: Apache-2.0
// The values of a collection's indexed fields, and which rows have them: a view as those of
// vectors, words and edges are, which answers filters without a look at the rows.
package import LodestoneCore

/// Which rows have which values of the fields that a collection indexes, and which rows there are.
///
/// A mapped base, and runs of what came since: each batch adds one, and eight of about the same size
/// become one. Rows that are gone stay in both until a compaction; `live` tells them. So do the keys
/// of fields that are not indexed any more: no other field gets their number before.
///
/// A field that is indexed from some row on takes in what is written from there; it answers once the
/// rows before it are filled in (`ValueFill`).
///
/// Threading: a value; a copy costs nothing and sees nothing of what the writer does afterwards.
package struct ValueIndex: Sendable {
    /// The fields that are indexed, as they were declared.
    package private(set) var fields: [ValueField]
    /// The numbers that keys of `base`, `filled` and `added` may have.
    private var numbers: Set<UInt8>
    private var base: KeyRun?
    /// Runs of values that were backfilled since the base.
    ///
    /// For each field, their rows lie before those in the base and in `added`.
    private var filled: [KeyRun] = []
    /// Runs of values that were written since the base, oldest first.
    private var added: [KeyRun] = []
    /// A bit for each row, set while it exists.
    private var live: LayeredArray<UInt64>

    /// Runs that become one when so many of about the same size are there.
    private static let fanout = 8
    /// A run of so many entries is left alone: readers wait while runs are merged, 3 ms for one of
    /// this size, and 30 of them are searched in some 30 microseconds.
    private static let largestMerge = 1 << 16

    /// An index without rows.
    package init(_ indexes: [MetadataIndex]) {
        fields = []
        numbers = []
        base = nil
        live = LayeredArray(substitute: 0)
        setFields(indexes, from: 0)
    }

    /// Opens what `write` wrote; `nil` when parts are missing.
    package init?(from source: some SectionSource) {
        guard let live = source.section("MLIV", of: UInt64.self),
            let base = KeyRun(from: source),
            let fields = ValueField.read(from: source)
        else { return nil }
        self.fields = fields
        numbers = Set(fields.map(\.number))
        self.base = base
        self.live = LayeredArray(live, substitute: 0)
    }

    /// Writes what there is of the rows that exist.
    ///
    /// - Complexity: O(keys × runs + rows).
    package func write(to sink: inout some SectionSink) throws(LodestoneError) {
        var words: ContiguousArray<UInt64> = []
        words.reserveCapacity(live.count)
        for place in 0..<live.count { words.append(live[place]) }
        try sink.write("MLIV", words)
        try ValueField.write(fields, to: &sink)
        let isLive = { (row: UInt32) in
            Int(row / 64) < words.count && words[Int(row / 64)] >> UInt64(row % 64) & 1 == 1
        }
        try KeyRun.write(
            KeyRun.merge(runs, of: Set(fields.map(\.number)), keeping: isLive),
            to: &sink
        )
    }

    /// All that there is, for each field in the order of the rows.
    var runs: [KeyRun] { filled + (base.map { [$0] } ?? []) + added }

    /// Bytes of memory, without the base's.
    package var deltaByteCount: Int {
        live.byteCount + (filled + added).reduce(0) { $0 + $1.byteCount }
    }

    /// The number of a field; `nil` when it isn't indexed, or not all of its rows are.
    func number(of path: [String]) -> UInt8? {
        fields.first { $0.isComplete && $0.path.haveSameBytes(as: path) }?.number
    }

    /// Whether filters on a field need not read rows.
    package func indexes(_ path: [String]) -> Bool { number(of: path) != nil }

    /// The rows below `bound` that exist.
    package func liveRows(count bound: Int) -> RowSet {
        var words: [UInt64] = []
        words.reserveCapacity(live.count)
        for place in 0..<live.count { words.append(live[place]) }
        return RowSet(words, count: bound)
    }

    // MARK: Verification

    /// A number for the values of each row that was ever taken in, to compare with `fingerprint`.
    package func fingerprints(count bound: Int) -> ContiguousArray<UInt64> {
        var sums = ContiguousArray<UInt64>(repeating: 0, count: bound)
        let numbers = fields.map(\.number)
        for run in runs {
            for place in 0..<run.count {
                let key = run.key(place)
                guard let number = key.first, numbers.contains(number) else { continue }
                let hash = Self.hash(key)
                for row in run.rows(place..<place + 1) where row < bound { sums[Int(row)] &+= hash }
            }
        }
        return sums
    }

    /// The number for the values of a row, as far as its fields are indexed from it on.
    package func fingerprint(of metadata: Metadata, row: UInt32) -> UInt64 {
        var collector = ValueCollector()
        collector.add(metadata, row: row, fields: fields.filter { $0.firstRow <= row })
        guard let run = KeyRun(collector.sorted(of: fields)) else { return 0 }
        return (0..<run.count).reduce(0) { $0 &+ Self.hash(run.key($1)) }
    }

    /// FNV-1a, mixed so that sums of several tell them apart.
    private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in key { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        return hash ^ (hash >> 27)
    }

    // MARK: Changes, by the one writer

    /// The values of documents, ready to be taken in.
    ///
    /// - Parameters:
    ///   - metadata: Of each document.
    ///   - rows: Ascending; `nil`: counted from 0, to be shifted later.
    /// - Returns: `nil` when nothing is indexed.
    package func entries(of metadata: [Metadata], rows: [UInt32]? = nil) -> ValueEntries? {
        if fields.isEmpty { return nil }
        var collector = ValueCollector()
        for (place, metadata) in metadata.enumerated() {
            collector.add(metadata, row: rows?[place] ?? UInt32(place), fields: fields)
        }
        return collector.sorted(of: fields)
    }

    /// Whether entries were made for the fields as they are: then they can be taken in.
    package func fits(_ entries: ValueEntries?) -> Bool {
        guard let entries else { return fields.isEmpty }
        return entries.fields.elementsEqual(fields) {
            $0.index == $1.index && $0.number == $1.number
        }
    }

    /// Takes in the values of rows above all before.
    package mutating func append(_ entries: ValueEntries?) {
        guard let entries, !entries.rows.isEmpty, let run = KeyRun(entries) else { return }
        added.append(run)
        mergeSmallRuns()
    }

    /// Goes on with other fields; those that were not among them before are indexed from a row on.
    ///
    /// - Parameters:
    ///   - indexes: At most `MetadataIndex.maxCount`.
    ///   - row: Above every row that there is.
    package mutating func setFields(_ indexes: [MetadataIndex], from row: UInt32) {
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
        // Hundreds of fields were indexed and dropped since the base: it takes as long as to write
        // one, and gives all of their numbers back.
        numbers = Set(fields.map(\.number))
        added = KeyRun(KeyRun.merge(runs, of: numbers)).map { [$0] } ?? []
        base = nil
        filled = []
        return (0...UInt8.max).first { !numbers.contains($0) } ?? 0
    }

    /// Whether every field answers.
    package var isComplete: Bool { fields.allSatisfy(\.isComplete) }

    /// The fields that don't answer yet.
    package var incompleteFields: [ValueField] { fields.filter { !$0.isComplete } }

    /// Takes in the values of the rows before those that a field is indexed from; nothing when it is
    /// not indexed any more, or from another row on.
    package mutating func fill(_ part: ValueFill.Part) {
        guard let place = fields.firstIndex(of: part.field), !part.field.isComplete else { return }
        if let run = part.run { filled.append(run) }
        fields[place].firstRow = 0
    }

    /// Notes that a row exists.
    package mutating func insert(_ row: UInt32) {
        live.grow(to: Int(row / 64) + 1)
        live[Int(row / 64)] |= 1 << UInt64(row % 64)
    }

    /// Notes that a row is gone.
    package mutating func remove(_ row: UInt32) {
        guard Int(row / 64) < live.count else { return }
        live[Int(row / 64)] &= ~(1 << UInt64(row % 64))
    }

    /// Makes one run of the last eight as long as they are of about the same size.
    private mutating func mergeSmallRuns() {
        while added.count >= Self.fanout {
            let last = added.suffix(Self.fanout)
            let total = last.reduce(0) { $0 + $1.entryCount }
            let largest = last.reduce(0) { max($0, $1.entryCount) }
            // One that is far larger than the rest waits for others of its size.
            guard total <= Self.largestMerge, largest * 2 <= total || largest < Self.fanout else {
                return
            }
            guard let merged = KeyRun(KeyRun.merge(Array(last))) else { return }
            added.removeLast(Self.fanout)
            added.append(merged)
        }
    }
}
