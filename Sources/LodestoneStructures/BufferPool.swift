// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Keeps a few large blocks of memory for the next big messages.
///
/// So a connection that carries one batch after another does not allocate each time, and a silent
/// connection holds no large block.
///
/// Threading: any thread.
package final class BufferPool: Sendable {
    /// Blocks up to this size are cheap to come by and not pooled.
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

    /// Takes out a block of at least `byteCount` bytes, if there is one.
    func take(atLeast byteCount: Int) -> UnsafeMutableRawBufferPointer? {
        blocks.withLock { blocks in
            let index = blocks.lastIndex { $0.storage.count >= byteCount }
            return index.map { blocks.remove(at: $0) }
        }?.storage
    }

    /// Frees every block that is kept.
    package func trim() {
        let kept = blocks.withLock { blocks in
            defer { blocks = [] }
            return blocks
        }
        for block in kept { block.storage.deallocate() }
    }

    /// Takes over a block: keeps it, or frees it when it is too small, too large or one too many.
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
