// SPDX-License-Identifier: Apache-2.0

/// A queue of bytes, appended at the end and removed at the front, in uninitialized memory.
///
/// Messages are encoded into it and decoded from it without a copy, through pointers that are valid
/// only inside a closure.
package struct ByteBuffer: ~Copyable {
    private static let leastByteCount = 256

    private var storage = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var start = 0
    private var end = 0
    private let pool: BufferPool?

    /// Creates an empty buffer without memory.
    ///
    /// - Parameter pool: The pool that large blocks come from and go to.
    package init(pool: BufferPool? = nil) {
        self.pool = pool
    }

    deinit {
        Self.release(storage, to: pool)
    }

    /// The number of bytes present.
    package var count: Int { end - start }
    /// Whether no bytes are present.
    package var isEmpty: Bool { end == start }
    /// The number of bytes of memory held.
    package var capacity: Int { storage.count }

    /// Reserves room for `byteCount` bytes after the last one.
    ///
    /// The bytes move to the front when that frees enough room. Otherwise the capacity at least
    /// doubles.
    package mutating func reserve(_ byteCount: Int) {
        guard storage.count - end < byteCount else { return }
        let count = self.count
        // A move is worth it only when it frees at least as much as it moves.
        if storage.count - count >= byteCount, start >= count {
            if count > 0, let base = storage.baseAddress {
                base.copyMemory(from: base + start, byteCount: count)
            }
        } else {
            let needed = max(storage.count * 2, count + byteCount, Self.leastByteCount)
            let grown = Self.obtain(needed, from: pool)
            if count > 0 {
                grown.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[start..<end]))
            }
            Self.release(storage, to: pool)
            storage = grown
        }
        start = 0
        end = count
    }

    /// Appends what `write` puts into at least `byteCount` bytes of uninitialized memory.
    ///
    /// Not generic, because every message passes, and modules don't specialize each other's
    /// functions.
    ///
    /// - Parameters:
    ///   - byteCount: The room that `write` needs.
    ///   - write: Returns the number of bytes that it has written.
    package mutating func append(
        reserving byteCount: Int,
        _ write: (UnsafeMutableRawBufferPointer) -> Int
    ) {
        reserve(byteCount)
        let room = UnsafeMutableRawBufferPointer(rebasing: storage[end...])
        let written = write(room)
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

    /// Appends one byte.
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        storage[end] = byte
        end += 1
    }

    /// Appends a copy of `bytes`.
    package mutating func append(contentsOf bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// The byte at `index`, counted from the first one present.
    package subscript(index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < count, "there is no such byte")
            return storage[start + index]
        }
        set {
            precondition(index >= 0 && index < count, "there is no such byte")
            storage[start + index] = newValue
        }
    }

    /// Calls `body` with the bytes present.
    package func withUnsafeBytes<E: Error, R>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeRawBufferPointer(rebasing: storage[start..<end]))
    }

    /// Removes the first `byteCount` bytes.
    ///
    /// O(1).
    package mutating func removeFirst(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "more was removed than there is")
        start += byteCount
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Removes the last bytes so that `byteCount` remain.
    ///
    /// O(1).
    package mutating func truncate(to byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "there are not that many bytes")
        end = start + byteCount
    }

    /// Removes all bytes, and frees large memory.
    package mutating func removeAll() {
        removeFirst(count)
        releaseIfEmpty()
    }

    /// Frees large memory when no bytes are present.
    package mutating func releaseIfEmpty() {
        guard isEmpty, storage.count > BufferPool.smallByteCount else { return }
        Self.release(storage, to: pool)
        storage = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    private static func obtain(
        _ byteCount: Int,
        from pool: BufferPool?
    ) -> UnsafeMutableRawBufferPointer {
        if byteCount > BufferPool.smallByteCount, let block = pool?.take(atLeast: byteCount) {
            return block
        }
        return .allocate(byteCount: byteCount, alignment: MemoryLayout<UInt64>.alignment)
    }

    private static func release(_ storage: UnsafeMutableRawBufferPointer, to pool: BufferPool?) {
        if storage.count > BufferPool.smallByteCount, let pool {
            pool.give(storage)
        } else {
            storage.deallocate()
        }
    }
}
