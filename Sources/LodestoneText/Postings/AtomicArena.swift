// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// An arena of 64-bit units that grows at its end and never moves, so that readers need no lock.
///
/// Segments double in size. Units that are allocated together are in one segment.
///
/// Threading: one thread allocates at a time. Any thread reads units after an acquiring load of a
/// value that the writer stored, releasing, after the allocation.
// Unchecked because of the pointers: units are atomic, and segments are freed with the object.
final class AtomicArena: @unchecked Sendable {
    typealias Unit = Atomic<UInt64>

    private static let firstBits: UInt32 = 10
    private static let segmentCount = 23

    private let segments: UnsafeMutablePointer<UnsafeMutablePointer<Unit>?>
    /// The number of the first unallocated unit.
    private var next: UInt64 = 0

    init() {
        segments = .allocate(capacity: Self.segmentCount)
        segments.initialize(repeating: nil, count: Self.segmentCount)
    }

    deinit {
        // The units are plain numbers and need no deinitialization.
        for segment in 0..<Self.segmentCount { segments[segment]?.deallocate() }
        segments.deallocate()
    }

    /// The allocated bytes, including gaps.
    var byteCount: Int { Int(next) * 8 }

    /// Allocates `count` consecutive zeroed units, and returns the first; `nil` if a number would
    /// reach `limit`.
    func allocate(_ count: Int, below limit: UInt64 = 1 << 32) -> UInt32? {
        var start = next
        while true {
            guard start + UInt64(count) <= limit else { return nil }
            let (segment, offset) = Self.location(of: UInt32(truncatingIfNeeded: start))
            let size = Self.size(of: segment)
            if offset + count <= size {
                let units: UnsafeMutablePointer<Unit>
                if let known = segments[segment] {
                    units = known
                } else {
                    units = .allocate(capacity: size)
                    segments[segment] = units
                }
                for index in offset..<(offset + count) {
                    (units + index).initialize(to: Atomic(0))
                }
                next = start + UInt64(count)
                return UInt32(truncatingIfNeeded: start)
            }
            start += UInt64(size - offset)
        }
    }

    /// The unit at `index`, which must be allocated.
    @inline(__always)
    subscript(index: UInt32) -> UnsafeMutablePointer<Unit> {
        let (segment, offset) = Self.location(of: index)
        // Only a bug can give an unallocated number.
        return segments[segment].unsafelyUnwrapped + offset
    }

    @inline(__always)
    private static func location(of index: UInt32) -> (segment: Int, offset: Int) {
        let segment = 32 - (index >> firstBits).leadingZeroBitCount
        let start: UInt32 = segment == 0 ? 0 : 1 << (firstBits - 1 + UInt32(segment))
        return (segment, Int(index &- start))
    }

    private static func size(of segment: Int) -> Int {
        segment == 0 ? 1 << Int(firstBits) : 1 << (Int(firstBits) - 1 + segment)
    }
}
