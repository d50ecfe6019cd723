// SPDX-License-Identifier: Apache-2.0
// The values of a collection's indexed fields, and which rows have them: a view as those of
// vectors, words and edges are, which answers filters without a look at the rows.
package import LodestoneCore

/// Which rows have which values of the fields that a collection indexes, and which rows there are.
///
/// A mapped base, and runs of what came since: each batch adds one, and eight of about the same size
/// become one. Rows that are gone stay in both until a compaction; `live` tells them.
///
/// Threading: a value; a copy costs nothing and sees nothing of what the writer does afterwards.
package struct ValueIndex: Sendable {
    /// The fields, in the order of their numbers.
    package let fields: [[String]]
    private let base: KeyRun?
    /// What came since the base, oldest first.
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
        fields = indexes.map(\.path)
        base = nil
        live = LayeredArray(substitute: 0)
    }

    /// Opens what `write` wrote; `nil` when parts are missing.
    package init?(from source: some SectionSource, _ indexes: [MetadataIndex]) {
        guard let live = source.section("MLIV", of: UInt64.self),
            let base = KeyRun(from: source)
        else { return nil }
        fields = indexes.map(\.path)
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
        let isLive = { (row: UInt32) in
            Int(row / 64) < words.count && words[Int(row / 64)] >> UInt64(row % 64) & 1 == 1
        }
        try KeyRun.write(KeyRun.merge(runs, keeping: isLive), to: &sink)
    }

    /// Base and additions, in the order of their rows.
    var runs: [KeyRun] { (base.map { [$0] } ?? []) + added }

    /// The number of a field; `nil` when it isn't indexed.
    package func number(of path: [String]) -> UInt8? {
        fields.firstIndex(of: path).map { UInt8($0) }
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

    /// A number for the values of each row that was ever taken in, to compare with those of entries.
    package func fingerprints(count bound: Int) -> ContiguousArray<UInt64> {
        var sums = ContiguousArray<UInt64>(repeating: 0, count: bound)
        for run in runs {
            for place in 0..<run.count {
                let hash = Self.hash(run.key(place))
                for row in run.rows(place..<place + 1) where row < bound { sums[Int(row)] &+= hash }
            }
        }
        return sums
    }

    /// The number for the values of a document.
    package func fingerprint(of metadata: Metadata) -> UInt64 {
        guard let entries = entries(of: [metadata]), let run = KeyRun(entries) else { return 0 }
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
        return collector.sorted()
    }

    /// Takes in the values of rows above all before.
    package mutating func append(_ entries: ValueEntries?) {
        guard let entries, !entries.rows.isEmpty, let run = KeyRun(entries) else { return }
        added.append(run)
        mergeSmallRuns()
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
