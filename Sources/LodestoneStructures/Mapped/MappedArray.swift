// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem

/// An array of plain values inside `VerifiedBytes`.
///
/// Threading: a value over memory that is never written. Unchecked because of the pointer; `bytes`
/// keeps its memory mapped.
public struct MappedArray<Element: BitwiseCopyable>: @unchecked Sendable {
    @usableFromInline let start: UnsafePointer<Element>
    @usableFromInline let offset: Int
    /// The number of elements.
    public let count: Int
    /// The bytes of the elements.
    public let bytes: VerifiedBytes

    /// The elements in `range`, in bytes; `nil` when the range is outside of the bytes, not
    /// aligned, or not a whole number of elements.
    public init?(_ bytes: VerifiedBytes, _ range: Range<Int>) {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count,
            range.count % MemoryLayout<Element>.stride == 0,
            let base = bytes.bytes.baseAddress,
            Int(bitPattern: base + range.lowerBound) % MemoryLayout<Element>.alignment == 0
        else { return nil }
        start = (base + range.lowerBound).assumingMemoryBound(to: Element.self)
        offset = range.lowerBound
        count = range.count / MemoryLayout<Element>.stride
        self.bytes = bytes
    }

    /// The element at `index`, or `fallback` when it is damaged or beyond the end.
    @inlinable public func element(_ index: Int, or fallback: Element) -> Element {
        let stride = MemoryLayout<Element>.stride
        let start = offset + index * stride
        guard index >= 0, index < count, bytes.check(start..<start + stride) else {
            return fallback
        }
        return self.start[index]
    }

    /// Prefetches the element at `index` into the cache; does nothing beyond the end.
    @inlinable public func prefetch(_ index: Int) {
        if index >= 0, index < count { prefetchMemory(start + index) }
    }

    /// The elements of `range`; none when any of them is damaged or beyond the end.
    ///
    /// The pointer is valid as long as `bytes` exists.
    @inlinable public func elements(_ range: Range<Int>) -> UnsafeBufferPointer<Element> {
        let stride = MemoryLayout<Element>.stride
        guard range.lowerBound >= 0, range.upperBound <= count,
            bytes.check(offset + range.lowerBound * stride..<offset + range.upperBound * stride)
        else { return UnsafeBufferPointer(start: nil, count: 0) }
        return UnsafeBufferPointer(start: start + range.lowerBound, count: range.count)
    }
}

/// Prefetches memory for code that is specialized in other modules.
@usableFromInline func prefetchMemory(_ address: UnsafeRawPointer) { lode_prefetch(address) }
