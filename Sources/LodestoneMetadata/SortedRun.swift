// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Sorted keys with their rows, in memory or in a base; immutable.
///
/// Threading: a value over immutable memory.
struct SortedRun: Sendable {
    private let keyEnds: MappedArray<UInt64>
    private let keyBytes: MappedArray<UInt8>
    private let rowEnds: MappedArray<UInt64>
    private let rows: MappedArray<RowID>

    /// The number of distinct keys.
    var count: Int { keyEnds.count }
    /// The number of pairs of a key and a row.
    var entryCount: Int { rows.count }

    var byteCount: Int { keyEnds.count * 16 + keyBytes.count + rows.count * 4 }

    /// Opens the sections that `write` wrote; `nil` when one is missing or they contradict each
    /// other.
    init?(from source: some SectionSource) {
        guard let keyEnds = source.section("MKEN", of: UInt64.self),
            let keyBytes = source.section("MKEY", of: UInt8.self),
            let rowEnds = source.section("MREN", of: UInt64.self),
            let rows = source.section("MROW", of: RowID.self),
            keyEnds.count == rowEnds.count
        else { return nil }
        self.keyEnds = keyEnds
        self.keyBytes = keyBytes
        self.rowEnds = rowEnds
        self.rows = rows
    }

    /// Copies entries into its own memory.
    init?(_ entries: FieldEntries) {
        let sizes = [
            entries.keyEnds.count * 8, entries.rowEnds.count * 8, entries.rows.count * 4,
            entries.keyBytes.count,
        ]
        let byteCount = sizes.reduce(0, +)
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, byteCount),
            alignment: 64
        )
        var start = 0
        func copy(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: memory[start...]).copyMemory(from: bytes)
            start += bytes.count
        }
        entries.keyEnds.withUnsafeBytes { copy($0) }
        entries.rowEnds.withUnsafeBytes { copy($0) }
        entries.rows.withUnsafeBytes { copy($0) }
        entries.keyBytes.withUnsafeBytes { copy($0) }
        let address = UInt(bitPattern: memory.baseAddress)
        // Memory of this process has no checksums: the stored sums and the computed ones are all
        // zero.
        let blocks = (byteCount + VerifiedBytes.blockBytes - 1) / VerifiedBytes.blockBytes
        let bytes = VerifiedBytes(
            UnsafeRawBufferPointer(rebasing: memory[..<byteCount]),
            sums: Array(repeating: 0, count: blocks),
            checksum: { _ in 0 },
            release: { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
        )
        let rowsStart = sizes[0] + sizes[1]
        guard let keyEnds = MappedArray<UInt64>(bytes, 0..<sizes[0]),
            let rowEnds = MappedArray<UInt64>(bytes, sizes[0]..<rowsStart),
            let rows = MappedArray<RowID>(bytes, rowsStart..<rowsStart + sizes[2]),
            let keyBytes = MappedArray<UInt8>(bytes, rowsStart + sizes[2]..<byteCount)
        else { return nil }
        self.keyEnds = keyEnds
        self.keyBytes = keyBytes
        self.rowEnds = rowEnds
        self.rows = rows
    }

    static func write(_ entries: FieldEntries, to sink: inout some SectionSink)
        throws(LodestoneError)
    {
        try sink.write("MKEN", entries.keyEnds)
        try sink.write("MKEY", entries.keyBytes)
        try sink.write("MREN", entries.rowEnds)
        try sink.write("MROW", entries.rows)
    }

    /// A key; empty if the base is damaged.
    func key(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        keyBytes.elements(range(index..<index + 1, of: keyEnds))
    }

    /// The rows of a range of keys; ascending for each key.
    func rows(_ keys: Range<Int>) -> UnsafeBufferPointer<RowID> {
        rows.elements(range(keys, of: rowEnds))
    }

    private func range(_ keys: Range<Int>, of ends: MappedArray<UInt64>) -> Range<Int> {
        if keys.isEmpty { return 0..<0 }
        let start = keys.lowerBound == 0 ? 0 : ends.element(keys.lowerBound - 1, or: 0)
        let end = ends.element(keys.upperBound - 1, or: 0)
        return Int(clamping: start)..<Int(clamping: max(start, end))
    }

    /// The position of the first key that is not before `key`.
    func position(of key: [UInt8]) -> Int {
        key.withUnsafeBufferPointer { key in
            var low = 0
            var high = count
            while low < high {
                let middle = (low + high) / 2
                if precedes(self.key(middle), key) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
    }

    /// The positions of the keys from `start` up to, and without, `end`.
    func positions(from start: [UInt8], to end: [UInt8]) -> Range<Int> {
        let first = position(of: start)
        return first..<max(first, position(of: end))
    }

    /// The position of a key; `nil` when no row has it.
    func find(_ key: [UInt8]) -> Int? {
        let position = position(of: key)
        guard position < count else { return nil }
        return self.key(position).elementsEqual(key) ? position : nil
    }
}

extension SortedRun {
    /// Merges runs: the distinct keys in order, with the kept rows.
    ///
    /// - Parameters:
    ///   - runs: The runs; per field in row order.
    ///   - numbers: The numbers of the fields whose keys are kept; `nil`: all.
    ///   - isKept: Whether a row is kept; `nil`: all are.
    /// - Returns: The keys with their rows.
    /// - Complexity: O(keys × runs + rows).
    static func merge(
        _ runs: [SortedRun],
        of numbers: Set<UInt8>? = nil,
        keeping isKept: ((RowID) -> Bool)? = nil
    ) -> FieldEntries {
        var merged = FieldEntries()
        var kept: ContiguousArray<RowID> = []
        var isNumberKept = ContiguousArray(repeating: numbers == nil, count: 256)
        for number in numbers ?? [] { isNumberKept[Int(number)] = true }
        forEachKey(of: runs, from: runs.map { _ in 0 }, to: runs.map(\.count)) { key, positions in
            // A key of a damaged base is empty.
            guard let number = key.first, isNumberKept[Int(number)] else { return true }
            for (run, position) in positions {
                let rows = runs[run].rows(position..<position + 1)
                if let isKept {
                    kept.removeAll(keepingCapacity: true)
                    for row in rows where isKept(row) { kept.append(row) }
                    kept.withUnsafeBufferPointer { merged.append(key, $0) }
                } else {
                    merged.append(key, rows)
                }
            }
            return true
        }
        return merged
    }

    /// Calls `body` once with each distinct key of some runs, in order, until it returns `false`.
    ///
    /// - Parameters:
    ///   - runs: The runs, in the order of their rows.
    ///   - starts: Per run, the position to begin at.
    ///   - ends: Per run, the position to end before.
    ///   - isDescending: Whether to go from the ends to the starts.
    ///   - ignored: The number of leading bytes of keys to ignore; they are the same within a run.
    ///   - body: Gets the key, valid during the call, and its positions: pairs of a run and a
    ///     position.
    /// - Throws: The error of `body`.
    static func forEachKey<Failure: Error>(
        of runs: [SortedRun],
        from starts: [Int],
        to ends: [Int],
        isDescending: Bool = false,
        ignoring ignored: Int = 0,
        _ body: (UnsafeBufferPointer<UInt8>, [(run: Int, position: Int)]) throws(Failure) -> Bool
    ) throws(Failure) {
        var starts = starts
        var ends = ends
        var positions: [(run: Int, position: Int)] = []
        while true {
            positions.removeAll(keepingCapacity: true)
            var best = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
            for run in runs.indices where starts[run] < ends[run] {
                let position = isDescending ? ends[run] - 1 : starts[run]
                var key = runs[run].key(position)
                if ignored > 0 { key = UnsafeBufferPointer(rebasing: key.dropFirst(ignored)) }
                let order = positions.isEmpty ? 0 : order(key, best)
                if positions.isEmpty || (isDescending ? order > 0 : order < 0) {
                    best = key
                    positions.removeAll(keepingCapacity: true)
                    positions.append((run, position))
                } else if order == 0 {
                    positions.append((run, position))
                }
            }
            if positions.isEmpty { return }
            for (run, _) in positions {
                if isDescending { ends[run] -= 1 } else { starts[run] += 1 }
            }
            guard try body(best, positions) else { return }
        }
    }
}
