// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Synchronization

/// The memory of a walk: one bit per vertex that it has seen, and its queue.
///
/// Walks take it from a pool and give it back without a mark, so a short walk over a large graph
/// clears no more than it set. A bit per vertex keeps a million vertices in the cache of a core.
///
/// Threading: one walk at a time, on one thread.
/// Unchecked for the pointers: the walk that took the memory out of the pool owns it alone, and
/// nothing uses memory in the pool.
final class WalkMemory: @unchecked Sendable {
    /// The most memories that the pool keeps.
    ///
    /// A walk that finds none makes its own.
    private static let mostKept = 4
    /// The largest memory in bytes that the pool keeps.
    private static let largestKept = 8 << 20
    private static let pool = Mutex<[WalkMemory]>([])

    /// The marks, 64 vertices per word.
    private(set) var seen: UnsafeMutablePointer<UInt64>
    private var wordCount: Int
    /// The queue, in columns: the vertices, for each the position of its parent in the queue, and
    /// the label, the weight and the direction of the edge.
    private(set) var vertices: UnsafeMutablePointer<VertexID>
    private(set) var parents: UnsafeMutablePointer<UInt32>
    private(set) var labels: UnsafeMutablePointer<LabelID>
    private(set) var weights: UnsafeMutablePointer<Float>
    private(set) var areIncoming: UnsafeMutablePointer<Bool>
    /// The number of elements that the queue has room for.
    private(set) var capacity: Int
    /// The number of elements of the queue.
    ///
    /// Each of its vertices has a mark, and no other vertex has one.
    var count = 0

    private init() {
        wordCount = 0
        capacity = 256
        seen = .allocate(capacity: 0)
        vertices = .allocate(capacity: capacity)
        parents = .allocate(capacity: capacity)
        labels = .allocate(capacity: capacity)
        weights = .allocate(capacity: capacity)
        areIncoming = .allocate(capacity: capacity)
    }

    deinit {
        seen.deallocate()
        vertices.deallocate()
        parents.deallocate()
        labels.deallocate()
        weights.deallocate()
        areIncoming.deallocate()
    }

    /// Calls `body` with an empty memory for vertices below `vertexBound`.
    static func with<Result, Failure: Error>(
        vertexBound: Int,
        _ body: (WalkMemory) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let memory = pool.withLock { $0.popLast() } ?? WalkMemory()
        memory.makeMarks(vertexBound)
        defer { giveBack(memory) }
        return try body(memory)
    }

    private static func giveBack(_ memory: WalkMemory) {
        guard memory.byteCount <= largestKept else { return }
        memory.clear()
        pool.withLock { pool in
            if pool.count < mostKept { pool.append(memory) }
        }
    }

    private var byteCount: Int {
        let element =
            MemoryLayout<VertexID>.stride + MemoryLayout<UInt32>.stride
            + MemoryLayout<LabelID>.stride + MemoryLayout<Float>.stride + MemoryLayout<Bool>.stride
        return wordCount * MemoryLayout<UInt64>.stride + capacity * element
    }

    private func makeMarks(_ vertexBound: Int) {
        let wanted = (vertexBound + UInt64.bitWidth - 1) / UInt64.bitWidth
        guard wanted > wordCount else { return }
        seen.deallocate()
        seen = .allocate(capacity: wanted)
        seen.initialize(repeating: 0, count: wanted)
        wordCount = wanted
    }

    private func clear() {
        if count < wordCount {
            for position in 0..<count { seen[Int(vertices[position]) / UInt64.bitWidth] = 0 }
        } else {
            seen.update(repeating: 0, count: wordCount)
        }
        count = 0
    }

    /// Puts a marked vertex without an edge into the queue.
    func append(_ vertex: VertexID) {
        makeRoom(for: 1)
        vertices[count] = vertex
        count += 1
    }

    /// Removes the last elements of the queue and their marks.
    func takeBack(to newCount: Int) {
        for position in newCount..<count {
            seen[Int(vertices[position]) / UInt64.bitWidth] &= ~(1 &<< UInt64(vertices[position]))
        }
        count = newCount
    }

    /// Makes room for `added` more elements in the queue.
    @inline(__always)
    func makeRoom(for added: Int) {
        if count + added > capacity { grow(to: count + added) }
    }

    @inline(never)
    private func grow(to needed: Int) {
        let larger = max(needed, 2 * capacity)
        vertices = Self.moved(vertices, count, larger)
        parents = Self.moved(parents, count, larger)
        labels = Self.moved(labels, count, larger)
        weights = Self.moved(weights, count, larger)
        areIncoming = Self.moved(areIncoming, count, larger)
        capacity = larger
    }

    private static func moved<Element: BitwiseCopyable>(
        _ elements: UnsafeMutablePointer<Element>,
        _ count: Int,
        _ capacity: Int
    ) -> UnsafeMutablePointer<Element> {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        larger.initialize(from: elements, count: count)
        elements.deallocate()
        return larger
    }
}
