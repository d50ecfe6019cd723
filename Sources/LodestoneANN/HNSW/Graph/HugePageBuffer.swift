// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem

/// Zeroed memory in 2 MB pages if the system has them; a file beyond `GraphMemory`'s limit.
///
/// With 4 KB pages, scattered reads miss the translation buffer at every step.
///
/// Threading: that of the owning graph. Unchecked because of the pointer, which only this object
/// has.
final class HugePageBuffer: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
    let byteCount: Int
    private let isFile: Bool

    init(byteCount: Int) {
        // Whole huge pages, so that the last one is huge, too.
        let page = 2 << 20
        let length = byteCount >= page ? (byteCount + page - 1) / page * page : max(byteCount, 64)
        self.byteCount = length
        if let address = GraphMemory.mapFile(length) {
            start = address
            isFile = true
            return
        }
        let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
        guard let address, address != MAP_FAILED else {
            fatalError("No memory for \(length) bytes of an index.")
        }
        #if canImport(Glibc)
        madvise(address, length, MADV_HUGEPAGE)
        #endif
        start = address
        isFile = false
        GraphMemory.take(length)
    }

    /// Frees the memory after the first `count` bytes, which is no longer read.
    func shrink(to count: Int) {
        // The space of a file stays reserved, so that later writes into it can't fail.
        if isFile { return }
        let page = 2 << 20
        let used = (count + page - 1) / page * page
        if used < byteCount { madvise(start + used, byteCount - used, MADV_DONTNEED) }
    }

    deinit {
        munmap(start, byteCount)
        GraphMemory.release(byteCount, isFile: isFile)
    }

    /// The start of the memory, as elements of a type.
    func bound<Element: BitwiseCopyable>(to type: Element.Type) -> UnsafeMutablePointer<Element> {
        start.assumingMemoryBound(to: type)
    }
}
