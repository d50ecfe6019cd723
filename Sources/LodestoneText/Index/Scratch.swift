// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Synchronization

/// What one search writes to: for each row of a chunk a sum and a mark, all zero between uses.
// Unchecked for the pointers: one search at a time has it.
final class Scratch: @unchecked Sendable {
    /// Rows of a chunk.
    static let rows = 1 << 16

    /// What zeroing all sums or all marks takes, as a number of postings that are read meanwhile.
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

/// Scratches, which all indexes share, and class weights to be used again.
///
/// Threading: any thread; a lock is held for a moment.
final class ScratchPool: Sendable {
    private struct State {
        var weights: (key: ClassWeights.Key, value: ClassWeights)?
    }

    /// Of the process: 320 KiB each, which thousands of indexes would keep for one search.
    private static let free = Mutex<[Scratch]>([])
    private let state = Mutex(State())

    /// Runs `body` with a scratch, which it leaves zeroed.
    func withScratch<T>(_ body: (Scratch) throws(LodestoneError) -> T) throws(LodestoneError) -> T {
        let scratch = Self.free.withLock { $0.popLast() } ?? Scratch()
        defer {
            // More threads than this don't search at a time on a small machine; others make another.
            Self.free.withLock { if $0.count < 16 { $0.append(scratch) } }
        }
        return try body(scratch)
    }

    /// The weights for `key`, made anew when they differ from the last ones.
    func weights(_ key: ClassWeights.Key, of table: ClassTable) -> ClassWeights {
        if let there = state.withLock({ $0.weights?.key == key ? $0.weights?.value : nil }) {
            return there
        }
        let value = ClassWeights(key, table.classes(key.count))
        state.withLock { $0.weights = (key, value) }
        return value
    }
}
