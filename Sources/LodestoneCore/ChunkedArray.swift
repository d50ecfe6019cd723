// SPDX-License-Identifier: Apache-2.0

/// An array in chunks, for one writer that goes on while readers hold earlier copies.
///
/// A copy costs nothing; after it, the first change of an element copies that element's chunk and
/// the table of chunks, not the whole array. Without another holder changes happen in place.
///
/// Threading: a value; copies on different threads are independent.
package struct ChunkedArray<Element> {
    /// Elements of a chunk.
    @usableFromInline static var chunkSize: Int { 256 }

    @usableFromInline var chunks: ContiguousArray<ContiguousArray<Element>> = []

    /// Elements.
    package private(set) var count = 0

    /// Creates an empty array.
    package init() {}

    /// Adds an element at the end.
    package mutating func append(_ element: Element) {
        if count == chunks.count * Self.chunkSize {
            chunks.append([])
        }
        chunks[count / Self.chunkSize].append(element)
        count += 1
    }

    /// Appends `element` until the array has at least `count` elements.
    package mutating func grow(to count: Int, with element: Element) {
        while self.count < count {
            append(element)
        }
    }

    /// The element at `index`, which is less than `count`.
    @inlinable package subscript(index: Int) -> Element {
        get { chunks[index / Self.chunkSize][index % Self.chunkSize] }
        _modify { yield &chunks[index / Self.chunkSize][index % Self.chunkSize] }
    }
}

extension ChunkedArray: Sendable where Element: Sendable {}
