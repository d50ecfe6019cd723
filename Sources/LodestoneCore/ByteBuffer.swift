// SPDX-License-Identifier: Apache-2.0

/// Bytes in a row: appended at the end, removed at the front, in memory that is not cleared first.
///
/// Messages are encoded straight into it and decoded straight from it, which is why it hands out
/// pointers. They are good inside the closure only.
package struct ByteBuffer: ~Copyable {
    private var storage: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0

    /// Creates an empty buffer without memory.
    package init() {
        storage = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// Creates an empty buffer in memory that `takeStorage` gave.
    package init(storage: UnsafeMutableRawBufferPointer) {
        self.storage = storage
    }

    deinit {
        storage.deallocate()
    }

    /// The bytes present.
    package var count: Int { end - start }
    /// Whether there are none.
    package var isEmpty: Bool { end == start }
    /// The bytes of memory held.
    package var capacity: Int { storage.count }

    /// Gives the memory away and leaves an empty buffer without any.
    package mutating func takeStorage() -> UnsafeMutableRawBufferPointer {
        let taken = storage
        storage = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        start = 0
        end = 0
        return taken
    }

    /// Makes room for `byteCount` bytes behind the last one: moves the bytes to the front when that
    /// is enough, otherwise at least doubles the memory.
    package mutating func reserve(_ byteCount: Int) {
        guard storage.count - end < byteCount else { return }
        let count = self.count
        // Moving is worth it only when it frees at least as much as it moves.
        if storage.count - count >= byteCount, start >= count {
            if count > 0, let base = storage.baseAddress {
                base.copyMemory(from: base + start, byteCount: count)
            }
        } else {
            let grown = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(storage.count * 2, count + byteCount, 256),
                alignment: MemoryLayout<UInt64>.alignment)
            if count > 0 {
                grown.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[start..<end]))
            }
            storage.deallocate()
            storage = grown
        }
        start = 0
        end = count
    }

    /// Appends what `write` puts into at least `byteCount` bytes of uninitialized memory.
    ///
    /// - Parameter write: Returns how many bytes it has written.
    package mutating func append<E: Error>(
        reserving byteCount: Int,
        _ write: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) {
        reserve(byteCount)
        let room = UnsafeMutableRawBufferPointer(rebasing: storage[end...])
        let written = try write(room)
        precondition(written >= 0 && written <= room.count, "more was written than fits")
        end += written
    }

    /// Appends a copy of `bytes`.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        append(reserving: bytes.count) { room in
            room.copyMemory(from: bytes)
            return bytes.count
        }
    }

    /// Appends a copy of `bytes`.
    package mutating func append(contentsOf bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Calls `body` with the bytes present.
    package func withUnsafeBytes<E: Error, R>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeRawBufferPointer(rebasing: storage[start..<end]))
    }

    /// Removes the first `byteCount` bytes. O(1).
    package mutating func removeFirst(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "more was removed than there is")
        start += byteCount
        if start == end {
            start = 0
            end = 0
        }
    }
}
