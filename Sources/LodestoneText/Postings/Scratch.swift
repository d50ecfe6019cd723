// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// The working memory of one search: a sum and a mark per row of a row block, all zero between
/// uses.
// Unchecked because of the pointers: one search at a time has it.
final class Scratch: @unchecked Sendable {
    /// The number of rows of a row block.
    static let rows = 1 << 16

    /// The number of postings that can be read in the time of zeroing all sums or all marks.
    static let sumsClearing = 5_500
    static let marksClearing = 1_300

    let sums: UnsafeMutablePointer<UInt32>
    let marks: UnsafeMutablePointer<Bool>

    init() {
        sums = UnsafeMutableRawPointer.allocate(byteCount: Self.rows * 4, alignment: 64)
            .bindMemory(to: UInt32.self, capacity: Self.rows)
        sums.initialize(repeating: 0, count: Self.rows)
        marks = .allocate(capacity: Self.rows)
        marks.initialize(repeating: false, count: Self.rows)
    }

    deinit {
        sums.deallocate()
        marks.deallocate()
    }
}

/// The pool of scratches of all indexes, and the last class weights of one index.
///
/// Threading: any thread; a lock is held for a moment.
final class ScratchPool: Sendable {
    private struct State {
        var weights: (key: ImpactTable.Key, value: ImpactTable)?
    }

    /// The free scratches of the process, 320 KiB each; a pool per index would be too large for
    /// thousands of indexes.
    private static let free = Mutex<[Scratch]>([])
    private let state = Mutex(State())

    /// Runs `body` with a scratch, which it leaves zeroed.
    func withScratch<T>(_ body: (Scratch) throws(LodestoneError) -> T) throws(LodestoneError) -> T {
        let scratch = Self.free.withLock { $0.popLast() } ?? Scratch()
        defer {
            // A small machine rarely runs more searches at a time; a further search creates a
            // scratch.
            Self.free.withLock { if $0.count < 16 { $0.append(scratch) } }
        }
        return try body(scratch)
    }

    /// The weights for `key`, computed when `key` differs from the last one.
    func weights(_ key: ImpactTable.Key, of table: FieldNormTable) -> ImpactTable {
        if let there = state.withLock({ $0.weights?.key == key ? $0.weights?.value : nil }) {
            return there
        }
        let value = ImpactTable(key, table.classes(key.count))
        state.withLock { $0.weights = (key, value) }
        return value
    }
}
