// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// The vertices that a walk reached, in the order in which it reached them: by depth.
///
/// A collection of `Step`. An element is made when it is read: the columns become columns of the
/// reply (`ReachedDocuments`).
package struct ReachedVertices: RandomAccessCollection, Sendable {
    /// The vertices where the walk started, each once, without those that do not exist.
    package private(set) var starts: ContiguousArray<VertexID> = []
    /// The vertices.
    package private(set) var vertices: ContiguousArray<VertexID> = []
    /// For each vertex the one on the other side of the edge: its position among `starts`, or
    /// `starts.count` plus its position in this collection.
    ///
    /// They never decrease.
    package private(set) var parents: ContiguousArray<UInt32> = []
    /// For each vertex the label id of the edge.
    package private(set) var labels: ContiguousArray<LabelID> = []
    /// For each vertex the weight of the edge; empty when all weights are 1.
    package private(set) var weights: ContiguousArray<Float> = []
    /// For each vertex whether the edge was followed against its direction; empty when none was.
    package private(set) var areIncoming: ContiguousArray<Bool> = []
    /// For each depth from 1 on the number of vertices up to this depth.
    package private(set) var depthEnds: [Int] = []

    /// Copies the queue of a walk.
    ///
    /// - Parameters:
    ///   - memory: The queue, which begins with the starts.
    ///   - startCount: The number of starts.
    ///   - levelEnds: For each depth from 1 on its end in the queue.
    init(_ memory: WalkMemory, startCount: Int, levelEnds: [Int]) {
        let count = memory.count - startCount
        starts = Self.copy(memory.vertices, startCount)
        vertices = Self.copy(memory.vertices + startCount, count)
        parents = Self.copy(memory.parents + startCount, count)
        labels = Self.copy(memory.labels + startCount, count)
        let weights = UnsafeBufferPointer(start: memory.weights + startCount, count: count)
        if weights.contains(where: { $0 != 1 }) { self.weights = ContiguousArray(weights) }
        let areIncoming = UnsafeBufferPointer(start: memory.areIncoming + startCount, count: count)
        if areIncoming.contains(true) { self.areIncoming = ContiguousArray(areIncoming) }
        depthEnds = levelEnds.map { $0 - startCount }
    }

    private static func copy<Element: BitwiseCopyable>(
        _ elements: UnsafeMutablePointer<Element>,
        _ count: Int
    ) -> ContiguousArray<Element> {
        ContiguousArray(UnsafeBufferPointer(start: elements, count: count))
    }

    /// 0.
    package var startIndex: Int { 0 }
    /// The number of vertices.
    package var endIndex: Int { vertices.count }

    /// The vertex at a position, with the edge that reached it.
    package subscript(position: Int) -> Step {
        let parent = Int(parents[position])
        return Step(
            vertex: vertices[position],
            depth: (depthEnds.firstIndex { position < $0 } ?? depthEnds.count) + 1,
            from: parent < starts.count ? starts[parent] : vertices[parent - starts.count],
            label: labels[position],
            weight: weights.isEmpty ? 1 : weights[position],
            isIncoming: areIncoming.isEmpty ? false : areIncoming[position]
        )
    }
}
