// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// A pool of a few large blocks of memory, kept for later messages.
///
/// A connection that carries one batch after another then does not allocate for each batch. An idle
/// connection holds no large block.
///
/// Threading: any thread.
package final class BufferPool: Sendable {
    /// The largest block that is not pooled; the allocator returns such blocks quickly.
    package static let smallByteCount = 64 << 10
    private static let largestPooled = 8 << 20
    private static let mostPooled = 4

    private struct Block: @unchecked Sendable {
        // Unchecked: the thread that took the block out owns it alone, and nothing uses a block in
        // the pool.
        let storage: UnsafeMutableRawBufferPointer
    }
    private let blocks = Mutex<[Block]>([])

    package init() {}

    deinit {
        for block in blocks.withLock({ $0 }) { block.storage.deallocate() }
    }

    /// Removes a block of at least `byteCount` bytes from the pool; `nil` when it has none.
    func take(atLeast byteCount: Int) -> UnsafeMutableRawBufferPointer? {
        blocks.withLock { blocks in
            let index = blocks.lastIndex { $0.storage.count >= byteCount }
            return index.map { blocks.remove(at: $0) }
        }?.storage
    }

    /// Frees every block of the pool.
    package func trim() {
        let kept = blocks.withLock { blocks in
            defer { blocks = [] }
            return blocks
        }
        for block in kept { block.storage.deallocate() }
    }

    /// Returns a block to the pool.
    ///
    /// The pool frees a block that is too small or too large, or that exceeds its capacity.
    func give(_ storage: UnsafeMutableRawBufferPointer) {
        let block = Block(storage: storage)
        let isKept = blocks.withLock { blocks in
            guard block.storage.count > Self.smallByteCount,
                block.storage.count <= Self.largestPooled, blocks.count < Self.mostPooled
            else { return false }
            blocks.append(block)
            return true
        }
        if !isKept { storage.deallocate() }
    }
}
