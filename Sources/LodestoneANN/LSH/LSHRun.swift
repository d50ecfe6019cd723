// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The immutable tables of rows that were indexed together.
///
/// A row has a slot in the run, 0 to `count` − 1, and one signature per table. A table is the list
/// of slots sorted by their signatures, with a directory over the signatures' first bits: bucket b
/// of the directory begins at `directory[b]` and ends at `directory[b + 1]`. If the directory has
/// as many bits as a table has hyperplanes, its buckets are the hash buckets. Otherwise few
/// signatures share their first bits, and a lookup also compares these signatures. The tables are
/// contiguous.
///
/// A file may have any content, so each number from it is checked before use.
final class LSHRun: Sendable {
    /// The numbers of the rows, ascending.
    private let rows: LSHWords
    let tables: Int
    let hyperplanes: Int
    private let directoryBits: Int
    /// The signatures, one per row and table.
    private let signatures: LSHWords
    private let slots: LSHWords
    private let directory: LSHWords

    /// Sorts rows into tables.
    ///
    /// - Parameters:
    ///   - rows: The rows, ascending.
    ///   - signatures: The signatures, one per row and table.
    ///   - tables: The number of tables.
    ///   - hyperplanes: Bits of a signature, 1 to 32.
    init(
        rows: ContiguousArray<RowID>,
        signatures: ContiguousArray<UInt32>,
        tables: Int,
        hyperplanes: Int
    ) {
        self.tables = tables
        self.hyperplanes = hyperplanes
        directoryBits = Self.directoryBits(count: rows.count, hyperplanes: hyperplanes)
        let buckets = 1 << directoryBits
        var slots: ContiguousArray<UInt32> = []
        var directory = ContiguousArray(repeating: UInt32(0), count: tables * (buckets + 1))
        slots.reserveCapacity(tables * rows.count)
        for table in 0..<tables {
            var keys = rows.indices.map { slot in
                UInt64(signatures[slot * tables + table]) << 32 | UInt64(slot)
            }
            keys.sort()
            let first = table * (buckets + 1)
            for key in keys {
                slots.append(UInt32(truncatingIfNeeded: key))
                directory[first + 1 + Int(key >> UInt64(32 + hyperplanes - directoryBits))] += 1
            }
            for bucket in 0..<buckets {
                directory[first + bucket + 1] += directory[first + bucket]
            }
        }
        self.rows = .memory(ContiguousArray(rows.lazy.map { $0.rawValue }))
        self.signatures = .memory(signatures)
        self.slots = .memory(slots)
        self.directory = .memory(directory)
    }

    /// The bits of a directory with one bucket for one or two rows.
    private static func directoryBits(count: Int, hyperplanes: Int) -> Int {
        min(hyperplanes, max(1, count).bitWidth - 1 - max(1, count).leadingZeroBitCount)
    }

    /// The number of rows.
    var count: Int { rows.count }

    /// The row of a slot.
    @inline(__always)
    func row(of slot: Int) -> RowID { RowID(rawValue: rows[slot]) }

    /// Whether the tables are in a file.
    var isInBase: Bool {
        if case .base = rows { true } else { false }
    }

    /// Bytes of memory, or of the file.
    var byteCount: Int {
        (rows.count + signatures.count + slots.count + directory.count)
            * MemoryLayout<UInt32>.stride
    }

    /// Calls `body` with the slot of every row of a bucket.
    @inline(__always)
    func forEach(in table: Int, _ signature: UInt32, _ body: (Int) -> Void) {
        let buckets = table * ((1 << directoryBits) + 1)
        let bucket = buckets + Int(signature >> UInt32(hyperplanes - directoryBits))
        let start = Int(directory[bucket])
        let end = Int(directory[bucket + 1])
        guard start < end, end <= count else { return }
        slots.withElements(table * count + start..<table * count + end) { slots in
            for slot in slots where slot < count {
                if directoryBits == hyperplanes
                    || signatures[Int(slot) * tables + table] == signature
                {
                    body(Int(slot))
                }
            }
        }
    }

    /// Calls `body` with the signatures of slots, one per slot and table; with none if the file is
    /// damaged.
    func withSignatures(of slots: ClosedRange<Int>, _ body: (UnsafeBufferPointer<UInt32>) -> Void) {
        signatures.withElements(
            slots.lowerBound * tables..<(slots.upperBound + 1) * tables,
            body
        )
    }

    /// Appends the live rows and their signatures to those of other runs.
    func append(
        to rows: inout ContiguousArray<RowID>,
        _ signatures: inout ContiguousArray<UInt32>,
        keeping isLive: (RowID) -> Bool
    ) {
        let bits = UInt32.max >> UInt32(UInt32.bitWidth - hyperplanes)
        for slot in 0..<count {
            let row = row(of: slot)
            guard isLive(row) else { continue }
            rows.append(row)
            for table in 0..<tables {
                signatures.append(self.signatures[slot * tables + table] & bits)
            }
        }
    }

    /// Writes the tables.
    func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.write("LSHR", rows.elements)
        try sink.write("LSHS", signatures.elements)
        try sink.write("LSHB", slots.elements)
        try sink.write("LSHD", directory.elements)
    }

    /// Opens the tables that `write` wrote; `nil` when a part is missing or contradicts another.
    init?(from source: some SectionSource, count: Int, tables: Int, hyperplanes: Int) {
        let directoryBits = Self.directoryBits(count: count, hyperplanes: hyperplanes)
        guard let rows = source.section("LSHR", of: UInt32.self),
            let signatures = source.section("LSHS", of: UInt32.self),
            let slots = source.section("LSHB", of: UInt32.self),
            let directory = source.section("LSHD", of: UInt32.self),
            rows.count == count,
            signatures.count == count * tables,
            slots.count == count * tables,
            directory.count == tables * ((1 << directoryBits) + 1)
        else { return nil }
        self.tables = tables
        self.hyperplanes = hyperplanes
        self.directoryBits = directoryBits
        self.rows = .base(rows)
        self.signatures = .base(signatures)
        self.slots = .base(slots)
        self.directory = .base(directory)
    }
}

/// Numbers in memory or in a file.
enum LSHWords: Sendable {
    case memory(ContiguousArray<UInt32>)
    case base(MappedArray<UInt32>)

    var count: Int {
        switch self {
        case .memory(let elements): elements.count
        case .base(let section): section.count
        }
    }

    /// The element at an index; 0 where the file is damaged, or shorter.
    @inline(__always)
    subscript(index: Int) -> UInt32 {
        switch self {
        case .memory(let elements): elements[index]
        case .base(let section): section.element(index, or: 0)
        }
    }

    /// The elements of a range; none where the file is damaged, or shorter.
    @inline(__always)
    func withElements(_ range: Range<Int>, _ body: (UnsafeBufferPointer<UInt32>) -> Void) {
        switch self {
        case .memory(let elements):
            elements.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
        case .base(let section):
            body(section.elements(range))
        }
    }

    /// All elements; zeros where the file is damaged.
    var elements: ContiguousArray<UInt32> {
        switch self {
        case .memory(let elements): elements
        case .base(let section):
            ContiguousArray((0..<section.count).map { section.element($0, or: 0) })
        }
    }
}
