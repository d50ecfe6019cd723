// SPDX-License-Identifier: Apache-2.0

/// An array in chunks, for one writer that continues while readers hold earlier copies.
///
/// A copy costs nothing. After it, the first change of an element copies that element's chunk and
/// the table of chunks, not the whole array. Without another holder, changes happen in place.
///
/// Threading: a value; copies on different threads are independent.
///
/// It is public because only then does the compiler specialize it in the modules that use it. That
/// makes a walk over the graph five times as fast.
public struct ChunkedArray<Element> {
    /// The number of elements of a chunk.
    @inlinable static var chunkSize: Int { 256 }

    @usableFromInline var chunks: ContiguousArray<ContiguousArray<Element>> = []

    /// The number of elements.
    @inlinable public var count: Int { storedCount }
    @usableFromInline var storedCount = 0

    /// Creates an empty array.
    @inlinable public init() {}

    /// Adds an element at the end.
    @inlinable public mutating func append(_ element: Element) {
        if count == chunks.count * Self.chunkSize {
            chunks.append([])
        }
        chunks[count / Self.chunkSize].append(element)
        storedCount += 1
    }

    /// Appends `element` until the array has at least `count` elements.
    @inlinable public mutating func grow(to count: Int, with element: Element) {
        while self.count < count {
            append(element)
        }
    }

    /// The element at `index`, which is less than `count`.
    @inlinable public subscript(index: Int) -> Element {
        _read { yield chunks[index / Self.chunkSize][index % Self.chunkSize] }
        _modify { yield &chunks[index / Self.chunkSize][index % Self.chunkSize] }
    }
}

extension ChunkedArray: Sendable where Element: Sendable {}
