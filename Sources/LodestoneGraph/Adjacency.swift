// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// An edge seen from one end: its label, its weight, and the vertex at the other end.
package struct Adjacency: BitwiseCopyable, Sendable, Equatable {
    /// The label id; the owner of the index assigns it.
    package var label: LabelID
    /// The vertex at the other end.
    package var vertex: VertexID
    /// The weight of the edge.
    package var weight: Float

    /// Creates an edge.
    package init(label: LabelID, vertex: VertexID, weight: Float = 1) {
        self.label = label
        self.vertex = vertex
        self.weight = weight
    }

    /// Whether both are the same edge, seen from the same end.
    @inline(__always)
    func isSameEdge(as other: Adjacency) -> Bool {
        vertex == other.vertex && label == other.label
    }

    /// The order of incoming edges, and of many outgoing ones: by vertex, then by label.
    @inline(__always)
    package static func precedes(_ left: Adjacency, _ right: Adjacency) -> Bool {
        left.vertex != right.vertex ? left.vertex < right.vertex : left.label < right.label
    }
}

/// A vertex that a walk reached, with the edge that reached it.
package struct Step: Sendable, Equatable {
    /// The vertex.
    package var vertex: VertexID
    /// The number of edges from the nearest start, at least 1.
    package var depth: Int
    /// The vertex from which the edge was followed.
    package var from: VertexID
    /// The label id of the edge.
    package var label: LabelID
    /// The edge's weight.
    package var weight: Float
    /// Whether the edge was followed against its direction.
    package var isIncoming: Bool

    /// Creates a step.
    package init(
        vertex: VertexID,
        depth: Int,
        from: VertexID,
        label: LabelID,
        weight: Float,
        isIncoming: Bool
    ) {
        self.vertex = vertex
        self.depth = depth
        self.from = from
        self.label = label
        self.weight = weight
        self.isIncoming = isIncoming
    }
}
