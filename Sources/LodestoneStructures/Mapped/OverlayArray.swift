// SPDX-License-Identifier: Apache-2.0

/// An array over a section of a base file.
///
/// Elements that never changed are read from the file. Changed and added elements are in chunks of
/// memory. Copies share the chunks; a later change copies the chunk that it changes.
///
/// Threading: a value.
public struct OverlayArray<Element: BitwiseCopyable & Sendable>: Sendable {
    /// The number of elements of a chunk.
    @inlinable static var chunkSize: Int { 256 }

    @usableFromInline let base: MappedArray<Element>?
    @usableFromInline let fallback: Element
    /// The chunks.
    ///
    /// An empty chunk has no change: its elements are those of the base.
    @usableFromInline var chunks: ContiguousArray<ContiguousArray<Element>>
    /// The number of chunks that are not empty.
    @usableFromInline var filledCount = 0
    /// The number of elements.
    @inlinable public var count: Int { storedCount }
    @usableFromInline var storedCount: Int

    /// The memory of the changed chunks in bytes.
    public var byteCount: Int { filledCount * Self.chunkSize * MemoryLayout<Element>.stride }

    /// Creates an array with the elements of `base`.
    ///
    /// - Parameters:
    ///   - base: The section in a file; `nil` for none.
    ///   - fallback: The element for damaged ones, and for the gaps that `grow` leaves.
    public init(_ base: MappedArray<Element>? = nil, fallback: Element) {
        self.base = base
        self.fallback = fallback
        let count = base?.count ?? 0
        storedCount = count
        chunks = ContiguousArray(
            repeating: [],
            count: (count + Self.chunkSize - 1) / Self.chunkSize
        )
    }

    /// Creates an array of fallbacks, which take no memory until they change.
    public init(count: Int, fallback: Element) {
        base = nil
        self.fallback = fallback
        storedCount = count
        chunks = ContiguousArray(
            repeating: [],
            count: (count + Self.chunkSize - 1) / Self.chunkSize
        )
    }

    /// Adds an element at the end.
    @inlinable public mutating func append(_ element: Element) {
        grow(to: count + 1)
        self[count - 1] = element
    }

    /// Adds fallbacks until the array has at least `newCount` elements.
    @inlinable public mutating func grow(to newCount: Int) {
        guard newCount > count else { return }
        // The base may have a part of the last chunk.
        if count % Self.chunkSize != 0, chunks[count / Self.chunkSize].isEmpty {
            fill(count / Self.chunkSize)
        }
        storedCount = newCount
        while chunks.count * Self.chunkSize < newCount {
            chunks.append(ContiguousArray(repeating: fallback, count: Self.chunkSize))
            filledCount += 1
        }
    }

    /// The element at `index`, which is less than `count`.
    @inlinable public subscript(index: Int) -> Element {
        get {
            // The chunk is indexed twice, because a local variable would cost a reference count.
            if chunks[index / Self.chunkSize].isEmpty {
                guard let base else { return fallback }
                return base.element(index, or: fallback)
            }
            return chunks[index / Self.chunkSize][index % Self.chunkSize]
        }
        set {
            let chunk = index / Self.chunkSize
            if chunks[chunk].isEmpty { fill(chunk) }
            chunks[chunk][index % Self.chunkSize] = newValue
        }
    }

    /// Prefetches the base's element at `index` into the cache.
    @inlinable public func prefetch(_ index: Int) { base?.prefetch(index) }

    /// The element of the base at `index`, or the fallback where the base has none.
    @inlinable public func baseElement(_ index: Int) -> Element {
        guard let base, index < base.count else { return fallback }
        return base.element(index, or: fallback)
    }

    /// Copies a chunk out of the base.
    @inlinable mutating func fill(_ chunk: Int) {
        let start = chunk * Self.chunkSize
        var elements = ContiguousArray(repeating: fallback, count: Self.chunkSize)
        if let base {
            for index in start..<max(start, min(start + Self.chunkSize, base.count)) {
                elements[index - start] = base.element(index, or: fallback)
            }
        }
        chunks[chunk] = elements
        filledCount += 1
    }
}
